//! Random histories: after each vacuum the files on the disk are exactly those that
//! somebody may still need.

use lake_core::edit::{Action, Cause};
use lake_core::mask::{Owners, Stretch};
use lake_core::symbol::Symbol;
use lake_log::Snapshot;
use lake_testkit::TABLE;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Append(u8),
    /// Two symbols in one commit, by the session that never ends.
    AppendBoth,
    Clear(u8),
    HideSymbol(u8),
    HideAll,
    /// What was hidden or cleared comes back.
    Restore,
    Lease,
    Unlease,
    KilledWriter(u8),
    Vacuum,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3u8).prop_map(Step::Append),
        2 => Just(Step::AppendBoth),
        2 => (0..3u8).prop_map(Step::Clear),
        2 => (0..3u8).prop_map(Step::HideSymbol),
        1 => Just(Step::HideAll),
        2 => Just(Step::Restore),
        2 => Just(Step::Lease),
        1 => Just(Step::Unlease),
        1 => (0..3u8).prop_map(Step::KilledWriter),
        3 => Just(Step::Vacuum),
    ];
    proptest::collection::vec(step, 1..30)
}

struct World {
    dir: TempDir,
    living: Workload,
    reader: Lake,
    leases: Vec<Snapshot>,
    seq: u64,
}

fn name(n: u8) -> String {
    format!("S{n}")
}

impl World {
    fn new() -> World {
        let dir = new_lake();
        let living = Workload::open(dir.path(), "daemon").unwrap();
        let reader = Lake::open(dir.path(), Access::Read).unwrap();
        World { dir, living, reader, leases: Vec::new(), seq: 0 }
    }

    fn step(&mut self, step: Step) {
        self.seq += 1;
        match step {
            Step::Append(n) => {
                let mut short = Workload::open(self.dir.path(), "short").unwrap();
                version_of(&short.append(&[symbol(&name(n))], self.seq).unwrap());
            }
            Step::AppendBoth => {
                let parts = [symbol("S0"), symbol("S1")];
                version_of(&self.living.append(&parts, self.seq).unwrap());
            }
            Step::Clear(n) => drop(self.living.clear(&symbol(&name(n))).unwrap()),
            Step::HideSymbol(n) => {
                let owner = vec![Symbol::new(&name(n)).unwrap()];
                self.hide(Some(Owners::new(vec![owner])));
            }
            Step::HideAll => self.hide(None),
            Step::Restore => self.restore(),
            Step::Lease => self.leases.push(self.reader.snapshot(At::Newest).unwrap()),
            Step::Unlease => drop(self.leases.pop()),
            Step::KilledWriter(n) => {
                let mut killed = Workload::open(self.dir.path(), "killed").unwrap();
                killed.stage(&[symbol(&name(n))], self.seq).unwrap();
            }
            Step::Vacuum => self.vacuum(),
        }
    }

    fn hide(&mut self, owners: Option<Owners>) {
        let mut txn = self.living.lake.begin().unwrap().transaction(Cause::Delete);
        txn.actions.push(Action::Hide { table: TABLE, owners, stretch: Stretch::whole() });
        version_of(&self.living.lake.commit(txn).unwrap());
    }

    /// Adds again what the oldest version that can be opened has and the newest has not.
    fn restore(&mut self) {
        let lake = &mut self.living.lake;
        let floor = lake.refresh().unwrap().floor;
        let then = lake.snapshot(At::Version(floor)).unwrap();
        let draft = lake.begin().unwrap();
        let mut txn = draft.transaction(Cause::Restore);
        let now = draft.state.table_by_id(TABLE).unwrap();
        let live: BTreeSet<_> = now.segments().map(|(_, s)| s.id).collect();
        for (part, was) in then.state().table_by_id(TABLE).into_iter().flat_map(|t| &t.parts) {
            let gone = was.segments.iter().filter(|s| !live.contains(&s.id));
            let segments: Vec<_> = gone.cloned().collect();
            let part = part.clone();
            txn.actions.push(Action::Add { table: TABLE, part, segments });
        }
        version_of(&lake.commit(txn).unwrap());
    }

    fn vacuum(&mut self) {
        let mut sweeper = Lake::open(self.dir.path(), Access::Write).unwrap();
        let report = run(&mut sweeper, &now_or_never(), &Meter::default()).unwrap();
        let mut needed = newest(self.dir.path());
        let mut lake = Lake::open(self.dir.path(), Access::Read).unwrap();
        for version in report.floor..=report.version {
            needed.extend(files_of(lake.snapshot(At::Version(version)).unwrap().state()));
        }
        for lease in &self.leases {
            needed.extend(files_of(lease.state()));
        }
        let there = on_disk(self.dir.path());
        let lost: Vec<_> = needed.difference(&there).collect();
        assert!(lost.is_empty(), "somebody needs {lost:?}");
        // A lease keeps all that was live since; nothing else is kept.
        if self.leases.is_empty() {
            assert_eq!(there, needed);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn nothing_needed_is_lost_and_nothing_else_is_kept(steps in steps()) {
        let mut world = World::new();
        for step in steps.iter().copied().chain([Step::Unlease, Step::Vacuum, Step::Vacuum]) {
            world.step(step);
        }
        world.leases.clear();
        world.step(Step::Vacuum);
    }
}
