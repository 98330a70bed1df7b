//! What is in the archive, as the newest state judges it.

use std::collections::BTreeSet;

use lake_core::archive::{Archive, Standing, standing, standings};
use lake_core::entry::BadFile;
use lake_core::layout;
use lake_core::schema::{TableDef, check_table_name};
use lake_core::state::State;
use lake_log::Lake;
use lake_store::{Entry, Kind, Root};

use crate::error::{MaintainError, Result};
use crate::retain::table_of;

/// One list of files, and what the state says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub def: TableDef,
    pub archive: Archive,
    pub standing: Standing,
}

/// The archives of a table, or of all, that hold rows which are nowhere else.
pub fn list(lake: &mut Lake, table: Option<&str>) -> Result<Vec<Listed>> {
    let state = lake.refresh()?.clone();
    let wanted = table.map(|name| table_of(&state, name).map(|t| &t.def.name)).transpose()?;
    let mut lying = lying(lake.root())?;
    lying.retain(|one| wanted.is_none_or(|name| one.table == *name));
    let mut found = listed(whole(lying)?, &state);
    found.retain(|listed| listed.standing == Standing::Archived);
    Ok(found)
}

fn whole(lying: Vec<Lying>) -> Result<Vec<Lying>> {
    let whole = |one: Lying| match one.archive {
        Ok(_) => Ok(one),
        Err(source) => Err(MaintainError::Archive { path: one.path, source }),
    };
    lying.into_iter().map(whole).collect()
}

/// All lists of the state's tables, by table and number.
pub(crate) fn all(root: &Root, state: &State) -> Result<Vec<Listed>> {
    Ok(listed(whole(lying(root)?)?, state))
}

/// The same without those that are damaged.
pub(crate) fn legible(root: &Root, state: &State) -> Result<Vec<Listed>> {
    Ok(listed(lying(root)?, state))
}

pub(crate) fn listed(lying: Vec<Lying>, state: &State) -> Vec<Listed> {
    let one = |lying: Lying| {
        let def = &state.table(&lying.table).filter(|t| t.def.name == lying.table)?.def;
        let archive = lying.archive.ok()?;
        let standing = standing(state, &def.name, archive.seq);
        (archive.table == def.id).then(|| Listed { def: def.clone(), archive, standing })
    };
    lying.into_iter().filter_map(one).collect()
}

/// A list that lies in a table's directory, whether or not there is such a table.
#[derive(Debug)]
pub(crate) struct Lying {
    pub(crate) table: String,
    pub(crate) path: String,
    pub(crate) archive: std::result::Result<Archive, BadFile>,
}

pub(crate) fn lying(root: &Root) -> Result<Vec<Lying>> {
    let dir = match root.dir(layout::ARCHIVE) {
        Err(none) if none.kind == Kind::NotFound => return Ok(Vec::new()),
        dir => dir?,
    };
    let ours =
        |entry: &Entry| entry.is_dir && !entry.lossy && check_table_name(&entry.name).is_ok();
    let mut tables: Vec<String> =
        dir.list()?.into_iter().filter(ours).map(|entry| entry.name).collect();
    tables.sort_unstable();
    let mut found = Vec::new();
    for table in tables {
        for seq in seqs(root, &table)? {
            let path = format!("{}/{}", layout::archive_dir(&table), layout::archive_name(seq));
            // Somebody has just moved it away.
            let Some(bytes) = root.read_opt(&path)? else { continue };
            let archive = Archive::from_bytes(&bytes);
            // Another's name counts for nothing.
            if archive.as_ref().is_ok_and(|archive| archive.seq != seq) {
                continue;
            }
            found.push(Lying { table: table.clone(), path, archive });
        }
    }
    Ok(found)
}

/// Archives of the state that are not listed.
pub(crate) fn gone(state: &State, listed: &[Listed]) -> Vec<(String, u64)> {
    let mut gone = Vec::new();
    for table in state.tables() {
        let own = listed.iter().filter(|l| l.def.id == table.def.id);
        let there: BTreeSet<u64> = own.map(|l| l.archive.seq).collect();
        for (seq, standing) in standings(state, &table.def.name) {
            if standing == Standing::Archived && !there.contains(&seq) {
                gone.push((table.def.name.clone(), seq));
            }
        }
    }
    gone
}

/// The numbers of a table's lists, in order.
pub(super) fn seqs(root: &Root, table: &str) -> Result<Vec<u64>> {
    let dir = match root.dir(&layout::archive_dir(table)) {
        Err(none) if none.kind == Kind::NotFound => return Ok(Vec::new()),
        dir => dir?,
    };
    let entries = dir.list()?.into_iter().filter(|entry| !entry.is_dir && !entry.lossy);
    let mut seqs: Vec<u64> =
        entries.filter_map(|entry| layout::parse_archive(&entry.name)).collect();
    seqs.sort_unstable();
    Ok(seqs)
}

impl Listed {
    /// The paths of its files and, last, of itself.
    pub(crate) fn paths(&self) -> Vec<String> {
        let (def, archive) = (&self.def, &self.archive);
        let files = archive.files.iter().map(|(part, file)| Archive::path(def, part, file));
        let dir = layout::archive_dir(&def.name);
        let own = format!("{dir}/{}", layout::archive_name(archive.seq));
        files.chain([own]).collect()
    }
}
