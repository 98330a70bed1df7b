//! Ctrl-C and SIGTERM: the first ends the work in order, the second the program.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lake_store::Deadline;
use nix::fcntl::{FcntlArg, fcntl};

use crate::streams::{HEADER, table};

fn mask(status: &str, of: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix(of)).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() >> (signal - 1) & 1 == 1
}

/// How many threads do not hold a signal back.
fn open_threads(child: &Child, signal: i32) -> usize {
    let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    let status = |task: PathBuf| fs::read_to_string(task.join("status")).ok();
    // A thread may end while it is looked at.
    let statuses = tasks.filter_map(|task| status(task.unwrap().path()));
    statuses.filter(|status| !mask(status, "SigBlk:", signal)).count()
}

fn is_pending(child: &Child, signal: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    mask(&status, "ShdPnd:", signal)
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Deadline::after(Duration::from_secs(60));
    while !is_so() {
        assert!(!end.passed(), "in vain: {what}");
        std::thread::yield_now();
    }
}

fn kill(child: &Child, signal: i32) {
    let (signal, pid) = (format!("-{signal}"), child.id().to_string());
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

/// A shell starts what it runs in the background so, and it stays so for all below.
fn interrupts_are_ignored() -> bool {
    mask(&fs::read_to_string("/proc/self/status").unwrap(), "SigIgn:", 2)
}

#[test]
fn the_second_kills_what_cannot_end() {
    if interrupts_are_ignored() {
        let _ = writeln!(std::io::stderr(), "signals: passed over, as SIGINT is ignored here");
        return;
    }
    for [first, second] in [[2, 15], [15, 2]] {
        let shell = table();
        // Nobody reads it and it has no room left, so that no receipt can be written.
        let (unread, mut full) = std::io::pipe().unwrap();
        let room = fcntl(&full, FcntlArg::F_GETPIPE_SZ).unwrap();
        full.write_all(&vec![b' '; room as usize]).unwrap();
        let args = ["ingest", "ticks", "-", "--input-format", "csv", "--batch-commit"];
        let mut command = shell.command(&[&args[..], &["--workers", "2"]].concat());
        command.stdin(Stdio::piped()).stdout(full).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(format!("{HEADER}A,1\n").as_bytes()).unwrap();
        wait_until("a row", || shell.rows() == 1);
        // None but the one that waits for it.
        assert_eq!(open_threads(&child, first), 1);
        kill(&child, first);
        wait_until("the first is taken", || !is_pending(&child, first));
        kill(&child, second);
        wait_until("an end", || child.try_wait().unwrap().is_some());
        assert_eq!(child.wait().unwrap().signal(), Some(second));
        drop((unread, input));
    }
}
