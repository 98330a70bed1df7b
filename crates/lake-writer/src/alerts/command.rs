//! A program that is told on its stdin.

use std::io::{ErrorKind, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::stop::spawn;

/// Killed, with all it started, when the time is up.
pub(super) fn run(words: &[String], body: &str, timeout: Duration) -> Result<(), String> {
    let Some((program, args)) = words.split_first() else { return Ok(()) };
    let mut command = Command::new(program);
    // Its stderr is ours: there it says what is wrong.
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0);
    let mut child = spawn(&mut command).map_err(|e| format!("cannot start {program}: {e}"))?;
    let group = i32::try_from(child.id()).map(Pid::from_raw);
    let stdin = child.stdin.take();
    let text = body.to_owned();
    let (send, ended) = channel();
    // Writing may block as long as it likes to: who kills does not wait for it.
    let talk = move || {
        let written = stdin.map_or(Ok(()), |mut pipe| pipe.write_all(text.as_bytes()));
        let _ = send.send(finished(child, written));
    };
    let talking = thread::Builder::new().name("hook".into()).spawn(talk);
    let outcome = match talking {
        Ok(_) => ended.recv_timeout(timeout),
        Err(error) => return Err(format!("cannot start a thread: {error}")),
    };
    match outcome {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Disconnected) => Err("its thread panicked".to_owned()),
        Err(RecvTimeoutError::Timeout) => {
            if let Ok(group) = group {
                let _ = killpg(group, Signal::SIGKILL);
            }
            Err(format!("{program} took longer than {timeout:?} and was killed"))
        }
    }
}

/// Who reads nothing, or not all, is no worse for it.
fn finished(mut child: Child, written: std::io::Result<()>) -> Result<(), String> {
    let status = child.wait().map_err(|e| e.to_string())?;
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.to_string()),
        _ if status.success() => Ok(()),
        _ => Err(format!("it ended with {status}")),
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::SigSet;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn sh(script: &str, timeout: Duration) -> Result<(), String> {
        run(&["sh", "-c", script].map(str::to_owned), "{\"a\":1}\n", timeout)
    }

    #[test]
    fn it_hears_all_and_its_code_counts() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("heard");
        sh(&format!("cat > {}", file.display()), LONG).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "{\"a\":1}\n");
        assert!(sh("exit 3", LONG).unwrap_err().contains("3"));
        let none = run(&["/no/such/program".to_owned()], "", LONG).unwrap_err();
        assert!(none.contains("cannot start /no/such/program"), "{none}");
    }

    #[test]
    fn it_hears_signals_that_are_held_back_here() {
        let mut held = SigSet::empty();
        held.add(Signal::SIGTERM);
        held.thread_block().unwrap();
        let why = sh("kill -TERM $$; exit 0", LONG).unwrap_err();
        assert!(why.contains("signal: 15"), "{why}");
        assert!(SigSet::thread_get_mask().unwrap().contains(Signal::SIGTERM));
    }

    #[test]
    fn a_large_text_that_nobody_reads_is_nobodys_failure() {
        let text = "x".repeat(1 << 20);
        assert_eq!(run(&["true".to_owned()], &text, LONG), Ok(()));
    }

    #[test]
    fn what_takes_too_long_is_killed_with_all_it_started() {
        // The end of the pipe is held by all of them, so that its end is theirs.
        let (mut ends, held) = std::io::pipe().unwrap();
        let fd = {
            use std::os::fd::AsRawFd;
            held.as_raw_fd()
        };
        let pid = std::process::id();
        let script = format!("exec 3> /proc/{pid}/fd/{fd}; sleep 1000 & sleep 1000");
        let why = sh(&script, Duration::from_millis(300)).unwrap_err();
        assert!(why.contains("was killed"), "{why}");
        drop(held);
        let (send, ended) = channel();
        thread::spawn(move || send.send(std::io::Read::read(&mut ends, &mut [0])));
        assert_eq!(ended.recv_timeout(LONG).unwrap().unwrap(), 0);
    }
}
