//! A lake's version, mounted for SQL.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use lake_cli::Failure;
use lake_engine::{Engine, Mounted};
use lake_log::{Lake, Snapshot};

use crate::failure::of_engine;
use crate::known;

/// The lake, and who asks it beside its opener: names such as `"bars@42"`, and what is
/// known of it (`lake.files`).
pub(crate) type Shared = Arc<Mutex<Lake>>;

/// Mounts a snapshot, with the versions beside it and what is known of the lake within
/// reach.
pub(crate) fn mount(engine: Engine, lake: Shared, snapshot: Snapshot) -> Result<Mounted, Failure> {
    let root: PathBuf = locked(&lake, |lake| lake.root().path().to_owned());
    let mounted = engine.mount(snapshot, &root).map_err(of_engine)?;
    let (past, known) = (lake.clone(), lake);
    Ok(mounted
        .with_past(Box::new(move |at| locked(&past, |lake| lake.snapshot(at))))
        .with_facts(Box::new(move |name, state| known::fact(name, &known, state))))
}

pub(crate) fn locked<T>(lake: &Shared, ask: impl FnOnce(&mut Lake) -> T) -> T {
    ask(&mut lake.lock().unwrap_or_else(PoisonError::into_inner))
}
