//! A watch in one process: its states as a crash would leave them, made by hand.

// Tests make and move files as people do.
#![allow(clippy::disallowed_methods)]

mod recovery;
mod running;

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use lake_core::schema::TableDef;
use lake_core::sqltype::parse_columns;
use lake_log::{InitOptions, Lake};

use super::*;
use crate::create_table;

const HOUR: Duration = Duration::from_secs(3600);
const HEADER: &str = "symbol,date,close\n";

/// A lake with the tables `bars`, keyed, and `ticks`, to which all rows are appended,
/// and a directory beside it.
struct Place {
    temp: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let temp = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let place = Place { temp };
        let _ = Lake::init(&place.lake(), &InitOptions { accept_unsafe_fs: true }).unwrap();
        let mut lake = Writer::open(&place.lake()).unwrap();
        let columns = parse_columns("symbol VARCHAR, date DATE, close DOUBLE").unwrap();
        let own = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<Vec<_>>();
        for (name, key) in [("ticks", &[][..]), ("bars", &["symbol", "date"][..])] {
            let (part, order) = (own(&["symbol"]), own(&["date"]));
            let def = TableDef::new(name, &columns, &part, &own(key), &order).unwrap();
            let _ = create_table(lake.lake(), &def).unwrap();
        }
        fs::create_dir(place.dir()).unwrap();
        place
    }

    fn lake(&self) -> PathBuf {
        self.temp.path().join("lake")
    }

    fn dir(&self) -> PathBuf {
        self.temp.path().join("in")
    }

    fn options(table: &str) -> WatchOptions {
        WatchOptions {
            table: table.into(),
            batch: Options::default(),
            source: SourceOptions::default(),
            quiet: HOUR,
            once: true,
            producer: None,
        }
    }

    fn watch(&self, options: WatchOptions) -> Result<Watch> {
        Watch::open(&self.lake(), &self.dir(), options)
    }

    /// Takes what is there; what it said.
    fn once(&self) -> Vec<String> {
        let mut desk = Desk::default();
        self.watch(Place::options("ticks")).unwrap().run(&mut desk).unwrap();
        desk.said
    }

    /// A file that was written long ago, `age` seconds before another would be.
    fn put_aged(&self, name: &str, text: &str, age: u64) {
        let path = self.dir().join(name);
        fs::write(&path, text).unwrap();
        let time = SystemTime::now() - 2 * HOUR - Duration::from_secs(age);
        File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }

    fn put(&self, name: &str, text: &str) {
        self.put_aged(name, text, 0);
    }

    fn take(&self, from: &str, to: &str) {
        fs::rename(self.dir().join(from), self.dir().join(to)).unwrap();
    }

    fn names(&self, beneath: &str) -> Vec<String> {
        let entries = fs::read_dir(self.dir().join(beneath)).unwrap();
        let name = |e: std::io::Result<fs::DirEntry>| e.unwrap().file_name();
        let mut names: Vec<String> =
            entries.map(name).map(|n| n.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn rows(&self, table: &str) -> u64 {
        let mut writer = Writer::open(&self.lake()).unwrap();
        let state = writer.lake().refresh().unwrap();
        state.table(table).unwrap().segments().map(|(_, s)| s.rows).sum()
    }
}

fn row(symbol: &str, close: f64) -> String {
    format!("{HEADER}{symbol},2026-11-20,{close}\n")
}

type Act<'a> = Box<dyn FnMut(&str) + 'a>;

/// Writes down what it is told, and acts when it hears it.
#[derive(Default)]
struct Desk<'a> {
    said: Vec<String>,
    act: Option<Act<'a>>,
}

impl Report for Desk<'_> {
    fn tell(&mut self, told: Told<'_>) -> Result<()> {
        let said = match told {
            Told::Done { file, moved_to, ingested: done } => {
                let again = if done.duplicate { " again" } else { "" };
                let moved_to = moved_to.unwrap_or("nowhere");
                format!("{file} -> {moved_to}, {} rows{again}", done.receipt.rows_written)
            }
            Told::Failed { file, moved_to, .. } => format!("{file} -> {moved_to}"),
            Told::Waits { error, .. } => format!("waits: {:?}", error.kind()),
            Told::Incomplete { files } => format!("incomplete: {files}"),
            Told::BadName { file } => format!("bad name of {} bytes", file.len()),
            Told::Gone { file } => format!("gone: {file}"),
            Told::Changed { file } => format!("changed: {file}"),
            Told::Shared { producer } => format!("shared: {producer}"),
            Told::Deaf { .. } => "deaf".into(),
        };
        if let Some(act) = &mut self.act {
            act(&said);
        }
        self.said.push(said);
        Ok(())
    }

    fn reason(&self, file: &str, error: &IngestError) -> String {
        format!("{file}: {error}")
    }
}
