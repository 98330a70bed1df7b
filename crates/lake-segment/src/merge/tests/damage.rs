//! Files that are not what the log says.

use super::*;

fn error(disk: &Disk) -> String {
    let all: Result<Vec<RecordBatch>> = disk.merge(&portions(4)).collect();
    let error = all.unwrap_err();
    assert!(matches!(error, SegmentError::Damaged { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("0.parquet is damaged"), "{text}");
    text
}

#[test]
fn rows_out_of_order_are_noticed() {
    for keyed in [true, false] {
        // Within a batch, and from one to the next.
        for swap in [1, 3, 4] {
            let mut disk = Disk::new(table(keyed));
            let mut rows = run(0, 0..10);
            rows.swap(swap, swap + 1);
            disk.add(3, false, &rows);
            assert!(error(&disk).contains("sorted"), "rows {swap} swapped");
        }
        let mut disk = Disk::new(table(keyed));
        disk.add(3, true, &[run(1, 0..3), run(0, 0..3)].concat());
        disk.files[0].2.symbols = None;
        assert!(error(&disk).contains("sorted"));
    }
}

#[test]
fn a_key_that_is_there_twice_is_noticed_where_there_are_keys() {
    let rows = [run(0, 0..4), run(0, 3..5)].concat();
    let mut disk = Disk::new(table(true));
    disk.add(3, false, &rows);
    assert!(error(&disk).contains("twice"));
    let mut disk = Disk::new(table(false));
    disk.add(3, false, &rows);
    assert!(disk.merge(&portions(4)).all(|b| b.is_ok()));
}

#[test]
fn rows_too_few_and_too_many_are_noticed() {
    for change in [-1, 1] {
        let mut disk = Disk::new(table(true));
        let segment = disk.add(3, false, &run(0, 0..10));
        segment.rows = segment.rows.checked_add_signed(change).unwrap();
        assert!(error(&disk).contains("but has 10"));
    }
}

#[test]
fn rows_before_the_range_of_the_log_are_noticed() {
    let mut disk = Disk::new(table(true));
    let segment = disk.add(2, false, &run(0, 0..10));
    segment.range = Some(Range::new(vec![Value::Int(1)], vec![Value::Int(9)]));
    assert!(error(&disk).contains("begins before"));
}

#[test]
fn rows_of_another_partition_are_noticed() {
    for others in [run(1, 0..10), [run(0, 0..2), run(1, 2..4)].concat()] {
        let mut disk = Disk::new(table(false));
        disk.add(3, false, &others);
        disk.files[0].1 = Part::Of(vec![symbol(0)]);
        assert!(error(&disk).contains("another partition"));
    }
}

#[test]
fn a_value_that_its_column_cannot_hold_is_an_error_not_null() {
    let mut disk = Disk::new(table(true));
    disk.add(3, false, &run(0, 500..502));
    disk.def.schemas[2].fields[2].ty = parse_type("TINYINT").unwrap();
    assert!(error(&disk).contains("column at"));
    let mut disk = Disk::new(table(true));
    disk.add(2, false, &run(0, 0..2));
    disk.def.schemas[2].fields[6].default = Some("many".into());
    assert!(error(&disk).contains("column lot"));
    let mut disk = Disk::new(table(true));
    disk.add(2, false, &run(0, 0..2)).schema_version = 9;
    assert!(error(&disk).contains("schema version 9"));
    let mut disk = Disk::new(table(true));
    disk.add(1, false, &run(0, 0..2)).schema_version = 2;
    assert!(error(&disk).contains("no column note"));
}

#[test]
fn a_mask_that_does_not_fit_its_column_is_an_error() {
    let mut disk = Disk::new(table(true));
    let stretch = Stretch { from: Some(Value::Date(1)), to: None };
    disk.add(3, false, &run(0, 0..2)).masks = vec![Mask { owners: None, stretch: stretch.clone() }];
    assert!(error(&disk).contains("mask"));
    let options = MergeOptions { stretch, ..portions(4) };
    assert!(Merge::open(&disk.root, &disk.def, &[], &options).is_err());
}

#[test]
fn flipped_bytes_give_errors_or_rows_and_never_a_panic() {
    let mut disk = Disk::new(table(true));
    disk.add(1, false, &run(0, 0..50));
    disk.add(3, true, &[run(0, 20..40), run(1, 0..20)].concat());
    let path = disk.dir.path().join("1.parquet");
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        std::fs::write(&path, bytes).unwrap();
        let _ = disk.merge(&portions(16)).collect::<Result<Vec<_>>>();
    }
    std::fs::write(&path, whole).unwrap();
    assert!(disk.merge(&portions(16)).all(|b| b.is_ok()));
}
