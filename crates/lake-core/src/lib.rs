//! Values of the lake: names, schemas, segments, edits, snapshots and their
//! bytes. No I/O, no arrow, no clock.
//!
//! `symbol`, `types`, `schema`, `value`, `segment`, `census` are what a lake is about;
//! `edit` -> `entry` -> `state` is how it changes; `codec`, `frame`,
//! `checkpoint`, `lakefile` are the bytes, as FORMAT.md tells them; `layout` is
//! the only place where a path is spelled; `invariants` are the rules.

pub mod archive;
pub mod census;
pub mod checkpoint;
pub mod codec;
pub mod edit;
pub mod entry;
pub mod frame;
pub mod id;
pub mod invariants;
pub mod kind;
pub mod lakefile;
pub mod layout;
pub mod mask;
pub mod producers;
pub mod salvage;
pub mod schema;
pub mod segment;
pub mod sqltype;
pub mod state;
pub mod symbol;
pub mod types;
pub mod value;
mod widen;

#[cfg(test)]
mod tests;
