//! What a check found.

use lake_log::LogError;
use lake_store::StoreError;

pub type Checked<T> = Result<T, Broken>;

/// A promise that does not hold.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error("{0}")]
    Promise(String),
    #[error("{0} ({0:?})")]
    Log(#[from] LogError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("{context}: {source}")]
    In { context: String, source: Box<Broken> },
}

impl Broken {
    /// Says where it was found.
    pub fn at(self, context: impl Into<String>) -> Broken {
        Broken::In { context: context.into(), source: Box::new(self) }
    }
}

pub fn ensure(holds: bool, promise: impl FnOnce() -> String) -> Checked<()> {
    if holds { Ok(()) } else { Err(Broken::Promise(promise())) }
}
