//! Decoders of others on untrusted bytes: a panic there is a bad file.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Whether this thread is inside a decode whose panic is caught and becomes an
/// error: a panic hook need not print it.
pub fn is_guarded() -> bool {
    DEPTH.with(|depth| depth.get() > 0)
}

/// Runs a decoder; what it says, or that it panicked, as text.
pub(crate) fn guarded<T, E: ToString>(decode: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    DEPTH.with(|depth| depth.set(depth.get() + 1));
    let outcome = catch_unwind(AssertUnwindSafe(decode));
    DEPTH.with(|depth| depth.set(depth.get() - 1));
    match outcome {
        Ok(result) => result.map_err(|e| e.to_string()),
        Err(_) => Err("its content makes no sense".into()),
    }
}
