use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn render(format: Format, rows: &Rows) -> String {
    let mut text = String::new();
    let mut renderer = Renderer::new(format, &rows.columns);
    for row in &rows.rows {
        renderer.row(&row.iter().map(Cell::from).collect::<Vec<_>>(), &mut text);
    }
    renderer.finish(&mut text);
    text
}

fn sample() -> Rows {
    let mut rows = Rows::new([Column::text("symbol"), Column::number("rows")]);
    rows.push([json!("600519"), json!(12)]);
    rows.push([json!(null), json!(9_007_199_254_740_993_i64)]);
    rows.push([json!(""), json!(0.1)]);
    rows
}

#[test]
fn table_is_aligned_and_shows_null() {
    let text = "symbol              rows\n\
                ------  ----------------\n\
                600519                12\n\
                NULL    9007199254740993\n\
                \u{20}                    0.1\n";
    assert_eq!(render(Format::Table, &sample()), text);
    let none = Rows::new([Column::text("a")]);
    assert_eq!(render(Format::Table, &none), "a\n-\n");
}

#[test]
fn table_counts_what_a_terminal_shows() {
    let mut rows = Rows::new([Column::text("name"), Column::text("x")]);
    rows.push([json!("\u{8d35}\u{5dde}\u{8305}\u{53f0}"), json!("wide")]);
    rows.push([json!("e\u{301}"), json!("combining")]);
    let text = render(Format::Table, &rows);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "name      x");
    assert_eq!(lines[2], "\u{8d35}\u{5dde}\u{8305}\u{53f0}  wide");
    assert_eq!(lines[3], "e\u{301}         combining");
}

#[test]
fn the_ticker_null_is_not_sql_null() {
    let mut rows = Rows::new([Column::text("symbol")]);
    rows.push([json!("NULL")]);
    rows.push([json!(null)]);
    assert_eq!(render(Format::Table, &rows), "symbol\n------\n'NULL'\nNULL\n");
    assert_eq!(render(Format::Csv, &rows), "symbol\nNULL\n\n");
}

#[test]
fn a_long_table_is_streamed_and_stays_whole() {
    let columns = [Column::number("n")];
    let mut renderer = Renderer::new(Format::Table, &columns);
    let mut text = String::new();
    let mut sent = 0;
    for n in 0..5_000 {
        renderer.row(&[Cell::Int(n)], &mut text);
        sent = sent.max(text.len());
    }
    assert!(sent > 0, "nothing was printed before the end");
    renderer.finish(&mut text);
    let shown: Vec<i64> = text.lines().skip(2).map(|l| l.trim().parse().unwrap()).collect();
    assert_eq!(shown, (0..5_000).collect::<Vec<_>>());
}

#[test]
fn json_and_jsonl_hold_the_same_objects() {
    let rows = sample();
    let document: Value = serde_json::from_str(&render(Format::Json, &rows)).unwrap();
    let lines = render(Format::Jsonl, &rows);
    let objects: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(document, Value::Array(objects));
    assert_eq!(document[1], json!({"symbol": null, "rows": 9_007_199_254_740_993_i64}));
    assert_eq!(render(Format::Json, &Rows::new([Column::text("a")])), "[]\n");
    assert_eq!(render(Format::Jsonl, &Rows::new([Column::text("a")])), "");
}

#[test]
fn one_name_twice_is_two_keys() {
    let mut rows = Rows::new(["a", "a", "a_1", "a"].map(Column::text));
    rows.push([json!(1), json!(2), json!(3), json!(4)]);
    assert_eq!(render(Format::Jsonl, &rows), "{\"a\":1,\"a_2\":2,\"a_1\":3,\"a_3\":4}\n");
    assert_eq!(render(Format::Csv, &rows), "a,a,a_1,a\n1,2,3,4\n");
}

