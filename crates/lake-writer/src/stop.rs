//! Ctrl-C and SIGTERM, for work that ends in order. A second one kills.

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
