//! What is taken, in which order, and where it ends.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use lake_core::layout;
use lake_segment::{SegmentReader, Verify};
use lake_store::LockFile;

use super::*;
use crate::Mode;

/// One listing for all of them: a second one would not come with `once`.
#[test]
fn a_burst_of_a_thousand_files() {
    let place = Place::new();
    for i in 0..1000 {
        place.put(&format!("{i}.csv"), &row(&format!("S{}", i % 10), f64::from(i)));
    }
    assert_eq!(place.once().len(), 1000);
    assert_eq!((place.rows("ticks"), place.names("done").len()), (1000, 1000));
    assert_eq!(place.names(""), [".lake-watch", "done", "failed"]);
    let version = Writer::open(&place.lake()).unwrap().lake().refresh().unwrap().version;
    assert_eq!(version, 1002);
}

#[test]
fn a_name_that_comes_again_is_another_file() {
    let place = Place::new();
    for n in 1..=4 {
        place.put("a.csv", &row("a", f64::from(n)));
        assert_eq!(place.once().len(), 1);
    }
    // Equal contents are no duplicate either.
    place.put("a.csv", &row("a", 4.0));
    assert_eq!(place.once(), ["a.csv -> done/a.4.csv, 1 rows"]);
    assert_eq!(place.rows("ticks"), 5);
    assert_eq!(place.names("done"), ["a.1.csv", "a.2.csv", "a.3.csv", "a.4.csv", "a.csv"]);
}

#[test]
fn bad_files_go_aside_with_the_reason_and_stop_nobody() {
    let place = Place::new();
    place.put_aged("bad.csv", &format!("{HEADER}a,2026-11-20,1\na,soon,1\n"), 9);
    place.put_aged("empty.csv", "", 8);
    place.put_aged("torn.parquet", "PAR1 and no more", 7);
    place.put("good.csv", &row("a", 1.0));
    let said = [
        "bad.csv -> failed/bad.csv",
        "empty.csv -> failed/empty.csv",
        "torn.parquet -> failed/torn.parquet",
        "good.csv -> done/good.csv, 1 rows",
    ];
    assert_eq!(place.once(), said);
    let failed = place.names("failed");
    assert_eq!(failed[..2], ["bad.csv", "bad.csv.reason.json"]);
    assert_eq!((failed.len(), place.rows("ticks")), (6, 1));
    let reason = fs::read_to_string(place.dir().join("failed/bad.csv.reason.json")).unwrap();
    // By the path that people know.
    let path = place.dir().join("bad.csv");
    let want = format!("bad.csv: {}, row 2 (line 3), column date", path.display());
    assert!(reason.starts_with(&want), "{reason}");
    // Put right, but for its reason, it comes again.
    place.take("failed/bad.csv.reason.json", "bad.csv.reason.json");
    fs::remove_file(place.dir().join("failed/bad.csv")).unwrap();
    place.put("bad.csv", &row("b", 1.0));
    assert_eq!(place.once(), ["bad.csv -> done/bad.csv, 1 rows"]);
    assert_eq!(place.names("")[3], "failed");
    assert!(place.names("").contains(&"bad.csv.reason.json".into()));
}

#[test]
fn only_complete_files_of_plain_names_are_taken() {
    let place = Place::new();
    let text = row("a", 1.0);
    for name in [".hidden.csv", "a.csv.tmp", "a.csv.part", "b.csv~", "c.crdownload"] {
        place.put(name, &text);
    }
    place.put(&"x".repeat(201), &text);
    fs::write(place.dir().join(OsStr::from_bytes(b"caf\xe9.csv")), &text).unwrap();
    fs::create_dir(place.dir().join("folder.csv")).unwrap();
    std::os::unix::fs::symlink("a.csv.tmp", place.dir().join("link.csv")).unwrap();
    // Just written, and in a time that is no count of microseconds.
    fs::write(place.dir().join("new.csv"), &text).unwrap();
    let far = File::create(place.dir().join("far.csv")).unwrap();
    far.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(10_000_000_000_000)).unwrap();
    place.put(&"y".repeat(200), &text);
    let mut said = place.once();
    said.sort();
    let long = "y".repeat(200);
    let done = format!("{long} -> done/{long}, 1 rows");
    let want = ["bad name of 10 bytes", "bad name of 201 bytes", "incomplete: 2", &done];
    assert_eq!(said, want);
    assert_eq!((place.rows("ticks"), place.names("").len()), (1, 14));
    // It is said once of a name.
    place.put(&"x".repeat(201), &text);
    let mut watch = place.watch(Place::options("ticks")).unwrap();
    let mut desk = Desk::default();
    let _ = (watch.round(&mut desk).unwrap(), watch.round(&mut desk).unwrap());
    assert_eq!(desk.said.len(), 2, "{:?}", desk.said);
}

