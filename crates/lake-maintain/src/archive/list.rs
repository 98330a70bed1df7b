//! What is in the archive, as the newest state judges it.

use lake_core::archive::{Archive, Standing, standing};
use lake_core::layout;
use lake_core::schema::TableDef;
use lake_core::state::State;
use lake_log::Lake;
use lake_store::{Kind, Root};

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
    let wanted = table.map(|name| table_of(&state, name).map(|t| t.def.id)).transpose()?;
    let mut found = all(lake.root(), &state)?;
    found.retain(|listed| {
        listed.standing == Standing::Archived && wanted.is_none_or(|id| listed.def.id == id)
    });
    Ok(found)
}

/// All lists there are, by table and number.
pub(crate) fn all(root: &Root, state: &State) -> Result<Vec<Listed>> {
    let mut found = Vec::new();
    for table in state.tables() {
        let def = &table.def;
        for seq in seqs(root, &def.name)? {
            let path = format!("{}/{}", layout::archive_dir(&def.name), layout::archive_name(seq));
            // Somebody has just moved it away.
            let Some(bytes) = root.read_opt(&path)? else { continue };
            let archive = Archive::from_bytes(&bytes)
                .map_err(|source| MaintainError::Archive { path, source })?;
            if archive.table == def.id && archive.seq == seq {
                let standing = standing(state, &def.name, seq);
                found.push(Listed { def: def.clone(), archive, standing });
            }
        }
    }
    Ok(found)
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
