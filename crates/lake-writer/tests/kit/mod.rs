//! A lake in a directory of its own, and the program as a shell calls it there.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) struct Shell(TempDir);

/// What a call ended with.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn of(command: &mut Command) -> Said {
        let output = command.output().unwrap();
        Said {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Stdout of a call that succeeded, as one document.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.err);
        serde_json::from_str(&self.out).unwrap()
    }

    /// Stderr as a log of JSON.
    pub(crate) fn log(&self) -> Vec<Value> {
        lines(&self.err)
    }
}

/// Texts of JSON, one a line.
pub(crate) fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

impl Shell {
    /// With a lake, and nothing in it.
    pub(crate) fn new() -> Shell {
        let shell = Shell::bare();
        shell.json(&["init"]);
        shell
    }

    /// Without a lake.
    pub(crate) fn bare() -> Shell {
        Shell(tempfile::tempdir().unwrap())
    }

    /// With a lake where there is no disk to be waited for, if there is such a place.
    pub(crate) fn in_memory() -> Shell {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let shell = Shell(dir);
        shell.json(&["init", "--accept-unsafe-fs"]);
        shell
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lake-writer"));
        command
            .env_clear()
            .env("LAKE_DIR", self.path("lake"))
            .args(args)
            .current_dir(self.0.path());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        Said::of(&mut self.command(args))
    }

    /// Words with a blank between them.
    pub(crate) fn line(&self, line: &str) -> Said {
        self.run(&line.split(' ').collect::<Vec<_>>())
    }

    pub(crate) fn run_as(&self, format: &str, args: &[&str]) -> Said {
        self.run(&[args, &["--format", format]].concat())
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        self.run_as("json", args).json()
    }

    /// As bad input, with this in the message.
    pub(crate) fn refused(&self, args: &[&str], word: &str) {
        let said = self.run(args);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{args:?}: {}", said.err);
        assert!(said.err.contains(word), "{args:?}: {}", said.err);
    }

    /// The rows of the first table.
    pub(crate) fn rows(&self) -> u64 {
        self.json(&["status"])["tables"][0]["rows"].as_u64().unwrap()
    }

    /// How many files there are in a directory and below.
    pub(crate) fn files(&self, beneath: &str) -> usize {
        count(&self.path(beneath))
    }
}

fn count(dir: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let count = |path: &Path| if path.is_dir() { count(path) } else { 1 };
    entries.map(|e| count(&e.unwrap().path())).sum()
}

/// A program that runs until it is ended, and the other ends of its pipes.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) input: Option<ChildStdin>,
    pub(crate) out: BufReader<ChildStdout>,
    pub(crate) err: BufReader<ChildStderr>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Running {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take();
        let out = BufReader::new(child.stdout.take().unwrap());
        let err = BufReader::new(child.stderr.take().unwrap());
        Running { child, input, out, err }
    }

    pub(crate) fn send(&mut self, text: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(text.as_bytes()).and_then(|()| input.flush()).unwrap();
    }

    /// The next line of stdout. None: it has ended.
    pub(crate) fn receipt(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        serde_json::from_str(&line).ok()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Its code, and the rest of stdout and of stderr. Its stdin stays open until then.
    pub(crate) fn wait(mut self) -> (Option<i32>, String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        self.out.read_to_string(&mut out).unwrap();
        self.err.read_to_string(&mut err).unwrap();
        let _input = self.input.take();
        (self.child.wait().unwrap().code(), out, err)
    }

    /// The same, after all input was sent.
    pub(crate) fn end(mut self) -> (Option<i32>, String, String) {
        drop(self.input.take());
        self.wait()
    }
}
