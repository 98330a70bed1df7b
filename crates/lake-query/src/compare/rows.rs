//! The rows of the symbols that differ.

use std::collections::BTreeMap;

use lake_engine::{Mounted, Result};
use serde_json::Value;

use super::pair::{Pair, columns};
use super::sums::Group;
use super::{Found, ask, number};

/// Rows that are looked at together; a symbol is not divided.
const TOGETHER: u64 = 2_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    File,
    Lake,
    Both,
}

#[derive(Debug)]
pub(crate) struct Difference {
    /// The key's columns, or all where there is no key, with their values as text.
    pub(crate) key: Vec<(String, Option<String>)>,
    pub(crate) place: Place,
    /// Of a row that is in both: the columns that differ, with both values as text.
    pub(crate) values: Vec<(String, Value)>,
}

/// Adds to `found` what the groups tell.
pub(super) fn look(
    mounted: &mut Mounted,
    pair: &Pair,
    groups: &[Group],
    limit: usize,
    found: &mut Found,
) -> Result<()> {
    let mut differing: BTreeMap<usize, u64> = BTreeMap::new();
    for together in portions(groups, TOGETHER) {
        let left = left(pair, together);
        count(mounted, pair, &left, found)?;
        for (place, rows) in by_column(mounted, pair, &left)? {
            *differing.entry(place).or_default() += rows;
        }
        let wanted = limit.saturating_sub(found.differences.len());
        if wanted > 0 {
            found.differences.extend(first(mounted, pair, &left, wanted)?);
        }
    }
    let some = differing.iter().filter(|(_, rows)| **rows > 0);
    found.columns.extend(some.map(|(place, _)| pair.name(*place).to_owned()));
    Ok(())
}

/// The groups in stretches of so many rows, or of one group.
fn portions(groups: &[Group], most: u64) -> Vec<&[Group]> {
    let (mut all, mut rest) = (Vec::new(), groups);
    while !rest.is_empty() {
        let mut rows = 0;
        let end = rest.iter().position(|group| {
            rows += group.rows;
            rows > most
        });
        let (now, later) = rest.split_at(end.unwrap_or(rest.len()).max(1));
        all.push(now);
        rest = later;
    }
    all
}

/// Rows that one side has more often, `d` times, as the table `l`; below zero: the lake.
fn left(pair: &Pair, groups: &[Group]) -> String {
    let symbols: Vec<&[Option<String>]> = groups.iter().map(|g| &g.symbol[..]).collect();
    let all = pair.all().join(", ");
    format!(
        "WITH l AS (SELECT {all}, count(*) FILTER (s) - count(*) FILTER (NOT s) AS d FROM ({}) \
         WHERE {} GROUP BY {all} \
         HAVING count(*) FILTER (s) <> count(*) FILTER (NOT s)) ",
        pair.both(),
        pair.of_symbols(&symbols)
    )
}

fn count(mounted: &mut Mounted, pair: &Pair, left: &str, found: &mut Found) -> Result<()> {
    let sql = format!(
        "{left}SELECT CAST(sum(least(t, h)) AS VARCHAR), CAST(sum(t - least(t, h)) AS VARCHAR), \
         CAST(sum(h - least(t, h)) AS VARCHAR) FROM (SELECT sum(greatest(d, 0)) AS t, \
         sum(greatest(-d, 0)) AS h FROM l GROUP BY {})",
        columns(pair.key.iter().copied()).join(", ")
    );
    for row in ask(mounted, &sql)? {
        found.differ += number(row.first());
        found.only_file += number(row.get(1));
        found.only_lake += number(row.get(2));
    }
    Ok(())
}

/// How many rows differ in each column.
fn by_column(mounted: &mut Mounted, pair: &Pair, left: &str) -> Result<Vec<(usize, u64)>> {
    let values = pair.values();
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let counts: Vec<String> = values
        .iter()
        .map(|c| format!("CAST(count(*) FILTER (a.c{c} IS DISTINCT FROM b.c{c}) AS VARCHAR)"))
        .collect();
    let sql = format!(
        "{left}SELECT {} FROM l a JOIN l b ON {} WHERE a.d > 0 AND b.d < 0",
        counts.join(", "),
        same_key(pair)
    );
    let answer = ask(mounted, &sql)?;
    let counts = answer.iter().flatten().map(|count| number(Some(count)));
    Ok(values.into_iter().zip(counts).collect())
}

fn first(mounted: &mut Mounted, pair: &Pair, left: &str, most: usize) -> Result<Vec<Difference>> {
    let (key, values) = (&pair.key, pair.values());
    let either: Vec<String> = key.iter().map(|c| format!("coalesce(a.c{c}, b.c{c})")).collect();
    let mut select = vec![
        "CASE WHEN b.d IS NULL THEN 'file' WHEN a.d IS NULL THEN 'lake' ELSE 'both' END".to_owned(),
    ];
    select.extend(either.iter().map(|key| format!("CAST({key} AS VARCHAR)")));
    select.extend(values.iter().map(|c| {
        format!(
            "CASE WHEN a.d > 0 AND b.d < 0 AND a.c{c} IS DISTINCT FROM b.c{c} THEN \
             CAST(json_array(CAST(a.c{c} AS VARCHAR), CAST(b.c{c} AS VARCHAR)) AS VARCHAR) END"
        )
    }));
    let sql = format!(
        "{left}SELECT {} FROM (FROM l WHERE d > 0) a FULL JOIN (FROM l WHERE d < 0) b ON {} \
         ORDER BY {} LIMIT {most}",
        select.join(", "),
        same_key(pair),
        either.join(", ")
    );
    let difference = |row: Vec<Option<String>>| {
        let mut cells = row.into_iter();
        let place = match cells.next().flatten().as_deref() {
            Some("file") => Place::File,
            Some("lake") => Place::Lake,
            _ => Place::Both,
        };
        let name = |place: &usize| pair.name(*place).to_owned();
        let key = key.iter().map(name).zip(cells.by_ref()).collect();
        let read = |text: Option<String>| serde_json::from_str(&text?).ok();
        let values = values.iter().map(name).zip(cells);
        let values = values.filter_map(|(name, text)| Some((name, read(text)?))).collect();
        Difference { key, place, values }
    };
    Ok(ask(mounted, &sql)?.into_iter().map(difference).collect())
}

fn same_key(pair: &Pair) -> String {
    let same = |c: &usize| format!("a.c{c} IS NOT DISTINCT FROM b.c{c}");
    pair.key.iter().map(same).collect::<Vec<_>>().join(" AND ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_together_as_far_as_there_is_room() {
        let cut = |rows: &[u64]| -> Vec<usize> {
            let group = |rows: &u64| Group { symbol: Vec::new(), rows: *rows };
            let groups: Vec<Group> = rows.iter().map(group).collect();
            portions(&groups, 10).iter().map(|portion| portion.len()).collect()
        };
        assert_eq!(cut(&[]), [0; 0]);
        assert_eq!(cut(&[4, 6, 1, 9, 10]), [2, 2, 1]);
        assert_eq!(cut(&[50, 1, 2, 50, 50]), [1, 2, 1, 1]);
    }
}
