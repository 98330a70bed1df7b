//! Randomness from the kernel: names that no other process can produce, and
//! waits that do not march in step.

use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::rand::{GetRandomFlags, getrandom};

use crate::error::Result;
use crate::step::{At, look};

/// The name of a session: 62 random bits, so that it also fits a lock's offset.
pub fn session() -> Result<u64> {
    let at = At { root: Path::new("session"), dir: "", name: "" };
    Ok(look("random", &at, bits)? >> 2)
}

/// Between nothing and `most`. No randomness means no jitter, not a failure.
pub fn jitter(most: Duration) -> Duration {
    let share = bits().map_or(1.0, |b| (b >> 11) as f64 / (1u64 << 53) as f64);
    Duration::try_from_secs_f64(most.as_secs_f64() * share).map_or(most, |d| d.min(most))
}

fn bits() -> io::Result<u64> {
    let mut bytes = [0u8; 8];
    // Requests of up to 256 bytes are never cut short once the pool is ready.
    if getrandom(&mut bytes, GetRandomFlags::empty())? < bytes.len() {
        return Err(io::ErrorKind::Interrupted.into());
    }
    Ok(u64::from_ne_bytes(bytes))
}
