use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode};

use super::lake;
use crate::{Dir, HINT_LEN, Hint, Kind, LockFile, Root, StoreError, overwrite};

fn put(dir: &Dir, name: &str, bytes: &[u8]) {
    let mut file = dir.create(name).unwrap();
    file.write_all(bytes).unwrap();
    file.sync().unwrap();
    file.close().unwrap();
}

#[test]
fn a_root_is_made_with_its_parents_and_may_be_reached_by_a_link() {
    let (temp, root) = lake();
    assert!(root.path().ends_with("some/lake"));
    let again = Root::create(root.path()).unwrap();
    assert_eq!(again.path(), root.path());
    let alias = temp.path().join("alias");
    symlink(root.path(), &alias).unwrap();
    assert_eq!(Root::open(&alias).unwrap().path(), root.path());
    assert_eq!(Root::open(&temp.path().join("none")).unwrap_err().kind, Kind::NotFound);
}

#[test]
fn files_and_directories_come_and_go() {
    let (_temp, root) = lake();
    let dir = root.make_dir("a/b/c").unwrap();
    assert_eq!(dir.path(), "a/b/c");
    assert_eq!(dir.sub("d").unwrap_err().kind, Kind::NotFound);
    put(&dir, "one", b"first");

    assert_eq!(dir.read("one").unwrap(), b"first");
    assert_eq!(root.read("a/b/c/one").unwrap(), b"first");
    assert_eq!(dir.read_opt("two").unwrap(), None);
    assert_eq!(root.read_opt("a/x/c/one").unwrap(), None);
    assert_eq!(dir.create("one").unwrap_err().kind, Kind::AlreadyExists);
    let mut text = String::new();
    root.open_read("a/b/c/one").unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "first");

    let stat = dir.stat("one").unwrap().unwrap();
    assert!(stat.is_file && !stat.is_dir && stat.len == 5 && stat.nlink == 1);
    assert_eq!(root.stat("a/b/c/one").unwrap(), Some(stat));
    assert_eq!(root.stat("a/x/c").unwrap(), None);
    assert!(root.stat("a").unwrap().unwrap().is_dir);

    let up = root.dir("a/b").unwrap();
    let names: Vec<_> = up.list().unwrap().into_iter().map(|e| (e.name, e.is_dir)).collect();
    assert_eq!(names, [("c".to_owned(), true)]);
    assert!(dir.unlink("one").unwrap());
    assert!(!dir.unlink("one").unwrap());
    assert!(!dir.exists("one").unwrap());
    assert!(up.remove_dir("c").unwrap());
    assert!(!up.remove_dir("c").unwrap());
}

#[test]
fn making_a_directory_says_whether_it_was_missing() {
    let (_temp, root) = lake();
    assert!(root.make_dir_unsynced("t/symbol=1").unwrap().1);
    assert!(!root.make_dir_unsynced("t/symbol=1").unwrap().1);
    assert!(root.make_dir_unsynced("t/symbol=2").unwrap().1);
    root.sync_parents("t/symbol=1/file").unwrap();
    assert_eq!(root.sync_parents("t/symbol=3/file").unwrap_err().kind, Kind::NotFound);
    put(&root.dir("t").unwrap(), "file", b"");
    assert_eq!(root.make_dir("t/file/x").unwrap_err().errno(), Some(20));
}

#[test]
fn many_threads_may_make_the_same_directories() {
    let (_temp, root) = lake();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for i in 0..50 {
                    put(&root.make_dir(&format!("t/symbol={i}/x")).unwrap(), &unique(), b"");
                }
            });
        }
    });
    assert_eq!(root.dir("t").unwrap().list().unwrap().len(), 50);
    assert_eq!(root.dir("t/symbol=7/x").unwrap().list().unwrap().len(), 8);
}

fn unique() -> String {
    format!("{:x}", crate::random::session().unwrap())
}

#[test]
fn a_move_refuses_a_name_in_use_and_a_replacement_does_not() {
    let (_temp, root) = lake();
    let (one, two) = (root.make_dir("one").unwrap(), root.make_dir("two").unwrap());
    put(&one, "new", b"new");
    put(&two, "old", b"old");
    assert_eq!(one.rename("new", &two, "old").unwrap_err().kind, Kind::AlreadyExists);
    assert_eq!(two.read("old").unwrap(), b"old");
    one.rename("new", &two, "free").unwrap();
    assert_eq!(one.list().unwrap(), []);
    two.replace("free", &two, "old").unwrap();
    assert_eq!(two.read("old").unwrap(), b"new");
}

