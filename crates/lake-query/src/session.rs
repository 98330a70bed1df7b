//! A lake's version, mounted for SQL.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use lake_cli::Failure;
use lake_engine::{Engine, Mounted};
use lake_log::{Lake, Snapshot};

use crate::failure::of_engine;
use crate::known;

/// Mounts a snapshot, with the versions beside it (`"bars@42"`) and what is known of
/// the lake (`lake.files`) within reach.
pub(crate) fn mount(engine: Engine, lake: Lake, snapshot: Snapshot) -> Result<Mounted, Failure> {
    let root: PathBuf = lake.root().path().to_owned();
    let state = snapshot.state().clone();
    let mounted = engine.mount(snapshot, &root).map_err(of_engine)?;
    let lake = Arc::new(Mutex::new(lake));
    let (past, known) = (lake.clone(), lake);
    Ok(mounted
        .with_past(Box::new(move |at| {
            past.lock().unwrap_or_else(PoisonError::into_inner).snapshot(at)
        }))
        .with_facts(Box::new(move |name| known::fact(name, &known, &state))))
}
