//! Which row groups go through as they are, and that nothing else changes by it.

use arrow::compute::concat_batches;
use proptest::prelude::*;

use super::*;
use crate::reader::Selection;
use crate::{Copied, Copies, Piece, RowGroup, Written};

const GROUP: i64 = Profile::Base.row_group() as i64;

/// Two times for each row, so that others have room between them.
fn even(symbol: usize, rows: std::ops::Range<i64>) -> Vec<Row> {
    run(symbol, rows.map(|n| 2 * n))
}

fn base<'d>(disk: &'d mut Disk, packed: bool, rows: &[Row]) -> &'d mut Segment {
    let segment = disk.add(3, packed, rows);
    segment.kind = SegmentKind::Base;
    segment
}

fn decoded(disk: &Disk, group: &RowGroup) -> RecordBatch {
    let upgrade = Upgrade::new(&group.path, &disk.def, 3, None).unwrap();
    let selection = Selection { columns: None, groups: None, batch_rows: BATCH };
    let file = disk.root.open_read(&group.path).unwrap();
    let groups = vec![group.at];
    let reader =
        SegmentReader::of_groups(&group.path, file, &group.metadata, groups, &selection).unwrap();
    let batches: Vec<_> = reader.map(|b| upgrade.apply(&b.unwrap()).unwrap()).collect();
    concat_batches(upgrade.schema(), &batches).unwrap()
}

/// What comes out, and the groups that came whole.
struct Out {
    rows: RecordBatch,
    wholes: Vec<(String, usize)>,
    counts: MergeCounts,
}

fn pieces(disk: &Disk, options: &MergeOptions, mut welcome: impl FnMut() -> bool) -> Out {
    let format = Format::new(&disk.def).unwrap();
    let mut merge = disk.merge(options);
    let schema = merge.schema().clone();
    let copies = Copies::default();
    let (mut batches, mut wholes) = (Vec::new(), Vec::new());
    let mut all = merge.pieces(&format, Some(&copies)).unwrap();
    loop {
        copies.welcome(welcome());
        match all.next() {
            None => break,
            Some(Ok(Piece::Rows(batch))) => batches.push(batch),
            Some(Ok(Piece::Group(group))) => {
                let batch = decoded(disk, &group);
                assert_eq!(group.rows, batch.num_rows() as u64);
                let tallied: u64 = group.tallies.iter().map(|tally| tally.rows).sum();
                assert_eq!(tallied, group.rows);
                let strict = RecordBatch::try_new(schema.clone(), batch.columns().to_vec());
                batches.push(strict.unwrap());
                wholes.push((group.path.clone(), group.at));
            }
            Some(Err(error)) => panic!("{error}"),
        }
    }

    Out { rows: concat_batches(&schema, &batches).unwrap(), wholes, counts: merge.counts() }
}

/// All that come whole when they may, after a look that the rows are the same.
fn wholes(disk: &Disk, options: &MergeOptions) -> Vec<usize> {
    let options = MergeOptions { sums: true, ..options.clone() };
    let out = pieces(disk, &options, || true);
    let plain = pieces(disk, &options, || false);
    assert_eq!(plain.wholes, []);
    assert!(out.rows == plain.rows, "other rows come out");
    let pieces = plain.counts.pieces;
    assert_eq!(MergeCounts { pieces, ..out.counts }, plain.counts);
    out.wholes.into_iter().map(|(_, at)| at).collect()
}

fn four_groups() -> Disk {
    let mut disk = Disk::new(table(true));
    base(&mut disk, false, &even(0, 0..4 * GROUP));
    disk
}

fn at(symbol: usize, at: i64) -> Vec<Row> {
    run(symbol, std::iter::once(at))
}

