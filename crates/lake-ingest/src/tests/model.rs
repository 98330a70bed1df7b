use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

type Batch = Vec<(u8, i32, i32)>;

fn batches() -> impl Strategy<Value = Vec<Batch>> {
    prop::collection::vec(prop::collection::vec((0..4u8, -6..6i32, any::<i32>()), 0..40), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Segments applied in their order give what a map gives that is told the rows
    /// in theirs, and the counts add up.
    #[test]
    fn upserts_are_a_map(batches in batches()) {
        let mut bench = Bench::keyed();
        let mut model = BTreeMap::new();
        for batch in &batches {
            let named: Vec<(String, i32, f64)> = batch
                .iter()
                .map(|(s, day, close)| (format!("s{s}"), *day, f64::from(*close)))
                .collect();
            let rows: Vec<_> = named.iter().map(|r| (r.0.as_str(), r.1, r.2)).collect();
            let done = bench.ingest(&rows, None).unwrap().receipt;
            prop_assert_eq!(done.rows_in, rows.len() as u64);
            prop_assert_eq!(done.rows_written + done.rows_superseded, done.rows_in);
            model.extend(named.into_iter().map(|r| ((r.0, r.1), r.2)));
        }
        let mut found = BTreeMap::new();
        for segment in bench.segments() {
            prop_assert!(segment.windows(2).all(|w| w[0].0 == w[1].0 && w[0].1 < w[1].1));
            found.extend(segment.into_iter().map(|r| ((r.0, r.1), r.2)));
        }
        prop_assert_eq!(found, model);
    }
}
