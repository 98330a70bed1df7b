//! Text in any encoding as UTF-8. What is malformed becomes the byte 0xFF, which no
//! UTF-8 has, so that the row it stands in is refused as one that is not UTF-8.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::unpack::{Peeked, Stream};

const MALFORMED: u8 = 0xff;
const BLOCK: usize = 64 << 10;

/// The encoding of a label as browsers know them, such as `gbk` or `utf-16le`.
pub(crate) fn find(label: &str) -> Result<&'static Encoding, String> {
    Encoding::for_label_no_replacement(label.as_bytes()).ok_or_else(|| {
        format!("unknown encoding {label:?}: utf-8, gbk, gb18030, big5, utf-16le, ...")
    })
}

/// The text after its byte order mark, if any, as UTF-8, and the encoding it had.
pub(crate) fn decode(
    stream: Stream,
    encoding: &'static Encoding,
) -> io::Result<(Peeked, &'static Encoding)> {
    let marks: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];
    let mut peeked = Peeked::new(stream, &marks)?;
    let mark = Encoding::for_bom(peeked.head());
    let (encoding, bom) = mark.unwrap_or((encoding, 0));
    peeked.skip(bom);
    if encoding == UTF_8 {
        return Ok((peeked, encoding));
    }
    debug_assert!(bom == 0 || encoding == UTF_16LE || encoding == UTF_16BE);
    let decoded = Decoded {
        stream: peeked,
        decoder: encoding.new_decoder_without_bom_handling(),
        input: vec![0; BLOCK],
        unread: 0..0,
        output: vec![0; 2 * BLOCK],
        ready: 0..0,
        ended: false,
        done: false,
    };
    Ok((Peeked::new(Box::new(decoded), &[])?, encoding))
}

struct Decoded {
    stream: Peeked,
    decoder: Decoder,
    input: Vec<u8>,
    unread: std::ops::Range<usize>,
    output: Vec<u8>,
    ready: std::ops::Range<usize>,
    /// The stream has no more; then also the decoder.
    ended: bool,
    done: bool,
}

impl Decoded {
    /// Decodes what there is, reading only when there is nothing.
    fn step(&mut self) -> io::Result<()> {
        if self.unread.is_empty() && !self.ended {
            let n = self.stream.read(&mut self.input)?;
            self.unread = 0..n;
            self.ended = n == 0;
        }
        // The last place is kept for the mark of what is malformed.
        let room = self.output.len() - 1;
        let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(
            &self.input[self.unread.clone()],
            &mut self.output[..room],
            self.ended,
        );
        self.unread.start += read;
        self.ready = 0..written;
        match result {
            DecoderResult::InputEmpty => self.done = self.ended,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => {
                self.output[written] = MALFORMED;
                self.ready.end += 1;
            }
        }
        Ok(())
    }
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() && !self.done {
            self.step()?;
        }
        let n = self.ready.len().min(buffer.len());
        let from = self.ready.start;
        buffer[..n].copy_from_slice(&self.output[from..from + n]);
        self.ready.start += n;
        Ok(n)
    }
}
