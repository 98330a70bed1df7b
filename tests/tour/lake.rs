//! A throw-away lake and the two programs over it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) struct Lake {
    dir: TempDir,
}

/// What a program left: its exit code (None: killed) and what it said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) const BARS: &str = "symbol VARCHAR, date DATE, close DOUBLE, volume BIGINT";

impl Lake {
    pub(crate) fn new() -> Lake {
        let lake = Lake { dir: tempfile::tempdir().unwrap() };
        lake.writer(&["init"]).done();
        lake
    }

    /// With a table `bars`, keyed by symbol and date.
    pub(crate) fn with_bars() -> Lake {
        let lake = Lake::new();
        lake.create("bars", BARS, &["--partition-by", "symbol", "--key", "symbol,date"]).done();
        lake
    }

    pub(crate) fn create(&self, table: &str, schema: &str, more: &[&str]) -> Said {
        let mut args = vec!["create", table, "--schema", schema];
        args.extend(more);
        self.writer(&args)
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("lake")
    }

    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn command(&self, program: &str) -> Command {
        let (mut command, writer) = (Command::new(program), env!("CARGO_BIN_EXE_twin-writer"));
        command.env_clear().env("LAKE_DIR", self.root()).current_dir(self.dir.path());
        command.env("LAKE_WRITER", writer).env("LAKE_TWIN", writer);
        command.env("LAKE_QUERY", env!("CARGO_BIN_EXE_twin-query"));
        command
    }

    pub(crate) fn writer(&self, args: &[&str]) -> Said {
        said(self.command(env!("CARGO_BIN_EXE_twin-writer")).args(args))
    }

    pub(crate) fn writer_with(&self, fault: &str, args: &[&str]) -> Said {
        said(self.command(env!("CARGO_BIN_EXE_twin-writer")).env("LAKE_FAULT", fault).args(args))
    }

    pub(crate) fn query(&self, args: &[&str]) -> Said {
        said(self.command(env!("CARGO_BIN_EXE_twin-query")).args(args))
    }

    /// The rows of a query, as JSON arrays.
    pub(crate) fn rows(&self, sql: &str) -> Value {
        self.rows_at(sql, &[])
    }

    pub(crate) fn rows_at(&self, sql: &str, more: &[&str]) -> Value {
        let mut args = vec!["sql", sql, "--format", "json"];
        args.extend(more);
        self.query(&args).json()["rows"].take()
    }

    pub(crate) fn ingest(&self, table: &str, csv: &str) -> Value {
        let file = self.file("in.csv", csv);
        self.writer(&["ingest", table, &file, "--format", "json"]).json()
    }

    pub(crate) fn version(&self) -> u64 {
        let status = self.writer(&["status", "--format", "json"]).json();
        status["version"].as_u64().unwrap()
    }
}

pub(crate) fn said(command: &mut Command) -> Said {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: status.code(), out: text(stdout), err: text(stderr) }
}

impl Said {
    #[track_caller]
    pub(crate) fn done(self) -> Said {
        assert_eq!(self.code, Some(0), "{}", self.err);
        self
    }

    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let said = self.done();
        serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {}", said.out))
    }

    /// Failed so, with all of these words in its message and none on stdout.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.err);
        assert_eq!(self.out, "");
        for word in words {
            assert!(self.err.contains(word), "{word:?} is missing in: {}", self.err);
        }
    }
}

/// The repository's root.
pub(crate) fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
