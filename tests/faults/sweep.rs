//! Something goes wrong at the n-th operation, for every n until nothing does.

use std::fmt;
use std::path::Path;

use lake_core::kind::Kind;
use lake_log::LogError;
use lake_store::fault::{Mode, Plan, arm_at, arm_here};
use lake_testkit::{Checked, clone_lake, ensure, scratch};

use crate::market::Tried;

const EIO: i32 = 5;
const EMFILE: i32 = 24;
const ENOSPC: i32 = 28;

/// One fault: what, and at which operation.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    plan: Plan,
}

impl Fault {
    /// Whether the process is as if it had died: what its calls return then,
    /// nobody hears.
    pub(crate) fn is_death(&self) -> bool {
        matches!(self.plan.mode, Mode::Stop | Mode::Tear)
    }

    /// The kind that a failure must have when nothing was done.
    fn kind(&self) -> Kind {
        match self.plan.mode {
            Mode::Fail(ENOSPC) => Kind::DiskFull,
            _ => Kind::Denied,
        }
    }

    /// Whether an error says truly that nothing was done, in the right words.
    pub(crate) fn nothing_was_done(&self, error: &LogError) -> Checked<bool> {
        self.says_nothing(error.kind(), error)
    }

    /// The same of an error of any crate.
    pub(crate) fn says_nothing(&self, kind: Kind, error: &dyn fmt::Debug) -> Checked<bool> {
        if self.is_death() || kind == Kind::Unknown {
            return Ok(false);
        }
        ensure(kind == self.kind(), || format!("an error of another kind: {error:?}"))?;
        Ok(true)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sticky = if self.plan.sticky { " and all later" } else { "" };
        write!(f, "{:?} at operation {}{sticky}", self.plan.mode, self.plan.at)
    }
}

fn modes() -> impl Iterator<Item = Plan> {
    let once = [
        Mode::Fail(EIO),
        Mode::Fail(ENOSPC),
        Mode::Fail(EMFILE),
        Mode::FailAfter(EIO),
        Mode::Tear,
        Mode::Stop,
    ];
    let sticky = Plan { sticky: true, ..Plan::nth(1, Mode::Fail(EIO)) };
    once.into_iter().map(|mode| Plan::nth(1, mode)).chain([sticky])
}

/// What changes the disk: of dying before anything else nobody sees a trace.
const CHANGES: [&str; 18] = [
    "allocate",
    "close",
    "create",
    "create_root",
    "link",
    "mkdir",
    "overwrite",
    "remove_dir",
    "rename",
    "replace",
    "sync_dir",
    "sync_file",
    "sync_fs",
    "sync_slot",
    "unlink",
    "write",
    "write_hint",
    "lock",
];

/// Calls `act` on a fresh copy of a place with lakes, with every fault at every operation
/// of whatever thread, and `check` on what is left. Returns the number of faults.
pub(crate) fn sweep_all(
    place: &Path,
    act: impl Fn(&Path) -> Tried<()>,
    check: impl Fn(&Fault, &Path, Tried<()>) -> Checked<()>,
) -> usize {
    // What differs little from another mode is tried at every third, unless there is time.
    let third = if std::env::var_os("LAKE_SOAK_SECONDS").is_some() { 1 } else { 3 };
    let modes = [
        (Plan::nth(1, Mode::Fail(EIO)), 1),
        (Plan::nth(1, Mode::Fail(ENOSPC)).only(&CHANGES), third),
        (Plan::nth(1, Mode::FailAfter(EIO)).only(&CHANGES), third),
        (Plan::nth(1, Mode::Tear).only(&["write", "overwrite"]), 1),
        (Plan::nth(1, Mode::Stop).only(&CHANGES), 1),
    ];
    let mut faults = 0;
    for (mode, step) in modes {
        for n in (1..).step_by(step) {
            let copy = scratch().unwrap();
            clone_lake(place, copy.path()).unwrap();
            let fault = Fault { plan: Plan { at: n, ..mode.clone() } };
            let armed = arm_at(copy.path(), fault.plan.clone());
            let outcome = act(copy.path());
            let fired = armed.fired();
            drop(armed);
            assert!(fired || outcome.is_ok(), "without a fault: {:?}", outcome.err());
            if let Err(broken) = check(&fault, copy.path(), outcome) {
                panic!("{fault}: {broken}");
            }
            if !fired {
                break;
            }
            faults += 1;
        }
    }
    faults
}

/// Calls `act` on what `open` makes of a fresh copy of `lake`, with every fault at
/// every operation, and `check` on what is left. Returns the number of faults.
pub(crate) fn sweep<S, T>(
    lake: impl AsRef<Path>,
    open: impl Fn(&Path) -> S,
    act: impl Fn(S) -> Result<T, LogError>,
    check: impl Fn(&Fault, &Path, Result<T, LogError>) -> Checked<()>,
) -> usize {
    let place = scratch().unwrap();
    let path = place.path().join("lake");
    let mut faults = 0;
    for mode in modes() {
        for n in 1.. {
            clone_lake(lake.as_ref(), &path).unwrap();
            let subject = open(&path);
            let fault = Fault { plan: Plan { at: n, ..mode.clone() } };
            // The subject is dropped while the fault lasts: the dead tidy nothing up.
            let armed = arm_here(fault.plan.clone());
            let outcome = act(subject);
            let fired = armed.fired();
            drop(armed);
            assert!(fired || outcome.is_ok(), "without a fault: {:?}", outcome.err());
            if let Err(broken) = check(&fault, &path, outcome) {
                panic!("{fault}: {broken}");
            }
            std::fs::remove_dir_all(&path).unwrap();
            if !fired {
                break;
            }
            faults += 1;
        }
    }
    faults
}
