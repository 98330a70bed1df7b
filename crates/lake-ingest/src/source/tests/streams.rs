//! Bytes as they come: slowly, packed, in other encodings, torn.

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, channel};

use super::*;
use InputFormat::{Csv, JsonLines};

/// A pipe whose other end is a channel: a read waits for a message.
struct Slow(Receiver<Vec<u8>>, Vec<u8>);

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.1.is_empty() {
            self.1 = self.0.recv().unwrap_or_default();
        }
        let n = self.1.len().min(buffer.len());
        buffer[..n].copy_from_slice(&self.1[..n]);
        self.1.drain(..n);
        Ok(n)
    }
}

/// What is there whole is handed out while the stream waits, and what is torn stays
/// until its rest comes. Were a chunk to wait for more, this would never end.
#[test]
fn a_slow_stream_is_read_as_it_comes() {
    for (form, head, rows) in [
        (Csv, "n\n", ["1\n2\n3", "4\n5\n"]),
        (JsonLines, "", ["{\"n\":1}\n{\"n\":2}\n{\"n\":3", "4}\n{\"n\":5}\n"]),
        (InputFormat::Json, "[", ["{\"n\":1},\n{\"n\":2},{\"n\":3", "4},{\"n\":5}"]),
    ] {
        let (send, receive) = channel();
        send.send(format!("{head}{}", rows[0]).into_bytes()).unwrap();
        let mut source = probe("n BIGINT", form).open(Slow(receive, Vec::new())).unwrap();
        let first = source.next(&mut Abort).unwrap().unwrap();
        assert_eq!(shown(&first.batch), "1\n2", "{form:?}");
        send.send(rows[1].into()).unwrap();
        let second = source.next(&mut Abort).unwrap().unwrap();
        assert_eq!(shown(&second.batch), "34\n5", "{form:?}");
        assert_eq!(second.places.place(1).row, 4);
        if form == InputFormat::Json {
            send.send(b"]".to_vec()).unwrap();
        }
        drop(send);
        assert!(source.next(&mut Abort).unwrap().is_none());
    }
}

/// The form of a stream is found without waiting for more than says it.
#[test]
fn a_slow_stream_is_known_by_its_first_bytes() {
    let (send, receive) = channel();
    send.send(b"n\n1\n".to_vec()).unwrap();
    let mut source = probe("n BIGINT", Csv);
    source.options.format = None;
    let mut source = source.open(Slow(receive, Vec::new())).unwrap();
    assert_eq!(shown(&source.next(&mut Abort).unwrap().unwrap().batch), "1");
    drop(send);
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut w = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    w.write_all(bytes).unwrap();
    w.finish().unwrap()
}

#[test]
fn archives_of_several_members() {
    type Pack = fn(&[u8]) -> Vec<u8>;
    let zstd: Pack = |bytes| zstd::encode_all(bytes, 1).unwrap();
    for pack in [gzip as Pack, zstd] {
        let mut probe = probe("n BIGINT", Csv);
        probe.options.format = None;
        let whole = [pack(b"n\n1\n"), pack(b"2\n"), pack(b""), pack(b"3\n")].concat();
        assert_eq!(probe.rows(&whole).unwrap(), ["1", "2", "3"]);
        let one = pack(&[b"n\n".to_vec(), b"1234567890\n".repeat(1000)].concat());
        for end in 4..one.len() {
            let error = probe.rows(&one[..end]).unwrap_err();
            assert!(error.starts_with("in: it is not a whole"), "{end}: {error}");
        }
    }
}

#[test]
fn a_packed_bomb_is_refused() {
    let block = vec![b'1'; 1 << 20];
    let mut zst = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for w in [&mut zst as &mut dyn Write, &mut gz] {
        w.write_all(b"n\n").unwrap();
        (0..200).for_each(|_| w.write_all(&block).unwrap());
    }
    let zst = zst.finish().unwrap();
    assert!(zst.len() < 100_000);
    for bytes in [zst, gz.finish().unwrap()] {
        let error = probe("n VARCHAR", Csv).rows(&bytes).unwrap_err();
        let (bomb, long) =
            (error.contains("it unpacks to more than"), error.contains("longer than"));
        assert!(error.starts_with("in") && (bomb || long), "{error}");
    }
}

#[test]
fn other_encodings() {
    let text = "\u{65e5}\u{671f},n\n\u{4e2d}\u{6587},1\n";
    let columns = "\"\u{65e5}\u{671f}\" VARCHAR, n BIGINT";
    let mut probe = probe(columns, Csv);
    let want = Ok(vec!["\u{4e2d}\u{6587}|1".to_owned()]);
    for label in ["gbk", "GB18030", "gb2312"] {
        probe.options.encoding = Some(label.into());
        let bytes = encoding_rs::GB18030.encode(text).0.into_owned();
        assert_eq!(probe.rows(&bytes), want, "{label}");
        // A mark says more than a label.
        assert_eq!(probe.rows(format!("\u{feff}{text}").as_bytes()), want, "{label}");
        for big in [false, true] {
            let unit = |u: u16| if big { u.to_be_bytes() } else { u.to_le_bytes() };
            let bytes: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(unit).collect();
            assert_eq!(probe.rows(&bytes), want, "{label} {big}");
        }
    }
    probe.options.encoding = Some("klingon".into());
    assert!(probe.rows(b"").unwrap_err().contains("unknown encoding \"klingon\""));
}

