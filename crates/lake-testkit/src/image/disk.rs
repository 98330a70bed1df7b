//! The effects of the operations, each durable or not yet.

use std::collections::BTreeMap;
use std::path::Path;

use lake_store::fault::Op;

use super::choice::{Kept, Ways};
use super::strange;
use super::tree::{Dirs, Id, Node, Tree};
use crate::broken::Checked;

/// One thing that reaches the disk by itself.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    Bytes {
        file: Id,
        offset: u64,
        bytes: Vec<u8>,
    },
    /// None: the name is gone.
    Name {
        dir: Id,
        name: String,
        node: Option<Node>,
    },
}

pub(super) struct Disk {
    /// What was there, and was durable, before the recording.
    base: Tree,
    /// In the order in which they were done.
    effects: Vec<(Effect, bool)>,
    /// The names as a running system sees them.
    now: Dirs,
    next: Id,
}

impl Disk {
    pub(super) fn after(base: &Path, ops: &[Op]) -> Checked<Disk> {
        let base = Tree::read(base)?;
        let now = base.dirs.clone();
        let next = base.next;
        let mut disk = Disk { base, effects: Vec::new(), now, next };
        for op in ops {
            disk.run(op).ok_or_else(|| strange(op))?;
        }
        Ok(disk)
    }

    fn run(&mut self, op: &Op) -> Option<()> {
        match op {
            Op::Mkdir { path } => {
                let id = self.next;
                self.next += 1;
                self.now.insert(id, BTreeMap::new());
                self.name(path, Some(Node::Dir(id)))?;
            }
            Op::Rmdir { path } | Op::Unlink { path } => self.name(path, None)?,
            Op::Create { path, ino } => self.name(path, Some(Node::File(*ino)))?,
            Op::Write { ino, offset, bytes } => self.bytes(*ino, *offset, bytes),
            Op::Overwrite { path, offset, bytes } => {
                let file = self.file(path)?;
                self.bytes(file, *offset, bytes);
            }
            Op::SyncFile { ino } => {
                self.sync(|e| matches!(e, Effect::Bytes { file, .. } if file == ino))
            }
            Op::SyncPath { path } => {
                let synced = self.file(path)?;
                self.sync(|e| matches!(e, Effect::Bytes { file, .. } if *file == synced));
            }
            Op::Rename { from, to } => {
                let node = self.look(from)?;
                self.name(to, Some(node))?;
                self.name(from, None)?;
            }
            Op::Link { from, to } => {
                let node = self.look(from)?;
                self.name(to, Some(node))?;
            }
            Op::SyncDir { path } => {
                let Node::Dir(synced) = self.look(path)? else { return None };
                self.sync(|e| matches!(e, Effect::Name { dir, .. } if *dir == synced));
            }
            Op::SyncFs => self.sync(|_| true),
        }
        Some(())
    }

    fn look(&self, path: &Path) -> Option<Node> {
        super::tree::look(&self.now, path)
    }

    fn file(&self, path: &Path) -> Option<Id> {
        match self.look(path)? {
            Node::File(id) => Some(id),
            Node::Dir(_) => None,
        }
    }

    fn name(&mut self, path: &Path, node: Option<Node>) -> Option<()> {
        let Node::Dir(dir) = self.look(path.parent()?)? else { return None };
        let name = path.file_name()?.to_str()?.to_owned();
        let names = self.now.get_mut(&dir)?;
        match node {
            Some(node) => drop(names.insert(name.clone(), node)),
            None => drop(names.remove(&name)?),
        }
        self.effects.push((Effect::Name { dir, name, node }, false));
        Some(())
    }

    fn bytes(&mut self, file: Id, offset: u64, bytes: &[u8]) {
        self.effects.push((Effect::Bytes { file, offset, bytes: bytes.to_vec() }, false));
    }

    fn sync(&mut self, covered: impl Fn(&Effect) -> bool) {
        for (effect, durable) in &mut self.effects {
            *durable |= covered(effect);
        }
    }

    /// The effects that a power cut may undo.
    pub(super) fn pending(&self) -> Vec<Ways> {
        let ways = |effect: &Effect| match effect {
            Effect::Bytes { .. } => Ways::Bytes,
            Effect::Name { .. } => Ways::Name,
        };
        self.effects.iter().filter(|(_, durable)| !durable).map(|(e, _)| ways(e)).collect()
    }

    /// What is on the disk when of the pending effects these were kept.
    pub(super) fn image(&self, kept: &[Kept]) -> Tree {
        let mut tree = self.base.clone();
        for (effect, kept) in self.with(kept) {
            match (effect, kept) {
                (_, Kept::Lost) => {}
                (Effect::Bytes { file, offset, bytes }, kept) => {
                    tree.write(*file, *offset, bytes, kept == Kept::Half);
                }
                (Effect::Name { dir, name, node }, _) => tree.name(*dir, name, *node),
            }
        }
        tree
    }

    fn with<'a>(&'a self, kept: &'a [Kept]) -> impl Iterator<Item = (&'a Effect, Kept)> {
        let mut kept = kept.iter();
        self.effects.iter().map(move |(effect, durable)| match durable {
            true => (effect, Kept::Whole),
            false => (effect, kept.next().copied().unwrap_or(Kept::Lost)),
        })
    }

    /// For people: the pending effects and what became of each.
    pub(super) fn told(&self, kept: &[Kept]) -> Vec<String> {
        let tell = |effect: &Effect| match effect {
            Effect::Bytes { file, bytes, .. } => format!("{} bytes of {file}", bytes.len()),
            Effect::Name { name, node: Some(_), .. } => format!("name {name}"),
            Effect::Name { name, node: None, .. } => format!("unlink of {name}"),
        };
        let pending = self.effects.iter().filter(|(_, durable)| !durable);
        pending.zip(kept).map(|((e, _), k)| format!("{}: {k:?}", tell(e))).collect()
    }
}
