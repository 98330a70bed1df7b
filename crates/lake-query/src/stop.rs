//! Ctrl-C and `--timeout`: both interrupt the query, so that it ends as an error with
//! its own message and exit code. A second Ctrl-C ends the process at once.
//!
//! Work without an end of its own stops in order on Ctrl-C and SIGTERM.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use lake_cli::{Failure, parse};
use lake_core::kind::Kind;
use lake_engine::Interrupt;
use lake_store::clock::pause;
use nix::sys::signal::{SigSet, Signal, raise};

/// SIGINT, held back in this thread and in all that it starts from here on. To be
/// made before the engine makes its threads.
pub(crate) struct CtrlC(SigSet);

/// Why the query was stopped, if it was.
pub(crate) struct Stop {
    late: Arc<AtomicBool>,
    timeout: Option<Duration>,
}

impl CtrlC {
    pub(crate) fn hold() -> CtrlC {
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGINT);
        // Where it cannot be held back it kills, as it does everywhere.
        let _ = signals.thread_block();
        CtrlC(signals)
    }

    /// Calls this at each Ctrl-C. One that it does not heed ends the process, as it does
    /// everywhere.
    pub(crate) fn each(self, mut heed: impl FnMut() -> bool + Send + 'static) {
        thread::spawn(move || {
            while self.0.wait().is_ok() {
                if !heed() {
                    let _ = self.0.thread_unblock();
                    let _ = raise(Signal::SIGINT);
                }
            }
        });
    }

    /// Interrupts the query on Ctrl-C and when the time is over.
    pub(crate) fn watch(self, interrupt: Interrupt, timeout: Option<Duration>) -> Stop {
        let late = Arc::new(AtomicBool::new(false));
        let on_signal = interrupt.clone();
        thread::spawn(move || {
            if self.0.wait().is_ok() {
                let _ = self.0.thread_unblock();
                insist(&on_signal);
            }
        });
        if let Some(timeout) = timeout {
            let late = late.clone();
            thread::spawn(move || {
                pause(timeout);
                late.store(true, Ordering::SeqCst);
                insist(&interrupt);
            });
        }
        Stop { late, timeout }
    }
}

/// Until the process ends: an interrupt between two statements is forgotten.
fn insist(interrupt: &Interrupt) {
    loop {
        interrupt.interrupt();
        pause(Duration::from_millis(20));
    }
}

/// Hears of the first SIGINT or SIGTERM; a second one kills. To be called before other
/// threads are started: both are held back in this thread and in all that it starts.
pub(crate) fn ending() -> Receiver<()> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGTERM);
    // Where they cannot be held back they kill, as they do everywhere.
    let _ = signals.thread_block();
    let (tell, heard) = channel();
    thread::spawn(move || {
        if signals.wait().is_ok() {
            let _ = signals.thread_unblock();
            let _ = tell.send(());
        }
        // The one thread that the second signal can reach.
        loop {
            thread::park();
        }
    });
    heard
}

impl Stop {
    /// The same failure, but for a query that took too long.
    pub(crate) fn explain(&self, failure: Failure) -> Failure {
        match self.timeout {
            Some(timeout)
                if failure.kind == Kind::Interrupted && self.late.load(Ordering::SeqCst) =>
            {
                too_late(timeout)
            }
            _ => failure,
        }
    }
}

pub(crate) fn too_late(timeout: Duration) -> Failure {
    let allowed = parse::print_duration(timeout);
    Failure::new(Kind::Interrupted, format!("the query took longer than {allowed}"))
        .hint("allow more with --timeout, or ask for less")
}
