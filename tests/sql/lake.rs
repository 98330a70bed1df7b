//! A sample lake, made by the writer, and the reader over it.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tempfile::TempDir;

use crate::{folder, script};

pub(crate) struct Lake {
    dir: TempDir,
}

pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Those that a case asks at the moment.
static LAKES: Mutex<BTreeMap<String, Weak<Lake>>> = Mutex::new(BTreeMap::new());

impl Lake {
    /// Cases at the same time share one.
    pub(crate) fn of(name: &str) -> Arc<Lake> {
        let mut lakes = LAKES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lake) = lakes.get(name).and_then(Weak::upgrade) {
            return lake;
        }
        let lake = Arc::new(Lake::make(name));
        lakes.insert(name.to_owned(), Arc::downgrade(&lake));
        lake
    }

    fn make(name: &str) -> Lake {
        let lake = Lake { dir: tempfile::tempdir().unwrap() };
        lake.write(&["init"]);
        let text = std::fs::read_to_string(folder("lakes").join(format!("{name}.lake"))).unwrap();
        for record in script::records(&text) {
            let words: Vec<&str> = record.words.iter().map(String::as_str).collect();
            match words[..] {
                ["file", name] => {
                    let text = format!("{}\n", record.statement);
                    std::fs::write(lake.dir.path().join(name), text).unwrap();
                }
                ["run", ref args @ ..] => lake.write(args),
                _ => panic!("{name}.lake, line {}: no record begins so", record.line),
            }
        }
        lake
    }

    fn write(&self, args: &[&str]) {
        let said = self.said(env!("CARGO_BIN_EXE_twin-writer"), args);
        assert_eq!(said.code, Some(0), "{args:?}: {}", said.err);
    }

    pub(crate) fn query(&self, args: &[&str]) -> Said {
        self.said(env!("CARGO_BIN_EXE_twin-query"), args)
    }

    fn said(&self, program: &str, args: &[&str]) -> Said {
        let mut command = Command::new(program);
        command.env_clear().env("LAKE_DIR", self.dir.path().join("lake"));
        let output = command.current_dir(self.dir.path()).args(args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}
