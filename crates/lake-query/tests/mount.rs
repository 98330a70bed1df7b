//! `lake-query mount`, as a script and as the owner of the file see it; and the file as
//! stock DuckDBs of other versions see it, where there is a Python that has one.

// The whole file is a test; clippy knows that of functions marked so only.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stderr)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use lake_store::{LockFile, Root};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, mkfifo};
use serde_json::Value as Json;

use lake::{LakeDir, add};

#[path = "mount/lake.rs"]
mod lake;
#[path = "mount/stock.rs"]
mod stock;

impl LakeDir {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lake-query"));
        command.env_remove("LAKE_FORMAT").env_remove("LAKE_QUIET").env("LAKE_DIR", self.root());
        command.current_dir(self.outside()).args(args);
        command
    }

    fn query(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn json(&self, args: &[&str]) -> Json {
        let output = self.query(&[args, &["--format", "json"]].concat());
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Nothing on stdout, an error with this exit code on stderr.
    fn refused(&self, args: &[&str], code: i32) -> String {
        let output = self.query(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{args:?}");
        stderr
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.outside()).unwrap();
        let mut names: Vec<_> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn mounted(&self) -> PathBuf {
        self.outside().join("analysis.duckdb")
    }

    fn pinned(&self, version: u64) -> bool {
        let locks = Root::open(&self.root()).unwrap().dir("_lake/locks").unwrap();
        LockFile::new(&locks, "pins").unwrap().is_locked(version).unwrap()
    }
}

/// Looks again and again, for half a minute at most.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A program that runs, and does not outlive a test that fails.
struct Running(Child);

impl Running {
    fn of(command: &mut Command) -> Running {
        Running(command.spawn().unwrap())
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().try_into().unwrap()), signal).unwrap();
    }

    /// The exit code; None: killed.
    fn end(&mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn one_file_beside_a_lock() {
    let lake = LakeDir::with_bars();
    let made = lake.json(&["mount"]);
    assert_eq!(
        (&made["version"], &made["file"], &made["tables"], &made["segments"]),
        (&6.into(), &"analysis.duckdb".into(), &1.into(), &3.into())
    );
    let length = std::fs::metadata(lake.mounted()).unwrap().len();
    assert_eq!(made["bytes"], length);
    assert_eq!(lake.names(), [".analysis.duckdb.lock", "analysis.duckdb", lake::NAME]);

    // Also in another directory, by a link, and of an older version.
    std::fs::create_dir(lake.outside().join("share")).unwrap();
    std::os::unix::fs::symlink("share/real.duckdb", lake.outside().join("link.duckdb")).unwrap();
    std::fs::write(lake.outside().join("share/real.duckdb"), "").unwrap();
    let made = lake.json(&["mount", "--to", "link.duckdb", "--at", "2", "--tables", "BARS"]);
    assert_eq!((&made["version"], &made["segments"]), (&2.into(), &1.into()));
    assert!(std::fs::symlink_metadata(lake.outside().join("link.duckdb")).unwrap().is_symlink());
    assert!(std::fs::metadata(lake.outside().join("share/real.duckdb")).unwrap().len() > 0);
}

#[test]
fn the_views_as_text() {
    let lake = LakeDir::with_bars();
    let output = lake.query(&["mount", "--print", "--at", "2"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let statements: Vec<&str> = text.split_inclusive(";\n").collect();
    assert_eq!(statements.len(), 2, "{text}");
    assert!(statements[0].starts_with("CREATE OR REPLACE VIEW \"bars\" AS SELECT"), "{text}");
    let outside = lake.outside().canonicalize().unwrap();
    let path = format!("['{}/la[[]k]e''s/warehouse/bars/packed/inc-", outside.display());
    assert_eq!(statements[0].matches(&path).count(), 1, "{text}");
    assert!(statements[1].contains("CAST(2 AS UBIGINT) AS version"), "{text}");
    assert_eq!(lake.names(), [lake::NAME]);
}

#[test]
fn what_is_not_a_mount_is_not_lost() {
    let lake = LakeDir::with_bars();
    let file = lake.mounted();
    std::fs::write(&file, "the only copy").unwrap();
    let error = lake.refused(&["mount"], 2);
    assert!(error.contains("analysis.duckdb") && error.contains("--to"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), b"the only copy");
    std::fs::remove_file(&file).unwrap();

    lake.json(&["mount"]);
    let before = std::fs::read(&file).unwrap();
    let wal = lake.outside().join("analysis.duckdb.wal");
    std::fs::write(&wal, "what a notebook wrote").unwrap();
    assert!(lake.refused(&["mount"], 3).contains("analysis.duckdb.wal"));
    assert!(wal.exists() && std::fs::read(&file).unwrap() == before);

    std::fs::create_dir(lake.outside().join("dir.duckdb")).unwrap();
    lake.refused(&["mount", "--to", "dir.duckdb"], 2);
    assert!(lake.refused(&["mount", "--to", "no/such/dir.duckdb"], 2).contains("directory"));
    lake.refused(&["mount", "--to", "x.duckdb", "--tables", "bars,nope"], 2);
    lake.refused(&["mount", "--to", "x.duckdb", "--at", "99"], 2);
    for bad in [["--print", "--watch"], ["--watch", "--at=2"], ["--print", "--to=x"]] {
        lake.refused(&["mount", bad[0], bad[1]], 2);
    }
    assert!(
        !lake.names().contains(&"x.duckdb".into())
            && !lake.names().contains(&".x.duckdb.new".into())
    );
}

#[test]
fn killed_in_the_middle_it_leaves_the_old_file() {
    let lake = LakeDir::with_bars();
    lake.json(&["mount"]);
    let before = std::fs::read(lake.mounted()).unwrap();
    // DuckDB opens a file of each table, and waits for ever at a pipe.
    let mut log = lake.open();
    let path = add(&mut log, None);
    let pipe = lake.root().join(&path);
    mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut child = Running::of(lake.command(&["mount"]).stdout(Stdio::null()));
    let staged = lake.outside().join(".analysis.duckdb.new");
    until("the file in the making", || {
        let length = std::fs::metadata(&staged).ok()?.len();
        // Before that the old file is copied, to be looked at.
        (length != 0 && length != before.len() as u64).then_some(())
    });
    child.signal(Signal::SIGKILL);
    assert_eq!(child.end(), None);
    assert_eq!(std::fs::read(lake.mounted()).unwrap(), before);

    std::fs::remove_file(&pipe).unwrap();
    std::fs::copy(lake::SAMPLE, &pipe).unwrap();
    assert_eq!(lake.json(&["mount"])["version"], 7);
    assert_eq!(lake.names(), [".analysis.duckdb.lock", "analysis.duckdb", lake::NAME]);
}

/// Whoever waits for another takes its snapshot afterwards.
#[test]
fn a_newer_mount_is_not_replaced_by_an_older_one() {
    let lake = LakeDir::with_bars();
    lake.json(&["mount"]);
    let dir = Root::open(&lake.outside()).unwrap().top().unwrap();
    let lock = LockFile::new(&dir, ".analysis.duckdb.lock").unwrap();
    let held = lock.try_exclusive(0).unwrap().unwrap();
    let mut command = lake.command(&["mount", "--format", "json"]);
    let mut child = Running::of(command.stdout(Stdio::piped()));
    let fds = PathBuf::from(format!("/proc/{}/fd", child.0.id()));
    let waits = |fd: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_link(fd.ok()?.path()).ok()?.ends_with(".analysis.duckdb.lock").then_some(())
    };
    until("the second mount", || std::fs::read_dir(&fds).ok()?.find_map(waits));
    add(&mut lake.open(), Some(Path::new(lake::SAMPLE)));
    drop(held);
    let made: Json = serde_json::from_reader(child.0.stdout.take().unwrap()).unwrap();
    assert_eq!(made["version"], 7);
}

#[test]
fn a_watch_follows_the_commits_until_it_is_told_to_end() {
    let lake = LakeDir::with_bars();
    let mut child = Running::of(lake.command(&["mount", "--watch"]).stdout(Stdio::piped()));
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Json>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["version"], 6);
    assert!(lake.pinned(6));
    let mut log = lake.open();
    for version in [7, 8] {
        let before = std::fs::read(lake.mounted()).unwrap();
        add(&mut log, Some(Path::new(lake::SAMPLE)));
        let made = next();
        assert_eq!((&made["version"], &made["segments"]), (&version.into(), &(version - 3).into()));
        assert_ne!(std::fs::read(lake.mounted()).unwrap(), before);
        // Who opened the file before still reads the version before.
        let pinned: Vec<u64> = (1..10).filter(|v| lake.pinned(*v)).collect();
        assert_eq!(pinned, [version - 1, version]);
    }
    child.signal(Signal::SIGTERM);
    assert_eq!(child.end(), Some(0));
    assert!(!lake.pinned(8));
}
