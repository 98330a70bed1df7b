//! Which segments to merge, from what the log knows of them; no file is looked at.
//!
//! What is merged together is a *run*: files of one commit no two of which hold rows of
//! one symbol and time. So reading a symbol costs a file of each run, at most. A table
//! may have a few runs, `Policy::runs`. Once there are more, the newest are merged until
//! there are few again, and with them older ones that are not much larger: each row is
//! written again a few times in its life, as the runs it is in grow, and a base of years
//! stays as it is while the syncs of days are merged before it.
//!
//! Files of single symbols are one more run, as loose ones, until they are worth packs.
//! A symbol with many rows of its own has runs of its own, in its directory.
//!
//! A merged file has the rank of its newest rows. So nothing may lie between the ranks
//! of what is merged and share keys with it: such a segment is merged along.

use std::collections::{BTreeMap, BTreeSet};

use lake_core::id::{SegmentId, TableId, TxnId, Version};
use lake_core::segment::{Part, Rank, Segment};
use lake_core::state::Table;
use lake_core::symbol::Symbol;

mod hidden;
mod reach;
#[cfg(test)]
mod tests;

use hidden::hidden_share;
use reach::Reach;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// So many runs are fine.
    pub runs: usize,
    /// A run joins newer ones that have one part in so many of its rows.
    pub growth: u64,
    /// So many files of single symbols are fine.
    pub loose: usize,
    /// With so many rows in its own files a symbol keeps its own.
    pub own_rows: u64,
    /// Merges all there is, whatever it costs.
    pub full: bool,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy { runs: 4, growth: 2, loose: 256, own_rows: 256 * 1024, full: false }
    }
}

/// What is to become of some segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Packs,
    /// Files in the directory of their one partition.
    Own,
}

/// Segments to be merged in one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub table: TableId,
    pub form: Form,
    /// Whose; None: of all small symbols.
    pub symbols: Option<Vec<Symbol>>,
    pub inputs: Vec<(Part, SegmentId)>,
    pub rows: u64,
    pub bytes: u64,
    /// For people.
    pub why: String,
}

type Live<'t> = (&'t Part, &'t Segment);

/// See the module.
struct Run<'t> {
    members: Vec<Live<'t>>,
    rows: u64,
    rank: Rank,
}

impl<'t> Run<'t> {
    fn new(members: Vec<Live<'t>>) -> Run<'t> {
        let rows = members.iter().map(|(_, s)| s.rows).sum();
        let rank = members.iter().map(|(_, s)| s.rank).max().unwrap_or_default();
        Run { members, rows, rank }
    }

    fn hidden(&self) -> f64 {
        let hidden: f64 =
            self.members.iter().map(|(p, s)| hidden_share(p, s) * s.rows as f64).sum();
        hidden / self.rows.max(1) as f64
    }

    /// Whether merging it with nothing else would change a thing.
    fn is_done(&self) -> bool {
        use lake_core::segment::SegmentKind::Base;
        self.members.iter().all(|(_, s)| s.kind == Base && s.masks.is_empty())
    }
}

/// More than this of a run's rows hidden, and it is worth writing anew.
const MUCH_HIDDEN: f64 = 0.25;

/// Segments that are not to be merged.
#[derive(Clone, Debug, Default)]
pub struct Stay {
    pub these: BTreeSet<SegmentId>,
    /// And those with rows that were committed later.
    pub after: Option<Version>,
}

impl Stay {
    fn has(&self, segment: &Segment) -> bool {
        self.after.is_some_and(|after| segment.rank.version > after)
            || self.these.contains(&segment.id)
    }
}

/// What is worth doing for a table.
pub fn plan(table: &Table, policy: &Policy, stay: &Stay) -> Vec<Step> {
    Planner { table, policy, stay }.plan()
}

struct Planner<'t> {
    table: &'t Table,
    policy: &'t Policy,
    stay: &'t Stay,
}

impl<'t> Planner<'t> {
    fn plan(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut small: Vec<Live<'t>> = Vec::new();
        let mut packs: Vec<Live<'t>> = Vec::new();
        for (part, state) in &self.table.parts {
            let all = state.segments.iter().map(|s| (part, s));
            match part {
                Part::Packed => packs.extend(all),
                Part::Of(symbols) => {
                    let rows: u64 = state.segments.iter().map(|s| s.rows).sum();
                    if symbols.is_empty() || rows >= self.policy.own_rows {
                        steps.extend(self.own(symbols, all.collect()));
                    } else {
                        small.extend(all.filter(|(_, s)| !self.stay.has(s)));
                    }
                }
            }
        }
        steps.extend(self.shared(small, packs));
        steps
    }

