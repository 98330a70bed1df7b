//! Each rule broken on purpose must be noticed by the check that passes without.

use lake_core::edit::{Action, Cause};
use lake_core::layout;
use lake_log::Outcome;
use lake_store::fault::{Mode, Mutant, Plan, arm_here, mutate_here};
use lake_testkit::{Checked, Workload, audit, ensure, sequence};

use crate::meanwhile;
use crate::power;
use crate::prepared::{small, symbol, version_of};
use crate::stalled::{set_hint, wakes_up_after_a_truncation};
use crate::vacuum;

fn noticed<T>(mutant: &str, check: impl Fn() -> Checked<T>) {
    if let Err(broken) = check() {
        panic!("without the mutant {mutant}: {broken}");
    }
    let _broken = mutate_here(Mutant::parse(mutant));
    assert!(check().is_err(), "the mutant {mutant} is not noticed");
}

const ENOENT: i32 = 2;
const EIO: i32 = 5;

/// Two writers want one version: the second does not see the first, as on a
/// network disk that still remembers that the name was free.
fn two_for_one_version() -> Checked<()> {
    let dir = small();
    let mut second = Workload::open(dir.path(), "second")?;
    let txn = second.stage(&[symbol("A")], 1)?;
    let mut first = Workload::open(dir.path(), "first")?;
    let won = version_of(&first.append(&[symbol("A")], 1)?);
    set_hint(dir.path(), won - 1)?;
    let blind = Plan::nth(1, Mode::Fail(ENOENT)).only(&["read"]).beneath(&layout::entry_name(won));
    let armed = arm_here(blind);
    let outcome = second.lake.commit(txn)?;
    ensure(armed.fired(), || "it has seen the first".into())?;
    let found = audit(dir.path())?.sequences;
    ensure(found.get(&sequence("first", 1)) == Some(&won), || "the first is lost".into())?;
    let version = found.get(&sequence("second", 1)).copied();
    let told = matches!(outcome, Outcome::Committed { version: v, .. } if Some(v) == version);
    ensure(told, || format!("told {outcome:?}, is {version:?}"))
}

/// A commit whose outcome is unknown is tried again, after a compaction has taken
/// its segment away: adding it again would bring the rows back.
fn again_after_an_unknown_outcome() -> Checked<()> {
    let dir = small();
    let mut work = Workload::open(dir.path(), "p")?;
    let mut txn = work.stage(&[symbol("NEW")], 1)?;
    txn.producer = None;
    let id = txn.id;
    let armed = arm_here(Plan::nth(1, Mode::Fail(EIO)).only(&["sync_dir"]).beneath(layout::LOG));
    let unknown = work.lake.commit(txn.clone());
    ensure(armed.fired() && unknown.is_err(), || format!("{unknown:?}"))?;
    drop(armed);
    version_of(&Workload::open(dir.path(), "compactor")?.clear(&symbol("NEW"))?);
    let again = version_of(&work.lake.commit(txn)?);
    let found = audit(dir.path())?.transactions.get(&id).copied();
    ensure(found == Some(again), || format!("told {again}, is {found:?}"))
}

/// A session is declared dead and its files are deleted; then it wakes up.
fn fenced_while_it_slept() -> Checked<()> {
    let dir = small();
    let mut stalled = Workload::open(dir.path(), "stalled")?;
    let txn = stalled.stage(&[symbol("NEW")], 1)?;
    let mut sweeper = Workload::open(dir.path(), "sweeper")?;
    let mut fence = sweeper.lake.begin()?.transaction(Cause::Vacuum);
    fence.actions.push(Action::Fence { session: txn.id.session });
    version_of(&sweeper.lake.commit(fence)?);
    std::fs::remove_dir_all(dir.path().join("warehouse/bars/symbol=NEW"))?;
    let outcome = stalled.lake.commit(txn);
    let refused = matches!(outcome, Ok(Outcome::Conflict(_)));
    audit(dir.path())?;
    ensure(refused, || format!("told {outcome:?}"))
}

#[test]
fn renaming_instead_of_linking() {
    noticed("rename_instead_of_link", two_for_one_version);
}

#[test]
fn not_looking_for_ones_own_transaction() {
    noticed("txn_lookup", again_after_an_unknown_outcome);
}

#[test]
fn not_heeding_the_fence() {
    noticed("fence", fenced_while_it_slept);
}

#[test]
fn not_heeding_the_boundary() {
    noticed("boundary", wakes_up_after_a_truncation);
}

#[test]
fn compacting_without_a_lease() {
    noticed("compact_lease", meanwhile::its_inputs_are_swept);
}

#[test]
fn compacting_over_a_delete() {
    noticed("compact_uncut", meanwhile::a_row_of_its_inputs_is_deleted);
}

#[test]
fn committing_without_looking_again() {
    noticed("revalidate", meanwhile::one_of_its_inputs_goes);
}

#[test]
fn unlinking_what_was_merged_before_the_commit() {
    noticed("compact_unlink", meanwhile::it_dies_before_its_commit);
}

#[test]
fn sweeping_what_a_lease_keeps() {
    noticed("vacuum_lease", vacuum::with_a_reader);
}

#[test]
fn sweeping_what_a_living_writer_has_staged() {
    noticed("vacuum_live", vacuum::with_a_writer);
}

#[test]
fn sweeping_without_a_fence() {
    noticed("vacuum_fence", vacuum::with_a_stalled_writer);
}

#[test]
fn sweeping_what_waits_in_the_spool() {
    noticed("vacuum_spool", vacuum::with_a_spooled_transaction);
}

#[test]
fn not_syncing_directories() {
    noticed("no_dir_sync", power::two_commits_to_a_new_symbol);
    noticed("no_dir_sync", power::an_epoch_opened_after_a_death);
}

/// Each sync of a commit is there for a reason.
#[test]
fn not_syncing_one_of_them() {
    assert!(power::two_commits_without(|_| false).is_ok());
    let log = layout::epoch_dir(0);
    type Syncs<'a> = &'a dyn Fn(&str) -> bool;
    let needed: [(&str, Syncs<'_>); 6] = [
        ("the bytes of a segment", &|path| path.ends_with(".tmp")),
        ("the name of a segment", &|path| path == "warehouse/bars/symbol=NEW"),
        ("the directory of a symbol", &|path| path == "warehouse/bars"),
        ("the directory of a table", &|path| path == "warehouse"),
        ("the bytes of an entry", &|path| path.ends_with(".e")),
        ("the name of an entry", &|path| path == log),
    ];
    for (what, syncs) in needed {
        assert!(power::two_commits_without(syncs).is_err(), "not noticed: {what}");
    }
}
