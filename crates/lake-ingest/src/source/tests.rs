//! Values and files from outside: exact or refused, with file, row and column.

mod binary;
mod cutting;
mod forms;
mod guessing;
mod samples;
mod streams;
mod untrusted;
mod values;

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::{DataType, Field, Schema as ArrowSchema, TimeUnit};
use lake_core::schema::{Schema, TableDef};
use lake_core::sqltype::parse_columns;
use lake_core::types::Type;
use lake_segment::arrow_schema;
use proptest::prelude::*;

use super::*;
use crate::error::IngestError;

const BARS: &str = "symbol VARCHAR NOT NULL, date DATE NOT NULL, close DOUBLE, volume BIGINT, \
    amount DECIMAL(10,2), name VARCHAR";

/// The first reject ends it.
struct Abort;

impl Rejects for Abort {
    fn reject(&mut self, reject: Reject) -> crate::error::Result<()> {
        Err(reject.into_error())
    }
}

fn schema(columns: &str) -> Schema {
    let columns = parse_columns(columns).unwrap();
    TableDef::new("bars", &columns, &[], &[], &[]).unwrap().schema().clone()
}

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Files {
        Files(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        put(&path, bytes);
        path
    }
}

#[allow(clippy::disallowed_methods)]
fn put(path: &std::path::Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

/// All rows of a source, of which none is rejected.
fn all(source: crate::error::Result<Box<dyn Source>>) -> Result<Vec<Chunk>, IngestError> {
    let mut source = source?;
    std::iter::from_fn(|| source.next(&mut Abort).transpose()).collect()
}

fn read(path: &std::path::Path, schema: &Schema) -> Result<RecordBatch, IngestError> {
    let (input, arrow) = (Input::File(path.to_owned()), arrow_schema(schema));
    let source = open_source(input, &SourceOptions::default(), schema, &arrow, &[], &[]);
    Ok(whole(&all(source)?, schema))
}

fn take(batch: &RecordBatch, schema: &Schema) -> Result<RecordBatch, IngestError> {
    Ok(whole(&all(of_batch(batch, schema, &arrow_schema(schema), &[], &[]))?, schema))
}

fn whole(chunks: &[Chunk], schema: &Schema) -> RecordBatch {
    let batches = chunks.iter().map(|c| &c.batch);
    arrow::compute::concat_batches(&arrow_schema(schema), batches).unwrap()
}

/// What reading a CSV gives: the rows as text, or the error without the directory.
fn csv(columns: &str, bytes: &[u8]) -> Result<String, String> {
    let files = Files::new();
    let path = files.put("in.csv", bytes);
    read(&path, &schema(columns)).map(|b| shown(&b)).map_err(|e| said(&e, &files))
}

/// Keeps panics that are caught out of the tests' output.
fn quiet() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !is_guarded() {
                before(info);
            }
        }));
    });
}

/// One read of some bytes as they would come through a pipe.
struct Probe {
    columns: &'static str,
    options: SourceOptions,
    optional: Vec<u32>,
    defaults: Vec<(u32, &'static str)>,
    symbols: Vec<u32>,
}

fn probe(columns: &'static str, format: InputFormat) -> Probe {
    let options = SourceOptions { format: Some(format), ..SourceOptions::default() };
    Probe { columns, options, optional: vec![], defaults: vec![], symbols: vec![] }
}

#[derive(Default)]
struct Collected(Vec<Reject>);

impl Rejects for Collected {
    fn reject(&mut self, reject: Reject) -> crate::error::Result<()> {
        self.0.push(reject);
        Ok(())
    }
}

impl Probe {
    fn open(&self, reader: impl std::io::Read + Send + 'static) -> Result<Box<dyn Source>, String> {
        self.open_input(Input::Reader { name: "in".into(), reader: Box::new(reader) })
    }

    fn open_input(&self, input: Input) -> Result<Box<dyn Source>, String> {
        let mut schema = schema(self.columns);
        for (id, text) in &self.defaults {
            schema.fields[*id as usize - 1].default = Some((*text).into());
        }
        let arrow = arrow_schema(&schema);
        open_source(input, &self.options, &schema, &arrow, &self.optional, &self.symbols)
            .map_err(|e| e.to_string())
    }

    /// Good rows with their numbers and lines, and the rejects.
    fn both(&self, bytes: &[u8]) -> Result<(Vec<String>, Vec<Reject>), String> {
        let reader = Box::new(std::io::Cursor::new(bytes.to_vec()));
        self.both_of(Input::Reader { name: "in".into(), reader })
    }