    /// By commit. What holds a segment that is to stay, stays.
    fn runs(&self, all: Vec<Live<'t>>) -> Vec<Run<'t>> {
        let mut by_txn: BTreeMap<TxnId, Vec<Live<'t>>> = BTreeMap::new();
        all.into_iter().for_each(|one| by_txn.entry(one.1.id.txn).or_default().push(one));
        let stays = |run: &Vec<Live<'t>>| run.iter().any(|(_, s)| self.stay.has(s));
        by_txn.into_values().filter(|run| !stays(run)).map(Run::new).collect()
    }

    /// A symbol's own files.
    fn own(&self, symbols: &[Symbol], all: Vec<Live<'t>>) -> Vec<Step> {
        let steps = self.stack(self.runs(all), None, Form::Own);
        let named = |step: Step| Step { symbols: Some(symbols.to_vec()), ..step };
        steps.into_iter().map(named).collect()
    }

    /// Packs, and the files of symbols that are worth no more.
    fn shared(&self, small: Vec<Live<'t>>, packs: Vec<Live<'t>>) -> Vec<Step> {
        let policy = self.policy;
        let deepest = small.chunk_by(|a, b| a.0 == b.0).map(<[_]>::len).max().unwrap_or(0);
        let many = small.len() > policy.loose || deepest > policy.runs;
        let loose = (!small.is_empty() && (many || policy.full)).then(|| Loose {
            what: format!("{} files of single symbols, up to {deepest} of one", small.len()),
            run: Run::new(small),
        });
        self.stack(self.runs(packs), loose, Form::Packs)
    }

    /// What to merge of runs that lie over each other.
    fn stack(&self, mut runs: Vec<Run<'t>>, loose: Option<Loose<'t>>, form: Form) -> Vec<Step> {
        let policy = self.policy;
        runs.sort_by_key(|run| std::cmp::Reverse(run.rank));
        let what = loose.as_ref().map(|loose| loose.what.clone());
        // Merged first, whatever their ranks: what they overlap comes along.
        runs.splice(..0, loose.map(|loose| loose.run));
        let rows: Vec<u64> = runs.iter().map(|run| run.rows).collect();
        let newest = match newest_to_merge(&rows, policy) {
            _ if policy.full && runs.len() == 1 && runs[0].is_done() && what.is_none() => 0,
            _ if policy.full => runs.len(),
            // They become a run of packs, of which there may be one more.
            0 if what.is_some() => with_older(&rows, 1, policy.growth),
            newest => newest,
        };
        let mut steps = Vec::new();
        if newest > 0 {
            let chosen = runs[..newest].iter().flat_map(|run| run.members.iter().copied());
            let why = why(what, newest, runs.len(), policy);
            steps.extend(self.step(form, chosen.collect(), why));
        }
        for run in &runs[newest..] {
            let share = run.hidden();
            let taken = |s: &Segment| steps.iter().any(|step: &Step| step.has(s.id));
            if share > MUCH_HIDDEN && !run.members.iter().any(|(_, s)| taken(s)) {
                let why = format!("about {:.0} % of its rows are hidden", share * 100.0);
                let step = self.step(form, run.members.clone(), why);
                steps.extend(step.filter(|one| {
                    !one.inputs.iter().any(|(_, id)| steps.iter().any(|step| step.has(*id)))
                }));
            }
        }
        steps
    }

    /// None: it cannot be done without what is to stay.
    fn step(&self, form: Form, chosen: Vec<Live<'t>>, why: String) -> Option<Step> {
        let all = with_between(self.table, chosen);
        if all.iter().any(|(_, s)| self.stay.has(s)) {
            return None;
        }
        let packs = all.iter().any(|(part, _)| **part == Part::Packed);
        Some(Step {
            table: self.table.def.id,
            form: if packs { Form::Packs } else { form },
            symbols: None,
            rows: all.iter().map(|(_, s)| s.rows).sum(),
            bytes: all.iter().map(|(_, s)| s.bytes).sum(),
            inputs: all.into_iter().map(|(part, s)| (part.clone(), s.id)).collect(),
            why,
        })
    }
}

/// Small files of single symbols.
struct Loose<'t> {
    run: Run<'t>,
    what: String,
}

impl Step {
    fn has(&self, id: SegmentId) -> bool {
        self.inputs.iter().any(|(_, own)| *own == id)
    }
}

fn why(loose: Option<String>, newest: usize, runs: usize, policy: &Policy) -> String {
    match loose {
        _ if policy.full => "all there is becomes one".into(),
        Some(what) if newest == 1 => format!("{what}: they become packs"),
        Some(what) => format!("{what}: they and {} runs become one of packs", newest - 1),
        None => {
            format!("{runs} runs where {} are enough: the newest {newest} become one", policy.runs)
        }
    }
}

/// How many of the newest runs to merge, by their rows, the newest first.
fn newest_to_merge(rows: &[u64], policy: &Policy) -> usize {
    let most = policy.runs.max(1);
    match rows.len() > most {
        true => with_older(rows, rows.len() - most + 1, policy.growth),
        false => 0,
    }
}

/// Takes older runs along as long as they are not much larger than what is merged
/// anyway: else they would be merged soon, and this again.
fn with_older(rows: &[u64], mut newest: usize, growth: u64) -> usize {
    let mut sum: u64 = rows[..newest].iter().sum();
    while let Some(next) = rows.get(newest)
        && *next <= sum.saturating_mul(growth)
    {
        sum += next;
        newest += 1;
    }
    newest
}

/// Adds what lies over one of them and under the merged one, and may share keys.
fn with_between<'t>(table: &'t Table, mut chosen: Vec<Live<'t>>) -> Vec<Live<'t>> {
    // Without a key no row hides another.
    if table.def.key.is_empty() {
        return chosen;
    }
    loop {
        let Some(least) = chosen.iter().map(|(_, s)| s.rank).min() else { return chosen };
        let rank = chosen.iter().map(|(_, s)| s.rank).max().unwrap_or_default();
        let ids: BTreeSet<SegmentId> = chosen.iter().map(|(_, s)| s.id).collect();
        let reach = Reach::of(&chosen);
        let between = table.segments().filter(|(part, s)| {
            least < s.rank && s.rank <= rank && !ids.contains(&s.id) && reach.under(part, s)
        });
        let between: Vec<Live<'t>> = between.collect();
        if between.is_empty() {
            return chosen;
        }
        chosen.extend(between);
    }
}
