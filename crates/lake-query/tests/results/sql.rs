use std::io::Cursor;

use arrow_ipc::reader::{FileReader, StreamReader};
use serde_json::json;

use crate::lake::{World, read};

#[test]
fn forms_that_only_results_have() {
    let world = World::filled();
    let sql = "SELECT 1 AS n, 'a|b' AS t, NULL AS x";
    assert_eq!(world.text(&["sql", sql, "--format", "tsv"]), "n\tt\tx\n1\ta|b\t\n");
    assert_eq!(
        world.text(&["--format", "markdown", "sql", sql]),
        "| n | t | x |\n| ---: | --- | --- |\n| 1 | a\\|b | NULL |\n"
    );
    let stream = world.run(&["sql", "SELECT d FROM bars", "--format", "arrow"]);
    let batches = StreamReader::try_new(Cursor::new(stream), None).unwrap();
    assert_eq!(batches.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 6);
    let parquet = world.run(&["sql", "FROM bars", "--format", "parquet"]);
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    let xlsx = world.run(&["sql", "FROM bars", "--format", "xlsx"]);
    assert!(xlsx.starts_with(b"PK"));
    // Other commands refuse them before they do anything.
    for args in [&["tables", "--format", "tsv"][..], &["--format", "parquet", "history"]] {
        assert!(world.refused(args, 2).contains("does not print"), "{args:?}");
    }
    assert!(world.refused(&["sql", sql, "--format", "yaml"], 2).contains("xlsx"));
}

#[test]
fn an_output_file_has_the_form_of_its_name() {
    let world = World::filled();
    let sql = "SELECT symbol, d FROM bars ORDER BY ALL LIMIT 1";
    let to = |name: &str, more: &[&str]| {
        let (stdout, stderr) = world.told(&[&["sql", sql, "--output", name], more].concat());
        assert!(stdout.is_empty(), "{name}");
        assert!(stderr.starts_with("1 row, ") && stderr.contains(name), "{stderr}");
        std::fs::read(world.file(name)).unwrap()
    };
    assert_eq!(to("a.csv", &[]), b"symbol,d\n600519,1\n");
    // A file that is there is replaced; what is said wins over the name.
    assert_eq!(to("a.csv", &["--format", "jsonl"]), b"{\"symbol\":\"600519\",\"d\":1}\n");
    let document: serde_json::Value = serde_json::from_slice(&to("a.json", &[])).unwrap();
    assert_eq!((&document["rows"], &document["version"]), (&json!([["600519", 1]]), &json!(4)));
    let file = to("a.arrow", &[]);
    let batch = FileReader::try_new(Cursor::new(file), None).unwrap().next().unwrap().unwrap();
    assert_eq!((batch.num_rows(), batch.num_columns()), (1, 2));
    assert_eq!(zstd::decode_all(&to("a.csv.zst", &[])[..]).unwrap(), b"symbol,d\n600519,1\n");
    assert_eq!(world.names(), ["a.arrow", "a.csv", "a.csv.zst", "a.json", "lake"]);

    let refused = |name: &str, code| world.refused(&["sql", sql, "--output", name], code);
    assert!(refused("a.dat", 2).contains("does not say its form"));
    assert!(refused("lake/a.csv", 2).contains("lies in the lake"));
    assert!(refused("a.duckdb", 2).contains("export"));
    assert!(refused("no/a.csv", 2).contains("no/a.csv"));
    // A query that fails leaves what was there.
    let failing = "SELECT CAST('x' AS INTEGER) FROM bars";
    world.refused(&["sql", failing, "--output", "a.csv"], 2);
    assert!(read(&world.file("a.csv")).starts_with("{\"symbol\""));
    assert_eq!(world.names().len(), 5);
}

