//! Directories and files as a disk holds them, and their way back onto one.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::place::put;

/// Of files made while recording it is the recorder's number.
pub(super) type Id = u64;
const FIRST: Id = 1 << 40;
const ROOT: Id = FIRST;

pub(super) type Dirs = BTreeMap<Id, BTreeMap<String, Node>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    Dir(Id),
    File(Id),
}

#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) dirs: Dirs,
    pub(super) next: Id,
    /// Files from before the recording, as they were.
    old: Arc<BTreeMap<Id, PathBuf>>,
    /// Files with bytes of the recording.
    new: BTreeMap<Id, Vec<u8>>,
}

pub(super) fn look(dirs: &Dirs, path: &Path) -> Option<Node> {
    let mut at = Node::Dir(ROOT);
    for part in path.components() {
        let (Component::Normal(name), Node::Dir(id)) = (part, at) else { return None };
        at = *dirs.get(&id)?.get(name.to_str()?)?;
    }
    Some(at)
}

impl Tree {
    pub(super) fn read(base: &Path) -> io::Result<Tree> {
        let mut tree = Tree {
            dirs: BTreeMap::new(),
            next: ROOT + 1,
            old: Arc::default(),
            new: BTreeMap::new(),
        };
        let mut old = BTreeMap::new();
        let mut open = vec![(ROOT, base.to_owned())];
        while let Some((dir, path)) = open.pop() {
            let mut names = BTreeMap::new();
            for entry in std::fs::read_dir(&path)? {
                let entry = entry?;
                let id = tree.next;
                tree.next += 1;
                let name = entry.file_name().to_string_lossy().into_owned();
                if entry.file_type()?.is_dir() {
                    open.push((id, entry.path()));
                    names.insert(name, Node::Dir(id));
                } else {
                    old.insert(id, entry.path());
                    names.insert(name, Node::File(id));
                }
            }
            tree.dirs.insert(dir, names);
        }
        tree.old = Arc::new(old);
        Ok(tree)
    }

    pub(super) fn name(&mut self, dir: Id, name: &str, node: Option<Node>) {
        let names = self.dirs.entry(dir).or_default();
        match node {
            Some(node) => drop(names.insert(name.to_owned(), node)),
            None => drop(names.remove(name)),
        }
    }

    /// In half: the first half of the bytes is there. A file that grew has its
    /// length all the same, with zeros behind.
    pub(super) fn write(&mut self, file: Id, offset: u64, bytes: &[u8], half: bool) {
        let before = self.old.get(&file).and_then(|path| std::fs::read(path).ok());
        let content = self.new.entry(file).or_insert_with(|| before.unwrap_or_default());
        let (begin, end) = (offset as usize, offset as usize + bytes.len());
        if content.len() < end {
            content.resize(end, 0);
        }
        let end = if half { begin + bytes.len() / 2 } else { end };
        content[begin..end].copy_from_slice(&bytes[..end - begin]);
    }

    /// Every path that leads somewhere.
    fn paths(&self) -> Vec<(PathBuf, Node)> {
        let mut paths = Vec::new();
        let mut open = vec![(ROOT, PathBuf::new())];
        while let Some((dir, path)) = open.pop() {
            for (name, node) in self.dirs.get(&dir).into_iter().flatten() {
                let path = path.join(name);
                if let Node::Dir(id) = node {
                    open.push((*id, path.clone()));
                }
                paths.push((path, *node));
            }
        }
        paths
    }

    pub(super) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (path, node) in self.paths() {
            path.hash(&mut hasher);
            match node {
                Node::Dir(_) => 0.hash(&mut hasher),
                Node::File(id) => match self.new.get(&id) {
                    Some(bytes) => bytes.hash(&mut hasher),
                    None => self.old.get(&id).hash(&mut hasher),
                },
            }
        }
        hasher.finish()
    }

    pub(super) fn build(&self, to: &Path) -> io::Result<()> {
        std::fs::create_dir_all(to)?;
        for (rel, node) in self.paths() {
            match node {
                Node::Dir(_) => std::fs::create_dir(to.join(rel))?,
                Node::File(id) => match (self.new.get(&id), self.old.get(&id)) {
                    (Some(bytes), _) => std::fs::write(to.join(rel), bytes)?,
                    (None, Some(path)) => put(path, to, &rel)?,
                    (None, None) => std::fs::write(to.join(rel), [])?,
                },
            }
        }
        Ok(())
    }
}
