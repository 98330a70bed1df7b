//! A new table, as one commit.

use lake_core::edit::{Action, Cause};
use lake_core::id::Version;
use lake_core::schema::TableDef;
use lake_core::state::Conflict;
use lake_log::{Lake, Outcome};

use crate::error::{IngestError, Result};

const TRIES: u32 = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Creation {
    Created(Version),
    /// It was there, just so.
    Unchanged(Version),
}

/// Creates a table, unless it is there with the same settings.
pub fn create_table(lake: &mut Lake, def: &TableDef) -> Result<Creation> {
    let mut tries = 1;
    loop {
        let draft = lake.begin()?;
        if let Some(there) = draft.state.table(&def.name) {
            return match is_same(&there.def, def) {
                true => Ok(Creation::Unchanged(draft.state.version)),
                false => Err(IngestError::OtherTable(there.def.name.clone())),
            };
        }
        let mut def = def.clone();
        def.id.0 = draft.state.next_table;
        let mut txn = draft.transaction(Cause::Create);
        txn.actions.push(Action::CreateTable(def));
        match lake.commit(txn)? {
            Outcome::Committed { version, .. } | Outcome::Duplicate { version, .. } => {
                return Ok(Creation::Created(version));
            }
            Outcome::Conflict(Conflict::TableExists(_) | Conflict::TableNumber)
                if tries < TRIES =>
            {
                tries += 1;
            }
            Outcome::Conflict(source) => return Err(IngestError::Conflict { tries, source }),
        }
    }
}

/// Whether a table is what it would be had it been created today.
fn is_same(there: &TableDef, wanted: &TableDef) -> bool {
    there.name == wanted.name
        && there.partition_by == wanted.partition_by
        && there.key == wanted.key
        && there.order_by == wanted.order_by
        && there.schema().fields == wanted.schema().fields
}
