//! Compaction, and what others do to its inputs before it commits.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use lake_log::{Access, Lake};
use lake_maintain::compact::{Compacted, Watch, compact};
use lake_store::fault::{Mode, Plan, arm_at};
use lake_testkit::{Broken, Checked, ensure};
use lake_tests::rows::{Row, of_quiet};

use crate::market::{full, hide, market, place, sweep_away};

fn bars(lake: &Path) -> Checked<Vec<Row>> {
    Ok(of_quiet(lake)?.1.bars)
}

/// Does something once, when the inputs are known and not opened yet.
struct Meanwhile(Mutex<Option<fn(&Path)>>, PathBuf);

impl Watch for Meanwhile {
    fn due(&self, _rows: u64) {
        let act = self.0.lock().unwrap().take();
        if let Some(act) = act {
            act(&self.1);
        }
    }
}

fn compacted(lake: &Path, meanwhile: fn(&Path)) -> Checked<Compacted> {
    let watch = Meanwhile(Mutex::new(Some(meanwhile)), lake.to_owned());
    let done = compact(&mut Lake::open(lake, Access::Write)?, &[], &full(), &watch);
    done.map_err(|error| Broken::Promise(format!("{error:?}")))
}

/// What is left of the rows when these are deleted while all is merged.
fn loses(lake: &Path, meanwhile: fn(&Path), gone: impl Fn(&Row) -> bool) -> Checked<()> {
    let mut rows = bars(lake)?;
    let done = compacted(lake, meanwhile)?;
    ensure(done.left.is_empty(), || format!("{:?}", done.left))?;
    rows.retain(|row| !gone(row));
    let found = bars(lake)?;
    ensure(found == rows, || format!("there is {found:?}, should be {rows:?}"))
}

/// The files that it is about to read are in no newer version, and a vacuum comes.
pub(crate) fn its_inputs_are_swept() -> Checked<()> {
    let dir = place(market);
    let meanwhile = |lake: &Path| {
        hide(lake, "A", 0, 99);
        sweep_away(lake).unwrap();
        sweep_away(lake).unwrap();
    };
    loses(&dir.path().join("lake"), meanwhile, |(symbol, ..)| symbol == "A")
}

/// A row of a file that stays is deleted.
pub(crate) fn a_row_of_its_inputs_is_deleted() -> Checked<()> {
    let dir = place(market);
    let gone = |(symbol, day, _): &Row| symbol == "A" && *day == 9;
    loses(&dir.path().join("lake"), |lake| hide(lake, "A", 9, 9), gone)
}

/// All rows of a file are deleted.
pub(crate) fn one_of_its_inputs_goes() -> Checked<()> {
    let dir = place(market);
    loses(&dir.path().join("lake"), |lake| hide(lake, "A", 0, 99), |(symbol, ..)| symbol == "A")
}

/// It dies when all is done but the link of its entry.
pub(crate) fn it_dies_before_its_commit() -> Checked<()> {
    let dir = place(market);
    let lake = dir.path().join("lake");
    let rows = bars(&lake)?;
    let plan = Plan::nth(1, Mode::Stop).only(&["link"]);
    let armed = arm_at(&lake, plan);
    let died = compacted(&lake, |_| {});
    ensure(armed.fired() && died.is_err(), || format!("{died:?}"))?;
    drop(armed);
    let found = bars(&lake)?;
    ensure(found == rows, || format!("there is {found:?}, should be {rows:?}"))
}

#[test]
fn a_compaction_keeps_its_inputs_and_sees_what_was_deleted() {
    its_inputs_are_swept().unwrap();
    a_row_of_its_inputs_is_deleted().unwrap();
    one_of_its_inputs_goes().unwrap();
    it_dies_before_its_commit().unwrap();
}
