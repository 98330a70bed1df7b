//! The two programs with the fault layer armed by `LAKE_FAULT`, such as
//! `kill@17` or `fail:ENOSPC@3:write`. The shipped binaries have no such layer.

use std::process::ExitCode;

/// Arms what `LAKE_FAULT` asks for. A plan that cannot be read is a defect of the
/// test: exit 99, which is nobody's exit code.
#[allow(clippy::disallowed_methods, reason = "only a twin's environment says what fails")]
pub fn arm() -> Option<ExitCode> {
    let text = std::env::var("LAKE_FAULT").ok()?;
    match lake_store::fault::parse(&text) {
        Ok(plan) => {
            lake_store::fault::arm(plan);
            None
        }
        Err(_) => Some(ExitCode::from(99)),
    }
}
