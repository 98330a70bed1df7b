//! Stderr: whole lines, and at most one below them that is drawn anew.

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const CLEAR_LINE: &str = "\r\x1b[K";

/// Shared with the thread that draws. A closed stderr is nobody's failure.
#[derive(Clone)]
pub(crate) struct Stderr(Arc<Mutex<Screen>>);

struct Screen {
    to: Box<dyn Write + Send>,
    drawn: bool,
}

impl Stderr {
    pub(crate) fn new(to: Box<dyn Write + Send>) -> Stderr {
        Stderr(Arc::new(Mutex::new(Screen { to, drawn: false })))
    }

    /// Whole lines; what is drawn gives way to them.
    pub(crate) fn put(&self, lines: &str) {
        let mut screen = self.screen();
        screen.clear();
        screen.send(lines);
    }

    /// One line without its end, in the place of the one drawn before.
    pub(crate) fn draw(&self, line: &str) {
        let mut screen = self.screen();
        screen.drawn = true;
        screen.send(&format!("\r{line}\x1b[K"));
    }

    pub(crate) fn clear(&self) {
        self.screen().clear();
    }

    /// A thread that panicked while it wrote has left a line in pieces, no more.
    fn screen(&self) -> MutexGuard<'_, Screen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Screen {
    fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            self.send(CLEAR_LINE);
        }
    }

    fn send(&mut self, text: &str) {
        let _ = self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush());
    }
}
