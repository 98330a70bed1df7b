//! Random segments against a plain model of which rows are visible.

use std::collections::BTreeMap;

use lake_core::mask::Owners;
use proptest::prelude::*;

use super::*;

const SYMBOLS: usize = 4;
const TIMES: i64 = 12;

#[derive(Clone, Debug)]
struct File {
    version: u32,
    packed: bool,
    rows: Vec<(usize, Option<i64>)>,
    masks: Vec<Hidden>,
    rank: u64,
    knows_range: bool,
    knows_symbols: bool,
}

#[derive(Clone, Debug)]
struct Hidden {
    owners: Option<Vec<usize>>,
    ends: Span,
    version: u32,
}

type Span = (Option<i64>, Option<i64>);

fn span() -> impl Strategy<Value = Span> {
    let end = || prop::option::weighted(0.7, 0..TIMES);
    (end(), end())
}

fn hidden() -> impl Strategy<Value = Hidden> {
    let owners = prop::option::of(prop::collection::vec(0..SYMBOLS, 0..3));
    (owners, span(), 1..=3u32).prop_map(|(owners, ends, version)| Hidden { owners, ends, version })
}

fn file() -> impl Strategy<Value = File> {
    let row = (0..SYMBOLS, prop::option::weighted(0.9, 0..TIMES));
    let rows = prop::collection::vec(row, 1..30);
    let masks = prop::collection::vec(hidden(), 0..3);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (1..=3u32, rows, masks, any::<u64>(), flags).prop_map(|(version, rows, masks, rank, f)| File {
        version,
        packed: f.0,
        rows,
        masks,
        rank,
        knows_range: f.1,
        knows_symbols: f.2,
    })
}

fn stretch(keyed: bool, version: u32, ends: Span) -> Stretch {
    let end = |at: Option<i64>| at.map(|at| at_value(keyed, version, at));
    Stretch { from: end(ends.0), to: end(ends.1) }
}

fn within(at: Option<i64>, ends: Span) -> bool {
    let between = |at| ends.0.is_none_or(|from| from <= at) && ends.1.is_none_or(|to| at <= to);
    ends == (None, None) || at.is_some_and(between)
}

/// What the table has, by the book.
#[derive(Default)]
struct Model {
    rows: BTreeMap<(usize, Option<i64>, u64, usize), String>,
    read: u64,
    hidden: u64,
}

/// Writes the file; its rows that were asked for and are not hidden go into the
/// model.
fn add(
    disk: &mut Disk,
    model: &mut Model,
    file: &File,
    serial: &mut i64,
    asks: impl Fn(&Row) -> bool,
) {
    let keyed = !disk.def.key.is_empty();
    let mut rows: Vec<Row> = Vec::new();
    for (symbol, at) in &file.rows {
        let symbol = if file.packed { *symbol } else { file.rows[0].0 };
        let at = if keyed { Some(at.unwrap_or(0)) } else { *at };
        *serial += 1;
        rows.push(Row { symbol, at, qty: *serial });
    }
    rows.sort_by_key(|r| (r.symbol, r.at));
    if keyed {
        rows.dedup_by_key(|r| (r.symbol, r.at));
    }
    let segment = disk.add(file.version, file.packed, &rows);
    segment.rank.version = file.rank;
    segment.range = segment.range.take().filter(|_| file.knows_range);
    segment.symbols = segment.symbols.take().filter(|_| file.knows_symbols);
    let owners =
        |owners: &Vec<usize>| Owners::new(owners.iter().map(|s| vec![symbol(*s)]).collect());
    let mask = |h: &Hidden| Mask {
        owners: h.owners.as_ref().map(owners),
        stretch: stretch(keyed, h.version, h.ends),
    };
    segment.masks = file.masks.iter().map(mask).collect();
    for (place, row) in rows.iter().enumerate().filter(|(_, row)| asks(row)) {
        model.read += 1;
        let hides = |h: &Hidden| {
            h.owners.as_ref().is_none_or(|o| o.contains(&row.symbol)) && within(row.at, h.ends)
        };
        if file.masks.iter().any(hides) {
            model.hidden += 1;
            continue;
        }
        // A key has one place; rows without a key stand by rank and as in the file.
        let (rank, place) = if keyed { (0, 0) } else { (file.rank, place) };
        model.rows.insert((row.symbol, row.at, rank, place), text_of(keyed, file.version, row));
    }
}

