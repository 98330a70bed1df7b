//! Not a test of anything but speed: `--ignored --nocapture` says rows a second of
//! processor time, so that whoever else uses the processor does not count.

use super::*;

const FILES: i64 = 100;
const ROWS: i64 = 100_000;

fn cpu_ns() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

fn figure(what: &str, keyed: bool, rows_of: impl Fn(i64) -> Vec<Row>) {
    let mut disk = Disk::new(table(keyed));
    for n in 0..FILES {
        let rows = rows_of(n);
        let packed = rows.first().map(|r| r.symbol) != rows.last().map(|r| r.symbol);
        disk.add(3, packed, &rows);
    }
    let begin = cpu_ns();
    for (path, _, segment) in &disk.files {
        let reader = SegmentReader::open(&disk.root, path, segment, Verify::Size, None).unwrap();
        assert!(reader.map(Result::unwrap).map(|b| b.num_rows()).sum::<usize>() > 0);
    }
    let decoded = cpu_ns() - begin;
    let begin = cpu_ns();
    let mut merge = disk.merge(&MergeOptions::default());
    assert!(merge.by_ref().all(|b| b.is_ok()));
    let (merged, counts) = (cpu_ns() - begin, merge.counts());
    let rate = |ns: f64| counts.read as f64 / ns * 1e3;
    println!(
        "{what}: {:.1} M rows/s merged, {:.1} M rows/s decoded alone; {counts:?}",
        rate(merged),
        rate(decoded)
    );
}

#[test]
#[ignore = "a measurement"]
fn rows_a_second() {
    figure("one after the other", true, |n| run(0, n * ROWS..(n + 1) * ROWS));
    figure("interleaved by row", true, |n| run(0, (0..ROWS).map(|i| i * FILES + n)));
    figure("interleaved by 50", true, |n| {
        run(0, (0..ROWS).map(|i| (i / 50 * FILES + n) * 50 + i % 50))
    });
    figure("every file the same keys", true, |_| run(0, 0..ROWS));
    figure("packs of 4 symbols, interleaved", true, |n| {
        (0..4).flat_map(|s| run(s, (0..ROWS / 4).map(|i| i * FILES + n))).collect()
    });
    figure("without a key, one after the other", false, |n| {
        run(0, (n * ROWS..(n + 1) * ROWS).map(|i| i / 100))
    });
}
