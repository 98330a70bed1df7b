//! A stream that its reader takes for whole only when it is.
//!
//! Arrow's streams may end without a word: a pipe that closes between two batches, as it
//! does when the process that fills it is killed, looks like the end. So the last bytes
//! are held back until more of them come, or the end is said: until then a reader finds
//! the stream cut in the middle of a message, and refuses it.

use std::io::{self, Write};

/// More than the mark at the end of a stream, which is 8 bytes; so few that they are
/// written at once or not at all.
const HELD: usize = 16;

pub(super) struct Whole<W: Write> {
    to: W,
    held: Vec<u8>,
}

impl<W: Write> Whole<W> {
    pub(super) fn new(to: W) -> Whole<W> {
        Whole { to, held: Vec::with_capacity(2 * HELD) }
    }

    /// The stream is whole.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.to.write_all(&self.held)?;
        self.to.flush()
    }
}

impl<W: Write> Write for Whole<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fresh = bytes.len().saturating_sub(HELD);
        let old = (self.held.len() + bytes.len() - fresh).saturating_sub(HELD);
        self.to.write_all(&self.held[..old])?;
        self.held.drain(..old);
        // What was held is older than the fresh bytes, of which there are none else.
        self.to.write_all(&bytes[..fresh])?;
        self.held.extend_from_slice(&bytes[fresh..]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_ipc::reader::StreamReader;
    use arrow_ipc::writer::StreamWriter;
    use lake_engine::arrow::array::{ArrayRef, Int32Array, NullArray};
    use lake_engine::arrow::record_batch::RecordBatch;

    use super::*;

    /// Whether a reader takes the bytes for a whole stream.
    fn is_read(bytes: &[u8]) -> bool {
        StreamReader::try_new(bytes, None).is_ok_and(|mut reader| reader.all(|batch| batch.is_ok()))
    }

    #[test]
    fn an_arrow_stream_is_cut_until_it_is_whole() {
        let ints = Arc::new(Int32Array::from(vec![1, 2, 3])) as ArrayRef;
        // A batch whose body is empty, too.
        for column in [ints, Arc::new(NullArray::new(3))] {
            let batch = RecordBatch::try_from_iter([("c", column)]).unwrap();
            let (mut bare, mut sent) = (Vec::new(), Vec::new());
            let mut plain = StreamWriter::try_new(&mut bare, &batch.schema()).unwrap();
            let mut stream = StreamWriter::try_new(Whole::new(&mut sent), &batch.schema()).unwrap();
            for _ in 0..3 {
                plain.write(&batch).unwrap();
                stream.write(&batch).unwrap();
                stream.flush().unwrap();
                // Without its mark it is whole to a reader; this is why.
                assert!(is_read(plain.get_ref()) && !is_read(stream.get_ref().to));
            }
            stream.finish().unwrap();
            assert!(!is_read(stream.get_ref().to));
            stream.into_inner().unwrap().finish().unwrap();
            assert!(is_read(&sent));
        }
    }

    #[test]
    fn the_end_is_missing_until_it_is_said() {
        let bytes: Vec<u8> = (0..200).collect();
        for step in [1, 2, 7, 15, 16, 17, 33, 100, 200] {
            let mut sent = Vec::new();
            let mut whole = Whole::new(&mut sent);
            let mut given = 0;
            for part in bytes.chunks(step) {
                whole.write_all(part).unwrap();
                whole.flush().unwrap();
                given += part.len();
                assert_eq!(whole.to[..], bytes[..given.saturating_sub(HELD)], "{step}");
            }
            whole.finish().unwrap();
            assert_eq!(sent, bytes);
        }
    }
}
