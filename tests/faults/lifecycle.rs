//! What is not a commit but must not break one: making a lake, truncating its log.

use std::path::Path;

use lake_core::kind::Kind;
use lake_core::layout;
use lake_log::{Access, At, InitOptions, Lake};
use lake_testkit::{Broken, Checked, Depth, Workload, audit, audit_to, ensure, scratch};

use crate::prepared::{before_truncation, symbol, version_of};
use crate::sweep::{Fault, sweep};

#[test]
fn making_a_lake() {
    let nothing = scratch().unwrap();
    let place = |path: &Path| path.join("deep/lake");
    let init = |path: &Path| Lake::init(path, &InitOptions { accept_unsafe_fs: true });
    let check = |fault: &Fault, path: &Path, outcome: Result<_, lake_log::LogError>| {
        let lake = place(path);
        match (&outcome, Lake::open(&lake, Access::Read)) {
            (_, Ok(_)) => {}
            (Err(_), Err(e)) if e.kind() == Kind::NotFound => {}
            (_, Err(e)) => return Err(Broken::from(e).at("opening what init left")),
        }
        if let Err(error) = &outcome {
            fault.nothing_was_done(error)?;
        }
        lake_testkit::create(&lake).map_err(|e| e.at("init again"))?;
        version_of(&Workload::open(&lake, "p")?.append(&[symbol("A")], 1)?);
        ensure(audit(&lake)?.newest == 2, || "a lake of two versions".into())
    };
    let faults = sweep(nothing.path(), |path| place(path), |path| init(&path), check);
    assert!(faults > 7 * 40, "only {faults} faults");
}

#[test]
fn truncating_the_log() {
    let open = |path: &Path| Workload::open(path, "sweeper").unwrap();
    let check = |_: &Fault, path: &Path, outcome: Result<u64, lake_log::LogError>| {
        let boundary = outcome.as_ref().ok();
        ensure(boundary.is_none_or(|b| *b == 1005), || format!("boundary {boundary:?}"))?;
        let found = audit_to(path, Depth::Last(5)).map_err(|e| e.at("at once"))?;
        ensure(found.newest == 1010, || "nothing was committed".into())?;
        let mut work = open(path);
        ensure(work.lake.snapshot(At::Version(1005))?.version() == 1005, || "the floor".into())?;
        let gone = work.lake.snapshot(At::Version(1004)).err().map(|e| e.kind());
        ensure(gone == Some(Kind::Expired), || format!("below the floor: {gone:?}"))?;
        version_of(&work.append(&[symbol("A")], 1)?);
        ensure(work.lake.truncate()? == 1005, || "truncated again".into())?;
        ensure(work.lake.raise_floor(1011)? == 1011, || "the floor rises".into())?;
        ensure(work.lake.truncate()? == 1011, || "truncated further".into())?;
        gone_for_good(path)?;
        let end = audit(path).map_err(|e| e.at("in the end"))?;
        ensure(end.newest == 1012, || format!("the end is {}", end.newest))
    };
    let faults = sweep(before_truncation(), open, |mut work| work.lake.truncate(), check);
    assert!(faults > 7 * 40, "only {faults} faults");
}

fn gone_for_good(path: &Path) -> Checked<()> {
    let epochs = std::fs::read_dir(path.join(layout::LOG))?.collect::<Result<Vec<_>, _>>()?;
    ensure(epochs.len() == 1, || format!("{} epochs are left", epochs.len()))
}