/// Bytes that mean nothing cost their row, not the file, and never become text.
#[test]
fn malformed_bytes_are_a_reject() {
    let mut gbk = probe("s VARCHAR, n BIGINT", Csv);
    gbk.options.encoding = Some("gbk".into());
    let (rows, rejects) = gbk.both(b"s,n\na,1\nb\xffc,2\nd,3\n").unwrap();
    assert_eq!(rows, ["1/2 a|1", "3/4 d|3"]);
    let said = rejects[0].clone().into_error().to_string();
    assert_eq!(said, "in, row 2 (line 3), column s: \"b\u{fffd}c\" is not GBK");
    let (rows, rejects) = gbk.both(b"s,n\na,1\nb,2\xd6").unwrap();
    assert_eq!((rows.len(), rejects.len()), (1, 1));
    gbk.options.format = Some(JsonLines);
    let (rows, rejects) = gbk.both(b"{\"s\":\"\xff\"}\n{\"n\":1}\n").unwrap();
    assert_eq!((rows.len(), rejects[0].why.as_str()), (1, "it is not GBK"));
}

/// Rejected rows leave no gap in the chunks and no doubt about the places.
#[test]
fn chunks_are_bounded_and_places_right() {
    let mut text = String::from("n\n");
    (1..=200_000).for_each(|n| match n % 1000 {
        0 => text += "x\n",
        _ => text += &format!("{n}\n"),
    });
    let mut source = probe("n BIGINT", Csv).open(std::io::Cursor::new(text)).unwrap();
    let (mut rejects, mut seen) = (Collected::default(), 0);
    while let Some(chunk) = source.next(&mut rejects).unwrap() {
        assert!(chunk.batch.num_rows() <= chunk::CHUNK_ROWS);
        let numbers = chunk.batch.column(0).as_primitive::<arrow::datatypes::Int64Type>();
        for (i, n) in numbers.values().iter().enumerate() {
            let place = chunk.places.place(i);
            assert_eq!((place.row as i64, place.line), (*n, Some(*n as u64 + 1)));
        }
        seen += numbers.len();
    }
    assert_eq!((seen, rejects.0.len()), (199_800, 200));
}

/// Rejects that wait to be taken along.
#[derive(Default)]
struct Kept(Vec<Reject>, usize);

impl Rejects for Kept {
    fn reject(&mut self, reject: Reject) -> crate::error::Result<()> {
        self.1 += reject.size();
        self.0.push(reject);
        Ok(())
    }

    fn waiting(&self) -> usize {
        self.1
    }
}

/// Whoever waits for them hears of bad rows though no good one comes.
#[test]
fn bad_rows_are_handed_over_when_the_stream_pauses() {
    for (form, text) in
        [(Csv, "n\nx\n1,2\n"), (JsonLines, "{\"n\":\"x\"}\n[]\n"), (InputFormat::Json, "[{},[],")]
    {
        let (send, receive) = channel();
        send.send(text.as_bytes().to_vec()).unwrap();
        let probe = probe("n BIGINT NOT NULL", form);
        let mut source = probe.open(Slow(receive, Vec::new())).unwrap();
        let mut rejects = Kept::default();
        let chunk = source.next(&mut rejects).unwrap().unwrap();
        let rows: Vec<u64> = rejects.0.iter().map(|r| r.place.row).collect();
        assert_eq!((chunk.batch.num_rows(), rows), (0, vec![1, 2]), "{form:?}");
        drop(send);
    }
}

/// However many bad rows come one after the other, only so many are held.
#[test]
fn bad_rows_without_end_are_handed_over_in_parts() {
    let text = format!("n\n1\n{}2\n", "x,y\n".repeat(100_000));
    let mut source = probe("n BIGINT", Csv).open(std::io::Cursor::new(text)).unwrap();
    let (mut good, mut bad, mut parts) = (0, 0, 0);
    loop {
        let mut rejects = Kept::default();
        let chunk = source.next(&mut rejects).unwrap();
        assert!(rejects.waiting() <= chunk::CHUNK_REJECTS + (64 << 10));
        bad += rejects.0.len();
        parts += 1;
        let Some(chunk) = chunk else { break };
        good += chunk.batch.num_rows();
    }
    assert_eq!((good, bad), (2, 100_000));
    assert!(parts > 2, "{parts}");
}

/// A part of a chunk knows the places of its rows.
#[test]
fn parts_of_chunks_keep_their_places() {
    let mut text = String::from("n\n");
    (1..=100).for_each(|n| text += if n % 7 == 0 { "x\n" } else { "\n5\n" });
    let probe = probe("n BIGINT, m BIGINT", Csv);
    let text = text.replace('5', "5,6").replacen('n', "n,m", 1);
    let mut source = probe.open(std::io::Cursor::new(text)).unwrap();
    let chunk = source.next(&mut Collected::default()).unwrap().unwrap();
    let rows = chunk.batch.num_rows();
    assert_eq!(rows, 86);
    for from in 0..rows {
        for to in from + 1..=rows {
            let part = chunk.part(from..to);
            assert_eq!(part.batch.num_rows(), to - from);
            for i in 0..to - from {
                assert_eq!(part.places.place(i), chunk.places.place(from + i));
                assert_eq!(part.places.row(i), chunk.places.row(from + i));
            }
        }
    }
    for last in 0..=101 {
        let through = (0..rows).filter(|i| chunk.places.row(*i) <= last).count();
        assert_eq!(chunk.rows_through(last), through);
    }
}
