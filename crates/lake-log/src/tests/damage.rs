//! Bytes that are not what was written: an answer or a typed error, never wrong rows.

// To do the damage, the tests go past lake-store.
#![allow(clippy::disallowed_methods)]

use lake_core::kind::Kind;
use lake_core::layout;

use super::*;

fn entry_path(dir: &Path, version: u64) -> std::path::PathBuf {
    dir.join(layout::epoch_dir(layout::epoch(version))).join(layout::entry_name(version))
}

fn with_commits(dir: &Path, n: i64) {
    let mut lake = new_lake(dir);
    for day in 0..n {
        version_of(&commit_one(&mut lake, "A", day));
    }
}

#[test]
fn a_flipped_byte_in_an_acknowledged_entry_is_named() {
    let dir = tempfile::tempdir().unwrap();
    with_commits(dir.path(), 5);
    for version in 1..=6 {
        let path = entry_path(dir.path(), version);
        let whole = std::fs::read(&path).unwrap();
        for at in [0, 9, 20, whole.len() / 2, whole.len() - 1] {
            let mut harmed = whole.clone();
            harmed[at] ^= 0x10;
            std::fs::write(&path, &harmed).unwrap();
            let error = Lake::open(dir.path(), Access::Read).err().expect("damage is seen");
            assert_eq!(error.kind(), Kind::Damaged, "{error}");
            assert!(error.to_string().contains(&version.to_string()));
        }
        std::fs::write(&path, &whole).unwrap();
    }
    assert_eq!(Lake::open(dir.path(), Access::Read).unwrap().state().version, 6);
}

#[test]
fn head_is_only_a_hint() {
    let dir = tempfile::tempdir().unwrap();
    with_commits(dir.path(), 3);
    let head = dir.path().join("_lake/HEAD");
    for garbage in [vec![], vec![0xff; 32], vec![7; 500]] {
        std::fs::write(&head, &garbage).unwrap();
        let mut lake = Lake::open(dir.path(), Access::Write).unwrap();
        let before = lake.state().version;
        assert_eq!(lake.refresh().unwrap().version, before);
        assert_eq!(version_of(&commit_one(&mut lake, "B", before as i64)), before + 1);
    }
    let ahead = lake_core::lakefile::head_to_bytes(1_000_000);
    std::fs::write(&head, ahead).unwrap();
    let mut lake = Lake::open(dir.path(), Access::Write).unwrap();
    assert_eq!(version_of(&commit_one(&mut lake, "C", 1)), 8);
}

#[test]
fn a_damaged_checkpoint_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    with_commits(dir.path(), 300);
    let truth = Lake::open(dir.path(), Access::Read).unwrap().state().clone();
    let folder = dir.path().join(layout::CHECKPOINTS);
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 2);
    for path in files.iter().rev() {
        let mut bytes = std::fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(path, bytes).unwrap();
        assert_eq!(Lake::open(dir.path(), Access::Read).unwrap().state().tables().count(), 1);
        assert_eq!(Lake::open(dir.path(), Access::Read).unwrap().state().hash, truth.hash);
    }
}

#[test]
fn what_a_power_cut_left_behind_is_moved_aside() {
    let dir = tempfile::tempdir().unwrap();
    with_commits(dir.path(), 5);
    // Version 7 was linked by a writer that died; 6 is torn, and neither was told.
    std::fs::write(dir.path().join("_lake/HEAD"), lake_core::lakefile::head_to_bytes(5)).unwrap();
    let six = entry_path(dir.path(), 6);
    let torn = std::fs::read(&six).unwrap();
    std::fs::write(&six, &torn[..torn.len() / 2]).unwrap();
    let mut lake = Lake::open(dir.path(), Access::Write).unwrap();
    assert_eq!(lake.state().version, 5);
    assert_eq!(lake.leftovers().0, Some(6));
    assert_eq!(version_of(&commit_one(&mut lake, "B", 1)), 6);
    let quarantine = dir.path().join(layout::QUARANTINE);
    assert_eq!(std::fs::read_dir(quarantine).unwrap().count(), 1);
    // A gap: 8 without 7 was never acknowledged either.
    let mut stale = Lake::open(dir.path(), Access::Write).unwrap();
    version_of(&commit_one(&mut lake, "B", 2));
    std::fs::rename(entry_path(dir.path(), 7), entry_path(dir.path(), 8)).unwrap();
    std::fs::write(dir.path().join("_lake/HEAD"), lake_core::lakefile::head_to_bytes(6)).unwrap();
    assert_eq!(version_of(&commit_one(&mut stale, "B", 3)), 7);
    assert_eq!(version_of(&commit_one(&mut stale, "B", 4)), 8);
}

#[test]
fn a_lost_log_is_not_an_empty_lake() {
    let dir = tempfile::tempdir().unwrap();
    with_commits(dir.path(), 5);
    std::fs::remove_file(entry_path(dir.path(), 1)).unwrap();
    let error = Lake::open(dir.path(), Access::Read).err().unwrap();
    assert_eq!(error.kind(), Kind::Damaged);
}

#[test]
fn newer_formats_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    with_commits(dir.path(), 1);
    let path = dir.path().join("_lake/LAKE");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, text.replace("format = 1", "format = 2")).unwrap();
    for access in [Access::Read, Access::Write] {
        assert_eq!(Lake::open(dir.path(), access).err().unwrap().kind(), Kind::Newer);
    }
    assert_eq!(
        Lake::open(&dir.path().join("nowhere"), Access::Read).err().unwrap().kind(),
        Kind::NotFound
    );
}