/// Everything that takes a path must refuse a directory that is a link.
#[test]
fn a_planted_directory_link_leads_nowhere() {
    let (temp, root) = lake();
    let outside = temp.path().join("outside");
    std::fs::create_dir_all(outside.join("sub")).unwrap();
    std::fs::write(outside.join("secret"), "secret").unwrap();
    root.make_dir("data").unwrap();
    symlink(&outside, root.path().join("data/symbol=1")).unwrap();

    let refused = |e: StoreError| assert_eq!(e.kind, Kind::Escape, "{e}");
    refused(root.dir("data/symbol=1").unwrap_err());
    refused(root.dir("data/symbol=1/sub").unwrap_err());
    refused(root.make_dir("data/symbol=1").unwrap_err());
    refused(root.make_dir("data/symbol=1/new").unwrap_err());
    refused(root.read("data/symbol=1/secret").unwrap_err());
    refused(root.read_opt("data/symbol=1/secret").unwrap_err());
    refused(root.open_read("data/symbol=1/secret").unwrap_err());
    refused(root.stat("data/symbol=1/secret").unwrap_err());
    refused(root.sync_parents("data/symbol=1/secret").unwrap_err());
    refused(root.dir("data").unwrap().sub("symbol=1").unwrap_err());
    assert!(!outside.join("new").exists());

    let stat = root.dir("data").unwrap().stat("symbol=1").unwrap().unwrap();
    assert!(!stat.is_dir && !stat.is_file);
    let listed = root.dir("data").unwrap().list().unwrap();
    assert!(!listed[0].is_dir);
}

#[test]
fn a_planted_file_link_is_neither_read_nor_written() {
    let (temp, root) = lake();
    let outside = temp.path().join("secret");
    std::fs::write(&outside, [7; 64]).unwrap();
    let dir = root.make_dir("d").unwrap();
    symlink(&outside, root.path().join("d/name")).unwrap();

    let refused = |e: StoreError| assert_eq!(e.kind, Kind::Escape, "{e}");
    refused(dir.read("name").unwrap_err());
    refused(dir.read_opt("name").unwrap_err());
    refused(dir.open_read("name").unwrap_err());
    refused(Hint::open(&dir, "name").unwrap_err());
    refused(Hint::create(&dir, "name").unwrap_err());
    refused(overwrite(&dir, "name", 0, b"x").unwrap_err());
    let lock = LockFile::new(&dir, "name").unwrap();
    refused(lock.try_exclusive(0).unwrap_err());
    assert_eq!(dir.create("name").unwrap_err().kind, Kind::AlreadyExists);
    // A dangling link is not followed into being either.
    symlink(temp.path().join("made"), root.path().join("d/dangling")).unwrap();
    assert_eq!(dir.create("dangling").unwrap_err().kind, Kind::AlreadyExists);
    assert!(!temp.path().join("made").exists());
    assert_eq!(std::fs::read(&outside).unwrap(), [7; 64]);
    // Removing takes the link and not its target.
    assert!(dir.unlink("name").unwrap());
    assert!(outside.exists());
}

#[test]
fn a_link_that_stays_inside_is_refused_too() {
    let (_temp, root) = lake();
    put(&root.make_dir("data/symbol=1").unwrap(), "file", b"");
    symlink("symbol=1", root.path().join("data/symbol=2")).unwrap();
    symlink("symbol=1/file", root.path().join("data/file")).unwrap();
    assert_eq!(root.dir("data/symbol=2").unwrap_err().kind, Kind::Escape);
    assert_eq!(root.make_dir("data/symbol=2/x").unwrap_err().kind, Kind::Escape);
    assert_eq!(root.read("data/symbol=2/file").unwrap_err().kind, Kind::Escape);
    assert_eq!(root.read("data/file").unwrap_err().kind, Kind::Escape);
}

#[test]
fn an_opened_directory_stays_itself_when_a_link_takes_its_place() {
    let (temp, root) = lake();
    let dir = root.make_dir("d").unwrap();
    std::fs::create_dir(temp.path().join("outside")).unwrap();
    std::fs::rename(root.path().join("d"), root.path().join("moved")).unwrap();
    symlink(temp.path().join("outside"), root.path().join("d")).unwrap();
    put(&dir, "file", b"");
    assert!(root.path().join("moved/file").exists());
    assert!(!temp.path().join("outside/file").exists());
}

#[test]
fn no_spelling_leads_out_of_the_root() {
    let (_temp, root) = lake();
    let dir = root.make_dir("d").unwrap();
    for bad in ["..", "../x", "/etc/passwd", "d/../..", "", "d//x", "d/"] {
        assert_eq!(root.read(bad).unwrap_err().kind, Kind::Escape, "{bad:?}");
        assert_eq!(root.make_dir(bad).unwrap_err().kind, Kind::Escape, "{bad:?}");
    }
    for bad in ["..", ".", "", "a/b", "/"] {
        assert_eq!(dir.create(bad).unwrap_err().kind, Kind::Escape, "{bad:?}");
        assert_eq!(dir.unlink(bad).unwrap_err().kind, Kind::Escape, "{bad:?}");
        assert_eq!(dir.remove_dir(bad).unwrap_err().kind, Kind::Escape, "{bad:?}");
        assert_eq!(dir.rename("x", &dir, bad).unwrap_err().kind, Kind::Escape, "{bad:?}");
        assert_eq!(dir.link("x", &dir, bad).unwrap_err().kind, Kind::Escape, "{bad:?}");
        assert_eq!(LockFile::create(&dir, bad).unwrap_err().kind, Kind::Escape, "{bad:?}");
    }
}

