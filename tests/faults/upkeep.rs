//! Every operation of maintenance, cut off or failed at each thing it does to the disk:
//! no row is lost or doubled, what says that nothing was done has done nothing, and run
//! again it does what it would have done.

use std::path::Path;

use lake_core::kind::Kind;
use lake_core::layout;
use lake_ingest::{Options, Writer};
use lake_log::{Access, At, Lake};
use lake_maintain::archive::{archive_rows, list};
use lake_maintain::rebuild::{self, rebuild};
use lake_maintain::repair::{self, Act, Asked, repair};
use lake_maintain::retain::drop_rows;
use lake_maintain::vacuum::{self, tidy_archive, undelete};
use lake_maintain::{MaintainError, backup, verify};
use lake_testkit::{Broken, Checked, clone_lake, ensure};
use lake_tests::rows::{BARS, Contents, Row, of_quiet};
use tempfile::TempDir;

use crate::market::{
    FEW, Failed, Tried, before, hide, market, merge, old_market, place, sweep_away,
};
use crate::sweep::{Fault, sweep_all};

fn open(dir: &Path) -> Tried<Lake> {
    Ok(Lake::open(&dir.join("lake"), Access::Write)?)
}

fn contents(lake: &Path) -> Checked<Contents> {
    Ok(of_quiet(lake)?.1)
}

/// What there is, wherever it is.
fn all_rows(contents: &Contents) -> Vec<Row> {
    let archived = contents.archived.iter().map(|(_, row)| row);
    let mut all: Vec<Row> = contents.bars.iter().chain(archived).cloned().collect();
    all.sort();
    all
}

/// An operation, and what must be true when it was cut off.
struct Work {
    made: fn(&Path),
    act: fn(&Path) -> Tried<()>,
    /// Where its rows are, beneath the place.
    lake: &'static str,
    halfway: Halfway,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Halfway {
    /// As before or as afterwards.
    Nothing,
    /// The same, and an error does not say which.
    Whole,
    /// Several commits, of which each moves rows; an error speaks of the last alone.
    Moved,
    /// There may be no lake yet, or none that can be opened.
    Closed,
}

fn promise<T, E: std::fmt::Debug>(what: &str, done: Result<T, E>) -> Checked<T> {
    done.map_err(|error| Broken::Promise(format!("{what}: {error:?}")))
}

/// Nothing wrong with it, nothing left over after a vacuum, and these rows in it. Nobody
/// writes to a backup, so that it must be so without one.
fn sound(lake: &Path, wanted: &Contents) -> Checked<()> {
    if Lake::open(lake, Access::Write).is_ok() {
        promise("vacuum", sweep_away(lake))?;
    }
    let report = verify::run(lake, &verify::Depth::All, &verify::Meter::default());
    let report = promise("verify", report)?;
    ensure(report.findings.is_empty() && report.notes.is_empty(), || {
        format!("after a vacuum {:?} {:?}", report.findings, report.notes)
    })?;
    let found = contents(lake)?;
    ensure(found == *wanted, || format!("in the end {found:?}, should be {wanted:?}"))
}

impl Work {
    fn sweep(&self, faults_at_least: usize) {
        let prepared = place(self.made);
        let (earlier, later) = self.ends(&prepared);
        let check = |fault: &Fault, dir: &Path, outcome: Tried<()>| {
            self.judge(fault, dir, &outcome, &earlier, &later)
                .map_err(|e| e.at(format!("{outcome:?}")))
        };
        let faults = sweep_all(prepared.path(), self.act, check);
        assert!(faults >= faults_at_least, "only {faults} faults");
    }

    /// What is there before, and after it when nothing goes wrong.
    fn ends(&self, prepared: &TempDir) -> (Option<Contents>, Contents) {
        let copy = tempfile::tempdir_in(prepared.path().parent().unwrap()).unwrap();
        clone_lake(prepared.path(), copy.path()).unwrap();
        let lake = copy.path().join(self.lake);
        let earlier = contents(&lake).ok();
        (self.act)(copy.path()).unwrap();
        let later = contents(&lake).unwrap();
        sound(&lake, &later).unwrap();
        (earlier, later)
    }

