//! Vacuum when calls fail, processes die and the power goes: at no point has a version
//! that can be opened lost a file, and the next vacuum ends what this one began.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use lake_core::edit::Transaction;
use lake_core::entry::ready_to_bytes;
use lake_core::layout;
use lake_core::state::Conflict;
use lake_log::{Access, At, Lake, LogError, Outcome};
use lake_maintain::MaintainError;
use lake_maintain::vacuum::{self, Meter, Options, Report};
use lake_testkit::{Broken, Budget, Checked, Depth, Recorder, Workload, audit, audit_to, ensure};
use tempfile::TempDir;

use crate::prepared::{before_truncation, small, symbol, version_of};
use crate::sweep::{Fault, sweep};

const BUDGET: Budget = Budget { images: 40, seed: 1 };
const AT_ONCE: Options = Options { grace: Duration::ZERO, max_share: None, dry_run: false };

fn open(path: &Path) -> Lake {
    Lake::open(path, Access::Write).unwrap()
}

/// The sweep's words for what went wrong.
fn run(lake: &mut Lake) -> Result<Report, LogError> {
    vacuum::run(lake, &AT_ONCE, &Meter::default()).map_err(|error| match error {
        MaintainError::Log(error) => error,
        MaintainError::Store(error) => LogError::Store(error),
        other => panic!("{other:?}"),
    })
}

/// A transaction in place whose session is dead.
fn killed(path: &Path) -> Transaction {
    let mut work = Workload::open(path, "killed").unwrap();
    work.stage(&[symbol("A"), symbol("NEW")], 1).unwrap()
}

/// Something of everything that vacuum removes.
fn litter(path: &Path) {
    let mut work = Workload::open(path, "litter").unwrap();
    version_of(&work.append(&[symbol("A"), symbol("B")], 1).unwrap());
    version_of(&work.clear(&symbol("A")).unwrap());
    version_of(&work.append(&[symbol("A")], 2).unwrap());
    drop(work);
    let txn = killed(path);
    let torn = ready_to_bytes(&txn);
    let id = lake_core::id::TxnId { session: 9, ..txn.id };
    for (rel, bytes) in [
        (format!("{}/{}", layout::SPOOL, layout::ready_name(&id)), &torn[..40]),
        (format!("{}/1.0000000000000009.0/ready", layout::STAGING), b"left"),
        (format!("{}/{}", layout::QUARANTINE, layout::log_leftover_name(9, 9)), b"left"),
        (
            format!(
                "{}/1000000-1/warehouse/bars/symbol=A/inc-1.0000000000000009.1-0.parquet",
                layout::TRASH
            ),
            b"old",
        ),
    ] {
        let file = path.join(rel);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
}

fn littered(lake: TempDir) -> TempDir {
    litter(lake.path());
    lake
}

fn files_in(path: &Path, rel: &str) -> Checked<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(path.join(rel))? {
        let entry = entry?;
        let rel = format!("{rel}/{}", entry.file_name().to_string_lossy());
        match entry.file_type()?.is_dir() {
            true => found.extend(files_in(path, &rel)?),
            false => drop(found.insert(rel)),
        }
    }
    Ok(found)
}

fn newest(path: &Path) -> Checked<BTreeSet<String>> {
    let mut lake = Lake::open(path, Access::Read)?;
    let snapshot = lake.snapshot(At::Newest)?;
    let mut found = BTreeSet::new();
    for table in snapshot.state().tables() {
        found.extend(table.segments().map(|(part, segment)| table.path(part, segment)));
    }
    Ok(found)
}

/// After any end of a vacuum: nothing is missing, and two more leave nothing over.
fn goes_on(path: &Path) -> Checked<()> {
    audit_to(path, Depth::Last(30)).map_err(|e| e.at("at once"))?;
    let mut lake = Lake::open(path, Access::Write)?;
    run(&mut lake).map_err(|e| Broken::from(e).at("again"))?;
    // A commit of seq 1 is due: of the killed writer nothing was heard.
    let mut work = Workload::open(path, "killed")?;
    version_of(&work.append(&[symbol("A")], 1)?);
    drop(work);
    run(&mut lake).map_err(|e| Broken::from(e).at("once more"))?;
    drop(lake);
    audit_to(path, Depth::Last(30)).map_err(|e| e.at("in the end"))?;
    let there = files_in(path, layout::WAREHOUSE)?;
    let needed = newest(path)?;
    ensure(there == needed, || {
        let over: Vec<_> = there.symmetric_difference(&needed).collect();
        format!("left over or lost: {over:?}")
    })?;
    for dir in [layout::SPOOL, layout::STAGING, layout::QUARANTINE, layout::TRASH] {
        let left = files_in(path, dir)?;
        ensure(left.is_empty(), || format!("left in {dir}: {left:?}"))?;
    }
    Ok(())
}

