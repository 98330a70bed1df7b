//! A lake of real rows: its segments are copies of a sample.

use std::path::{Path, PathBuf};

use lake_core::edit::{Action, Cause};
use lake_core::id::{SegmentId, TableId};
use lake_core::mask::{Owners, Stretch};
use lake_core::schema::{Field, TableDef};
use lake_core::segment::{Part, Rank, Segment, SegmentKind, SymbolSpan};
use lake_core::sqltype::parse_columns;
use lake_core::symbol::Symbol;
use lake_core::types::Type;
use lake_core::value::Value;
use lake_log::{Access, Draft, InitOptions, Lake, Outcome};
use tempfile::TempDir;

/// 60 days of 8 symbols.
pub(crate) const SAMPLE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/samples/bars.parquet");
pub(crate) const ROWS: u64 = 480;
pub(crate) const NAME: &str = "la[k]e's";

pub(crate) struct LakeDir(TempDir);

impl LakeDir {
    fn new(key: &[&str]) -> LakeDir {
        let lake = LakeDir(tempfile::tempdir().unwrap());
        Lake::init(&lake.root(), &InitOptions { accept_unsafe_fs: true }).unwrap();
        let columns = "symbol VARCHAR, date DATE, open DOUBLE, high DOUBLE, low DOUBLE, \
            close DOUBLE, volume BIGINT, amount DOUBLE";
        let own = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<Vec<_>>();
        let columns = parse_columns(columns).unwrap();
        let mut def =
            TableDef::new("bars", &columns, &own(&["symbol"]), &own(key), &own(&["date"])).unwrap();
        def.id = TableId(1);
        commit(&mut lake.open(), |_| vec![Action::CreateTable(def)]);
        lake
    }

    /// A table without a key: each `add` is [`ROWS`] rows more.
    pub(crate) fn with_log() -> LakeDir {
        LakeDir::new(&[])
    }

    /// Version 6 has two packs of the same keys, of which two symbols' rows before
    /// November are gone, the file of a symbol that is a path, and a column that is newer.
    pub(crate) fn with_bars() -> LakeDir {
        let lake = LakeDir::new(&["symbol", "date"]);
        let mut log = lake.open();
        add(&mut log, Some(Path::new(SAMPLE)));
        add(&mut log, Some(Path::new(SAMPLE)));
        add_to(&mut log, Part::Of(owner("A/B's")), Some(Path::new(SAMPLE)));
        let november = Value::Date(20_758);
        commit(&mut log, |_| {
            let owners = Some(Owners::new(vec![owner("000001"), owner("600519")]));
            let stretch = Stretch { from: None, to: Some(november) };
            vec![Action::Hide { table: TableId(1), owners, stretch }]
        });
        let mut schema = log.state().table("bars").unwrap().schema().clone();
        schema.version = 2;
        let (name, default) = ("currency".to_owned(), Some("CNY".to_owned()));
        schema.fields.push(Field { id: 9, name, ty: Type::Varchar, not_null: false, default });
        commit(&mut log, |_| vec![Action::SetSchema { table: TableId(1), schema }]);
        lake
    }

    /// Its name would match others, were it taken for a pattern, and not itself.
    pub(crate) fn root(&self) -> PathBuf {
        self.outside().join(NAME)
    }

    /// The directory in which the lake lies, and the programs run.
    pub(crate) fn outside(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    pub(crate) fn open(&self) -> Lake {
        Lake::open(&self.root(), Access::Write).unwrap()
    }
}

fn owner(name: &str) -> Vec<Symbol> {
    vec![Symbol::new(name).unwrap()]
}

fn commit(lake: &mut Lake, actions: impl FnOnce(&Draft) -> Vec<Action>) {
    let draft = lake.begin().unwrap();
    let mut txn = draft.transaction(Cause::Ingest);
    txn.actions = actions(&draft);
    assert!(matches!(lake.commit(txn).unwrap(), Outcome::Committed { .. }));
}

/// Commits a segment of many symbols with these rows, or without its file; returns the
/// file's path beneath the lake.
pub(crate) fn add(lake: &mut Lake, rows: Option<&Path>) -> String {
    add_to(lake, Part::Packed, rows)
}

fn add_to(lake: &mut Lake, part: Part, rows: Option<&Path>) -> String {
    lake.refresh().unwrap();
    let mut path = String::new();
    let table = lake.state().table("bars").unwrap().clone();
    let root = lake.root().path().to_owned();
    commit(lake, |draft| {
        let span = SymbolSpan { first: owner("000001"), last: owner("920002"), count: 8 };
        let segment = Segment {
            id: SegmentId { txn: draft.id, n: 0 },
            kind: SegmentKind::Increment,
            schema_version: 1,
            rows: ROWS,
            bytes: 1,
            hash: 0,
            sum: None,
            range: None,
            symbols: (part == Part::Packed).then(|| span.into()),
            rank: Rank::default(),
            masks: Vec::new(),
            at_us: 0,
            census: None,
            added: 0,
        };
        path = table.path(&part, &segment);
        let file = root.join(&path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        if let Some(rows) = rows {
            std::fs::copy(rows, file).unwrap();
        }
        vec![Action::Add { table: TableId(1), part, segments: vec![segment] }]
    });
    path
}
