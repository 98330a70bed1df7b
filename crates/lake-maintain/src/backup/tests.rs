//! A backup is one version, whole, whatever happens to the lake meanwhile.
#![allow(clippy::disallowed_methods, reason = "a test looks at the disk by itself")]

use std::path::PathBuf;
use std::sync::Mutex;

use lake_core::kind::Kind;
use lake_core::value::Value;
use lake_store::fault::{Mode, Plan, arm_here};
use lake_testkit::{Budget, Recorder, clone_lake, scratch};
use tempfile::TempDir;

use super::*;
use crate::archive::{ArchiveOptions, archive_rows, list};
use crate::compact::{CompactOptions, compact};
use crate::policy::Policy;
use crate::retain::Cut;
use crate::vacuum;
use crate::yard::{Rows, Yard, add as put, read};

struct Place(TempDir);

impl Place {
    fn new() -> Place {
        Place(scratch().unwrap())
    }

    fn sub(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn mixed() -> Yard {
    let mut yard = Yard::new();
    yard.add(&[("A", 1, 1.0), ("A", 2, 1.0), ("A", 9, 1.0)], false);
    yard.add(&[("A", 2, 2.0), ("B", 1, 2.0), ("B", 8, 2.0), ("C", 3, 2.0)], true);
    yard.hide(Some("A"), 1, 1);
    let options = ArchiveOptions::default();
    let cut = Cut::Order(Value::Int(3));
    archive_rows(&mut yard.lake, "bars", &cut, &options, &()).unwrap();
    yard.forget(None, i32::MIN, 2);
    yard
}

fn rows_of(path: &Path) -> Rows {
    read(&mut Lake::open(path, Access::Read).unwrap(), At::Newest)
}

fn archives_of(path: &Path) -> u64 {
    let mut lake = Lake::open(path, Access::Read).unwrap();
    list(&mut lake, None).unwrap().iter().map(|l| l.archive.rows()).sum()
}

fn full() -> CompactOptions {
    CompactOptions {
        policy: Policy { full: true, ..Policy::default() },
        memory: 64 << 20,
        deadline: lake_store::Deadline::never(),
    }
}

fn vacuum_now(path: &Path) {
    let options = vacuum::Options { grace: Duration::ZERO, max_share: Some(1e9), dry_run: false };
    let mut lake = Lake::open(path, Access::Write).unwrap();
    vacuum::run(&mut lake, &options, &vacuum::Meter::default()).unwrap();
}

#[test]
fn a_backup_is_read_brought_up_to_date_and_restored() {
    let (mut yard, place) = (mixed(), Place::new());
    let to = place.sub("deep/backup");
    let done = backup(&mut yard.lake, &to, &()).unwrap();
    assert_eq!((done.files_kept, done.files_linked + done.files_copied), (0, done.files));
    assert_eq!(rows_of(&to), yard.rows);
    assert_eq!(archives_of(&to), 2);
    let refused = Lake::open(&to, Access::Write).err().unwrap();
    assert_eq!((refused.kind(), refused.hint().is_some()), (Kind::BadInput, true));
    // The source goes on: of what changes, only that is brought.
    let before = yard.rows.clone();
    compact(&mut yard.lake, &[], &full(), &()).unwrap();
    vacuum_now(yard.path());
    yard.add(&[("D", 5, 5.0)], false);
    assert_eq!(rows_of(&to), before, "the backup stays what it was");
    let again = backup(&mut yard.lake, &to, &()).unwrap();
    assert_eq!(rows_of(&to), yard.rows);
    assert!(again.version > done.version && again.files_removed > 0, "{again:?}");
    assert!(again.files_kept >= 3, "the archive was there: {again:?}");
    let last = backup(&mut yard.lake, &to, &()).unwrap();
    assert_eq!((last.files_kept, last.files_removed), (last.files, 0));

    let new = place.sub("new");
    let done = restore(&to, &new, &()).unwrap();
    assert_eq!((done.version, done.files), (last.version, last.files));
    let mut lake = Lake::open(&new, Access::Write).unwrap();
    assert_ne!(lake.id(), yard.lake.id());
    put(&mut lake, &[("E", 5, 5.0)], true);
    yard.add(&[("E", 5, 5.0)], true);
    assert_eq!(read(&mut lake, At::Newest), yard.rows);
    assert_eq!(archives_of(&new), 2);
    vacuum_now(&new);
    assert_eq!(rows_of(&new), yard.rows);
    let full = restore(&to, &new, &()).unwrap_err();
    assert!(matches!(full, MaintainError::NotEmpty(_)), "{full}");
}

#[test]
fn an_empty_lake_takes_a_backup_and_other_directories_do_not() {
    let (mut yard, place) = (mixed(), Place::new());
    let (to, new) = (place.sub("backup"), place.sub("new"));
    backup(&mut yard.lake, &to, &()).unwrap();
    let _ = Lake::init(&new, &InitOptions { accept_unsafe_fs: true }).unwrap();
    restore(&to, &new, &()).unwrap();
    assert_eq!(rows_of(&new), yard.rows);
    let other = place.sub("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("thesis.txt"), "mine").unwrap();
    for wrong in [&other, &new] {
        let error = backup(&mut yard.lake, wrong, &()).unwrap_err();
        assert!(matches!(error, MaintainError::NoBackup(_)), "{error}");
    }
    let error = restore(&to, &other, &()).unwrap_err();
    assert!(matches!(error, MaintainError::NotEmpty(_)), "{error}");
}

#[test]
fn nothing_is_put_into_a_lake_nor_over_one_that_has_lost_its_name() {
    let (mut yard, place) = (mixed(), Place::new());
    let to = place.sub("backup");
    backup(&mut yard.lake, &to, &()).unwrap();
    std::os::unix::fs::symlink(yard.path(), place.sub("link")).unwrap();
    let inside = [yard.path().join("deep/er"), yard.path().join("warehouse"), to.join("x")];
    for wrong in inside.into_iter().chain([place.sub("link/x")]) {
        let error = backup(&mut yard.lake, &wrong, &()).unwrap_err();
        assert!(matches!(error, MaintainError::Inside { .. }), "{error}");
        let error = restore(&to, &wrong, &()).unwrap_err();
        assert!(matches!(error, MaintainError::Inside { .. }), "{error}");
    }
    let lost = place.sub("lost");
    std::fs::create_dir(&lost).unwrap();
    clone_lake(yard.path(), &lost).unwrap();
    let file = lost.join("_lake/LAKE");
    let name = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(restore(&to, &lost, &()), Err(MaintainError::NotEmpty(_))));
    assert!(matches!(backup(&mut yard.lake, &lost, &()), Err(MaintainError::NoBackup(_))));
    std::fs::write(&file, name).unwrap();
    assert_eq!(rows_of(&lost), yard.rows);
}

#[test]
fn a_file_that_is_damaged_is_never_backed_up_and_one_in_the_backup_is_replaced() {
    let (mut yard, place) = (mixed(), Place::new());
    let to = place.sub("backup");
    backup(&mut yard.lake, &to, &()).unwrap();
    let (part, segment) = yard.live().remove(0);
    let path = yard.table().path(&part, &segment);
    let flip = |file: &Path| {
        let mut bytes = std::fs::read(file).unwrap();
        bytes[10] ^= 1;
        std::fs::remove_file(file).unwrap();
        std::fs::write(file, bytes).unwrap();
    };
    flip(&to.join(&path));
    let done = backup(&mut yard.lake, &to, &()).unwrap();
    assert_eq!(done.files_kept, done.files - 1);
    assert_eq!(rows_of(&to), yard.rows);
    flip(&yard.path().join(&path));
    let error = backup(&mut yard.lake, &place.sub("fresh"), &()).unwrap_err();
    assert_eq!(error.kind(), Kind::Damaged, "{error}");
    assert!(Lake::open(&place.sub("fresh"), Access::Read).is_err());
    flip(&to.join(&path));
    let error = restore(&to, &place.sub("new"), &()).unwrap_err();
    assert_eq!(error.kind(), Kind::Damaged, "{error}");
    assert!(Lake::open(&place.sub("new"), Access::Read).is_err());
}

/// Does something at each file.
struct Meanwhile<'a>(Mutex<Box<dyn FnMut() + Send + 'a>>);

impl Watch for Meanwhile<'_> {
    fn merged(&self, _bytes: u64) -> bool {
        (self.0.lock().unwrap())();
        true
    }
}

