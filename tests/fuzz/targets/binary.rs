//! Parquet and Arrow files of strangers: decoded, checked and within memory, or refused.

#![no_main]

use std::io::Write;

use lake_core::schema::TableDef;
use lake_core::sqltype::parse_columns;
use lake_ingest::{Feed, FileFeed, InputFormat, Reject, Rejects, Result, SourceOptions};
use libfuzzer_sys::fuzz_target;

/// A panic of a decoder that is caught, and told as an error, is no finding.
fn hush() {
    let found = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !lake_ingest::is_guarded() {
            found(panic);
        }
    }));
}

struct Counted;

impl Rejects for Counted {
    fn reject(&mut self, _: Reject) -> Result<()> {
        Ok(())
    }
}

fuzz_target!(init: hush(), |input: (bool, &[u8])| {
    let (parquet, bytes) = input;
    let columns = parse_columns("a VARCHAR, b BIGINT, c DOUBLE, h INTEGER[]").expect("columns");
    let def = TableDef::new("t", &columns, &["a".into()], &[], &[]).expect("table");
    let mut file = tempfile::NamedTempFile::new().expect("file");
    file.write_all(bytes).expect("write");
    let form = if parquet { InputFormat::Parquet } else { InputFormat::Arrow };
    let options = SourceOptions { format: Some(form), ..SourceOptions::default() };
    let _ = lake_ingest::infer(file.path(), &options);
    let schema = lake_segment::arrow_schema(def.schema());
    let feed = FileFeed::new(vec![file.path().to_owned()], options);
    let Ok(mut source) = feed.open(&def, &schema) else { return };
    while let Ok(Some(chunk)) = source.next(&mut Counted) {
        assert_eq!(chunk.batch.schema(), schema);
    }
});
