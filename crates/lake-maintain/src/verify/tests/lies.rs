//! A whole file of which the log says something else.

use lake_core::census::Extent;
use lake_core::edit::{Action, Cause, Receipt, Sums};
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
    let lies: [(&str, Lie); 7] = [
        ("file-contents", |s| s.sum = s.sum.map(|sum| sum ^ 1)),
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

/// A file goes and comes again, of which a receipt says these sums.
fn said(sums: impl Fn(u64) -> Sums) -> Vec<&'static str> {
    let mut yard = Yard::new();
    yard.add(&[("A", 1, 1.0)], false);
    let (part, segment) = yard.live().remove(0);
    let mut txn = yard.lake.begin().unwrap().transaction(Cause::Compact);
    let receipt =
        Receipt { table: "bars".into(), rows_in: 1, rows_written: 1, ..Receipt::default() };
    txn.receipts.push(Receipt { sums: Some(sums(segment.sum.unwrap())), ..receipt });
    let table = lake_core::id::TableId(1);
    txn.actions.push(Action::Remove { table, part: part.clone(), segments: vec![segment.id] });
    txn.actions.push(Action::Add { table, part, segments: vec![segment] });
    commit(&mut yard.lake, txn);
    let found = found(&see(yard.path(), Depth::Sizes));
    found.into_iter().map(|finding| finding.0).collect()
}

#[test]
fn sums_that_are_not_those_of_the_files_are_found() {
    let none = Sums::default();
    assert_eq!(said(|sum| Sums { read: sum, written: sum, ..none }), [""; 0]);
    assert_eq!(said(|sum| Sums { read: sum, written: sum, deleted: 1, ..none }), ["receipt"]);
    // They balance, and one of them is another's.
    let [more, less] = [|sum: u64| sum.wrapping_add(1), |sum: u64| sum.wrapping_sub(1)];
    assert_eq!(said(|sum| Sums { read: more(sum), written: sum, deleted: 1, ..none }), ["receipt"]);
    let other = |sum| Sums { read: sum, written: less(sum), superseded: 1, ..none };
    assert_eq!(said(other), ["receipt"]);
}