#[test]
fn the_source_is_written_compacted_and_vacuumed_meanwhile() {
    let (mut yard, place) = (mixed(), Place::new());
    let (to, source) = (place.sub("backup"), yard.path().to_owned());
    let before = yard.rows.clone();
    let mut n = 0;
    let act = move || {
        n += 1;
        let mut other = Lake::open(&source, Access::Write).unwrap();
        put(&mut other, &[("Z", 5 + n, 1.0), ("A", 9, f64::from(n))], n % 2 == 0);
        compact(&mut other, &[], &full(), &()).unwrap();
        vacuum_now(&source);
    };
    let done = backup(&mut yard.lake, &to, &Meanwhile(Mutex::new(Box::new(act)))).unwrap();
    assert!(yard.state().version > done.version);
    assert_eq!(rows_of(&to), before);
    let mut copy = Lake::open(&to, Access::Read).unwrap();
    let older = copy.snapshot(At::Version(done.version - 1)).err().unwrap();
    assert_eq!(older.kind(), Kind::Expired);
}

#[test]
fn whoever_reads_the_backup_keeps_its_files() {
    let (mut yard, place) = (mixed(), Place::new());
    let to = place.sub("backup");
    let first = backup(&mut yard.lake, &to, &()).unwrap();
    let before = yard.rows.clone();
    let mut reader = Lake::open(&to, Access::Read).unwrap();
    let held = reader.snapshot(At::Newest).unwrap();
    compact(&mut yard.lake, &[], &full(), &()).unwrap();
    let second = backup(&mut yard.lake, &to, &()).unwrap();
    assert_eq!((held.version(), second.files_removed), (first.version, 0));
    for table in held.state().tables() {
        for (part, segment) in table.segments() {
            assert!(to.join(table.path(part, segment)).exists());
        }
    }
    assert_eq!(rows_of(&to), before);
    drop(held);
    assert!(backup(&mut yard.lake, &to, &()).unwrap().files_removed > 0);
    assert_eq!(rows_of(&to), before);
}

