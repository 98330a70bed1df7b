//! The lake that all are at, and what they have in common.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use lake_testkit::scratch;
use lake_tests::rows::{BARS, SCHEMA, TICKS};
use tempfile::TempDir;

use super::crew;
use super::judge::{Book, Sight};

pub(crate) struct Site {
    dir: TempDir,
    pub(crate) lake: PathBuf,
    book: Mutex<Book>,
    pub(crate) events: Events,
    over: AtomicBool,
    /// About the newest version.
    pub(crate) newest: AtomicU64,
    /// Processes that wait for others to do something: a reader always does.
    pub(crate) asleep: AtomicU64,
    sights: Mutex<Sender<Sight>>,
}

/// What has happened, counted; nobody waits for time to pass.
#[derive(Default)]
pub(crate) struct Events {
    count: Mutex<u64>,
    more: Condvar,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Events {
    pub(crate) fn count(&self) -> u64 {
        *held(&self.count)
    }

    pub(crate) fn tick(&self) {
        *held(&self.count) += 1;
        self.more.notify_all();
    }

    pub(crate) fn wait_beyond(&self, count: u64) {
        let mut now = held(&self.count);
        while *now <= count {
            now = self.more.wait(now).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Sends all home when a thread panics.
pub(crate) struct Closing<'s>(pub(crate) &'s Site);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.close();
        }
    }
}

impl Site {
    pub(crate) fn new() -> (Site, Receiver<Sight>) {
        let dir = scratch().unwrap();
        let lake = dir.path().join("lake");
        let (sender, sights) = channel();
        let site = Site {
            dir,
            lake,
            book: Mutex::default(),
            events: Events::default(),
            over: AtomicBool::new(false),
            newest: AtomicU64::new(0),
            asleep: AtomicU64::new(0),
            sights: Mutex::new(sender),
        };
        let create = |table, more: &str| {
            let more = more.split(' ').map(str::to_owned);
            let args = ["create", table, "--schema", SCHEMA, "--partition-by", "symbol"];
            crew::plain(
                &site,
                &args.into_iter().map(str::to_owned).chain(more).collect::<Vec<_>>(),
            );
        };
        crew::plain(&site, &["init".to_owned()]);
        create(BARS, "--key symbol,day --order-by day");
        create(TICKS, "--order-by day");
        (site, sights)
    }

    pub(crate) fn dir(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        held(&self.book)
    }

    pub(crate) fn see(&self, sight: Sight) {
        // Nobody hears it when the judge has left.
        let _ = held(&self.sights).send(sight);
    }

    /// Until so much more has happened, or all go home.
    pub(crate) fn wait_for(&self, more: u64) {
        let until = self.events.count() + more;
        loop {
            let now = self.events.count();
            if now >= until || self.is_over() {
                return;
            }
            self.events.wait_beyond(now);
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    pub(crate) fn close(&self) {
        self.over.store(true, Ordering::Release);
        self.events.tick();
    }
}