fn bound() -> impl Strategy<Value = Bound<Vec<Symbol>>> {
    (0..6u8, 0..SYMBOLS).prop_map(|(kind, s)| match kind {
        0 => Bound::Included(vec![symbol(s)]),
        1 => Bound::Excluded(vec![symbol(s)]),
        _ => Bound::Unbounded,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn the_visible_rows_and_no_others(
        keyed in any::<bool>(),
        files in prop::collection::vec(file(), 0..7),
        batch_rows in 1..40usize,
        ends in (bound(), bound()),
        asked in prop_oneof![2 => Just((None, None)), 1 => span()],
        asked_version in 1..=3u32,
        listed in any::<prop::sample::Index>(),
    ) {
        let mut disk = Disk::new(table(keyed));
        let mut model = Model::default();
        let mut by_rank = files;
        by_rank.sort_by_key(|f| f.rank);
        by_rank.dedup_by_key(|f| f.rank);
        let mut serial = 0;
        for file in &by_rank {
            let asks = |r: &Row| {
                let own = vec![symbol(r.symbol)];
                RangeBounds::contains(&ends, &own) && within(r.at, asked)
            };
            add(&mut disk, &mut model, file, &mut serial, asks);
        }
        // The order of the list says nothing.
        if !disk.files.is_empty() {
            let at = listed.index(disk.files.len());
            disk.files.rotate_left(at);
        }
        let options = MergeOptions {
            batch_rows,
            within: ends,
            stretch: stretch(keyed, asked_version, asked),
            verify: Verify::Hash,
            sums: true,
        };
        let mut merge = disk.merge(&options);
        let (mut found, mut sum, mut numbers) = (Vec::new(), 0u64, Vec::new());
        for batch in merge.by_ref() {
            let batch = batch.unwrap();
            prop_assert!((1..=batch_rows).contains(&batch.num_rows()));
            prop_assert_eq!(batch.schema(), crate::arrow_schema(disk.def.schema()));
            found.extend(texts(&batch));
            sum = sum.wrapping_add(crate::row_sum(&batch, &mut numbers).unwrap());
        }
        let want: Vec<String> = model.rows.values().cloned().collect();
        prop_assert_eq!(&found, &want);
        let counts = merge.counts();
        prop_assert_eq!(counts.out, want.len() as u64);
        prop_assert_eq!(counts.read, counts.hidden + counts.superseded + counts.out);
        prop_assert_eq!(counts.visible_sum.wrapping_sub(counts.superseded_sum), sum);
        let hidden = counts.read_sum != counts.visible_sum;
        prop_assert_eq!(hidden, counts.hidden > 0);
        // A segment that the log proves to have nothing asked for is not read at all.
        prop_assert_eq!((counts.read, counts.hidden), (model.read, model.hidden));
    }
}

#[test]
fn of_equal_ranks_the_later_in_the_list_wins() {
    let mut disk = Disk::new(table(true));
    for qty in [1, 2] {
        disk.add(3, false, &[Row { symbol: 0, at: Some(5), qty }]).rank = Rank::default();
    }
    for want in ["|2|", "|1|"] {
        let rows: Vec<String> = disk.merge(&portions(3)).flat_map(|b| texts(&b.unwrap())).collect();
        assert!(rows.len() == 1 && rows[0].contains(want), "{rows:?}");
        disk.files.reverse();
    }
}
