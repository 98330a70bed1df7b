//! The other process, held by its pipes.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use lake_testkit::{create, scratch};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tempfile::TempDir;

pub(crate) struct Actor {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    input: Option<ChildStdin>,
}

/// A seq that was acknowledged, and in which version.
pub(crate) type Told = (u64, u64);

pub(crate) fn new_lake() -> TempDir {
    let dir = scratch().unwrap();
    create(dir.path()).unwrap();
    dir
}

impl Actor {
    /// Started, and ready to begin.
    pub(crate) fn new(lake: &Path, args: &[&str], env: &[(&str, &str)]) -> Actor {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lake-actor"))
            .arg(lake)
            .args(args)
            .env_remove("LAKE_FAULT")
            .env_remove("LAKE_MUTANT")
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let input = child.stdin.take();
        let mut actor = Actor { child, lines, input };
        assert_eq!(actor.line().as_deref(), Some("ready"));
        actor
    }

    /// A vacuum without a grace, at work.
    pub(crate) fn vacuum(lake: &Path, env: &[(&str, &str)]) -> Actor {
        let mut child = Command::new(env!("CARGO_BIN_EXE_twin-writer"))
            .args(["vacuum", "--grace", "0s", "--lake"])
            .arg(lake)
            .env_clear()
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let input = child.stdin.take();
        Actor { child, lines, input }
    }

    /// What it says until its end, if that is a good one.
    pub(crate) fn end(mut self) -> Option<Vec<String>> {
        let lines = std::iter::from_fn(|| self.line()).collect();
        self.child.wait().unwrap().success().then_some(lines)
    }

    pub(crate) fn go(&mut self) {
        self.input.as_mut().unwrap().write_all(b"go\n").unwrap();
    }

    /// Its next line; None when it has ended. A line that its death cut off is none.
    pub(crate) fn line(&mut self) -> Option<String> {
        self.lines.next().map(Result::unwrap)
    }

    pub(crate) fn told(&mut self) -> Option<Told> {
        let line = self.line()?;
        let mut words = line.split(' ').map(str::parse);
        match (words.next(), words.next()) {
            (Some(Ok(seq)), Some(Ok(version))) => Some((seq, version)),
            _ => panic!("an actor says {line:?}"),
        }
    }

    /// What it says until its end, which must be a good one.
    pub(crate) fn all_told(mut self) -> Vec<Told> {
        let told = std::iter::from_fn(|| self.told()).collect();
        assert!(self.child.wait().unwrap().success());
        told
    }

    /// What it says until its end, good or bad.
    pub(crate) fn all_lines(mut self) -> Vec<String> {
        let lines = std::iter::from_fn(|| self.line()).collect();
        self.child.wait().unwrap();
        lines
    }

    /// Its input ends when this is dropped.
    pub(crate) fn take_input(&mut self) -> Option<ChildStdin> {
        self.input.take()
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32).unwrap()
    }

    /// Waits until it has stopped itself.
    pub(crate) fn wait_stopped(&self) {
        let (_, status) = waitpid(Some(self.pid()), WaitOptions::UNTRACED).unwrap().unwrap();
        assert!(status.stopped(), "it did not stop: {status:?}");
    }

    pub(crate) fn wake_up(&self) {
        kill_process(self.pid(), Signal::CONT).unwrap();
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