#[test]
fn values_in_json() {
    let blob = [0xfb, 0xff, 0x00];
    let table = [
        (Cell::Null, "null"),
        (Cell::Bool(true), "true"),
        (Cell::Int(i64::MIN), "-9223372036854775808"),
        (Cell::UInt(u64::MAX), "18446744073709551615"),
        (Cell::Huge(i128::MIN), "-170141183460469231731687303715884105728"),
        (Cell::Float(0.1), "0.1"),
        (Cell::Float(f32::NAN), "\"NaN\""),
        (Cell::Double(1.0), "1.0"),
        (Cell::Double(1e300), "1e300"),
        (Cell::Double(f64::INFINITY), "\"Infinity\""),
        (Cell::Double(f64::NEG_INFINITY), "\"-Infinity\""),
        (Cell::Text("a\"\\\n\u{1b}\u{9b}\u{202e}".into()), r#""a\"\\\n\u001b\u009b\u202e""#),
        (Cell::Blob(&blob), "\"+/8A\""),
        (Cell::Json("[1,2]".into()), "[1,2]"),
    ];
    for (cell, text) in table {
        let mut out = String::new();
        json::push_cell(&mut out, &cell);
        assert_eq!(out, text, "{cell:?}");
    }
}

#[test]
fn nested_values_are_escaped_too() {
    let value = json!({"a\u{9b}": [1.5, null, "\u{202e}", {}], "b": []});
    let mut out = String::new();
    json::push_cell(&mut out, &Cell::from(&value));
    assert_eq!(out, r#"{"a\u009b":[1.5,null,"\u202e",{}],"b":[]}"#);
}

#[test]
fn csv_keeps_null_and_empty_apart() {
    let mut rows = Rows::new([Column::text("a,b"), Column::text("c")]);
    rows.push([json!(null), json!("")]);
    rows.push([json!("x\"y"), json!("line\r\nend")]);
    rows.push([json!([1, "z"]), json!(true)]);
    assert_eq!(
        render(Format::Csv, &rows),
        "\"a,b\",c\n,\"\"\n\"x\"\"y\",\"line\r\nend\"\n\"[1,\"\"z\"\"]\",true\n"
    );
    assert_eq!(render(Format::Csv, &Rows::new([Column::text("a")])), "a\n");
}

#[test]
fn csv_with_another_delimiter() {
    let mut rows = Rows::new([Column::text("a;b"), Column::text("c,d")]);
    rows.push([json!("x;y"), json!("x,y")]);
    rows.push([json!("tab\t"), json!(null)]);
    let render = |csv: Csv| {
        let (mut text, mut renderer) = (String::new(), Renderer::csv(&rows.columns, csv));
        for row in &rows.rows {
            renderer.row(&row.iter().map(Cell::from).collect::<Vec<_>>(), &mut text);
        }
        renderer.finish(&mut text);
        text
    };
    let csv = Csv { delimiter: ';', header: true };
    assert_eq!(render(csv), "\"a;b\";c,d\n\"x;y\";x,y\ntab\t;\n");
    let tsv = Csv { delimiter: '\t', header: false };
    assert_eq!(render(tsv), "x;y\tx,y\n\"tab\t\"\t\n");
}

#[test]
fn markdown_shows_text_as_it_is() {
    let columns = [Column::text("adj_close|x"), Column::number("n")];
    let mut renderer = Renderer::markdown(&columns);
    let mut text = String::new();
    renderer.row(&[Cell::Text("a|b\n<b> _x_ \\ *".into()), Cell::Int(-1)], &mut text);
    renderer.row(&[Cell::Text("NULL".into()), Cell::Null], &mut text);
    renderer.finish(&mut text);
    let lines = [
        "| adj_close\\|x | n |",
        "| --- | ---: |",
        r"| a\|b\\n\<b> \_x\_ \\ \* | -1 |",
        "| 'NULL' | NULL |",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), lines);
    let mut none = String::new();
    Renderer::markdown(&columns[1..]).finish(&mut none);
    assert_eq!(none, "| n |\n| ---: |\n");
}

#[test]
fn a_note_stands_under_each_name() {
    let columns = [Column::text("a"), Column::number("n")];
    let notes = ["VARCHAR".into(), "INTEGER".into()];
    let mut renderer = Renderer::table_with_notes(&columns, &notes);
    let mut text = String::new();
    renderer.row(&[Cell::Text("x".into()), Cell::Int(7)], &mut text);
    renderer.finish(&mut text);
    let lines = ["a              n", "VARCHAR  INTEGER", "-------  -------", "x              7"];
    assert_eq!(text.lines().collect::<Vec<_>>(), lines);
}

#[test]
fn a_record_is_one_object() {
    let record = Record::new().with("version", 7).with("table", "bars").with("seq", Value::Null);
    assert_eq!(record.render(Format::Table), "version  7\ntable    bars\nseq      NULL\n");
    assert_eq!(record.render(Format::Csv), "version,table,seq\n7,bars,\n");
    let object = "{\"version\":7,\"table\":\"bars\",\"seq\":null}\n";
    assert_eq!(record.render(Format::Json), object);
    assert_eq!(record.render(Format::Jsonl), object);
}

/// What a CSV reader after RFC 4180 sees, and whether each cell had quotes.
fn read_csv(text: &str) -> Vec<Vec<(String, bool)>> {
    let mut chars = text.chars().peekable();
    let (mut lines, mut line) = (Vec::new(), Vec::new());
    while chars.peek().is_some() {
        let (mut cell, quoted) = (String::new(), chars.next_if_eq(&'"').is_some());
        loop {
            match chars.next().unwrap() {
                '"' if quoted && chars.next_if_eq(&'"').is_some() => cell.push('"'),
                '"' if quoted => break,
                c => cell.push(c),
            }
            if !quoted && matches!(chars.peek(), Some(',' | '\n')) {
                break;
            }
        }
        line.push((cell, quoted));
        if chars.next() == Some('\n') {
            lines.push(std::mem::take(&mut line));
        }
    }
    lines
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a\",\n\r ]{1,6}", any::<String>()]
}

