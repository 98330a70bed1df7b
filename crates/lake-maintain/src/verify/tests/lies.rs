//! A whole file of which the log says something else.

use lake_core::census::Extent;
use lake_core::edit::{Action, Cause, Receipt};
use lake_core::mask::{Mask, Stretch};
use lake_core::segment::{Part, Segment, SegmentKind};
use lake_core::value::{Range, Value};
use lake_segment::{Files, Format};

use super::*;
use crate::yard::{batch, commit};

/// Commits a pack of which the log is told what `lie` makes of it.
fn told(lie: impl Fn(&mut Segment), format_lies: bool) -> Vec<(&'static str, String)> {
    let mut yard = Yard::new();
    let root = yard.lake.root().clone();
    let draft = yard.lake.begin().unwrap();
    let table = draft.state.table("bars").unwrap();
    let mut txn = draft.transaction(Cause::Ingest);
    let mut files = Files::new(&root, &draft.staging, &txn, SegmentKind::Increment);
    let mut def = table.def.clone();
    if format_lies {
        def.order_by = vec![2];
    }
    let format = Format::new(&def).unwrap();
    let rows = [("A", 1, 1.0), ("A", 2, 1.0), ("B", 3, 1.0)];
    let mut batches = std::iter::once(Ok::<_, lake_segment::SegmentError>(batch(&format, &rows)));
    let mut packs =
        lake_segment::write_packs(&files, table, &format, &Default::default(), None, &mut batches)
            .unwrap();
    packs.iter_mut().for_each(lie);
    let part = Part::Packed;
    let placing: Vec<_> = packs.iter().map(|s| (table, &part, s)).collect();
    files.place(&placing).unwrap();
    txn.actions.push(Action::Add { table: table.def.id, part, segments: packs });
    commit(&mut yard.lake, txn);
    files.keep();
    assert_eq!(found(&see(yard.path(), Depth::Sizes)), [], "it takes reading");
    found(&see(yard.path(), Depth::All))
}

type Lie = fn(&mut Segment);

fn day(n: i64) -> Vec<Value> {
    vec![Value::Int(n)]
}

#[test]
fn each_lie_has_its_word() {
    let lies: [(&str, Lie); 6] = [
        ("file-rows", |s| s.rows += 1),
        ("file-range", |s| s.range = Some(Range::new(day(1), day(4)))),
        ("file-range", |s| s.range = Some(Range::new(day(2), day(3)))),
        ("file-symbols", |s| {
            if let Some(span) = &mut s.symbols {
                span.count = 3;
            }
        }),
        ("file-symbols", |s| s.census = Some(Extent { at: 4, len: 40 })),
        ("file-mask", |s| {
            let from = Some(Value::Int(7));
            s.masks.push(Mask { owners: None, stretch: Stretch { from, to: None } });
        }),
    ];
    assert_eq!(told(|_| {}, false), []);
    for (word, lie) in lies {
        let kinds: Vec<_> = told(lie, false).into_iter().map(|f| f.0).collect();
        assert_eq!(kinds, [word]);
    }
    let kinds: Vec<_> = told(|_| {}, true).into_iter().map(|f| f.0).collect();
    assert_eq!(kinds, ["file-footer"]);
}

#[test]
fn a_receipt_that_does_not_add_up_is_found() {
    let mut yard = Yard::new();
    yard.add(&[("A", 1, 1.0)], false);
    let version = yard.state().version;
    let mut txn = yard.lake.begin().unwrap().transaction(Cause::Compact);
    txn.receipts.push(Receipt { table: "bars".into(), rows_in: 2, ..Receipt::default() });
    commit(&mut yard.lake, txn);
    let entry = format!("_lake/log/0000000000/{:013}.e", version + 1);
    assert_eq!(found(&see(yard.path(), Depth::Sizes)), [("receipt", entry)]);
}
