//! A lake with real rows, in every form that maintenance meets.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use lake_core::kind::Kind;
use lake_core::mask::Stretch;
use lake_core::schema::TableDef;
use lake_core::sqltype::parse_columns;
use lake_core::symbol::Symbol;
use lake_core::value::Value;
use lake_ingest::{IngestError, Layout, Options, Which, Writer, create_table};
use lake_log::{Access, InitOptions, Lake, LogError};
use lake_maintain::MaintainError;
use lake_maintain::archive::{ArchiveOptions, archive_rows};
use lake_maintain::compact::{CompactOptions, Compacted, compact};
use lake_maintain::policy::Policy;
use lake_maintain::retain::Cut;
use lake_maintain::vacuum;
use lake_store::Deadline;
use lake_testkit::scratch;
use lake_tests::rows::{BARS, SCHEMA, TICKS};
use tempfile::TempDir;

/// Why an operation stopped, whatever crate it is of.
pub(crate) struct Failed {
    pub(crate) kind: Kind,
    why: String,
}

impl Failed {
    pub(crate) fn new(kind: Kind, why: String) -> Failed {
        Failed { kind, why }
    }
}

impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.why)
    }
}

macro_rules! failed_from {
    ($($error:ty),*) => {$(
        impl From<$error> for Failed {
            fn from(error: $error) -> Failed {
                Failed { kind: error.kind(), why: format!("{error:?}") }
            }
        }
    )*};
}

failed_from!(LogError, MaintainError, IngestError);

pub(crate) type Tried<T> = Result<T, Failed>;

/// Archives of few rows, so that there are several commits.
pub(crate) const FEW: ArchiveOptions = ArchiveOptions { batch_rows: 1 };
pub(crate) const AT_ONCE: vacuum::Options =
    vacuum::Options { grace: Duration::ZERO, max_share: Some(1e9), dry_run: false };

pub(crate) fn before(day: i64) -> Cut {
    Cut::Order(Value::Int(day))
}

pub(crate) fn full() -> CompactOptions {
    CompactOptions {
        policy: Policy { full: true, ..Policy::default() },
        memory: 64 << 20,
        deadline: Deadline::never(),
    }
}

pub(crate) fn merge(lake: &mut Lake) -> Tried<Compacted> {
    Ok(compact(lake, &[], &full(), &())?)
}

pub(crate) fn sweep_away(path: &Path) -> Tried<vacuum::Report> {
    let mut lake = Lake::open(path, Access::Write)?;
    Ok(vacuum::run(&mut lake, &AT_ONCE, &vacuum::Meter::default())?)
}

pub(crate) fn batch(rows: &[(&str, i64, i64)]) -> RecordBatch {
    let columns: [(&str, ArrayRef); 3] = [
        ("symbol", Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.0)))),
        ("day", Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.1)))),
        ("stamp", Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.2)))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// Upserts rows of `bars`, or appends rows of `ticks`.
pub(crate) fn put(path: &Path, table: &str, layout: Layout, rows: &[(&str, i64, i64)]) {
    let options = Options { layout, ..Options::default() };
    let mut writer = Writer::open(path).unwrap();
    let _ = writer.ingest_batch(table, &batch(rows), &options).unwrap();
}

pub(crate) fn hide(path: &Path, symbol: &str, from: i64, to: i64) {
    let stretch = Stretch { from: Some(Value::Int(from)), to: Some(Value::Int(to)) };
    let owners = Some(vec![vec![Symbol::new(symbol).unwrap()]]);
    let which = Which::Range { owners, stretch };
    let _ = Writer::open(path).unwrap().delete(BARS, &which, false).unwrap();
}

/// The tables, with nothing in them.
pub(crate) fn bare(path: &Path) {
    let _ = Lake::init(path, &InitOptions { accept_unsafe_fs: true }).unwrap();
    let mut lake = Lake::open(path, Access::Write).unwrap();
    let columns = parse_columns(SCHEMA).unwrap();
    let names = |n: &[&str]| n.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    for (table, key) in [(BARS, &["symbol", "day"][..]), (TICKS, &[])] {
        let by = (names(&["symbol"]), names(&["day"]));
        let def = TableDef::new(table, &columns, &by.0, &names(key), &by.1).unwrap();
        let _ = create_table(&mut lake, &def).unwrap();
    }
}

/// Rows in packs and in files of their own, superseded and hidden ones, and no file that
/// nobody needs. Days 1 to 9.
pub(crate) fn market(path: &Path) {
    bare(path);
    let own = Layout::PerSymbol;
    put(path, BARS, own, &[("A", 1, 1), ("A", 2, 2), ("A", 9, 3), ("B", 1, 4), ("B", 8, 5)]);
    put(path, BARS, Layout::Packed, &[("A", 2, 6), ("B", 3, 7), ("C", 3, 8), ("D", 5, 9)]);
    hide(path, "B", 1, 1);
    put(path, BARS, own, &[("C", 3, 10), ("C", 4, 11), ("A", 1, 12)]);
    put(path, TICKS, own, &[("A", 1, 1), ("A", 1, 1), ("B", 7, 2)]);
}

/// The same with archives, with superseded files and with a trash.
pub(crate) fn old_market(path: &Path) {
    market(path);
    let mut lake = Lake::open(path, Access::Write).unwrap();
    archive_rows(&mut lake, BARS, &before(4), &FEW, &()).unwrap();
    merge(&mut lake).unwrap();
    drop(lake);
    sweep_away(path).unwrap();
    put(path, BARS, Layout::Packed, &[("A", 9, 20), ("E", 6, 21)]);
    put(path, BARS, Layout::PerSymbol, &[("A", 7, 22), ("E", 6, 23)]);
    let mut lake = Lake::open(path, Access::Write).unwrap();
    merge(&mut lake).unwrap();
    drop(lake);
    put(path, BARS, Layout::PerSymbol, &[("A", 7, 24), ("F", 2, 25)]);
}

/// A directory with a lake in it, and places beside.
pub(crate) fn place(make: fn(&Path)) -> TempDir {
    let dir = scratch().unwrap();
    make(&dir.path().join("lake"));
    dir
}
