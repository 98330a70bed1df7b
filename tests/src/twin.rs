//! The two programs with the fault layer armed by `LAKE_FAULT`, such as
//! `kill@17` or `fail:ENOSPC@3:write`, and a rule broken by `LAKE_MUTANT`. The shipped
//! binaries have no such layer.

use std::process::ExitCode;

use lake_store::fault;

/// Arms what `LAKE_FAULT` asks for. A plan that cannot be read is a defect of the
/// test: exit 99, which is nobody's exit code.
#[allow(clippy::disallowed_methods, reason = "only a twin's environment says what fails")]
pub fn arm() -> Option<ExitCode> {
    if let Ok(name) = std::env::var("LAKE_MUTANT") {
        fault::mutate(fault::Mutant::parse(&name));
    }
    let text = std::env::var("LAKE_FAULT").ok()?;
    match fault::parse(&text) {
        Ok(plan) => {
            fault::arm(plan);
            None
        }
        Err(_) => Some(ExitCode::from(99)),
    }
}
