//! What lies in `claimed` is finished, once, whatever stopped the process before.

use lake_core::layout;
use lake_store::LockFile;

use super::*;

#[test]
fn claimed_and_not_committed() {
    let place = Place::new();
    assert!(place.once().is_empty());
    place.put("a.csv", &row("a", 1.0));
    place.take("a.csv", ".lake-watch/claimed/1.a.csv");
    place.put("b.csv", &row("b", 1.0));
    assert_eq!(place.once(), ["a.csv -> done/a.csv, 1 rows", "b.csv -> done/b.csv, 1 rows"]);
    assert_eq!((place.rows("ticks"), place.names("done").len()), (2, 2));
    assert!(place.names(".lake-watch/claimed").is_empty());
}

#[test]
fn committed_and_not_moved() {
    let place = Place::new();
    place.put("a.csv", &row("a", 1.0));
    place.put("b.csv", &row("b", 1.0));
    place.once();
    // Both moves are lost, as by a power cut; and a new file of the name is there.
    place.take("done/a.csv", ".lake-watch/claimed/1.a.csv");
    place.take("done/b.csv", ".lake-watch/claimed/2.b.csv");
    place.put("b.csv", &row("c", 1.0));
    let said = [
        "a.csv -> done/a.csv, 1 rows again",
        "b.csv -> done/b.csv, 1 rows again",
        "b.csv -> done/b.1.csv, 1 rows",
    ];
    assert_eq!(place.once(), said);
    assert_eq!(place.rows("ticks"), 3);
}

#[test]
fn the_reason_written_and_the_file_not_moved() {
    let place = Place::new();
    place.put("bad.csv", &format!("{HEADER}a,soon,1\n"));
    assert_eq!(place.once(), ["bad.csv -> failed/bad.csv"]);
    place.take("failed/bad.csv", ".lake-watch/claimed/1.bad.csv");
    let reason = place.dir().join("failed/bad.csv.reason.json");
    fs::write(&reason, "torn").unwrap();
    fs::write(place.dir().join(".lake-watch/new"), "torn").unwrap();
    assert_eq!(place.once(), ["bad.csv -> failed/bad.csv"]);
    assert_eq!(place.names("failed"), ["bad.csv", "bad.csv.reason.json"]);
    assert!(fs::read_to_string(reason).unwrap().contains("column date"));
}

/// The rows are durable and not yet in the log; were the number free, the next file
/// would be taken for their duplicate.
#[test]
fn spooled() {
    let place = Place::new();
    place.put("a.csv", &row("a", 1.0));
    let mut writer = Writer::open(&place.lake()).unwrap();
    let root = writer.lake().root().clone();
    let version = writer.lake().refresh().unwrap().version + 1;
    let entry = format!("{}/{}", layout::epoch_dir(0), layout::entry_name(version));
    fs::write(place.lake().join(entry), b"torn").unwrap();
    let locks = root.dir(layout::LOCKS).unwrap();
    let held = LockFile::new(&locks, layout::LOCK_COMMIT).unwrap().try_exclusive(0).unwrap();
    let watch = place.watch(Place::options("ticks")).unwrap();
    let error = watch.run(&mut Desk::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Spooled);
    assert_eq!(place.names(".lake-watch/claimed"), ["1.a.csv"]);
    drop(held);
    place.put("b.csv", &row("b", 1.0));
    let said = ["a.csv -> done/a.csv, 1 rows again", "b.csv -> done/b.csv, 1 rows"];
    assert_eq!(place.once(), said);
    assert_eq!(place.rows("ticks"), 2);
    assert!(root.dir(layout::SPOOL).unwrap().list().unwrap().is_empty());
}

/// Someone else has sent under our name and number.
#[test]
fn a_foreign_duplicate_is_no_receipt_for_a_new_file() {
    let place = Place::new();
    let mut options = Place::options("ticks");
    options.producer = Some("shared".into());
    let mut watch = place.watch(options).unwrap();
    place.put("theirs.csv", &row("a", 1.0));
    place.put("ours.csv", &row("b", 1.0));
    let listing = watch.inbox.list().unwrap();
    let mut claims: Vec<Claim> =
        listing.files.iter().map(|f| watch.inbox.claim(f, 1).unwrap().unwrap()).collect();
    claims.sort_by(|a, b| b.name.cmp(&a.name));
    let mut desk = Desk::default();
    for claim in claims {
        watch.settle(claim, true, &mut desk).unwrap();
    }
    let said = [
        "theirs.csv -> done/theirs.csv, 1 rows",
        "shared: shared",
        "ours.csv -> done/ours.csv, 1 rows",
    ];
    assert_eq!(desk.said, said);
    assert_eq!(place.rows("ticks"), 2);
}

#[test]
fn claims_are_finished_for_the_table_and_producer_they_were_made_for() {
    let place = Place::new();
    place.once();
    place.put("a.csv", &row("a", 1.0));
    place.take("a.csv", ".lake-watch/claimed/1.a.csv");
    let refused = |options| {
        let error = place.watch(options).err().unwrap();
        assert_eq!(error.kind(), Kind::BadInput);
        assert!(error.to_string().contains("claimed for table ticks"), "{error}");
        assert!(error.hint().unwrap().contains("--once --table ticks"));
    };
    refused(Place::options("bars"));
    refused(WatchOptions { producer: Some("other".into()), ..Place::options("ticks") });
    assert_eq!(place.once(), ["a.csv -> done/a.csv, 1 rows"]);
    // With nothing claimed it may be another's, and stays so.
    let watch = |producer: Option<&str>| {
        let options = WatchOptions { producer: producer.map(Into::into), ..Place::options("bars") };
        place.watch(options).unwrap().producer().to_owned()
    };
    let random = watch(None);
    assert!(random.starts_with("watch-") && random == watch(None), "{random}");
    assert_eq!((watch(Some("other")), watch(None)), ("other".into(), "other".into()));
}

#[test]
fn what_watch_has_not_put_there_is_told() {
    for (name, what) in [
        (".lake-watch/claimed/a.csv", "no file that watch has claimed"),
        (".lake-watch/claimed/2.b.csv", "another claimed file has its number"),
        (".lake-watch/owner", "not what watch wrote"),
    ] {
        let place = Place::new();
        place.once();
        fs::write(place.dir().join(".lake-watch/claimed/2.a.csv"), row("a", 1.0)).unwrap();
        fs::write(place.dir().join(name), "x").unwrap();
        let mut desk = Desk::default();
        let opened = place.watch(Place::options("ticks"));
        let error = opened.and_then(|watch| watch.run(&mut desk)).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert_eq!((error.kind(), place.rows("ticks")), (Kind::BadInput, 0));
    }
}

#[test]
fn the_last_number_of_all_is_an_error_and_not_a_panic() {
    let place = Place::new();
    place.once();
    place.put("b.csv", &row("b", 1.0));
    let last = format!(".lake-watch/claimed/{}.a.csv", u64::MAX);
    fs::write(place.dir().join(last), row("a", 1.0)).unwrap();
    let mut desk = Desk::default();
    let watch = place.watch(Place::options("ticks")).unwrap();
    let error = watch.run(&mut desk).unwrap_err();
    assert!(error.to_string().contains("no number left"), "{error}");
    assert_eq!((desk.said.len(), place.rows("ticks")), (1, 1));
}
