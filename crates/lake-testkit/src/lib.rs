//! What the suites of faults and processes share: a workload whose files prove
//! themselves, an audit that believes nothing but the disk, and the images that a
//! power cut may leave.

#![allow(clippy::disallowed_methods, reason = "a test looks at the disk by itself")]

mod audit;
mod broken;
mod image;
mod place;
mod workload;

pub use audit::{Audit, Depth, audit, audit_to};
pub use broken::{Broken, Checked, ensure};
pub use image::{Budget, Cut, Recorder, Recording, Tally};
pub use place::{clone_lake, scratch};
pub use workload::{TABLE, Workload, content, create, part, sequence};