#[test]
fn a_file_that_was_written_later_wins() {
    let place = Place::new();
    place.put_aged("z.csv", &row("a", 1.0), 30);
    place.put_aged("a.csv", &row("a", 3.0), 10);
    place.put_aged("m.csv", &row("a", 2.0), 20);
    let mut desk = Desk::default();
    place.watch(Place::options("bars")).unwrap().run(&mut desk).unwrap();
    let order: Vec<&str> = desk.said.iter().map(|said| &said[..1]).collect();
    assert_eq!(order, ["z", "m", "a"]);
    let mut writer = Writer::open(&place.lake()).unwrap();
    let state = writer.lake().refresh().unwrap().clone();
    let table = state.table("bars").unwrap();
    let (part, newest) = table.segments().max_by_key(|(_, s)| s.rank).unwrap();
    let path = table.path(part, newest);
    let root = writer.lake().root();
    let mut reader = SegmentReader::open(root, &path, newest, Verify::Hash, None).unwrap();
    let batch = reader.next().unwrap().unwrap();
    let text = arrow::util::pretty::pretty_format_batches(&[batch]).unwrap().to_string();
    assert!(text.contains("3.0"), "{text}");
}

#[test]
fn what_no_file_could_change_is_refused_at_once() {
    let place = Place::new();
    place.put("a.csv", &row("a", 1.0));
    let refused = |change: &dyn Fn(&mut WatchOptions), kind: Kind, word: &str| {
        let mut options = Place::options("ticks");
        change(&mut options);
        let error = place.watch(options).err().unwrap();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    };
    refused(&|o| o.table = "nope".into(), Kind::NotFound, "no table nope");
    refused(&|o| o.batch.mode = Some(Mode::Upsert), Kind::BadInput, "has no key");
    refused(&|o| o.source.encoding = Some("x".into()), Kind::BadInput, "unknown encoding");
    refused(&|o| o.source.date_format = Some("x".into()), Kind::BadInput, "--date-format");
    assert!(place.dir().join("a.csv").exists());
    let open = |dir: &str| {
        let dir = place.temp.path().join(dir);
        Watch::open(&place.lake(), &dir, Place::options("ticks")).err().unwrap()
    };
    assert_eq!((open("none").kind(), open("in/a.csv").kind()), (Kind::NotFound, Kind::BadInput));
    for dir in ["lake", "lake/warehouse", "in/../lake/_lake"] {
        assert!(open(dir).to_string().contains("lies in the lake"), "{dir}");
    }
    std::os::unix::fs::symlink("lake/warehouse", place.temp.path().join("link")).unwrap();
    assert!(open("link").to_string().contains("lies in the lake"));
    assert!(!place.lake().join("warehouse/.lake-watch").exists());
}

#[test]
fn one_watch_a_directory() {
    let place = Place::new();
    let first = place.watch(Place::options("ticks")).unwrap();
    let error = place.watch(Place::options("ticks")).err().unwrap();
    assert_eq!(error.kind(), Kind::Busy);
    assert!(error.to_string().contains("another watch of"), "{error}");
    drop(first);
    assert!(place.watch(Place::options("ticks")).is_ok());
}

/// Runs until the last of these was said, acting on each.
fn run(mut watch: Watch, mut act: impl FnMut(&str), last: &str) -> Vec<String> {
    let stop = watch.stop();
    watch.options.once = false;
    let act = |said: &str| {
        act(said);
        if said == last {
            stop.stop();
        }
    };
    let mut desk = Desk { act: Some(Box::new(act)), ..Desk::default() };
    watch.run(&mut desk).unwrap();
    desk.said
}

#[test]
fn a_file_that_is_moved_in_is_complete_at_once() {
    let place = Place::new();
    place.put("a.csv", &row("a", 1.0));
    let options = WatchOptions { once: false, ..Place::options("ticks") };
    let watch = place.watch(options).unwrap();
    let act = |said: &str| {
        if said.starts_with("a.csv") {
            fs::write(place.dir().join("slow.csv"), row("s", 1.0)).unwrap();
            fs::write(place.dir().join("b.csv.tmp"), row("b", 1.0)).unwrap();
            place.take("b.csv.tmp", "b.csv");
        }
    };
    let said = run(watch, act, "b.csv -> done/b.csv, 1 rows");
    assert_eq!(said.len(), 2, "{said:?}");
    // Nobody said of this one that it is complete.
    assert!(place.dir().join("slow.csv").exists());
    assert_eq!(place.rows("ticks"), 2);
}

#[test]
fn without_events_it_looks_by_itself() {
    let place = Place::new();
    assert!(Ears::new(&Bell::default(), &place.dir().join("none")).is_err());
    place.put("a.csv", &row("a", 1.0));
    let mut watch = place.watch(Place::options("ticks")).unwrap();
    watch.deaf = Some("none left".into());
    let act = |said: &str| {
        if said.starts_with("a.csv") {
            place.put("b.csv", &row("b", 1.0));
        }
    };
    let said = run(watch, act, "b.csv -> done/b.csv, 1 rows");
    assert_eq!(said[0], "deaf");
    assert_eq!((said.len(), place.rows("ticks")), (3, 2));
}

