//! Where throw-away lakes lie, and copies of them.

use std::io;
use std::path::Path;

use lake_core::layout;
use tempfile::TempDir;

/// A directory in memory where there is one: what is synced here is not what is
/// tested.
pub fn scratch() -> io::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    match tempfile::Builder::new().prefix("lake-").tempdir_in(memory) {
        Ok(dir) => Ok(dir),
        Err(_) => tempfile::tempdir(),
    }
}

/// Copies a lake that nobody writes. Files that are written once are shared.
pub fn clone_lake(from: &Path, to: &Path) -> io::Result<()> {
    clone_below(from, to, Path::new(""))
}

fn clone_below(from: &Path, to: &Path, rel: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to.join(rel))?;
    for entry in std::fs::read_dir(from.join(rel))? {
        let entry = entry?;
        let rel = rel.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            clone_below(from, to, &rel)?;
        } else {
            put(&from.join(&rel), to, &rel)?;
        }
    }
    Ok(())
}

/// Puts a copy of `file` at `rel` beneath `to`.
pub(crate) fn put(file: &Path, to: &Path, rel: &Path) -> io::Result<()> {
    let once = [layout::LOG, layout::CHECKPOINTS, layout::WAREHOUSE];
    if once.iter().any(|dir| rel.starts_with(dir)) {
        std::fs::hard_link(file, to.join(rel))
    } else {
        std::fs::copy(file, to.join(rel)).map(drop)
    }
}