#[test]
fn what_is_no_regular_file_is_not_read_and_does_not_hang() {
    let (_temp, root) = lake();
    let dir = root.make_dir("d").unwrap();
    let pipe = root.path().join("d/pipe");
    rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
    assert_eq!(dir.read("pipe").unwrap_err().kind, Kind::Other);
    assert_eq!(dir.open_read("pipe").unwrap_err().kind, Kind::Other);
    assert_eq!(root.read("d").unwrap_err().kind, Kind::Other);
}

#[test]
fn a_sparse_giant_is_refused_before_it_takes_the_memory() {
    let (_temp, root) = lake();
    let dir = root.make_dir("d").unwrap();
    let giant = std::fs::File::create(root.path().join("d/giant")).unwrap();
    giant.set_len(1 << 42).unwrap();
    assert!(dir.read("giant").unwrap_err().to_string().contains("too large"));
}

#[test]
fn a_name_that_is_not_utf8_is_flagged() {
    use std::os::unix::ffi::OsStrExt;
    let (_temp, root) = lake();
    let dir = root.make_dir("d").unwrap();
    let raw = std::ffi::OsStr::from_bytes(b"bad\xff");
    std::fs::write(root.path().join("d").join(raw), "").unwrap();
    let entries = dir.list().unwrap();
    assert!(entries.len() == 1 && entries[0].lossy);
}

#[test]
fn reserved_room_changes_no_length_and_is_given_back() {
    use std::os::unix::fs::MetadataExt;
    let (_temp, root) = lake();
    let dir = root.make_dir("d").unwrap();
    let mut file = dir.create("file").unwrap();
    file.allocate(0).unwrap();
    file.allocate(4 << 20).unwrap();
    let path = root.path().join("d/file");
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
    file.write_all(b"short").unwrap();
    assert_eq!(file.written(), 5);
    file.sync().unwrap();
    file.close().unwrap();
    let stat = std::fs::metadata(&path).unwrap();
    assert_eq!(stat.len(), 5);
    assert!(stat.blocks() * 512 < 1 << 20, "the room is still taken");
}

#[test]
fn a_hint_is_a_record_or_nothing() {
    let (_temp, root) = lake();
    let dir = root.make_dir("d").unwrap();
    assert_eq!(Hint::open(&dir, "HEAD").unwrap_err().kind, Kind::NotFound);
    let hint = Hint::create(&dir, "HEAD").unwrap();
    assert_eq!(hint.read().unwrap(), None);
    hint.write(&[1; HINT_LEN]).unwrap();
    hint.write(&[2; HINT_LEN]).unwrap();
    assert_eq!(Hint::create(&dir, "HEAD").unwrap().read().unwrap(), Some([2; HINT_LEN]));
    std::fs::write(root.path().join("d/HEAD"), [3; HINT_LEN - 1]).unwrap();
    assert_eq!(hint.read().unwrap(), None);
}

#[test]
fn a_slot_is_overwritten_where_it_is() {
    let (_temp, root) = lake();
    let dir = root.make_dir("d").unwrap();
    assert_eq!(overwrite(&dir, "pins", 0, b"x").unwrap_err().kind, Kind::NotFound);
    put(&dir, "pins", b"aaaabbbb");
    overwrite(&dir, "pins", 4, b"cc").unwrap();
    assert_eq!(dir.read("pins").unwrap(), b"aaaaccbb");
}

#[test]
fn space_and_sync_answer() {
    let (_temp, root) = lake();
    let space = root.space().unwrap();
    assert!(space.available <= space.free && space.free <= space.total && space.total > 0);
    root.sync_fs().unwrap();
    root.top().unwrap().sync().unwrap();
}

#[test]
fn an_error_names_operation_path_and_reason() {
    let (_temp, root) = lake();
    let dir = root.make_dir("a/b").unwrap();
    let e = dir.read("none").unwrap_err();
    assert_eq!(e.path, Path::new("a/b/none"));
    assert_eq!(e.to_string(), "read a/b/none: No such file or directory (os error 2)");
    let source = std::error::Error::source(&e).unwrap();
    assert_eq!(source.downcast_ref::<std::io::Error>().unwrap().raw_os_error(), Some(2));
    let wrapped = std::io::Error::other(std::io::Error::from(e));
    assert_eq!(StoreError::within(&wrapped).unwrap().kind, Kind::NotFound);
    assert!(StoreError::within(&std::io::Error::other("else")).is_none());
}

#[test]
fn a_full_disk_is_told_by_name() {
    use crate::step::{At, Effect, step_write};
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let at = At { root: Path::new("/dev"), dir: "", name: "full" };
    let write = |rest: &[u8], _| Ok(rustix::io::write(&full, rest)?);
    let e = step_write("write", &at, b"bytes", |_| Effect::None, write).unwrap_err();
    assert_eq!(e.kind, Kind::DiskFull);
}
