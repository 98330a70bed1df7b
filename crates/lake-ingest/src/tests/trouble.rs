use lake_core::edit::{Action, Cause};
use lake_core::kind::Kind;
use lake_core::schema::{Field, Schema};
use lake_core::types::Type;
use lake_log::{Access, Outcome};

use super::*;
use crate::{IngestError, Input};

#[allow(clippy::disallowed_methods)]
fn put(path: &Path, text: &str) -> Input {
    std::fs::write(path, text).unwrap();
    Input { path: path.to_owned(), format: None }
}

#[test]
fn bad_symbols_name_their_row() {
    let mut bench = Bench::keyed();
    let good = put(&bench.path().join("one.csv"), "symbol,date,close\na,2026-11-20,1\n");
    let text = "symbol,date,close\na,2026-11-20,1\n\n\"x\ny\",2026-11-20,1\n";
    let bad = put(&bench.path().join("two.csv"), text);
    let error = bench.writer.ingest_files("bars", &[good, bad], &Options::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::BadInput);
    let text = error.to_string();
    let want = "two.csv, row 2 (line 4), column symbol: \"x\\ny\" cannot be a partition value: ";
    assert!(text.contains(want), "{text}");
    assert!(bench.segments().is_empty() && bench.files(".parquet").is_empty());
}

#[test]
fn files_of_one_call_are_one_commit_and_the_last_file_wins() {
    let mut bench = Bench::keyed();
    let one = put(&bench.path().join("one.csv"), "symbol,date,close\na,2026-11-20,1\n");
    let two = put(&bench.path().join("two.csv"), "close,symbol,date\n2,a,2026-11-20\n");
    let inputs = [one, two];
    let done = bench.writer.ingest_files("bars", &inputs, &Options::default()).unwrap();
    assert_eq!((done.version, done.receipt.rows_superseded), (2, 1));
    assert_eq!(bench.segments()[0][0].2, 2.0);
    let append = Options { mode: Some(Mode::Append), producer: None };
    let error = bench.writer.ingest_files("bars", &inputs, &append).unwrap_err().to_string();
    assert!(error.contains("one.csv, row 1 (line 2) and row 1 of "), "{error}");
}

#[test]
fn no_such_table() {
    let mut bench = Bench::keyed();
    let error = bench.writer.ingest_batch("nope", &bars(&[]), &Options::default()).unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (Kind::NotFound, "no table nope".into()));
}

/// Another writer adds a column at the worst moment: the batch is shaped anew and,
/// as it lacks the column, refused; nothing of the first try is left.
#[test]
fn a_schema_that_changes_meanwhile_is_seen() {
    let bench = Bench::keyed();
    let mut writer = Writer::open(bench.path()).unwrap();
    let mut other = Lake::open(bench.path(), Access::Write).unwrap();
    let changed = std::cell::Cell::new(0);
    let outcome = writer.ingest("bars", &Options::default(), |def, rows| {
        crate::source::take(&bars(&[("a", 1, 1.0)]), def.schema(), rows)?;
        changed.set(changed.get() + 1);
        if changed.get() == 1 {
            add_column(&bench);
        }
        Ok(())
    });
    let error = outcome.unwrap_err();
    assert!(matches!(error, IngestError::File { .. }), "{error}");
    assert!(error.to_string().contains("column extra is missing"), "{error}");
    assert_eq!(changed.get(), 1);
    assert!(bench.files(".parquet").is_empty() && bench.files(".parquet.tmp").is_empty());
    assert_eq!(other.refresh().unwrap().version, 2);
}

fn add_column(bench: &Bench) {
    let mut lake = Lake::open(bench.path(), Access::Write).unwrap();
    let draft = lake.begin().unwrap();
    let table = draft.state.table("bars").unwrap();
    let mut fields = table.schema().fields.clone();
    fields.push(Field {
        id: 4,
        name: "extra".into(),
        ty: Type::Int64,
        not_null: false,
        default: None,
    });
    let mut txn = draft.transaction(Cause::Alter);
    let schema = Schema { version: 2, fields };
    txn.actions.push(Action::SetSchema { table: table.def.id, schema });
    assert!(matches!(lake.commit(txn), Ok(Outcome::Committed { version: 2, .. })));
}

/// Another writer appends the same key between our look and our commit.
#[test]
fn two_appends_of_one_key_cannot_both_win() {
    let bench = Bench::keyed();
    let append = Options { mode: Some(Mode::Append), producer: None };
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|i| {
                let (path, append) = (bench.path(), &append);
                scope.spawn(move || {
                    let mut writer = Writer::open(path).unwrap();
                    let batch = |day| bars(&[("a", day, f64::from(i))]);
                    (0..20)
                        .map(|day| writer.ingest_batch("bars", &batch(day), append).is_ok())
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    for day in 0..20 {
        assert_eq!(outcomes.iter().filter(|o| o[day]).count(), 1, "day {day}");
    }
    let mut bench = bench;
    assert_eq!(bench.segments().len(), 20);
}
