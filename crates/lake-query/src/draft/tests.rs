// Tests look at the disk as people do.
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::io::Write;

use super::*;

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn written(file: &Path, lake: &Path, text: &str) -> Draft {
    let draft = Draft::of(file, lake).unwrap();
    draft.create().unwrap().write_all(text.as_bytes()).unwrap();
    draft
}

#[test]
fn it_is_there_whole_or_not_at_all() {
    let (dir, lake) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = dir.path().join("a.csv");
    let draft = written(&file, lake.path(), "one");
    assert!(!file.exists());
    assert_eq!(names(dir.path()).len(), 1);
    assert_eq!(draft.publish(false).unwrap(), 3);
    assert_eq!(names(dir.path()), ["a.csv"]);

    let draft = written(&file, lake.path(), "other");
    assert_eq!(draft.must_be_new().unwrap_err().kind, Kind::BadInput);
    assert_eq!(draft.publish(false).unwrap_err().kind, Kind::BadInput);
    assert_eq!(fs::read_to_string(&file).unwrap(), "one");
    assert_eq!(written(&file, lake.path(), "other").publish(true).unwrap(), 5);
    assert_eq!(fs::read_to_string(&file).unwrap(), "other");
    drop(written(&file, lake.path(), "never"));
    assert_eq!(names(dir.path()), ["a.csv"]);
}

#[test]
fn what_a_killed_process_left_goes_and_what_lives_stays() {
    let (dir, lake) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = dir.path().join("a.csv");
    let living = written(&file, lake.path(), "living");
    let leftover = dir.path().join(".a.csv.0123456789abcdef.tmp");
    fs::create_dir(&leftover).unwrap();
    fs::write(leftover.join("lock"), "").unwrap();
    fs::write(leftover.join("a.csv"), "half").unwrap();
    let empty = dir.path().join(".a.csv.0123456789abcdee.tmp");
    fs::create_dir(&empty).unwrap();
    let foreign = [".a.csv.tmp", ".b.csv.0123456789abcdef.tmp", ".a.csv.0123456789abcdeX.tmp"];
    foreign.iter().for_each(|name| fs::create_dir(dir.path().join(name)).unwrap());

    assert_eq!(written(&file, lake.path(), "new").publish(false).unwrap(), 3);
    assert!(!leftover.exists() && !empty.exists());
    assert!(foreign.iter().all(|name| dir.path().join(name).exists()));
    assert_eq!(living.publish(true).unwrap(), 6);
    assert_eq!(fs::read_to_string(&file).unwrap(), "living");
}

#[test]
fn where_it_may_lie() {
    let (dir, lake) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake = lake.path().canonicalize().unwrap();
    fs::create_dir(lake.join("exports")).unwrap();
    std::os::unix::fs::symlink(lake.join("exports"), dir.path().join("link")).unwrap();
    let kind = |file: &Path| Draft::of(file, &lake).err().map(|failure| failure.kind);
    for inside in [lake.join("a.csv"), lake.join("exports/a.csv"), dir.path().join("link/a.csv")] {
        assert_eq!(kind(&inside), Some(Kind::BadInput), "{}", inside.display());
    }
    assert_eq!(kind(&dir.path().join("nowhere/a.csv")), Some(Kind::NotFound));
    assert_eq!(kind(&dir.path().join("..")), Some(Kind::BadInput));
    assert_eq!(kind(dir.path()), Some(Kind::BadInput));
    assert_eq!(kind(Path::new("/")), Some(Kind::BadInput));
    assert_eq!(kind(&dir.path().join("a.csv/")), Some(Kind::BadInput));
    // A link to the lake is replaced, not followed.
    let link = dir.path().join("link.csv");
    std::os::unix::fs::symlink(lake.join("LAKE"), &link).unwrap();
    assert_eq!(written(&link, &lake, "x").publish(true).unwrap(), 1);
    assert!(!lake.join("LAKE").exists() && !link.is_symlink());
}
