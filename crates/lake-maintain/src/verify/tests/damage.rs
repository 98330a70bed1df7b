//! Every kind of file, harmed in every way: verify names it.

use std::fs;

use lake_core::value::Value;

use super::*;
use crate::archive::{ArchiveOptions, archive_rows};
use crate::retain::Cut;

#[test]
fn a_flipped_byte_is_found_in_whatever_file_it_is() {
    let yard = full_yard();
    nothing_wrong(yard.path());
    let mut kinds = std::collections::BTreeSet::new();
    for path in files(yard.path()) {
        let name = short(&yard, &path);
        let whole = fs::read(&path).unwrap();
        // Settings, lock files and what vacuum let go are nobody's truth.
        let counts = name.starts_with("warehouse/")
            || ["log/", "checkpoints/", "HEAD", "LAKE", "locks/pins"]
                .iter()
                .any(|part| name.starts_with(&format!("_lake/{part}")));
        if !counts || whole.is_empty() {
            continue;
        }
        for at in [0, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
            if name == "_lake/LAKE" && at == 0 || name == "_lake/locks/pins" && whole[at] == 0 {
                continue;
            }
            let mut harmed = whole.clone();
            harmed[at] ^= 0x20;
            fs::write(&path, &harmed).unwrap();
            let report = see(yard.path(), Depth::All);
            let here = report.findings.iter().find(|f| f.path == name);
            let Some(here) = here else { panic!("{name} at {at}: {:?}", found(&report)) };
            kinds.insert(here.kind());
            fs::write(&path, &whole).unwrap();
        }
    }
    let all = ["checkpoint", "entry", "file-hash", "head", "lake-file", "slot"];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), all);
    nothing_wrong(yard.path());
}