/// At each end the directory is what it was, or the new version, or no lake yet; the next
/// run makes it whole.
#[test]
fn a_backup_and_a_restore_with_a_fault_at_every_operation() {
    const EIO: i32 = 5;
    let (mut yard, place) = (mixed(), Place::new());
    let (first, second) = (place.sub("first"), place.sub("second"));
    backup(&mut yard.lake, &first, &()).unwrap();
    let before = yard.rows.clone();
    compact(&mut yard.lake, &[], &full(), &()).unwrap();
    yard.add(&[("D", 5, 5.0)], false);
    let mut faults = 0;
    for mode in [Mode::Fail(EIO), Mode::Stop] {
        for (fresh, restoring) in [(true, false), (false, false), (true, true)] {
            for n in 1.. {
                let _ = std::fs::remove_dir_all(&second);
                if !fresh {
                    clone_lake(&first, &second).unwrap();
                }
                let mut run = || match restoring {
                    true => restore(&first, &second, &()),
                    false => backup(&mut yard.lake, &second, &()),
                };
                let armed = arm_here(Plan::nth(n, mode));
                let outcome = run();
                let fired = armed.fired();
                drop(armed);
                assert!(fired || outcome.is_ok(), "{outcome:?}");
                let opened =
                    Lake::open(&second, Access::Read).map(|mut l| read(&mut l, At::Newest));
                let after = if restoring { &before } else { &yard.rows };
                match opened {
                    Ok(rows) => assert!(rows == *after || (!fresh && rows == before), "{n}"),
                    Err(error) => assert!(fresh && error.kind() == Kind::NotFound, "{error}"),
                }
                let again = match restoring {
                    true => restore(&first, &second, &()),
                    false => backup(&mut yard.lake, &second, &()),
                };
                let done_before = restoring && matches!(again, Err(MaintainError::NotEmpty(_)));
                assert!(done_before || again.is_ok(), "{again:?}");
                assert_eq!((rows_of(&second), archives_of(&second)), (after.clone(), 2));
                if !fired {
                    break;
                }
                faults += 1;
            }
        }
    }
    assert!(faults > 6 * 30, "only {faults} faults");
}

#[test]
fn the_power_goes_during_a_restore() {
    let (mut yard, place) = (mixed(), Place::new());
    let (first, new) = (place.sub("first"), place.sub("new"));
    backup(&mut yard.lake, &first, &()).unwrap();
    std::fs::create_dir(&new).unwrap();
    let recorder = Recorder::start(&new).unwrap();
    restore(&first, &new, &()).unwrap();
    let image = |path: &Path| {
        match Lake::open(path, Access::Read) {
            Ok(mut lake) => assert_eq!(read(&mut lake, At::Newest), yard.rows),
            Err(error) => {
                assert_eq!(error.kind(), Kind::NotFound, "{error}");
                restore(&first, path, &()).unwrap();
            }
        }
        assert_eq!((rows_of(path), archives_of(path)), (yard.rows.clone(), 2));
    };
    let budget = Budget { images: 12, seed: 1 };
    let judged = recorder.finish().each_image(budget, |cut| {
        image(cut.path);
        Ok(())
    });
    let tally = judged.unwrap();
    assert!(tally.states >= 100, "{tally:?}");
}
