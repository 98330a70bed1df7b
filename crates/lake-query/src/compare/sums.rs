//! Sums of the hashes of rows, by symbol.

use lake_engine::{Mounted, Result};

use super::pair::{Pair, columns};
use super::{Found, ask, number};

/// A symbol of which the sides have different rows.
pub(super) struct Group {
    pub(super) symbol: Vec<Option<String>>,
    pub(super) rows: u64,
}

/// The totals, and the symbols that differ.
pub(super) fn sums(mounted: &mut Mounted, pair: &Pair) -> Result<(Found, Vec<Group>)> {
    let symbol = columns(pair.symbol.iter().copied());
    let mut select: Vec<String> = symbol.iter().map(|c| format!("CAST({c} AS VARCHAR)")).collect();
    for value in ["count(*)", "sum(h)"] {
        for side in ["s", "NOT s"] {
            select.push(format!("CAST({value} FILTER ({side}) AS VARCHAR)"));
        }
    }
    // Twice hashed: DuckDB joins the hashes of columns in a way that rows which swap a
    // value could leave their sum as it was.
    let group = match symbol.is_empty() {
        true => String::new(),
        false => format!(" GROUP BY {}", symbol.join(", ")),
    };
    let sql = format!(
        "SELECT {} FROM (SELECT *, hash(hash({})) AS h FROM ({})){group}",
        select.join(", "),
        pair.all().join(", "),
        pair.both()
    );
    let (mut found, mut groups) = (Found::default(), Vec::new());
    let (mut sum_file, mut sum_lake) = (0_u128, 0_u128);
    for mut row in ask(mounted, &sql)? {
        let values = row.split_off(symbol.len());
        let (file, lake) = (number(values.first()), number(values.get(1)));
        let sum = |at: usize| -> u128 {
            values.get(at).and_then(|text| text.as_ref()?.parse().ok()).unwrap_or_default()
        };
        found.rows_file += file;
        found.rows_lake += lake;
        sum_file = sum_file.wrapping_add(sum(2));
        sum_lake = sum_lake.wrapping_add(sum(3));
        if (file, sum(2)) != (lake, sum(3)) {
            groups.push(Group { symbol: row, rows: file + lake });
        }
    }
    found.checksum_file = format!("{sum_file:024x}");
    found.checksum_lake = format!("{sum_lake:024x}");
    groups.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    Ok((found, groups))
}
