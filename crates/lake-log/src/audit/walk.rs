//! The fold that does not stop.

use std::sync::Arc;

use lake_core::checkpoint;
use lake_core::entry::Entry;
use lake_core::id::Version;
use lake_core::invariants::check_state;
use lake_core::lakefile::LakeFile;
use lake_core::layout;
use lake_core::state::State;
use lake_store::Root;

use super::flaw::{Flaw, entry_path};
use super::{Listed, Witness};
use crate::boundary::Slots;
use crate::error::{LogError, Result};

pub(super) struct Walk<'a> {
    root: &'a Root,
    lake: &'a LakeFile,
    head: Version,
    pub(super) listed: Listed,
    pub(super) flaws: Vec<Flaw>,
    pub(super) leftover: Option<Version>,
}

/// How a version's entry stands.
enum Found {
    Missing,
    Whole(Box<Entry>, u64),
    Broken(String),
}

/// How a checkpoint stands.
enum Image {
    /// Thinned out meanwhile.
    Gone,
    Whole(Box<State>),
    Broken(String),
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        root: &'a Root,
        lake: &'a LakeFile,
        listed: Listed,
        head: Version,
    ) -> Walk<'a> {
        Walk { root, lake, head, listed, flaws: Vec::new(), leftover: None }
    }

    pub(super) fn run(&mut self, slots: Slots, witness: &mut dyn Witness) -> Result<Arc<State>> {
        let mut state = Arc::new(self.start(slots.boundary)?);
        witness.begin(&state);
        while let Some(why) = self.follow(&mut state, witness)? {
            let version = state.version + 1;
            let Some(next) = self.resume(version)? else {
                match self.is_acknowledged(version)? {
                    true => self.flaws.push(Flaw::Entry { version, why, next: None }),
                    false => self.leftover = Some(version),
                }
                break;
            };
            let at = Some(next.version);
            self.flaws.push(Flaw::Entry { version, why, next: at });
            state = Arc::new(next);
            self.judge(&state);
            witness.begin(&state);
        }
        self.judge(&state);
        self.judge_beyond(state.version)?;
        self.judge_spent(slots.boundary)?;
        let acknowledged = self.head.max(slots.boundary).max(slots.floor);
        if acknowledged > state.version && !self.stops_at(state.version + 1) {
            self.flaws.push(Flaw::End { acknowledged, newest: state.version });
        }
        Ok(state)
    }

    /// Where the fold begins: at the boundary, if a checkpoint tells that state.
    fn start(&mut self, boundary: Version) -> Result<State> {
        let below: Vec<Version> =
            self.listed.checkpoints.range(..=boundary).rev().copied().collect();
        for version in below {
            match self.image(version)? {
                Image::Whole(state) => return Ok(*state),
                Image::Gone => {}
                Image::Broken(why) => {
                    // Below the boundary it is on its way out.
                    let spare = version < boundary;
                    self.flaws.push(Flaw::Checkpoint { version, why, spare });
                    self.listed.checkpoints.remove(&version);
                }
            }
        }
        Ok(State::empty(&self.lake.id))
    }

    /// Applies entries until there are none; what stops it is why the next is none.
    fn follow(
        &mut self,
        state: &mut Arc<State>,
        witness: &mut dyn Witness,
    ) -> Result<Option<String>> {
        let base = state.clone();
        loop {
            let next = state.version + 1;
            let (entry, hash) = match self.entry(next)? {
                Found::Whole(entry, hash) => (entry, hash),
                Found::Broken(why) => return Ok(Some(why)),
                Found::Missing => {
                    let more = self.listed.entries.range(next..).next().is_some()
                        || self.listed.checkpoints.range(next..).next().is_some();
                    return Ok(more.then(|| MISSING.to_owned()));
                }
            };
            if entry.version != next {
                return Ok(Some(format!("it is the entry of version {}", entry.version)));
            }
            if entry.previous != state.hash {
                return Ok(Some("it does not continue the entry before it".to_owned()));
            }
            witness.before(state, &entry);
            if let Err(why) = Arc::make_mut(state).apply(&entry, hash) {
                // It is half changed.
                *state = self.again(base, next - 1)?;
                return Ok(Some(why.to_string()));
            }
            witness.after(state, &entry);
            if self.listed.checkpoints.contains(&next) {
                self.compare(state)?;
            }
        }
    }

    /// The state of `version`, by entries that were applied once already.
    fn again(&self, mut state: Arc<State>, version: Version) -> Result<Arc<State>> {
        while state.version < version {
            let next = state.version + 1;
            let Found::Whole(entry, hash) = self.entry(next)? else {
                return Err(LogError::Gap { missing: next });
            };
            let applied = Arc::make_mut(&mut state).apply(&entry, hash);
            applied.map_err(|source| LogError::Chain { version: next, source })?;
        }
        Ok(state)
    }

    fn entry(&self, version: Version) -> Result<Found> {
        let Some(bytes) = self.root.read_opt(&entry_path(version))? else {
            return Ok(Found::Missing);
        };
        Ok(match Entry::from_bytes(&bytes) {
            Ok((entry, hash)) => Found::Whole(Box::new(entry), hash),
            Err(source) if source.is_newer() => return Err(LogError::Entry { version, source }),
            Err(why) => Found::Broken(why.to_string()),
        })
    }

    fn image(&self, version: Version) -> Result<Image> {
        let path = format!("{}/{}", layout::CHECKPOINTS, layout::checkpoint_name(version));
        let Some(bytes) = self.root.read_opt(&path)? else { return Ok(Image::Gone) };
        Ok(match checkpoint::from_bytes(&bytes) {
            Ok(state) if state.version != version => {
                Image::Broken(format!("it is the checkpoint of version {}", state.version))
            }
            Ok(state) => match check_state(&state) {
                Ok(()) => Image::Whole(Box::new(state)),
                Err(rule) => Image::Broken(format!("it breaks rule {rule}")),
            },
            Err(source) if source.is_newer() => return Err(LogError::Entry { version, source }),
            Err(why) => Image::Broken(why.to_string()),
        })
    }

    /// That a checkpoint says what the fold says.
    fn compare(&mut self, state: &State) -> Result<()> {
        let version = state.version;
        let why = match self.image(version)? {
            Image::Gone => return Ok(()),
            Image::Broken(why) => why,
            Image::Whole(told) if checkpoint::to_bytes(&told) == checkpoint::to_bytes(state) => {
                return Ok(());
            }
            Image::Whole(_) => "it tells another state than the entries before it".to_owned(),
        };
        self.flaws.push(Flaw::Checkpoint { version, why, spare: true });
        Ok(())
    }

    /// The first state from `version` on that a whole checkpoint tells.
    fn resume(&mut self, version: Version) -> Result<Option<State>> {
        let later: Vec<Version> = self.listed.checkpoints.range(version..).copied().collect();
        for version in later {
            match self.image(version)? {
                Image::Whole(state) => return Ok(Some(*state)),
                Image::Gone => {}
                Image::Broken(why) => {
                    self.flaws.push(Flaw::Checkpoint { version, why, spare: false });
                    self.listed.checkpoints.remove(&version);
                }
            }
        }
        Ok(None)
    }

    /// Whether somebody may have been told that a version is committed, or has read it.
    fn is_acknowledged(&self, version: Version) -> Result<bool> {
        Ok(self.head >= version || matches!(self.entry(version + 1)?, Found::Whole(..)))
    }

    fn judge(&mut self, state: &State) {
        if let Err(rule) = check_state(state) {
            self.flaws.push(Flaw::Rule { version: state.version, rule });
        }
    }

    /// Checkpoints beyond the end, which nothing leads to.
    fn judge_beyond(&mut self, end: Version) -> Result<()> {
        let beyond: Vec<Version> = self.listed.checkpoints.range(end + 1..).copied().collect();
        for version in beyond {
            if let Image::Broken(why) = self.image(version)? {
                self.flaws.push(Flaw::Checkpoint { version, why, spare: false });
            }
        }
        Ok(())
    }

    /// What nobody reads any more and truncation has not removed yet. It may be gone by
    /// now, but not damaged.
    fn judge_spent(&mut self, boundary: Version) -> Result<()> {
        let spent: Vec<Version> = self.listed.entries.range(..=boundary).copied().collect();
        for version in spent {
            let why = match self.entry(version)? {
                Found::Broken(why) => why,
                Found::Whole(entry, _) if entry.version != version => {
                    format!("it is the entry of version {}", entry.version)
                }
                _ => continue,
            };
            if !self.stops_at(version) {
                self.flaws.push(Flaw::Spent { version, why });
            }
        }
        Ok(())
    }

    fn stops_at(&self, version: Version) -> bool {
        let stops = |flaw: &Flaw| matches!(flaw, Flaw::Entry { version: v, .. } if *v == version);
        self.flaws.iter().any(stops)
    }
}

const MISSING: &str = "it is missing";
