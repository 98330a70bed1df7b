//! CSV, TSV and JSON in every encoding and packing: each row comes out or is refused.

#![no_main]

use std::io::Cursor;

use lake_core::schema::TableDef;
use lake_core::sqltype::parse_columns;
use lake_ingest::{
    Feed, Input, InputFormat, OnceFeed, Reject, Rejects, Result, SourceOptions,
};
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

const COLUMNS: &str = "a VARCHAR, b BIGINT, c DOUBLE, d DATE, e TIMESTAMP, f DECIMAL(18,4), \
                       g BOOLEAN, h INTEGER[], i STRUCT(x INTEGER, y VARCHAR)";

fuzz_target!(init: hush(), |input: (u8, u8, &[u8])| {
    let (form, more, bytes) = input;
    let columns = parse_columns(COLUMNS).expect("columns");
    let def = TableDef::new("t", &columns, &["a".into()], &[], &[]).expect("table");
    let form = [
        None,
        Some(InputFormat::Csv),
        Some(InputFormat::Tsv),
        Some(InputFormat::Json),
        Some(InputFormat::JsonLines),
    ][usize::from(form) % 5];
    let options = SourceOptions {
        format: form,
        encoding: (more & 1 != 0).then(|| "gb18030".into()),
        date_format: (more & 2 != 0).then(|| "%Y%m%d".into()),
        nulls: if more & 4 != 0 { vec!["NA".into()] } else { Vec::new() },
        columns: (more & 8 != 0).then(|| "abcdefghi".chars().map(String::from).collect()),
        ..SourceOptions::default()
    };
    let input = Input::Reader { name: "input".into(), reader: Box::new(Cursor::new(bytes.to_vec())) };
    let schema = lake_segment::arrow_schema(def.schema());
    let Ok(mut source) = OnceFeed::new(input, options).open(&def, &schema) else { return };
    while let Ok(Some(chunk)) = source.next(&mut Counted) {
        assert_eq!(chunk.batch.schema(), schema);
    }
});