#[test]
fn a_vacuum_with_a_fault_at_every_operation() {
    let check = |_: &Fault, path: &Path, outcome: Result<Report, LogError>| {
        if let Ok(report) = outcome {
            let done = (report.superseded.files, report.orphans.files, report.emptied.files);
            ensure(done == (3, 2, 1), || format!("{report:?}"))?;
            ensure(report.leftovers.files == 3, || format!("{report:?}"))?;
        }
        goes_on(path)
    };
    let faults = sweep(littered(small()), open, |mut lake| run(&mut lake), check);
    assert!(faults > 7 * 80, "only {faults} faults");
}

#[test]
fn one_that_truncates_an_epoch_with_a_fault_at_every_operation() {
    let check = |_: &Fault, path: &Path, _: Result<Report, LogError>| goes_on(path);
    let faults = sweep(littered(before_truncation()), open, |mut lake| run(&mut lake), check);
    assert!(faults > 7 * 80, "only {faults} faults");
}

#[test]
fn the_power_goes_during_a_vacuum() {
    let dir = littered(small());
    let recorded = || {
        let recorder = Recorder::start(dir.path())?;
        run(&mut Lake::open(dir.path(), Access::Write)?)?;
        recorder.finish().each_image(BUDGET, |cut| goes_on(cut.path))
    };
    match recorded() {
        Ok(tally) => assert!(tally.states >= 300, "{tally:?}"),
        Err(broken) => panic!("{broken}"),
    }
}

/// Somebody reads an old version while a vacuum lets it go.
pub(crate) fn with_a_reader() -> Checked<()> {
    let dir = small();
    let mut reader = Lake::open(dir.path(), Access::Read)?;
    let snapshot = reader.snapshot(At::Newest)?;
    version_of(&Workload::open(dir.path(), "p")?.clear(&symbol("A"))?);
    run(&mut open(dir.path()))?;
    for table in snapshot.state().tables() {
        for (part, segment) in table.segments() {
            let path = table.path(part, segment);
            ensure(dir.path().join(&path).exists(), || format!("{path} is read and gone"))?;
        }
    }
    Ok(())
}

/// Somebody has staged and not committed yet.
pub(crate) fn with_a_writer() -> Checked<()> {
    let dir = small();
    let mut work = Workload::open(dir.path(), "p")?;
    let txn = work.stage(&[symbol("A")], 1)?;
    run(&mut open(dir.path()))?;
    let outcome = work.lake.commit(txn)?;
    ensure(matches!(outcome, Outcome::Committed { .. }), || format!("told {outcome:?}"))?;
    audit(dir.path()).map(drop)
}

/// A session's locks are lost, and it only slept.
pub(crate) fn with_a_stalled_writer() -> Checked<()> {
    let dir = small();
    let txn = killed(dir.path());
    let mut stalled = Lake::open(dir.path(), Access::Write)?;
    run(&mut open(dir.path()))?;
    let outcome = stalled.commit(txn)?;
    audit(dir.path())?;
    let fenced = Outcome::Conflict(Conflict::Fenced);
    ensure(outcome == fenced, || format!("told {outcome:?}"))
}

/// Somebody who is dead was told that his batch is durable.
pub(crate) fn with_a_spooled_transaction() -> Checked<()> {
    let dir = small();
    let txn = killed(dir.path());
    let file = dir.path().join(layout::SPOOL).join(layout::ready_name(&txn.id));
    std::fs::write(file, ready_to_bytes(&txn))?;
    run(&mut open(dir.path()))?;
    let drained = open(dir.path()).drain()?;
    ensure(drained == (1, 0), || format!("drained {drained:?}"))?;
    audit(dir.path()).map(drop)
}
