//! Merges what the policy says, a unit at a time: each is one commit, and what was
//! committed stands whatever becomes of the rest.
//!
//! A unit is guarded by a lock on the byte of what it merges, so that several
//! compactors share the work and none does what another is doing. The lock is there to
//! save work, not rows: the commit removes the inputs and adds what they were merged
//! to, and it is refused when one of the inputs is gone or has lost rows meanwhile.

use lake_core::id::Version;
use lake_core::state::{Conflict, State, Table};
use lake_log::{Access, Lake};
use lake_store::{Deadline, Stopwatch};

use crate::error::{MaintainError, Result};
use crate::policy::{self, Form, Policy, Stay, Step};

mod cuts;
mod damage;
mod evidence;
mod levels;
mod merging;
mod proof;
#[cfg(test)]
mod tests;
mod touches;
mod unit;

pub use damage::{Damage, damaged};
pub use evidence::unproven;
pub use unit::Counts;

/// So often what was merged may change under a run before it leaves that to the next.
const CONFLICTS: u32 = 8;
/// Steps of single symbols that make one commit.
const TOGETHER: usize = 64;

#[derive(Clone, Debug)]
pub struct CompactOptions {
    pub policy: Policy,
    /// What merging may take, about.
    pub memory: usize,
    /// No unit begins after it.
    pub deadline: Deadline,
}

/// Who looks on while it runs. Called from many threads.
pub trait Watch: Sync {
    /// So many rows more are to be merged.
    fn due(&self, _rows: u64) {}

    /// So many more are. False ends it here; what is committed stands.
    fn merged(&self, _rows: u64) -> bool {
        true
    }
}

/// Nobody.
impl Watch for () {}

/// Why a unit was not merged. The next run looks again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// Another compactor is at it.
    Busy,
    /// Somebody changed what was being merged.
    Conflict(Conflict),
    /// A segment is not what the log says it is.
    Damaged { path: String, why: String },
    /// The time was up.
    Late,
}

/// What a run has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    pub version: Version,
    pub units: u64,
    pub counts: Counts,
    /// By table, what is left undone.
    pub left: Vec<(String, Left)>,
    pub elapsed_ms: u64,
}

/// What would be done now: by table, the steps.
pub fn plan(state: &State, tables: &[String], policy: &Policy) -> Result<Vec<(String, Step)>> {
    let mut all = Vec::new();
    for table in chosen(state, tables)? {
        let steps = policy::plan(table, policy, &Stay::default());
        all.extend(steps.into_iter().map(|step| (table.def.name.clone(), step)));
    }
    Ok(all)
}

fn chosen<'s>(state: &'s State, tables: &[String]) -> Result<Vec<&'s Table>> {
    if tables.is_empty() {
        return Ok(state.tables().collect());
    }
    let find =
        |name: &String| state.table(name).ok_or_else(|| MaintainError::NoTable(name.clone()));
    tables.iter().map(find).collect()
}

/// Merges what is worth it in these tables; none named: in all.
pub fn compact(
    lake: &mut Lake,
    tables: &[String],
    options: &CompactOptions,
    watch: &dyn Watch,
) -> Result<Compacted> {
    let clock = Stopwatch::start();
    let names: Vec<String> =
        chosen(lake.refresh()?, tables)?.into_iter().map(|t| t.def.name.clone()).collect();
    let mut done = Compacted::default();
    let damaged = damage::tidied(lake.root(), lake.state())?;
    for name in names {
        let (known, after) = (damaged.iter().filter(|d| d.table == name), lake.state().version);
        let stay = Stay { after: Some(after), these: known.clone().map(|d| d.id).collect() };
        let left = known.map(|Damage { table, path, why, .. }| {
            (table.clone(), Left::Damaged { path: path.clone(), why: why.clone() })
        });
        done.left.extend(left);
        let mut run = Run { name, options, watch, stay, conflicts: 0, done: &mut done };
        while run.pass(lake)? {}
    }
    done.version = lake.refresh()?.version;
    done.elapsed_ms = clock.elapsed().as_millis() as u64;
    Ok(done)
}

/// One table's.
struct Run<'a> {
    name: String,
    options: &'a CompactOptions,
    watch: &'a dyn Watch,
    /// What came after it began: others may write faster than this merges. And what it
    /// has tried to merge, in vain.
    stay: Stay,
    conflicts: u32,
    done: &'a mut Compacted,
}

impl Run<'_> {
    /// Plans and merges. False: there is nothing left that this run should do.
    fn pass(&mut self, lake: &mut Lake) -> Result<bool> {
        let state = lake.refresh()?.clone();
        let Some(table) = state.table(&self.name) else { return Ok(false) };
        let steps = policy::plan(table, &self.options.policy, &self.stay);
        let mut more = false;
        for unit in units(&steps) {
            if self.options.deadline.passed() {
                self.leave(Left::Late);
                return Ok(false);
            }
            more |= self.unit(lake, unit)?;
        }
        Ok(more)
    }

    /// Whether it was merged.
    fn unit(&mut self, lake: &mut Lake, steps: &[Step]) -> Result<bool> {
        let inputs = || steps.iter().flat_map(|step| step.inputs.iter().map(|(_, id)| *id));
        match unit::run(lake, steps, self.options, self.watch) {
            Ok(unit::End::Merged(counts)) => {
                self.done.units += 1;
                self.done.counts.add(&counts);
                Ok(true)
            }
            Ok(unit::End::Nothing) => Ok(false),
            // What changed is planned anew.
            Ok(unit::End::Left(Left::Conflict(why))) => {
                self.conflicts += 1;
                if self.conflicts > CONFLICTS {
                    self.stay.these.extend(inputs());
                    self.leave(Left::Conflict(why));
                }
                Ok(true)
            }
            Ok(unit::End::Left(left)) => {
                self.stay.these.extend(inputs());
                self.leave(left);
                Ok(true)
            }
            Ok(unit::End::Damaged { segment, path, why }) => {
                damage::note(lake, &segment, &path, &why)?;
                self.stay.these.insert(segment.id);
                self.leave(Left::Damaged { path, why });
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    fn leave(&mut self, left: Left) {
        self.done.left.push((self.name.clone(), left));
    }
}

/// The steps of each commit: a table's packs alone, single symbols some together.
fn units(steps: &[Step]) -> Vec<&[Step]> {
    let (own, packs): (Vec<&[Step]>, Vec<&[Step]>) = steps
        .chunk_by(|a, b| a.form == Form::Own && b.form == Form::Own)
        .partition(|steps| steps[0].form == Form::Own);
    own.into_iter().flat_map(|steps| steps.chunks(TOGETHER)).chain(packs).collect()
}

/// Does it on so many threads; None: on those that all share, one a processor.
pub fn on_threads<T: Send>(
    jobs: Option<u16>,
    work: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    let Some(jobs) = jobs else { return work() };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs.into()).build();
    pool.map_err(|e| MaintainError::Threads(e.to_string()))?.install(work)
}

/// Opens the lake for compaction alone.
pub fn open(path: &std::path::Path) -> Result<Lake> {
    Ok(Lake::open(path, Access::Write)?)
}
