use std::io::Cursor;
use std::sync::Arc;

use calamine::{Data, Reader as _, Xlsx};
use lake_engine::arrow::array::{ArrayRef, Date32Array, Int64Array, StringArray};
use lake_engine::arrow::record_batch::RecordBatch;
use lake_engine::{Shape, SqlType};

use super::*;

fn column(name: &str, ty: &str) -> Column {
    Column { name: name.into(), ty: SqlType { name: ty.into(), shape: Shape::Plain } }
}

fn style() -> Style {
    let csv = lake_cli::render::Csv::default();
    Style { csv, excel_safe: false, title: "bars".into(), scratch: std::env::temp_dir() }
}

fn batch(numbers: std::ops::Range<i64>) -> RecordBatch {
    let n = Int64Array::from_iter_values(numbers.clone());
    let d = Date32Array::from_iter(numbers.clone().map(|i| (i % 2 == 0).then_some(20_777)));
    let s = StringArray::from_iter_values(numbers.map(|i| format!("=A{i}")));
    let columns = [("n", Arc::new(n) as ArrayRef), ("d", Arc::new(d)), ("s", Arc::new(s))];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(n, c)| (n, c, true))).unwrap()
}

fn columns() -> Vec<Column> {
    vec![column("n", "BIGINT"), column("d", "DATE"), column("s", "VARCHAR")]
}

fn written(limit: u32, batches: &[RecordBatch]) -> Xlsx<Cursor<Vec<u8>>> {
    let mut bytes = Vec::new();
    let mut book = Book::with_limit(&columns(), &style(), limit, &mut bytes).unwrap();
    batches.iter().for_each(|batch| book.batch(batch).unwrap());
    Box::new(book).finish(&End::default()).unwrap();
    Xlsx::new(Cursor::new(bytes)).unwrap()
}

#[test]
fn a_full_sheet_is_followed_by_another() {
    let mut book = written(4, &[batch(0..2), batch(2..7)]);
    assert_eq!(book.sheet_names(), ["bars", "bars 2", "bars 3"]);
    let mut seen = Vec::new();
    for name in book.sheet_names() {
        let sheet = book.worksheet_range(&name).unwrap();
        let rows: Vec<Vec<Data>> = sheet.rows().map(<[Data]>::to_vec).collect();
        let heads = ["n", "d", "s"].map(|head| Data::String(head.into()));
        assert_eq!(rows[0], heads, "{name}");
        seen.extend(rows.into_iter().skip(1));
    }
    assert_eq!(seen.len(), 7);
    for (i, row) in seen.iter().enumerate() {
        assert_eq!(row[0], Data::Float(i as f64));
        match i % 2 {
            0 => assert!(matches!(&row[1], Data::DateTime(d) if d.as_f64() == 46_346.0), "{row:?}"),
            _ => assert_eq!(row[1], Data::Empty),
        }
        // Text is never a formula.
        assert_eq!(row[2], Data::String(format!("=A{i}")));
    }
}

#[test]
fn no_rows_are_a_line_of_names() {
    let mut book = written(SHEET_ROWS, &[]);
    assert_eq!(book.worksheet_range("bars").unwrap().rows().count(), 1);
}

#[test]
fn what_excel_cannot_hold_is_told_with_its_place() {
    let mut bytes = Vec::new();
    let columns = [column("body", "VARCHAR")];
    let mut book = Book::new(&columns, &style(), &mut bytes).unwrap();
    let texts = StringArray::from(vec!["a".to_owned(), "x".repeat(TEXT + 1)]);
    let batch = RecordBatch::try_from_iter([("body", Arc::new(texts) as ArrayRef)]).unwrap();
    let error = book.batch(&batch).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(error.to_string().starts_with("row 2, column body: "), "{error}");
    let many: Vec<Column> = (0..=SHEET_COLUMNS).map(|i| column(&format!("c{i}"), "DATE")).collect();
    assert!(Book::new(&many, &style(), &mut bytes).is_err());
}

#[test]
fn names_of_sheets_are_such_that_excel_takes_them() {
    let long = "a_table_with_a_very_long_name_indeed";
    assert_eq!(sheet_name("bars", 1), "bars");
    assert_eq!(sheet_name(long, 1).len(), NAME);
    assert_eq!(sheet_name(long, 12), "a_table_with_a_very_long_nam 12");
}

#[test]
fn a_panic_of_the_writer_is_an_error() {
    let error = guarded::<()>(|| panic!("no room")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(!GUARDED.get());
}
