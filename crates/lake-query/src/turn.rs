//! Ctrl-C and `--timeout` for one statement after another: both end the statement that
//! runs and nothing else. A third Ctrl-C in the same turn ends the process, as does any
//! while nothing runs and nobody types.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use lake_cli::Failure;
use lake_core::kind::Kind;
use lake_engine::Interrupt;
use lake_store::Deadline;

use crate::stop::{CtrlC, too_late};

/// As many are taken for impatience, not for a query that cannot be interrupted.
const HEEDED: u32 = 2;
const AGAIN: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(3600);

pub(crate) struct Turns(Arc<Shared>);

struct Shared {
    turn: Mutex<Turn>,
    changed: Condvar,
    interrupt: Interrupt,
    timeout: Option<Duration>,
    person: bool,
}

struct Turn {
    runs: bool,
    deadline: Deadline,
    signals: u32,
    late: bool,
}

/// As long as this lives, Ctrl-C is meant for what runs.
#[must_use]
pub(crate) struct Running(Arc<Shared>);

impl Turns {
    pub(crate) fn new(
        ctrl_c: CtrlC,
        interrupt: Interrupt,
        timeout: Option<Duration>,
        person: bool,
    ) -> Turns {
        let turn = Turn { runs: false, deadline: Deadline::never(), signals: 0, late: false };
        let (turn, changed) = (Mutex::new(turn), Condvar::new());
        let shared = Arc::new(Shared { turn, changed, interrupt, timeout, person });
        let (signalled, insisting) = (shared.clone(), shared.clone());
        ctrl_c.each(move || signalled.signal());
        thread::spawn(move || insisting.insist());
        Turns(shared)
    }

    pub(crate) fn begin(&self) -> Running {
        self.0.change(|turn| {
            *turn = Turn { runs: true, deadline: Deadline::never(), signals: 0, late: false };
        });
        Running(self.0.clone())
    }
}

impl Running {
    /// The time of a statement begins here.
    pub(crate) fn start(&self) {
        let deadline = self.0.timeout.map_or_else(Deadline::never, Deadline::after);
        self.0.change(|turn| (turn.deadline, turn.late) = (deadline, false));
    }

    /// Whether somebody wants the turn to end.
    pub(crate) fn is_over(&self) -> bool {
        self.0.turn().signals > 0
    }

    /// The same failure, but for a statement that took too long.
    pub(crate) fn explain(&self, failure: Failure) -> Failure {
        let late = self.0.turn().late;
        match self.0.timeout.filter(|_| late && failure.kind == Kind::Interrupted) {
            Some(timeout) => too_late(timeout),
            None => failure,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.change(|turn| turn.runs = false);
    }
}

impl Shared {
    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Turn)) {
        change(&mut self.turn());
        self.changed.notify_all();
    }

    /// Whether the signal is heeded.
    fn signal(&self) -> bool {
        let mut turn = self.turn();
        if !turn.runs {
            return self.person;
        }
        turn.signals += 1;
        self.changed.notify_all();
        turn.signals <= HEEDED
    }

    /// Interrupts as long as the turn lasts: between the two statements of a plan an
    /// interrupt is forgotten. Under the lock, so that none reaches the next turn.
    fn insist(&self) {
        let mut turn = self.turn();
        loop {
            turn.late |= turn.runs && turn.deadline.passed();
            let wait = if !turn.runs {
                LONG
            } else if turn.signals > 0 || turn.late {
                self.interrupt.interrupt();
                AGAIN
            } else {
                turn.deadline.left().min(LONG)
            };
            let woken = self.changed.wait_timeout(turn, wait);
            turn = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
