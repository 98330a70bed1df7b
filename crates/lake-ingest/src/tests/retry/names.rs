//! Columns that were renamed, dropped or added between a rejection and the retry.

use super::*;

/// A bench with a JSON row that is rejected for its `n`, as the table stands.
fn rejected(row: &str) -> (Bench, String) {
    let mut bench =
        Bench::new("symbol VARCHAR, date DATE, n TINYINT, note VARCHAR", &["symbol", "date"]);
    let row = format!("{{\"symbol\":\"a\",\"date\":\"2026-11-20\",{row}}}\n");
    let input = feed(&[put(&bench.path().join("in.jsonl"), &row)]);
    let done = bench.writer.ingest("bars", &input, &quarantining()).unwrap();
    assert_eq!(done.receipt.rows_rejected, 1);
    let name = name(&mut bench);
    (bench, name)
}

fn rename(bench: &mut Bench, from: &str, to: &str) {
    alter(bench, Alteration::RenameColumn { from: from.into(), to: to.into() });
}

fn drop_column(bench: &mut Bench, name: &str) {
    alter(bench, Alteration::DropColumn { name: name.into() });
}

fn add(bench: &mut Bench, name: &str, ty: Type, default: Option<&str>) {
    let (name, default) = (name.into(), default.map(str::to_owned));
    alter(bench, Alteration::AddColumn { name, ty, default, not_null: false });
}

fn widen(bench: &mut Bench, name: &str, ty: Type) {
    alter(bench, Alteration::WidenColumn { name: name.into(), ty });
}

#[test]
fn a_renamed_column_takes_its_values_along() {
    let (mut bench, old) = rejected("\"N\":300,\"note\":\"x\"");
    widen(&mut bench, "n", Type::Int64);
    rename(&mut bench, "n", "m");
    rename(&mut bench, "note", "n");
    assert!(retry(&mut bench, &old).fits);
    assert_eq!(stored(&mut bench), ["a|2026-11-20|300|x"]);
}

/// What is kept once more goes by the names of its own time.
#[test]
fn so_does_one_that_is_kept_again() {
    let mut bench = Bench::new("symbol VARCHAR, date DATE, n TINYINT", &["symbol", "date"]);
    let text = "symbol,date,n\na,2026-11-20,300\na,2026-11-21,100000\n";
    let input = feed(&[put(&bench.path().join("in.csv"), text)]);
    let _ = bench.writer.ingest("bars", &input, &quarantining()).unwrap();
    for (from, to, ty, rejected) in [("n", "m", Type::Int16, 1), ("m", "k", Type::Int64, 0)] {
        widen(&mut bench, from, ty);
        rename(&mut bench, from, to);
        let old = name(&mut bench);
        assert_eq!(counts(&retry(&mut bench, &old)), (1, 0, rejected));
    }
    assert_eq!(stored(&mut bench), ["a|2026-11-20|300", "a|2026-11-21|100000"]);
}

#[test]
fn a_dropped_column_is_nothing_and_its_name_may_be_anothers() {
    let (mut bench, old) = rejected("\"n\":\"many\",\"note\":\"x\"");
    drop_column(&mut bench, "n");
    assert!(retry(&mut bench, &old).fits);
    assert_eq!(stored(&mut bench), ["a|2026-11-20|x"]);
    let (mut bench, old) = rejected("\"n\":\"many\",\"note\":\"x\"");
    drop_column(&mut bench, "n");
    add(&mut bench, "n", Type::Varchar, None);
    assert!(retry(&mut bench, &old).fits);
    assert_eq!(stored(&mut bench), ["a|2026-11-20|x|many"]);
    // The name of what was dropped is now an old column's.
    let (mut bench, old) = rejected("\"n\":\"many\",\"note\":\"x\"");
    drop_column(&mut bench, "n");
    rename(&mut bench, "note", "n");
    assert!(retry(&mut bench, &old).fits);
    assert_eq!(stored(&mut bench), ["a|2026-11-20|x"]);
}

#[test]
fn a_column_that_was_missing_may_be_there_now() {
    let (mut bench, old) = rejected("\"n\":3,\"note\":\"x\",\"pe\":1.5");
    let done = retry(&mut bench, &old);
    assert!(!done.fits && done.first.unwrap().contains("column pe: the table has no such column"));
    add(&mut bench, "PE", Type::Double, None);
    add(&mut bench, "currency", Type::Varchar, Some("CNY"));
    assert!(retry(&mut bench, &old).fits);
    assert_eq!(stored(&mut bench), ["a|2026-11-20|3|x|1.5|CNY"]);
}

#[test]
fn a_key_that_is_there_twice_stays_so() {
    let (mut bench, old) = rejected("\"n\":3,\"n\":4");
    let done = retry(&mut bench, &old);
    assert!(!done.fits && done.first.unwrap().contains("it is there twice"));
}