proptest! {
    #[test]
    fn json_text_reads_back(text in any::<String>()) {
        let mut out = String::new();
        json::push_text(&mut out, &text);
        prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        prop_assert!(!out.chars().any(escape::is_hostile));
    }

    #[test]
    fn floats_read_back(bits in any::<u64>(), single in any::<u32>()) {
        let (x, y) = (f64::from_bits(bits), f32::from_bits(single));
        let mut out = String::new();
        json::push_array(&mut out, &[Cell::Double(x), Cell::Float(y)]);
        let values: Vec<Value> = serde_json::from_str(&out).unwrap();
        let same = |value: &Value, exact: bool, finite: bool| {
            if finite { value.is_number() && exact } else { value.is_string() }
        };
        let read = out.trim_matches(['[', ']']).split(',').collect::<Vec<_>>();
        prop_assert!(same(&values[0], read[0].parse() == Ok(x), x.is_finite()));
        prop_assert!(same(&values[1], read[1].parse() == Ok(y), y.is_finite()));
    }

    #[test]
    fn csv_reads_back(cells in prop::collection::vec(text(), 1..5)) {
        let columns: Vec<Column> = (0..cells.len()).map(|i| Column::text(i.to_string())).collect();
        let mut out = String::new();
        let mut renderer = Renderer::new(Format::Csv, &columns);
        let row: Vec<Cell<'_>> = cells.iter().map(|c| Cell::Text(c.as_str().into())).collect();
        renderer.row(&row, &mut out);
        renderer.finish(&mut out);
        let lines = read_csv(&out);
        prop_assert_eq!(lines.len(), 2);
        for (cell, (read, quoted)) in cells.iter().zip(&lines[1]) {
            prop_assert_eq!(cell, read);
            prop_assert!(!cell.is_empty() || *quoted, "an empty string became NULL");
        }
    }

    #[test]
    fn a_table_line_is_one_row(cells in prop::collection::vec(any::<String>(), 1..4)) {
        let mut rows = Rows::new((0..cells.len()).map(|i| Column::text(i.to_string())));
        rows.push(cells.iter().map(|c| json!(c)));
        let text = render(Format::Table, &rows);
        prop_assert_eq!(text.lines().count(), 3);
        prop_assert!(!text.replace('\n', "").chars().any(escape::is_hostile));
    }
}