    fn judge(
        &self,
        fault: &Fault,
        dir: &Path,
        outcome: &Tried<()>,
        earlier: &Option<Contents>,
        later: &Contents,
    ) -> Checked<()> {
        let lake = dir.join(self.lake);
        let untouched = match outcome {
            Err(error) => fault.says_nothing(error.kind, error)?,
            Ok(()) => false,
        };
        match contents(&lake) {
            Ok(found) if outcome.is_ok() => {
                ensure(found == *later, || format!("it is done, and there is {found:?}"))?;
            }
            Ok(found) if found == *later && !(untouched && self.halfway == Halfway::Nothing) => {}
            Ok(found) if Some(&found) == earlier.as_ref() => {}
            Ok(found) => {
                let moved = |earlier: &Contents| all_rows(&found) == all_rows(earlier);
                let halfway = self.halfway == Halfway::Moved && earlier.as_ref().is_some_and(moved);
                ensure(halfway, || format!("halfway there is {found:?}"))?;
            }
            Err(_) if self.halfway == Halfway::Closed && outcome.is_err() => {}
            Err(error) => return Err(error.at("halfway")),
        }
        let again = (self.act)(dir);
        ensure(again.is_ok(), || format!("again: {again:?}"))?;
        sound(&lake, later)
    }
}

fn compaction(dir: &Path) -> Tried<()> {
    merge(&mut open(dir)?).map(drop)
}

fn drop_old(dir: &Path) -> Tried<()> {
    drop_rows(&mut open(dir)?, BARS, &before(6))?;
    Ok(())
}

fn archive_old(dir: &Path) -> Tried<()> {
    archive_rows(&mut open(dir)?, BARS, &before(6), &FEW, &())?;
    Ok(())
}

fn bring_back(dir: &Path) -> Tried<()> {
    let mut writer = Writer::new(open(dir)?);
    for listed in list(writer.lake(), Some(BARS))? {
        let _ = writer.unarchive(&listed.archive, &Options::default())?;
    }
    tidy_archive(writer.lake())?;
    Ok(())
}

fn sweeping(dir: &Path) -> Tried<()> {
    let mut lake = open(dir)?;
    vacuum::run(&mut lake, &crate::market::AT_ONCE, &vacuum::Meter::default())?;
    Ok(())
}

fn bring_back_trash(dir: &Path) -> Tried<()> {
    undelete(&open(dir)?, None, false)?;
    Ok(())
}

fn go_back(dir: &Path) -> Tried<()> {
    let to = At::Tag("good".into());
    lake_ingest::restore(&mut open(dir)?, &to)?;
    Ok(())
}

fn back_up(dir: &Path) -> Tried<()> {
    let mut lake = Lake::open(&dir.join("lake"), Access::Read)?;
    backup::backup(&mut lake, &dir.join("backup"), &())?;
    Ok(())
}

/// The second time it may be there already.
fn bring_up(dir: &Path) -> Tried<()> {
    match backup::restore(&dir.join("backup"), &dir.join("again"), &()) {
        Err(MaintainError::NotEmpty(_)) => Ok(()),
        done => {
            done?;
            Ok(())
        }
    }
}

fn with_trash(path: &Path) {
    old_market(path);
    sweep_away(path).unwrap();
}

fn with_a_tag(path: &Path) {
    old_market(path);
    let mut lake = Lake::open(path, Access::Write).unwrap();
    let newest = lake.state().version;
    let _ = lake_ingest::tag(&mut lake, "good", Some(At::Version(newest - 2))).unwrap();
    drop(lake);
    hide(path, "A", 1, 8);
    compaction(path.parent().unwrap()).unwrap();
}

/// A lake that has lost what can be brought back and what cannot; the report says so.
fn damaged(path: &Path) {
    with_trash(path);
    let mut lake = Lake::open(path, Access::Read).unwrap();
    let newest = lake.snapshot(At::Newest).unwrap();
    let table = newest.state().table(BARS).unwrap();
    let files: Vec<String> = table.segments().map(|(part, s)| table.path(part, s)).collect();
    let [moved, flipped, ..] = &files[..] else { panic!("few files: {files:?}") };
    let trash = path.join(layout::TRASH).join("99-1").join(moved);
    std::fs::create_dir_all(trash.parent().unwrap()).unwrap();
    std::fs::rename(path.join(moved), trash).unwrap();
    let mut bytes = std::fs::read(path.join(flipped)).unwrap();
    bytes[10] ^= 1;
    std::fs::write(path.join(flipped), bytes).unwrap();
    std::fs::write(path.join("_lake/HEAD"), "no log").unwrap();
    let report = verify::run(path, &verify::Depth::All, &verify::Meter::default()).unwrap();
    let lines = report.findings.iter().map(|f| format!("{} {}\n", f.kind(), f.path));
    assert!(lines.len() >= 3);
    std::fs::write(path.parent().unwrap().join("report"), lines.collect::<String>()).unwrap();
}

fn repairing(dir: &Path) -> Tried<()> {
    let report = std::fs::read_to_string(dir.join("report")).unwrap();
    let asked = |line: &str| {
        let (kind, path) = line.split_once(' ').unwrap();
        Asked { kind: kind.to_owned(), path: path.to_owned() }
    };
    let asked: Vec<Asked> = report.lines().map(asked).collect();
    let options = repair::Options { drop_damaged: true, dry_run: false };
    let done = repair(&dir.join("lake"), &asked, &options)?;
    match done.iter().find(|one| one.act == Act::Left) {
        Some(left) => Err(Failed::new(Kind::Denied, format!("{left:?}"))),
        None => Ok(()),
    }
}

fn without_a_log(path: &Path) {
    old_market(path);
    std::fs::remove_dir_all(path.join(layout::SYSTEM)).unwrap();
}

/// The second time it may be there already.
fn rebuilding(dir: &Path) -> Tried<()> {
    let options = rebuild::Options { dry_run: false, accept_unsafe_fs: true };
    match rebuild(&dir.join("lake"), &options, &verify::Meter::default()) {
        Err(MaintainError::HasLog) => Ok(()),
        done => {
            done?;
            Ok(())
        }
    }
}

fn with_a_backup(path: &Path) {
    market(path);
    back_up(path.parent().unwrap()).unwrap();
    let mut lake = Lake::open(path, Access::Write).unwrap();
    archive_rows(&mut lake, BARS, &before(3), &FEW, &()).unwrap();
    merge(&mut lake).unwrap();
}

const WORK: Work =
    Work { made: old_market, act: compaction, lake: "lake", halfway: Halfway::Nothing };

#[test]
fn a_compaction() {
    Work { made: market, ..WORK }.sweep(200);
}

#[test]
fn dropping_old_rows() {
    Work { act: drop_old, ..WORK }.sweep(60);
}

#[test]
fn archiving_old_rows() {
    Work { act: archive_old, halfway: Halfway::Moved, ..WORK }.sweep(300);
}

#[test]
fn bringing_archived_rows_back() {
    Work { act: bring_back, halfway: Halfway::Moved, ..WORK }.sweep(300);
}

#[test]
fn sweeping_away() {
    Work { act: sweeping, ..WORK }.sweep(200);
}

#[test]
fn bringing_the_trash_back() {
    Work { made: with_trash, act: bring_back_trash, ..WORK }.sweep(50);
}

#[test]
fn going_back_to_a_version() {
    Work { made: with_a_tag, act: go_back, ..WORK }.sweep(60);
}

#[test]
fn a_first_backup() {
    let halfway = Halfway::Closed;
    Work { act: back_up, lake: "backup", halfway, ..WORK }.sweep(200);
}

#[test]
fn a_second_backup() {
    let halfway = Halfway::Whole;
    Work { made: with_a_backup, act: back_up, lake: "backup", halfway }.sweep(200);
}

#[test]
fn making_a_lake_of_a_backup() {
    let halfway = Halfway::Closed;
    Work { made: with_a_backup, act: bring_up, lake: "again", halfway }.sweep(200);
}

#[test]
fn repairing_what_was_damaged() {
    let halfway = Halfway::Closed;
    Work { made: damaged, act: repairing, halfway, ..WORK }.sweep(100);
}

#[test]
fn making_a_lost_log_anew() {
    let halfway = Halfway::Closed;
    Work { made: without_a_log, act: rebuilding, halfway, ..WORK }.sweep(100);
}

#[test]
fn archived_rows_outlive_the_log() {
    let old = place(old_market);
    let lake = old.path().join("lake");
    let archived = contents(&lake).unwrap().archived;
    assert!(!archived.is_empty());
    std::fs::remove_dir_all(lake.join(layout::SYSTEM)).unwrap();
    rebuilding(old.path()).unwrap();
    sweep_away(&lake).unwrap();
    assert_eq!(contents(&lake).unwrap().archived, archived);
}
