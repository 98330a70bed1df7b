//! A lake with rows, and the program over it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lake_core::edit::{Action, Cause};
use lake_core::id::{SegmentId, TableId};
use lake_core::schema::TableDef;
use lake_core::segment::{Part, Rank, Segment, SegmentKind};
use lake_core::sqltype::parse_columns;
use lake_core::symbol::Symbol;
use lake_core::value::{Range, Value};
use lake_log::{Access, InitOptions, Lake, Outcome};
use serde_json::Value as Json;
use tempfile::TempDir;

/// A lake beside a directory for files.
pub(crate) struct World {
    dir: TempDir,
    next: u32,
}

impl World {
    /// Table `bars` with key (symbol, d), table `empty` without rows.
    pub(crate) fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("lake");
        Lake::init(&root, &InitOptions { accept_unsafe_fs: true }).unwrap();
        let world = World { dir, next: 0 };
        let columns = parse_columns("symbol VARCHAR, d INTEGER, px DECIMAL(9,2), note VARCHAR");
        let table = |name: &str, id| {
            let key = ["symbol".to_owned(), "d".to_owned()];
            let columns = columns.as_ref().unwrap();
            let mut def = TableDef::new(name, columns, &key[..1], &key, &key[1..]).unwrap();
            def.id = TableId(id);
            Action::CreateTable(def)
        };
        world.commit(Cause::Create, |_| vec![table("bars", 1)]);
        world.commit(Cause::Create, |_| vec![table("empty", 2)]);
        world
    }

    /// With two symbols of three days each: versions 3 and 4.
    pub(crate) fn filled() -> World {
        let mut world = World::new();
        world.add("600519", 1, 3);
        world.add("=A1", 1, 3);
        world
    }

    pub(crate) fn lake(&self) -> PathBuf {
        self.dir.path().join("lake")
    }

    /// A path in the directory for files.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Commits one segment: days `from..=to` of a symbol, every third note NULL.
    pub(crate) fn add(&mut self, symbol: &str, from: i64, to: i64) {
        self.next += 1;
        let sql = format!(
            "SELECT '{symbol}' AS symbol, d::INTEGER AS d, (d + 0.5)::DECIMAL(9,2) AS px, \
             CASE WHEN d % 3 > 0 THEN 'n' || d % 2 END AS note FROM range({from}, {to} + 1) t(d)"
        );
        let file = self.file("rows.parquet");
        self.run(&["sql", &sql, "--quiet", "--output", file.to_str().unwrap()]);
        let part = Part::Of(vec![Symbol::new(symbol).unwrap()]);
        self.commit(Cause::Ingest, |draft| {
            let segment = Segment {
                id: SegmentId { txn: draft.id, n: 0 },
                kind: SegmentKind::Increment,
                schema_version: 1,
                rows: (to - from + 1) as u64,
                bytes: 100,
                hash: 0,
                sum: None,
                range: Some(Range::new(vec![Value::Int(from)], vec![Value::Int(to)])),
                symbols: None,
                rank: Rank::default(),
                masks: Vec::new(),
                at_us: 0,
                census: None,
                added: 0,
            };
            let mut lake = Lake::open(&self.lake(), Access::Read).unwrap();
            let state = lake.refresh().unwrap();
            let path = self.lake().join(state.table("bars").unwrap().path(&part, &segment));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::copy(&file, path).unwrap();
            vec![Action::Add { table: TableId(1), part, segments: vec![segment] }]
        });
        fs::remove_file(file).unwrap();
    }

    fn commit(&self, cause: Cause, actions: impl FnOnce(&lake_log::Draft) -> Vec<Action>) {
        let mut lake = Lake::open(&self.lake(), Access::Write).unwrap();
        let draft = lake.begin().unwrap();
        let mut txn = draft.transaction(cause);
        txn.actions = actions(&draft);
        assert!(matches!(lake.commit(txn).unwrap(), Outcome::Committed { .. }));
    }

    pub(crate) fn query(&self, args: &[&str]) -> Output {
        self.command().args(args).output().unwrap()
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lake-query"));
        command.env_remove("LAKE_FORMAT").env_remove("LAKE_QUIET").env("LAKE_DIR", self.lake());
        command.env("LAKE_HISTORY", "").current_dir(self.dir.path());
        command
    }

    /// Stdout and stderr of a call that succeeds.
    pub(crate) fn told(&self, args: &[&str]) -> (Vec<u8>, String) {
        let output = self.query(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {stderr}");
        (output.stdout, stderr)
    }

    pub(crate) fn run(&self, args: &[&str]) -> Vec<u8> {
        let (stdout, stderr) = self.told(args);
        assert_eq!(stderr, "", "{args:?}");
        stdout
    }

    pub(crate) fn text(&self, args: &[&str]) -> String {
        String::from_utf8(self.run(args)).unwrap()
    }

    pub(crate) fn json(&self, args: &[&str]) -> Json {
        serde_json::from_slice(&self.run(&[args, &["--format", "json"]].concat())).unwrap()
    }

    /// Nothing on stdout, this exit code, and what stderr says.
    pub(crate) fn refused(&self, args: &[&str], code: i32) -> String {
        let output = self.query(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{args:?}");
        stderr
    }
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}
