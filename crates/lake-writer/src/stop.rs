//! Ctrl-C and SIGTERM, for work that ends in order. A second one kills.

use std::io;
use std::process::{Child, Command};
use std::thread;

use nix::sys::signal::{SigSet, Signal};

/// Both signals, held back in this thread and in all that it starts from here on.
pub(crate) struct Signals(SigSet);

impl Signals {
    pub(crate) fn hold() -> Signals {
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGINT);
        signals.add(Signal::SIGTERM);
        // Where they cannot be held back they kill, as they do everywhere.
        let _ = signals.thread_block();
        Signals(signals)
    }

    /// Calls this at the first signal. The second finds a thread that does not hold it
    /// back, and kills, whatever the others wait for.
    pub(crate) fn watch(self, stop: impl FnOnce() + Send + 'static) {
        thread::spawn(move || {
            if self.0.wait().is_err() {
                return;
            }
            stop();
            let _ = self.0.thread_unblock();
            // Were it to end, nobody would be there to take the second one.
            loop {
                thread::park();
            }
        });
    }
}

/// A child inherits which signals are held back, and one that does not hear SIGTERM is
/// none that `timeout` or a person can end. So for this moment they are not held back:
/// a SIGTERM that comes right now ends the program at once, as a second one does.
pub(crate) fn spawn(command: &mut Command) -> io::Result<Child> {
    let held = SigSet::thread_get_mask();
    let _ = SigSet::empty().thread_set_mask();
    let child = command.spawn();
    if let Ok(held) = held {
        let _ = held.thread_set_mask();
    }
    child
}