#[test]
fn a_group_with_which_no_other_input_mingles_comes_whole() {
    let all = MergeOptions::default();
    assert_eq!(wholes(&four_groups(), &all), [0, 1, 2, 3]);
    // Of another symbol, before all, between two groups, after all.
    for row in [at(1, 7), at(0, -1), at(0, 2 * GROUP - 1), at(0, 8 * GROUP)] {
        let mut disk = four_groups();
        disk.add(3, true, &row);
        assert_eq!(wholes(&disk, &all), [0, 1, 2, 3], "{row:?}");
    }
    // The first key of a group, the last one, one in the middle; new or there already.
    for time in [2 * GROUP, 4 * GROUP - 2, 3 * GROUP, 3 * GROUP + 1] {
        let mut disk = four_groups();
        disk.add(3, false, &at(0, time));
        assert_eq!(wholes(&disk, &all), [0, 2, 3], "{time}");
        // The newer base supersedes the older row as well.
        disk.files.reverse();
        disk.files.iter_mut().for_each(|(_, _, s)| s.rank.version = 3 - s.rank.version);
        assert_eq!(wholes(&disk, &all), [0, 2, 3], "{time}");
    }
}

#[test]
fn a_group_with_a_row_that_does_not_count_is_decoded() {
    let value = |at: i64| Some(Value::Int(at));
    let stretch = |from: i64, to: i64| Stretch { from: value(from), to: value(to) };
    let mut disk = four_groups();
    disk.files[0].2.masks = vec![Mask { owners: None, stretch: stretch(5, 6) }];
    assert_eq!(wholes(&disk, &MergeOptions::default()), [1, 2, 3]);
    // What is not asked for.
    let last = 2 * GROUP * 3 - 2;
    for (to, want) in [(last, vec![0, 1, 2]), (last - 2, vec![0, 1])] {
        let options = MergeOptions { stretch: stretch(0, to), ..MergeOptions::default() };
        assert_eq!(wholes(&four_groups(), &options), want);
    }
    let mut disk = Disk::new(table(true));
    let half = GROUP / 2;
    let rows = [even(0, 0..GROUP), even(1, 0..half), even(2, 0..half), even(3, 0..GROUP)].concat();
    base(&mut disk, true, &rows);
    let from = |s: usize| (Bound::Included(vec![symbol(s)]), Bound::Unbounded);
    for (first, want) in [(0, vec![0, 1, 2]), (1, vec![1, 2]), (2, vec![2]), (3, vec![2])] {
        let options = MergeOptions { within: from(first), ..MergeOptions::default() };
        assert_eq!(wholes(&disk, &options), want);
    }
}

#[test]
fn what_was_made_in_another_way_is_decoded() {
    let all = MergeOptions::default();
    let mut increment = four_groups();
    increment.files[0].2.kind = SegmentKind::Increment;
    assert_eq!(wholes(&increment, &all), [0; 0]);
    let mut older = Disk::new(table(true));
    older.add(2, false, &even(0, 0..2 * GROUP)).kind = SegmentKind::Base;
    assert_eq!(wholes(&older, &all), [0; 0]);
    let mut small = Disk::new(table(true));
    base(&mut small, false, &even(0, 0..GROUP / 2 - 1));
    assert_eq!(wholes(&small, &all), [0; 0]);
    // A key that is NULL stands at no place that statistics tell.
    let mut unknown = Disk::new(table(false));
    let mut rows = even(0, 0..2 * GROUP);
    rows[0].at = None;
    base(&mut unknown, false, &rows);
    assert_eq!(wholes(&unknown, &all), [1]);
}

#[test]
fn without_a_key_equal_rows_keep_their_order() {
    let mut disk = Disk::new(table(false));
    let same = |n: i64| Row { symbol: 0, at: Some(7), qty: n };
    let rows: Vec<Row> = (0..2 * GROUP).map(same).collect();
    base(&mut disk, false, &rows);
    assert_eq!(wholes(&disk, &MergeOptions::default()), [0, 1]);
    disk.add(3, false, &[same(-1)]);
    assert_eq!(wholes(&disk, &MergeOptions::default()), [0; 0]);
}

