//! What this process is called, for people to read; nothing is decided by it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

pub fn pid() -> u32 {
    std::process::id()
}

pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Raises the soft limit of open files to the hard one, and says what it is now.
/// A system that refuses keeps its limit; running out of files is a typed error.
pub fn raise_file_limit() -> u64 {
    let now = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: now.maximum, maximum: now.maximum };
    let reached = match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => now.maximum,
        Err(_) => now.current,
    };
    reached.unwrap_or(u64::MAX)
}