#[test]
fn parameters_are_texts() {
    let world = World::filled();
    let sql = "SELECT count(*) AS n FROM bars WHERE symbol = $s AND d >= $from::INTEGER";
    let args = ["sql", sql, "--param", "s==A1", "--param", "from=2", "--format", "csv"];
    assert_eq!(world.text(&args), "n\n2\n");
    let quoted = ["sql", "SELECT $q AS q", "--param", "q=it's; DROP", "--format", "csv"];
    assert_eq!(world.text(&quoted), "q\nit's; DROP\n");
    assert!(world.refused(&["sql", sql, "--param", "s=x"], 2).contains("--param"));
    for bad in ["x", "=1", "_lake_1_0=x", "a b=1"] {
        world.refused(&["sql", "SELECT 1", "--param", bad], 2);
    }
    let twice = ["sql", "SELECT $a", "--param", "a=1", "--param", "A=2"];
    assert!(world.refused(&twice, 2).contains("twice"));
    // Also where DuckDB writes the file.
    world.told(&["sql", "SELECT $a AS a", "--param", "a=7", "--output", "p.parquet"]);
    assert!(world.file("p.parquet").exists());
}

#[test]
fn rows_are_cut_and_it_is_said() {
    let world = World::filled();
    let sql = "SELECT d FROM bars ORDER BY d";
    let told = |form: &str, most: &str| {
        let args = ["sql", sql, "--format", form, "--max-rows", most];
        let (stdout, stderr) = world.told(&args);
        (String::from_utf8(stdout).unwrap(), stderr)
    };
    let (rows, note) = told("csv", "2");
    assert_eq!(rows, "d\n1\n1\n");
    assert!(note.starts_with("cut after 2 rows"), "{note}");
    assert_eq!(told("csv", "6").1, "");
    assert_eq!(told("csv", "0").0, "d\n");
    let document: serde_json::Value = serde_json::from_str(&told("json", "1").0).unwrap();
    assert_eq!((&document["row_count"], &document["truncated"]), (&json!(1), &json!(true)));
    let whole: serde_json::Value = serde_json::from_str(&told("json", "9").0).unwrap();
    assert!(whole.get("truncated").is_none());
}

#[test]
fn what_macros_read_is_told() {
    let world = World::filled();
    let told = |sql: &str| {
        let (_, stderr) = world.told(&["sql", sql, "--explain-files", "--format", "csv"]);
        stderr.lines().next().unwrap_or_default().to_owned()
    };
    for (call, table, cond) in [
        ("latest(bars)", "bars", r#""symbol" = '600519'"#),
        ("asof('bars', 9)", "bars", r#"("d" <= 9 AND "symbol" = '600519')"#),
        ("latest('bars@4')", "bars@4", r#""symbol" = '600519'"#),
    ] {
        let found = told(&format!("SELECT symbol, px FROM {call} WHERE symbol = '600519'"));
        let expected = format!("{table}: 1 of 2 files, the others hold no row with {cond}");
        assert_eq!(found, expected);
    }
    assert_eq!(
        told("FROM changes(bars, 3)"),
        "bars@3..: 1 of 2 files, the others are the same in both versions"
    );
    assert_eq!(
        told("FROM \"bars@2..4\" WHERE d > 0 AND symbol = '600519'"),
        "bars@2..4: 1 of 2 files, the others are the same in both versions or hold no row with \
         (\"d\" > 0 AND \"symbol\" = '600519')"
    );
}

#[test]
fn changes_are_a_table_of_any_statement() {
    let world = World::filled();
    let count = "SELECT count(*) AS n FROM changes(bars, $v) WHERE _change = 'insert'";
    for (version, expected) in [("2", "n\n6\n"), ("3", "n\n3\n"), ("4", "n\n0\n")] {
        let param = format!("v={version}");
        let args = ["sql", count, "--param", &param, "--format", "csv"];
        assert_eq!(world.text(&args), expected);
    }
    world.run(&["export", "--sql", "FROM changes(bars, 3)", "--to", "c.csv"]);
    assert_eq!(read(&world.file("c.csv")).lines().count(), 4);
    let page = ["page", "--sql", "FROM changes(bars, 3)", "--order-by", "d", "--format", "json"];
    let page: serde_json::Value = serde_json::from_str(&world.text(&page)).unwrap();
    assert_eq!(page["rows"].as_array().unwrap().len(), 3);
    for sql in ["EXPLAIN FROM changes(bars, 3)", "DESCRIBE FROM \"bars@2..3\""] {
        assert!(world.text(&["sql", sql]).contains("_version"), "{sql}");
    }
}