#[test]
fn a_whole_group_that_is_not_sorted_is_damaged() {
    let mut rows = even(0, 0..2 * GROUP);
    rows.swap(5, 6);
    let mut disk = Disk::new(table(true));
    base(&mut disk, false, &rows);
    let format = Format::new(&disk.def).unwrap();
    let (mut merge, copies) = (disk.merge(&MergeOptions::default()), Copies::default());
    copies.welcome(true);
    let first = merge.pieces(&format, Some(&copies)).unwrap().next();
    let error = first.unwrap().err().unwrap().to_string();
    assert!(error.contains("not sorted"), "{error}");
}

/// Writes all that comes out as a base, for which copies are welcome where its row groups
/// stay large. The copies, by which file and group they are of, and the sizes of all groups.
fn written(disk: &Disk) -> (Vec<Copied>, Vec<i64>, Written) {
    let format = Format::new(&disk.def).unwrap();
    let txn = TxnId { start: 9, session: 9, counter: 1 };
    let from = Provenance { txn, producer: None, host: "h".into(), pid: 7, after: 0, at_us: 0 };
    let mut out = disk.root.top().unwrap().create("out").unwrap();
    let mut writer = format.stream(&mut out, Profile::Base, "", &from).unwrap();
    let (mut merge, copies) = (disk.merge(&portions(8_192)), Copies::default());
    copies.welcome(true);
    for piece in merge.pieces(&format, Some(&copies)).unwrap() {
        writer.put(&piece.unwrap()).unwrap();
        copies.welcome(writer.is_even());
    }
    let written = writer.finish(None).unwrap();
    out.close().unwrap();
    let id = disk.files[0].2.id;
    let copied = |&(group, rows, digest)| Copied { segment: id, group, rows, digest };
    let copied = written.copied.iter().map(copied).collect();
    let file = disk.root.open_read("out").unwrap();
    let metadata = crate::group::load(&file).unwrap();
    let sizes = metadata.metadata().row_groups().iter().map(|g| g.num_rows()).collect();
    let sums = crate::group::read_sums(metadata.metadata()).unwrap();
    let schema = crate::arrow_schema(disk.def.schema());
    let upgrade = Upgrade::new("out", &disk.def, 3, None).unwrap();
    let mut all = Vec::new();
    for (at, sum) in sums.into_iter().enumerate() {
        let group = RowGroup {
            file: disk.root.open_read("out").unwrap(),
            path: "out".into(),
            metadata: metadata.clone(),
            at,
            rows: 0,
            sum,
            tallies: Vec::new(),
        };
        let rows = decoded(disk, &group);
        assert_eq!(crate::row_sum(&rows, &mut Vec::new()).unwrap(), sum, "group {at}");
        all.push(rows);
    }
    let rows = concat_batches(upgrade.schema(), &all).unwrap();
    let rows = RecordBatch::try_new(schema.clone(), rows.columns().to_vec()).unwrap();
    let plain: Vec<_> = disk.merge(&portions(8_192)).map(Result::unwrap).collect();
    assert!(rows == concat_batches(&schema, &plain).unwrap(), "other rows were written");
    (copied, sizes, written)
}

