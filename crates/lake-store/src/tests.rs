//! What the promises of this crate look like from the outside. Those about
//! failing operations are with the fault layer.

pub(crate) mod child;
mod lock;
mod probe;
mod publish;
mod tree;

use tempfile::TempDir;

use crate::Root;

/// A lake's root that goes away with the guard.
pub(crate) fn lake() -> (TempDir, Root) {
    let temp = TempDir::new().unwrap();
    let root = Root::create(&temp.path().join("some/lake")).unwrap();
    (temp, root)
}
