//! What wakes a watch: events of its directory, and the wish that it ends.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RenameMode};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

/// What was heard since somebody looked: as large as the directory, however many
/// events there were.
#[derive(Default)]
struct Heard {
    stop: bool,
    look: bool,
    /// Names that were moved in and not written to since.
    arrived: HashSet<String>,
}

#[derive(Default)]
struct Shared {
    heard: Mutex<Heard>,
    rung: Condvar,
}

#[derive(Clone, Default)]
pub(crate) struct Bell(Arc<Shared>);

/// Ends a watch.
#[derive(Clone)]
pub struct Stop(Bell);

impl Stop {
    pub fn stop(&self) {
        self.0.lock().stop = true;
        self.0.0.rung.notify_all();
    }
}

impl Bell {
    pub(crate) fn stop(&self) -> Stop {
        Stop(self.clone())
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.lock().stop
    }

    pub(crate) fn arrived(&self) -> HashSet<String> {
        self.lock().arrived.clone()
    }

    /// The file has left; another of its name must have arrived by itself.
    pub(crate) fn forget(&self, name: &str) {
        self.lock().arrived.remove(name);
    }

    /// Until there is something to look at, or so long.
    pub(crate) fn wait(&self, most: Duration) {
        self.wait_while(most, |heard| !heard.look).look = false;
    }

    /// So long, but not beyond a stop.
    pub(crate) fn pause(&self, span: Duration) {
        drop(self.wait_while(span, |_| true));
    }

    fn wait_while(&self, most: Duration, waits: impl Fn(&Heard) -> bool) -> MutexGuard<'_, Heard> {
        let waits = |heard: &mut Heard| !heard.stop && waits(heard);
        let woken = self.0.rung.wait_timeout_while(self.lock(), most, waits);
        woken.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        // It is whole after every statement that changes it.
        self.0.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Events of reading are none: our own listing makes them.
    fn hear(&self, event: notify::Result<Event>) {
        let mut heard = self.lock();
        let (kind, paths) = match event {
            Ok(event) if !event.need_rescan() => (event.kind, event.paths),
            _ => (EventKind::Any, Vec::new()),
        };
        for name in paths.iter().filter_map(|p| p.file_name()?.to_str()) {
            match kind {
                EventKind::Modify(ModifyKind::Name(RenameMode::To)) => {
                    heard.arrived.insert(name.to_owned());
                }
                EventKind::Modify(ModifyKind::Name(RenameMode::From) | ModifyKind::Data(_))
                | EventKind::Create(_)
                | EventKind::Remove(_) => {
                    heard.arrived.remove(name);
                }
                _ => {}
            }
        }
        heard.look |= matches!(
            kind,
            EventKind::Any
                | EventKind::Create(_)
                | EventKind::Remove(_)
                | EventKind::Modify(ModifyKind::Name(RenameMode::To))
                | EventKind::Access(AccessKind::Close(AccessMode::Write))
        );
        if heard.look {
            self.0.rung.notify_all();
        }
    }
}

/// Hears what happens in a directory while it lives.
pub(crate) struct Ears {
    _watcher: RecommendedWatcher,
}

impl Ears {
    pub(crate) fn new(bell: &Bell, dir: &Path) -> notify::Result<Ears> {
        let bell = bell.clone();
        let mut watcher = notify::recommended_watcher(move |event| bell.hear(event))?;
        watcher.watch(dir, RecursiveMode::NonRecursive)?;
        Ok(Ears { _watcher: watcher })
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, DataChange, Flag, RemoveKind};

    use super::*;

    fn name(mode: RenameMode) -> EventKind {
        EventKind::Modify(ModifyKind::Name(mode))
    }

    /// What has arrived, and whether there is something to look at.
    fn after(events: &[(EventKind, &str)]) -> (Vec<String>, bool) {
        let bell = Bell::default();
        for (kind, file) in events {
            bell.hear(Ok(Event::new(*kind).add_path(Path::new("/in").join(file))));
        }
        (bell.arrived().into_iter().collect(), bell.lock().look)
    }

    #[test]
    fn only_what_was_moved_in_and_left_alone_has_arrived() {
        let create = EventKind::Create(CreateKind::File);
        let write = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let close = EventKind::Access(AccessKind::Close(AccessMode::Write));
        let (to, from) = (name(RenameMode::To), name(RenameMode::From));
        let a = || vec!["a".to_owned()];
        assert_eq!(after(&[(to, "a")]), (a(), true));
        assert_eq!(after(&[(create, "a"), (write, "a"), (close, "a")]), (vec![], true));
        assert_eq!(after(&[(create, "t"), (from, "t"), (to, "a")]), (a(), true));
        assert_eq!(after(&[(to, "a"), (write, "a")]), (vec![], true));
        assert_eq!(after(&[(to, "a"), (from, "a"), (create, "a")]), (vec![], true));
        let gone = EventKind::Remove(RemoveKind::File);
        assert_eq!(after(&[(to, "a"), (gone, "a"), (create, "a")]), (vec![], true));
    }

    /// They would wake us for ever.
    #[test]
    fn reading_and_writing_on_is_no_reason_to_look() {
        let open = EventKind::Access(AccessKind::Open(AccessMode::Any));
        let write = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        assert_eq!(after(&[(open, ""), (open, "a"), (write, "a")]), (vec![], false));
    }

    #[test]
    fn lost_events_are_a_reason_to_look() {
        let bell = Bell::default();
        bell.hear(Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan)));
        assert!(bell.lock().look);
        let bell = Bell::default();
        bell.hear(Err(notify::Error::generic("lost")));
        bell.wait(Duration::MAX);
        assert!(!bell.lock().look);
    }

    #[test]
    fn a_stop_ends_every_wait() {
        let bell = Bell::default();
        let stop = bell.stop();
        std::thread::scope(|scope| {
            scope.spawn(|| bell.wait(Duration::MAX));
            scope.spawn(|| bell.pause(Duration::MAX));
            stop.stop();
        });
        assert!(bell.is_stopped());
    }
}