    fn both_of(&self, input: Input) -> Result<(Vec<String>, Vec<Reject>), String> {
        let mut source = self.open_input(input)?;
        let (mut rows, mut rejects) = (Vec::new(), Collected::default());
        while let Some(chunk) = source.next(&mut rejects).map_err(|e| e.to_string())? {
            for (i, row) in shown(&chunk.batch).split('\n').enumerate() {
                let place = chunk.places.place(i);
                let line = place.line.map_or(String::new(), |line| format!("/{line}"));
                rows.push(format!("{}{line} {row}", place.row));
            }
        }
        Ok((rows, rejects.0))
    }

    /// The rows, of which none may be rejected.
    fn rows(&self, bytes: &[u8]) -> Result<Vec<String>, String> {
        let (rows, rejects) = self.both(bytes)?;
        match rejects.into_iter().next() {
            Some(reject) => Err(reject.into_error().to_string()),
            None => Ok(rows.iter().map(|r| r.split_once(' ').unwrap().1.to_owned()).collect()),
        }
    }
}

fn said(error: &IngestError, files: &Files) -> String {
    error.to_string().replace(&format!("{}/", files.0.path().display()), "")
}

fn shown(batch: &RecordBatch) -> String {
    let row = |r: usize| {
        let cell = |c: &ArrayRef| match c.is_null(r) {
            true => "NULL".into(),
            false => arrow::util::display::array_value_to_string(c, r).unwrap(),
        };
        batch.columns().iter().map(cell).collect::<Vec<_>>().join("|")
    };
    (0..batch.num_rows()).map(row).collect::<Vec<_>>().join("\n")
}

const HEAD: &str = "symbol,date,close,volume,amount,name\n";

#[test]
fn good_files() {
    let table: [(&str, &str); 12] = [
        ("a,2026-11-20,1.5,3,1.25,x\n", "a|2026-11-20|1.5|3|1.25|x"),
        ("a,20261120,,,,\r\n", "a|2026-11-20|NULL|NULL|NULL|NULL"),
        ("a,20261120,,,,\"\"", "a|2026-11-20|NULL|NULL|NULL|"),
        ("000001,20261120, 1 ,\t2 ,3, y ", "000001|2026-11-20|1.0|2|3.00| y "),
        ("NULL,2026-11-20,nan,-0,1e-2,NULL\n", "NULL|2026-11-20|NaN|0|0.01|NULL"),
        ("a,2026-11-20,-inf,1,1,\"a \"\"b\"\" c\"\n", "a|2026-11-20|-inf|1|1.00|a \"b\" c"),
        (
            "a,2026-11-20,1,1,1,\"x\ny\"\rb,2026-11-21,2,2,2,q\"q\r",
            "a|2026-11-20|1.0|1|1.00|x\ny\nb|2026-11-21|2.0|2|2.00|q\"q",
        ),
        ("\n\na,2026-11-20,1,1,1,x\n\n\n", "a|2026-11-20|1.0|1|1.00|x"),
        ("\"a,b\",\"2026-11-20\",\"1\",\"1\",\"1\",x\n", "a,b|2026-11-20|1.0|1|1.00|x"),
        ("a,2026-11-20 00:00:00,1,1,1,x", "a|2026-11-20|1.0|1|1.00|x"),
        ("a,2026-11-20,1,1,1.2500,\u{8d35}\u{5dde}", "a|2026-11-20|1.0|1|1.25|\u{8d35}\u{5dde}"),
        ("", ""),
    ];
    for (body, want) in table {
        assert_eq!(csv(BARS, format!("{HEAD}{body}").as_bytes()).as_deref(), Ok(want), "{body:?}");
    }
    let bom = "\u{feff}NAME,amount,volume,Close,date,symbol\nx,1,2,3,2026-11-20,a\n";
    assert_eq!(csv(BARS, bom.as_bytes()).as_deref(), Ok("a|2026-11-20|3.0|2|1.00|x"));
    assert_eq!(csv("x INTEGER", b"x\n1\n\n2\n").as_deref(), Ok("1\nNULL\n2"));
}

#[test]
fn bad_rows_name_file_row_line_and_column() {
    let good = "a,2026-11-20,1,1,1,x\n";
    let table = [
        ("a,2026-11-20,abc,1,1,x", "in.csv, row 1 (line 2), column close: \"abc\" is not a DOUBLE"),
        (
            "a,2026-11-20,1e400,1,1,x",
            "in.csv, row 1 (line 2), column close: \"1e400\" is too large for DOUBLE",
        ),
        (
            "a,2026-11-20,1,1.0,1,x",
            "in.csv, row 1 (line 2), column volume: \"1.0\" is not a BIGINT",
        ),
        (
            "a,2026-11-20,1,9223372036854775808,1,x",
            "in.csv, row 1 (line 2), column volume: \"9223372036854775808\" does not fit BIGINT (-9223372036854775808 to 9223372036854775807)",
        ),
        (
            "a,2026-11-20,1,1,1.255,x",
            "in.csv, row 1 (line 2), column amount: \"1.255\" has more than the 2 decimals of DECIMAL(10,2)",
        ),
        (
            "a,2026-11-20,1,1,123456789,x",
            "in.csv, row 1 (line 2), column amount: \"123456789\" does not fit DECIMAL(10,2)",
        ),
        (
            "a,2026-02-30,1,1,1,x",
            "in.csv, row 1 (line 2), column date: \"2026-02-30\" is not a DATE (2026-11-20 or 20261120)",
        ),
        (
            "a,2026-11-20 15:00,1,1,1,x",
            "in.csv, row 1 (line 2), column date: \"2026-11-20 15:00\" has a time of day, which a DATE cannot hold",
        ),
        (
            "a,,1,1,1,x",
            "in.csv, row 1 (line 2), column date: it is NULL, but the column is NOT NULL",
        ),
        ("a,2026-11-20,1,1,1", "in.csv, row 1 (line 2): 5 fields where the header has 6"),
        ("a,2026-11-20,1,1,1,x,y", "in.csv, row 1 (line 2): 7 fields where the header has 6"),
        (
            "a,2026-11-20,1,1,1,\"x\"y",
            "in.csv, line 2, field 6: text stands after the closing quote",
        ),
        ("a,2026-11-20,1,1,1,\"x", "in.csv, line 2: a quoted field has no closing quote"),
    ];
    for (body, want) in table {
        assert_eq!(csv(BARS, format!("{HEAD}{body}").as_bytes()), Err(want.into()));
    }
    let late = format!("{HEAD}{good}\na,2026-11-20,1,1,1,\"two\nlines\"\n{good}a,x,1,1,1,x\n");
    let want = "in.csv, row 4 (line 7), column date: \"x\" is not a DATE (2026-11-20 or 20261120)";
    assert_eq!(csv(BARS, late.as_bytes()), Err(want.into()));
    let mut broken = format!("{HEAD}{good}a,2026-11-20,1,1,1,").into_bytes();
    broken.extend([b'a', 0xff]);
    let want = "in.csv, row 2 (line 3), column name: \"a\u{fffd}\" is not UTF-8";
    assert_eq!(csv(BARS, &broken), Err(want.into()));
}

#[test]
fn bad_headers_name_the_column() {
    let table: [(&[u8], &str); 8] = [
        (b"", "in.csv: it is empty; the first line must name the columns"),
        (
            b"symbol,date,close,volume,amount\n",
            "in.csv: column name is missing; add it, with nothing in it where it is NULL",
        ),
        (
            b"symbol,close,volume,amount,name\n",
            "in.csv: column date is missing; the table says NOT NULL",
        ),
        (
            b"symbol,date,close,volume,amount,name,x y\n",
            "in.csv: the table has no column \"x y\"; --map SOURCE=TARGET gives it another name",
        ),
        (
            b"symbol,date,close,volume,amount,name,CLOSE\n",
            "in.csv: column CLOSE is there twice: columns 3 and 7",
        ),
        (b"\xff\xfes\0y", "in.csv: its header is not UTF-16LE"),
        (b"a,\xff\n", "in.csv: its header is not UTF-8"),
        (b"symbol,\"date\n", "in.csv, line 1: a quoted field has no closing quote"),
    ];
    for (bytes, want) in table {
        assert_eq!(csv(BARS, bytes), Err(want.into()));
    }
    let nested = csv("x INTEGER[]", b"x\n1\n");
    assert_eq!(nested, Err("in.csv: column x is INTEGER[], which CSV cannot hold".into()));
}

#[test]
fn records_longer_than_a_block() {
    let long = "y".repeat(700_000);
    for end in ["", "\n", "\r", "\r\n"] {
        let text = format!("x,y\n\"{long}\"\"\",1\r\n{long},2{end}");
        let got = csv("x VARCHAR, y INTEGER", text.as_bytes()).unwrap();
        assert_eq!(got, format!("{long}\"|1\n{long}|2"));
    }
}

#[test]
fn not_a_file() {
    let files = Files::new();
    let schema = schema(BARS);
    let missing = read(&files.0.path().join("no.csv"), &schema).unwrap_err();
    assert_eq!(missing.kind(), lake_core::kind::Kind::NotFound);
    let directory = read(files.0.path(), &schema).unwrap_err();
    assert_eq!(directory.kind(), lake_core::kind::Kind::BadInput);
}

fn parquet_bytes(batch: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer =
        ::parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn column(array: ArrayRef) -> RecordBatch {
    let field = Field::new("x", array.data_type().clone(), true);
    RecordBatch::try_new(Arc::new(ArrowSchema::new(vec![field])), vec![array]).unwrap()
}