#[test]
fn a_file_that_is_gone_or_cut_is_found_without_reading_any() {
    let mut yard = full_yard();
    for name in live(&mut yard) {
        let path = yard.path().join(&name);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let cut = see(yard.path(), Depth::Sizes);
        assert_eq!(found(&cut), [("file-size", name.clone())]);
        assert_eq!(cut.findings[0].table.as_deref(), Some("bars"));
        fs::remove_file(&path).unwrap();
        assert_eq!(found(&see(yard.path(), Depth::Sizes)), [("file-missing", name.clone())]);
        fs::create_dir(&path).unwrap();
        assert_eq!(found(&see(yard.path(), Depth::Sizes)), [("file-type", name)]);
        fs::remove_dir(&path).unwrap();
        fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn a_file_that_only_older_versions_need_is_needed() {
    let mut yard = full_yard();
    let hidden: Vec<_> = files(&yard.path().join("warehouse/bars/symbol=D"));
    fs::remove_file(&hidden[0]).unwrap();
    let report = see(yard.path(), Depth::Sizes);
    let newest = yard.state().version;
    assert_eq!(found(&report), [("file-missing", short(&yard, &hidden[0]))]);
    let finding = &report.findings[0];
    assert_eq!((finding.live, finding.gone), (false, Some(newest)));
    sweep(&mut yard.lake);
    nothing_wrong(yard.path());
}

#[test]
fn the_archive_is_looked_at_like_the_rest() {
    let mut yard = full_yard();
    let cut = Cut::Order(Value::Int(4));
    archive_rows(&mut yard.lake, "bars", &cut, &ArchiveOptions::default(), &()).unwrap();
    let report = nothing_wrong(yard.path());
    let all = files(&yard.path().join("archive"));
    assert_eq!(all.len(), 4, "three symbols and the list");
    for path in all {
        let (name, whole) = (short(&yard, &path), fs::read(&path).unwrap());
        let mut harmed = whole.clone();
        harmed[whole.len() / 2] ^= 0x20;
        fs::write(&path, &harmed).unwrap();
        let is_list = name.ends_with(".archive");
        let kind = if is_list { "archive-list" } else { "archive-file" };
        assert_eq!(found(&see(yard.path(), Depth::All)), [(kind, name.clone())]);
        // A damaged list keeps nobody from sweeping, and is not swept.
        sweep(&mut yard.lake);
        assert_eq!(fs::read(&path).unwrap(), harmed);
        fs::remove_file(&path).unwrap();
        let report = see(yard.path(), Depth::Sizes);
        match is_list {
            true => {
                assert_eq!((found(&report), &report.notes[..]), (vec![], &[Note::Archives(1)][..]))
            }
            false => assert_eq!(found(&report), [("archive-file", name)]),
        }
        fs::write(&path, &whole).unwrap();
    }
    assert!(report.files >= 3 && nothing_wrong(yard.path()).notes.is_empty());
}

#[test]
fn two_files_that_changed_places_are_found() {
    let mut yard = Yard::new();
    yard.add(&[("A", 1, 1.0)], false);
    yard.add(&[("A", 2, 2.0)], false);
    let names = live(&mut yard);
    let [a, b] = [&names[0], &names[1]].map(|name| yard.path().join(name));
    let (in_a, in_b) = (fs::read(&a).unwrap(), fs::read(&b).unwrap());
    fs::write(&a, in_b).unwrap();
    fs::write(&b, in_a).unwrap();
    let paths: Vec<_> = found(&see(yard.path(), Depth::All)).into_iter().map(|f| f.1).collect();
    assert_eq!(paths, names);
}

#[test]
fn a_missing_entry_is_found_and_what_it_takes_along_is_said() {
    for missing in [2, 4] {
        let mut yard = Yard::new();
        for day in 1..4 {
            yard.add(&[("A", day, 1.0)], false);
        }
        let entry = format!("_lake/log/0000000000/{missing:013}.e");
        fs::remove_file(yard.path().join(&entry)).unwrap();
        let report = see(yard.path(), Depth::Sizes);
        let kind = if missing == 4 { "log-end" } else { "entry" };
        assert_eq!(found(&report)[0], (kind, entry), "{missing}");
        assert_eq!(report.version, missing - 1);
        assert!(report.closed.is_none(), "{:?}", report.closed);
    }
}

#[test]
fn an_entry_before_a_checkpoint_takes_along_only_the_versions_before_it() {
    let mut yard = Yard::new();
    yard.add(&[("A", 1, 1.0)], false);
    let mut lake = Lake::open(yard.path(), Access::Write).unwrap();
    for day in 2..140 {
        crate::yard::add(&mut lake, &[("A", day, 1.0)], true);
    }
    let entry = "_lake/log/0000000000/0000000000050.e";
    fs::write(yard.path().join(entry), "x").unwrap();
    let report = see(yard.path(), Depth::Sizes);
    assert_eq!(found(&report), [("entry", entry.to_owned())]);
    assert!(report.findings[0].detail().contains("versions 50 to 127"), "{report:?}");
    assert!(report.closed.is_none());
    assert_eq!(report.version, 140);
    assert_eq!(report.files, 139, "files are looked at all the same");
}

#[test]
fn what_the_log_has_lost_at_its_end_shows_in_the_files() {
    let mut yard = Yard::new();
    for day in 1..4 {
        yard.add(&[("A", day, 1.0)], false);
    }
    let mut other = Lake::open(yard.path(), Access::Write).unwrap();
    crate::yard::add(&mut other, &[("B", 1, 1.0)], false);
    for version in 3..=5 {
        let entry = format!("_lake/log/0000000000/{version:013}.e");
        fs::remove_file(yard.path().join(entry)).unwrap();
    }
    // The hint is gone, too.
    fs::write(yard.path().join("_lake/HEAD"), "").unwrap();
    let report = see(yard.path(), Depth::Sizes);
    assert_eq!(report.version, 2);
    let kinds: Vec<_> = found(&report).into_iter().map(|f| f.0).collect();
    assert_eq!(kinds, ["file-ahead"]);
}

#[test]
fn what_init_made_and_is_gone_is_found() {
    let yard = full_yard();
    for name in ["_lake/HEAD", "_lake/locks/pins", "_lake/locks/commit"] {
        let path = yard.path().join(name);
        let whole = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let report = see(yard.path(), Depth::Sizes);
        assert_eq!(found(&report)[0], ("system-missing", name.to_owned()));
        assert!(report.closed.is_some(), "{name}");
        fs::write(&path, whole).unwrap();
    }
}
