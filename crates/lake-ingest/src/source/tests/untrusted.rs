//! Any bytes at all: rows or an error, never a panic.

use super::*;
use InputFormat::{Arrow, Csv, Json, JsonLines};

const COLUMNS: &str = "a VARCHAR, b INTEGER[], c DOUBLE";

fn attempt(form: InputFormat, bytes: &[u8]) -> Result<(Vec<String>, Vec<Reject>), String> {
    probe(COLUMNS, form).both(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn noise(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        quiet();
        for form in [Csv, Json, JsonLines, Arrow] {
            let _ = attempt(form, &bytes);
        }
        let _ = probe("a VARCHAR", Csv).both(&[b"a\n", bytes.as_slice()].concat());
        for head in [&b"ARROW1\0\0"[..], &[0xff, 0xff, 0xff, 0xff, 16, 0, 0, 0], &[0x1f, 0x8b, 8], &[0x28, 0xb5, 0x2f, 0xfd]] {
            let mut probe = probe("a VARCHAR", Csv);
            probe.options.format = None;
            let _ = probe.both(&[head, &bytes].concat());
        }
    }

    /// What looks like JSON: all rows are accounted for, or the form is refused.
    #[test]
    fn almost_json(text in "[\\[\\]{}\",:abn1e\\-. \\\\\n]{0,60}") {
        for form in [Json, JsonLines] {
            let _ = attempt(form, text.as_bytes());
        }
        if let Ok(value) = json::parse(&text) {
            let _ = format!("{value:?}");
        }
    }
}

#[test]
fn deep_nests_are_refused() {
    for open in ["[", "{\"a\":"] {
        let text = open.repeat(100_000);
        assert!(json::parse(&text).unwrap_err().contains("nested too deep"));
        let line = format!("{{\"b\":{}\n{{\"c\":1}}\n", open.repeat(10_000));
        let (rows, rejects) = attempt(JsonLines, line.as_bytes()).unwrap();
        assert_eq!((rows.len(), rejects.len()), (1, 1));
        assert!(attempt(Json, text.as_bytes()).is_err());
    }
    let long = format!("[{{\"a\":\"{}", "x".repeat(framing::MAX_RECORD + 1));
    assert!(attempt(Json, long.as_bytes()).unwrap_err().contains("longer than 16 MiB"));
}

fn sample() -> RecordBatch {
    let dictionary: DictionaryArray<arrow::datatypes::Int8Type> =
        vec![Some("a"), None, Some("b")].into_iter().collect();
    let lists = ListArray::from_iter_primitive::<arrow::datatypes::Int32Type, _, _>(vec![
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
    ]);
    RecordBatch::try_from_iter_with_nullable([
        ("a", Arc::new(dictionary) as ArrayRef, true),
        ("b", Arc::new(lists), true),
        ("c", Arc::new(Float64Array::from(vec![0.5, 1.5, f64::NAN])), true),
    ])
    .unwrap()
}

fn packed(batch: &RecordBatch) -> Vec<u8> {
    let options = arrow::ipc::writer::IpcWriteOptions::default()
        .try_with_compression(Some(arrow::ipc::CompressionType::ZSTD))
        .unwrap();
    let mut bytes = Vec::new();
    let mut w = arrow::ipc::writer::StreamWriter::try_new_with_options(
        &mut bytes,
        &batch.schema(),
        options,
    )
    .unwrap();
    w.write(batch).unwrap();
    w.finish().unwrap();
    bytes
}

#[test]
fn broken_arrow_never_panics() {
    quiet();
    let (stream, file) = (super::forms::ipc(&sample(), false), super::forms::ipc(&sample(), true));
    // What stands behind the stream in a file is not needed: its footer, the footer's
    // length and six letters.
    let (_, last) = file.split_last_chunk::<10>().unwrap();
    let footer = u32::from_le_bytes(*last.first_chunk().unwrap()) as usize;
    let end = file.len() - 10 - footer;
    for (whole, end) in [(stream, None), (file, Some(end)), (packed(&sample()), None)] {
        assert_eq!(attempt(Arrow, &whole).unwrap().0.len(), 3);
        for at in 0..whole.len() {
            // A part is never taken for the whole.
            let part = attempt(Arrow, &whole[..at]);
            assert_eq!(part.is_err(), end.is_none_or(|end| at < end), "{at}");
            for flip in [0x01, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= flip;
                if let Err(error) = attempt(Arrow, &bytes) {
                    assert!(error.starts_with("in"), "{error}");
                }
            }
        }
    }
    assert!(!is_guarded());
}

/// A stream that says it is larger than it is takes no memory for what it says.
#[test]
fn claims_of_arrow_are_checked() {
    let claims = |bytes: &[u8], want: &str| {
        let error = probe("x BIGINT", Arrow).both(bytes).unwrap_err();
        assert!(error.contains(want), "{error}");
    };
    claims(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0x7f], "it claims 2130706432 bytes of metadata");
    claims(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0x10, 0], "it ends too early");
    claims(b"", "without the mark that ends an Arrow stream");
    // Three thousand million NULLs weigh nothing.
    let nulls = column(Arc::new(NullArray::new(3 << 20)));
    claims(&super::forms::ipc(&nulls, false), "a batch claims 3145728 rows");
    let zeros = column(Arc::new(StringArray::from(vec!["0".repeat(100 << 20)])));
    claims(&packed(&zeros), "bytes unpacked");
}

/// One long value that a million rows share comes in pieces.
#[test]
fn what_is_shared_is_not_unpacked_at_once() {
    let keys = Int32Array::from(vec![0; 1000]);
    let values = Arc::new(StringArray::from(vec!["x".repeat(1 << 20)]));
    let shared = DictionaryArray::new(keys, values);
    let batch = RecordBatch::try_from_iter([("a", Arc::new(shared) as ArrayRef)]).unwrap();
    let bytes = super::forms::ipc(&batch, false);
    let mut source = probe("a VARCHAR", Arrow).open(std::io::Cursor::new(bytes)).unwrap();
    let mut rows = 0;
    while let Some(chunk) = source.next(&mut Abort).unwrap() {
        assert!(chunk.batch.num_rows() <= 64);
        rows += chunk.batch.num_rows();
    }
    assert_eq!(rows, 1000);
}
