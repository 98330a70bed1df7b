//! The rows of a lake as its files tell them, by the merge alone: what suites hold
//! against their models. Their tables have the columns symbol, day and stamp.

use std::fmt::Display;
use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use lake_core::archive::Archive;
use lake_core::id::Version;
use lake_core::schema::TableDef;
use lake_core::state::{State, Table};
use lake_log::{Access, At, Lake};
use lake_maintain::archive;
use lake_segment::{Merge, MergeInput, MergeOptions, Verify};
use lake_store::Root;
use lake_testkit::{Broken, Checked};

pub const SCHEMA: &str = "symbol VARCHAR, day BIGINT, stamp BIGINT";
/// Keyed by symbol and day.
pub const BARS: &str = "bars";
/// Without a key.
pub const TICKS: &str = "ticks";

/// Symbol, day, stamp.
pub type Row = (String, i64, i64);

/// All rows of one version, sorted; a row that is there twice is told twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    pub bars: Vec<Row>,
    pub ticks: Vec<Row>,
    /// Rows of archives that count, with the archive's number.
    pub archived: Vec<(u64, Row)>,
}

fn broken(why: impl Display) -> Broken {
    Broken::Promise(why.to_string())
}

fn merged(root: &Root, def: &TableDef, inputs: &[MergeInput<'_>]) -> Checked<Vec<Row>> {
    let options = MergeOptions { verify: Verify::Hash, ..MergeOptions::default() };
    let mut rows = Vec::new();
    for batch in Merge::open(root, def, inputs, &options).map_err(broken)? {
        let batch = batch.map_err(broken)?;
        let symbols = batch.column(0).as_string::<i32>();
        let [days, stamps] = [1, 2].map(|n| batch.column(n).as_primitive::<Int64Type>());
        for row in 0..batch.num_rows() {
            rows.push((symbols.value(row).to_owned(), days.value(row), stamps.value(row)));
        }
    }
    rows.sort();
    Ok(rows)
}

fn rows_of(root: &Root, table: &Table) -> Checked<Vec<Row>> {
    let inputs: Vec<_> = table
        .segments()
        .map(|(part, segment)| MergeInput { path: table.path(part, segment), part, segment })
        .collect();
    merged(root, &table.def, &inputs)
}

/// The tables of a state whose files somebody holds.
pub fn tables(root: &Root, state: &State) -> Checked<(Vec<Row>, Vec<Row>)> {
    let rows = |name| state.table(name).map_or(Ok(Vec::new()), |table| rows_of(root, table));
    Ok((rows(BARS)?, rows(TICKS)?))
}

/// What is archived now, in a lake whose archive nobody changes.
pub fn archived(lake: &mut Lake) -> Checked<Vec<(u64, Row)>> {
    let mut rows = Vec::new();
    for listed in archive::list(lake, Some(BARS)).map_err(broken)? {
        let files = listed.archive.files.iter();
        let inputs: Vec<_> = files
            .map(|(part, segment)| MergeInput {
                path: Archive::path(&listed.def, part, segment),
                part,
                segment,
            })
            .collect();
        let own = merged(lake.root(), &listed.def, &inputs)?;
        rows.extend(own.into_iter().map(|row| (listed.archive.seq, row)));
    }
    Ok(rows)
}

/// Everything in a lake that nobody changes, and the version that it is of.
pub fn of_quiet(path: &Path) -> Checked<(Version, Contents)> {
    let mut lake = Lake::open(path, Access::Read)?;
    let archived = archived(&mut lake)?;
    let newest = lake.snapshot(At::Newest)?;
    let (bars, ticks) = tables(lake.root(), newest.state())?;
    Ok((newest.version(), Contents { bars, ticks, archived }))
}
