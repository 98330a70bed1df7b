//! Large files are read in pieces by many threads: what comes out is what one thread
//! would read.

use std::fmt::Write as _;

use super::*;
use InputFormat::Csv;

/// Some megabytes of rows, among them bad ones, with ends of lines in quotes and out
/// of them.
fn text(rows: u32) -> String {
    let mut text = String::from("a,b,c\n");
    for i in 0..rows {
        let end = ["\n", "\r\n", "\r"][i as usize / 5 % 3];
        let line = match i % 97 {
            13 => format!("{i},\"x\r,\"\"{i}\r\",1.5"),
            31 => format!("{i},\"x\n,\"\"{i}\r\n\",no number"),
            41 => format!("{i},no \"quotes\",{i}"),
            57 => format!("{i},too few"),
            71 => String::new(),
            83 => format!("\"{i}\",\"\",\"2\""),
            _ => format!("{i},some text {i},{i}.25"),
        };
        let _ = write!(text, "{line}{end}");
    }
    text
}

const COLUMNS: &str = "a BIGINT, b VARCHAR, c DOUBLE";

fn from_file(bytes: &[u8]) -> Result<(Vec<String>, Vec<Reject>), String> {
    let files = Files::new();
    let (path, known_as) = (files.put("x", bytes), "in".into());
    probe(COLUMNS, Csv).both_of(Input::Moved { path, known_as })
}

#[test]
fn a_large_file_has_the_rows_of_a_stream() {
    let text = text(200_000);
    assert!(text.len() > 4 << 20);
    let (rows, rejects) = from_file(text.as_bytes()).unwrap();
    let (want_rows, want_rejects) = probe(COLUMNS, Csv).both(text.as_bytes()).unwrap();
    assert!(rows == want_rows, "the rows differ");
    assert!(rejects == want_rejects, "the rejects differ");
    assert!(rejects.len() > 4_000 && rows.len() > 190_000);
    let last = rows.last().unwrap();
    assert!(last.ends_with(" 199999|some text 199999|199999.25"), "{last}");
}

/// The first error in the order of the input is told, whoever met one first.
#[test]
fn the_first_error_of_a_large_file_is_told() {
    let good = text(40_000).replace("\",", ",").replace(['"', '\r'], "");
    // An error behind the first does not win.
    for (bad, end, why) in
        [("1,\"x\"y,2\n", "2,\"y\"z\n", "text stands after"), ("1,\"x,2\n", "", "no closing quote")]
    {
        let bytes = [&good, bad, &good, end].concat().into_bytes();
        let line = good.matches('\n').count() + 1;
        let error = from_file(&bytes).unwrap_err();
        assert!(error.starts_with(&format!("in, line {line}")), "{error}");
        assert!(error.contains(why), "{error}");
        assert_eq!(error, probe(COLUMNS, Csv).both(&bytes).unwrap_err());
        let files = Files::new();
        let path = files.put("in.csv", &bytes[..]);
        assert!(infer(&path, &SourceOptions::default()).is_err());
    }
}

/// A row that is refused comes before an archive that is torn later.
#[test]
fn what_is_read_before_a_tear_comes_first() {
    let packed = streams::gzip(format!("a,b,c\nx,y,1\n{}", "1,y,1\n".repeat(99)).as_bytes());
    let files = Files::new();
    let path = files.put("in", &packed[..packed.len() - 4]);
    let schema = schema(COLUMNS);
    let options = SourceOptions { format: Some(Csv), ..SourceOptions::default() };
    let arrow = arrow_schema(&schema);
    let source = open_source(Input::File(path), &options, &schema, &arrow, &[], &[]);
    let error = all(source).unwrap_err();
    assert_eq!(said(&error, &files), "in, row 1 (line 2), column a: \"x\" is not a BIGINT");
}
