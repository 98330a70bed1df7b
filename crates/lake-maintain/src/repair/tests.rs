#![allow(clippy::disallowed_methods, reason = "a test looks at the disk by itself")]

use std::fs;
use std::path::PathBuf;

use lake_log::At;

use super::*;
use crate::verify::tests::{files, found, full_yard, live, nothing_wrong, see, sweep};
use crate::yard::{Yard, read};

fn asked(yard: &Yard, depth: Depth) -> Vec<Asked> {
    let report = see(yard.path(), depth);
    let all = found(&report).into_iter();
    all.map(|(kind, path)| Asked { kind: kind.to_owned(), path }).collect()
}

fn act(yard: &Yard, asked: &[Asked], options: Options) -> Vec<Act> {
    let done = repair(yard.path(), asked, &options).unwrap();
    done.into_iter().map(|one| one.act).collect()
}

const PLAIN: Options = Options { drop_damaged: false, dry_run: false };
const DRY: Options = Options { drop_damaged: false, dry_run: true };
const DROP: Options = Options { drop_damaged: true, dry_run: false };

/// The bytes of every file but those of locks.
fn image(yard: &Yard) -> Vec<(PathBuf, Vec<u8>)> {
    files(yard.path()).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn hints_and_what_init_made_are_made_anew() {
    for name in ["_lake/HEAD", "_lake/locks/pins", "_lake/locks/commit", "_lake/spool"] {
        let mut yard = full_yard();
        let version = yard.state().version;
        let slots = yard.lake.slots().unwrap();
        let path = yard.path().join(name);
        match path.is_dir() {
            true => fs::remove_dir(&path).unwrap(),
            false => fs::remove_file(&path).unwrap(),
        }
        let report = asked(&yard, Depth::Sizes);
        let before = image(&yard);
        assert_eq!(act(&yard, &report[..1], DRY), [Act::Recreated], "{name}");
        assert_eq!(image(&yard), before, "a dry run changes nothing");
        assert_eq!(act(&yard, &report[..1], PLAIN), [Act::Recreated], "{name}");
        nothing_wrong(yard.path());
        let lake = Lake::open(yard.path(), Access::Write).unwrap();
        assert_eq!((lake.state().version, lake.slots().unwrap()), (version, slots), "{name}");
        assert_eq!(act(&yard, &report[..1], PLAIN), [Act::Stale], "a stale report");
    }
    for (name, at) in [("_lake/HEAD", 9), ("_lake/locks/pins", 9)] {
        let yard = full_yard();
        let path = yard.path().join(name);
        let mut bytes = fs::read(&path).unwrap();
        let whole = bytes.clone();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        let report = asked(&yard, Depth::Sizes);
        assert!(act(&yard, &report, PLAIN).contains(&Act::Recreated), "{name}");
        nothing_wrong(yard.path());
        if name.ends_with("HEAD") {
            assert_eq!(fs::read(&path).unwrap(), whole);
        }
    }
}

#[test]
fn a_damaged_checkpoint_that_the_log_tells_is_moved_aside() {
    let mut yard = Yard::new();
    for day in 0..130 {
        yard.add(&[("A", day, 1.0)], true);
    }
    let path = yard.path().join("_lake/checkpoints/0000000000128.c");
    fs::write(&path, "LKC1").unwrap();
    let report = asked(&yard, Depth::Sizes);
    assert_eq!(report.len(), 1);
    assert_eq!(act(&yard, &report, DRY), [Act::MovedAside]);
    assert!(path.exists());
    assert_eq!(act(&yard, &report, PLAIN), [Act::MovedAside]);
    let aside = yard.path().join("_lake/quarantine/damaged/_lake/checkpoints/0000000000128.c");
    assert_eq!(fs::read(aside).unwrap(), b"LKC1");
    nothing_wrong(yard.path());
    yard.check();
}

#[test]
fn a_damaged_entry_that_no_version_needs_is_moved_aside() {
    let yard = full_yard();
    let entry = yard.path().join("_lake/log/0000000000/0000000000001.e");
    fs::write(&entry, "LKE1").unwrap();
    let report = asked(&yard, Depth::Sizes);
    assert_eq!(act(&yard, &report, PLAIN), [Act::MovedAside]);
    assert!(!entry.exists());
    nothing_wrong(yard.path());
}

#[test]
fn the_only_checkpoint_stays_where_it_is() {
    let yard = full_yard();
    let checkpoint = files(&yard.path().join("_lake/checkpoints")).remove(0);
    fs::write(&checkpoint, "LKC1").unwrap();
    // Without the entries that it stands for, too.
    for version in 1..=2 {
        fs::remove_file(yard.path().join(format!("_lake/log/0000000000/{version:013}.e"))).unwrap();
    }
    let report = asked(&yard, Depth::Sizes);
    assert!(report.iter().any(|a| a.kind == "checkpoint"), "{report:?}");
    let acts = act(&yard, &report, DROP);
    assert!(acts.iter().all(|act| *act == Act::Left), "{acts:?}");
    assert!(checkpoint.exists());
}

#[test]
fn a_file_comes_back_from_the_trash_if_it_is_whole_there() {
    let mut yard = full_yard();
    let name = live(&mut yard).remove(0);
    let whole = fs::read(yard.path().join(&name)).unwrap();
    let trash = yard.path().join("_lake/trash/99-1").join(&name);
    fs::create_dir_all(trash.parent().unwrap()).unwrap();
    for damage in [None, Some(&b"not Parquet"[..])] {
        match damage {
            None => fs::remove_file(yard.path().join(&name)).unwrap(),
            Some(bytes) => fs::write(yard.path().join(&name), bytes).unwrap(),
        }
        let report = asked(&yard, Depth::All);
        let mut other = whole.clone();
        other[9] ^= 1;
        fs::write(&trash, other).unwrap();
        assert_eq!(act(&yard, &report, PLAIN), [Act::Left], "another file of this name and size");
        fs::write(&trash, &whole).unwrap();
        assert_eq!(act(&yard, &report, DRY), [Act::Restored]);
        assert!(trash.exists());
        assert_eq!(act(&yard, &report, PLAIN), [Act::Restored]);
        assert!(!trash.exists());
        nothing_wrong(yard.path());
        assert_eq!(read(&mut yard.lake, At::Newest), yard.rows);
    }
}

#[test]
fn a_lost_file_is_given_up_only_when_told_to_and_kept() {
    let mut yard = Yard::new();
    yard.add(&[("A", 1, 1.0), ("B", 1, 1.0)], true);
    yard.add(&[("A", 2, 2.0)], false);
    yard.add(&[("A", 3, 3.0)], false);
    let names = live(&mut yard);
    let rotten = names.iter().find(|name| name.contains("packed")).unwrap();
    let gone = names.iter().find(|name| !name.contains("packed")).unwrap();
    let path = yard.path().join(rotten);
    let mut bytes = fs::read(&path).unwrap();
    bytes[40] ^= 1;
    fs::write(&path, &bytes).unwrap();
    fs::remove_file(yard.path().join(gone)).unwrap();
    let report = asked(&yard, Depth::All);
    assert_eq!(report.len(), 2);
    assert_eq!(act(&yard, &report, PLAIN), [Act::Left, Act::Left]);
    assert!(path.exists());
    let version = yard.state().version;
    let said = repair(yard.path(), &report, &DROP).unwrap();
    assert!(said.iter().all(|one| one.act == Act::Dropped), "{said:?}");
    let packed = said.iter().find(|one| one.path == *rotten).unwrap();
    assert!(packed.detail.starts_with("2 rows of 2 symbols from A to B are lost"), "{packed:?}");
    assert_eq!(yard.state().version, version + 1, "one commit");
    let aside = yard.path().join("_lake/quarantine/damaged").join(rotten);
    assert_eq!(fs::read(aside).unwrap(), bytes, "kept as it was");
    // Only the older versions lack them, and vacuum lets these go.
    let left = see(yard.path(), Depth::All);
    assert!(left.findings.len() == 2 && left.findings.iter().all(|f| !f.live), "{left:?}");
    sweep(&mut yard.lake);
    nothing_wrong(yard.path());
}

#[test]
fn a_damaged_end_of_the_log_is_given_up_only_when_told_to() {
    for harm in [None, Some("LKE1 torn")] {
        let mut yard = Yard::new();
        for day in 1..5 {
            yard.add(&[("A", day, 1.0)], false);
        }
        let entry = yard.path().join("_lake/log/0000000000/0000000000004.e");
        match harm {
            None => fs::remove_file(&entry).unwrap(),
            Some(text) => fs::write(&entry, text).unwrap(),
        }
        let report = asked(&yard, Depth::Sizes);
        let at = report.iter().position(|a| a.kind == "entry").unwrap();
        let before = image(&yard);
        assert_eq!(act(&yard, &report[at..=at], PLAIN), [Act::Left]);
        assert_eq!(act(&yard, &report[at..=at], Options { dry_run: true, ..DROP }), [Act::Dropped]);
        assert_eq!(image(&yard), before);
        assert_eq!(act(&yard, &report[at..=at], DROP), [Act::Dropped]);
        let aside = files(&yard.path().join("_lake/quarantine/damaged/_lake/log"));
        assert_eq!(aside.len(), if harm.is_none() { 1 } else { 2 });
        let mut lake = Lake::open(yard.path(), Access::Write).unwrap();
        assert_eq!(lake.state().version, 3);
        crate::yard::add(&mut lake, &[("B", 1, 1.0)], false);
        let report = see(yard.path(), Depth::All);
        assert!(report.closed.is_none());
        let kinds: Vec<_> = found(&report).into_iter().map(|f| f.0).collect();
        assert!(kinds.iter().all(|kind| *kind == "file-ahead"), "{kinds:?}");
    }
}
