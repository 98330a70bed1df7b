//! Where damaged files go: the quarantine, under the paths they had.

use lake_core::layout;
use lake_store::{Kind, Root, random};

use crate::error::Result;

const DAMAGED: &str = "damaged";

/// Moves a file away, durably. Returns where it is; None: it was gone already.
pub(super) fn move_aside(root: &Root, path: &str) -> Result<Option<String>> {
    let (rel, name) = path.rsplit_once('/').unwrap_or(("", path));
    let place = format!("{}/{DAMAGED}/{rel}", layout::QUARANTINE);
    let from = match root.dir(rel) {
        Err(gone) if gone.kind == Kind::NotFound => return Ok(None),
        dir => dir?,
    };
    let to = root.make_dir(&place)?;
    let mut free = name.to_owned();
    while to.exists(&free)? {
        free = format!("{name}-{:08x}", random::session()? as u32);
    }
    match from.rename(name, &to, &free) {
        Ok(()) => {}
        Err(gone) if gone.kind == Kind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    to.sync()?;
    from.sync()?;
    Ok(Some(format!("{place}/{free}")))
}