#[test]
fn a_copy_is_what_it_was_and_says_so() {
    let mut disk = four_groups();
    disk.add(3, false, &at(0, 3 * GROUP + 1));
    let (copied, sizes, written) = written(&disk);
    let places: Vec<usize> = copied.iter().map(|copied| copied.group).collect();
    assert_eq!(places, [0, 2, 3]);
    assert_eq!(sizes, [GROUP, GROUP + 1, GROUP, GROUP]);
    let ends = |at: i64| vec![Value::Int(at)];
    assert_eq!(written.range, Some(Range::new(ends(0), ends(8 * GROUP - 2))));
    let sum = |copied: &[Copied]| crate::copied_sum(&disk.root, "out", copied).unwrap();
    assert!(sum(&copied).is_some());
    // Statistics and page indexes are as they were in the file that they come from.
    let own = |copied: &Copied| Copied { group: copied.group, ..*copied };
    let of = |copied: &[Copied]| crate::copied_sum(&disk.root, "0.parquet", copied).unwrap();
    assert_eq!(of(&copied.iter().map(own).collect::<Vec<_>>()), sum(&copied));
    for at in 0..3 {
        let mut other = copied.clone();
        other[at].digest ^= 1;
        assert_eq!(sum(&other), None);
        other[at] = Copied { group: 1, ..copied[at] };
        assert_eq!(sum(&other), None);
        other[at].group = 4;
        assert_eq!(sum(&other), None);
    }
}

#[test]
fn no_small_row_groups_are_left_between_copies() {
    let some = |from: i64, count: i64| run(0, (0..count).map(|n| from + 2 * n));
    // Before the second group: too few for one of their own, so it takes them in.
    for (count, want) in [(1, vec![GROUP, GROUP + 1, GROUP, GROUP]), (0, vec![GROUP; 4])] {
        let mut disk = four_groups();
        for n in 0..count {
            disk.add(3, false, &some(2 * GROUP - 1 + n, 1));
        }
        let (copied, sizes, _) = written(&disk);
        assert_eq!(sizes, want);
        assert_eq!(copied.len(), 4 - count as usize);
    }
    // Enough rows make one, or two.
    let half = GROUP / 2;
    let many = |count: i64| {
        let mut disk = Disk::new(table(true));
        base(&mut disk, false, &even(0, 0..GROUP));
        base(&mut disk, false, &even(0, 4 * GROUP..5 * GROUP));
        disk.add(3, false, &some(2 * GROUP, count));
        written(&disk)
    };
    assert_eq!(many(half - 1).1, [GROUP, GROUP + half - 1]);
    assert_eq!(many(half).1, [GROUP, half, GROUP]);
    assert_eq!(many(GROUP + half - 1).1, [GROUP, GROUP + half - 1, GROUP]);
    assert_eq!(many(GROUP + half).1, [GROUP, GROUP, half, GROUP]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_rows_are_those_of_a_merge_that_decodes_all(
        keyed in any::<bool>(),
        cuts in prop::collection::vec((0..3 * GROUP, 0..4usize), 1..4),
        singles in prop::collection::vec((0..4usize, 0..4 * GROUP), 0..12),
        masks in prop::collection::vec((0..4 * GROUP, 0..400i64), 0..2),
        seed in any::<u64>(),
    ) {
        let mut disk = Disk::new(table(keyed));
        let value = |at: i64| Some(at_value(keyed, 3, at));
        for (n, (start, first)) in cuts.into_iter().enumerate() {
            let rows: Vec<Row> = (first..4).flat_map(|s| even(s, start / 2..start / 2 + GROUP)).collect();
            let segment = base(&mut disk, true, &rows);
            if n == 0 {
                let stretch = |(from, len)| Stretch { from: value(from), to: value(from + len) };
                let mask = |ends: &(i64, i64)| Mask { owners: None, stretch: stretch(*ends) };
                segment.masks = masks.iter().map(mask).collect();
            }
        }
        for (symbol, time) in singles {
            disk.add(3, false, &at(symbol, time));
        }
        let mut state = seed | 1;
        let mut coin = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state >> 62 != 0
        };
        let options = MergeOptions { sums: true, ..portions(8_192) };
        let out = pieces(&disk, &options, &mut coin);
        let plain = pieces(&disk, &options, || false);
        prop_assert!(out.rows == plain.rows);
        let pieces = plain.counts.pieces;
        prop_assert_eq!(MergeCounts { pieces, ..out.counts }, plain.counts);
    }
}