/// Another holds the commit lock, and a power cut's leftover, which only who has the
/// lock may move, stands in the way.
#[test]
fn trouble_that_passes_is_waited_for() {
    let place = Place::new();
    place.put_aged("a.csv", &row("a", 1.0), 1);
    place.put("b.csv", &row("b", 1.0));
    let mut writer = Writer::open(&place.lake()).unwrap();
    let version = writer.lake().refresh().unwrap().version + 1;
    let entry = format!("{}/{}", layout::epoch_dir(0), layout::entry_name(version));
    fs::write(place.lake().join(entry), b"torn").unwrap();
    let locks = writer.lake().root().dir(layout::LOCKS).unwrap();
    let lock = LockFile::new(&locks, layout::LOCK_COMMIT).unwrap();
    let mut held = lock.try_exclusive(0).unwrap();
    assert!(held.is_some());
    let watch = place.watch(Place::options("ticks")).unwrap();
    let act = |said: &str| {
        if said.starts_with("waits") {
            held.take();
        }
    };
    let said = run(watch, act, "b.csv -> done/b.csv, 1 rows");
    let want =
        ["waits: Spooled", "a.csv -> done/a.csv, 1 rows again", "b.csv -> done/b.csv, 1 rows"];
    assert_eq!(said, want);
    assert_eq!(place.rows("ticks"), 2);
}

#[test]
fn a_stop_leaves_what_is_not_in_hand() {
    let place = Place::new();
    for name in ["a.csv", "b.csv", "c.csv"] {
        place.put(name, &row(name, 1.0));
    }
    place.take("c.csv", "d.csv.tmp");
    let watch = place.watch(Place::options("ticks")).unwrap();
    let last = "a.csv -> done/a.csv, 1 rows";
    assert_eq!(run(watch, |_| {}, last), [last]);
    assert!(place.dir().join("b.csv").exists());
    assert!(place.names(".lake-watch/claimed").is_empty());
}

#[test]
fn a_directory_that_is_no_longer_ours_ends_it() {
    let place = Place::new();
    place.put_aged("a.csv", &row("a", 1.0), 1);
    place.put("b.csv", &row("b", 1.0));
    let mut watch = place.watch(Place::options("ticks")).unwrap();
    fs::remove_file(place.dir().join(".lake-watch/lock")).unwrap();
    let error = watch.round(&mut Desk::default()).err().unwrap();
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(error.to_string().contains(&*place.dir().to_string_lossy()), "{error}");
    assert_eq!(place.rows("ticks"), 0);
}

/// People do all kinds of things with files that are no longer theirs.
#[test]
fn a_claimed_file_that_changes_or_goes_is_told() {
    let place = Place::new();
    let mut watch = place.watch(Place::options("ticks")).unwrap();
    let mut claim = |name: &str, text: &str| {
        place.put(name, text);
        let listing = watch.inbox.list().unwrap();
        let seq = watch.next_seq().unwrap();
        watch.seq = seq;
        watch.inbox.claim(&listing.files[0], seq).unwrap().unwrap()
    };
    let claimed = |claim: &Claim| format!(".lake-watch/claimed/{}.{}", claim.seq, claim.name);
    let grown = claim("grown.csv", &row("a", 1.0));
    fs::write(place.dir().join(claimed(&grown)), row("a", 1.0) + "b,2026-11-20,2\n").unwrap();
    let gone = claim("gone.csv", &row("a", 1.0));
    fs::remove_file(place.dir().join(claimed(&gone))).unwrap();
    let mut desk = Desk::default();
    for claim in [grown.clone(), gone.clone()] {
        watch.settle(claim, true, &mut desk).unwrap();
    }
    let said = ["changed: grown.csv", "grown.csv -> done/grown.csv, 2 rows", "gone: gone.csv"];
    assert_eq!(desk.said, said);
    assert_eq!((watch.inbox.done(&gone).unwrap(), place.rows("ticks")), (None, 2));
    // One that is no longer what was seen is not taken.
    place.put("again.csv", &row("a", 1.0));
    let seen = watch.inbox.list().unwrap().files.remove(0);
    place.put("again.csv", &row("aa", 1.0));
    assert_eq!(watch.inbox.claim(&seen, 9).unwrap(), None);
    fs::remove_file(place.dir().join("again.csv")).unwrap();
    assert_eq!(watch.inbox.claim(&seen, 9).unwrap(), None);
    // What people clear away is made anew.
    fs::remove_dir_all(place.dir().join("done")).unwrap();
    drop(watch);
    place.put("b.csv", &row("b", 1.0));
    assert_eq!(place.once(), ["b.csv -> done/b.csv, 1 rows"]);
}
