//! A state that no entry tells: what could be learnt from the files of a lake that has
//! lost its log. The new log begins with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::edit::ProducerSeq;
use crate::id::Version;
use crate::invariants::{Rule, check_state};
use crate::producers::Producers;
use crate::state::{State, Table};

/// What was learnt.
#[derive(Clone, Debug, Default)]
pub struct Salvage {
    /// Beyond every version that a file names.
    pub version: Version,
    pub at_us: i64,
    pub tables: Vec<Table>,
    /// A new table's number is at least this one.
    pub next_table: u32,
    /// In the order of their commits, as far as it is known.
    pub producers: Vec<ProducerSeq>,
}

impl Salvage {
    /// The first state of a log of the lake with this id.
    pub fn into_state(self, lake_id: &str) -> Result<State, Rule> {
        let mut producers = Producers::default();
        for key in &self.producers {
            if !producers.contains(key) {
                producers.insert(key, self.version, &[]);
            }
        }
        let mut state = State::empty(lake_id);
        state.version = self.version;
        state.floor = self.version;
        state.at_us = self.at_us;
        state.producers = Arc::new(producers);
        let after = self.tables.iter().map(|t| t.def.id.0.saturating_add(1));
        state.next_table = after.max().unwrap_or(1).max(self.next_table);
        state.live = self.tables.iter().map(|t| t.segment_count() as u64).sum();
        state.changes = state.live;
        let tables = self.tables.into_iter().map(|table| (table.def.id, Arc::new(table)));
        state.tables = tables.collect::<BTreeMap<_, _>>();
        state.forget_recent();
        check_state(&state)?;
        Ok(state)
    }
}
