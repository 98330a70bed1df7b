//! Rows that masks hide: what stands behind the FROM of a portable scan.
//!
//! The stretches of a file, or of some partitions in it, are a line of a text, and the
//! scan is joined to the lines. The join is by equality alone, and a WHERE compares:
//! DuckDB 1.1 and 1.4 lose the second condition of an anti join by inequality when a
//! filter makes its equality a constant, and 2.0 reads every file for a NOT EXISTS.
//! A text is cut into lines faster than a list of 5,000 literals is bound (in 5 ms
//! instead of 100), and a cast of a column needs no cast of each value.

use std::collections::BTreeMap;

use lake_core::mask::Stretch;
use lake_core::symbol::Symbol;
use lake_core::value::Value;

use crate::literal::{literal, spelled};
use crate::masks::{Columns, FILE, everybody, owned};
use crate::split::Live;

#[derive(Debug, Default)]
pub(crate) struct Hidden {
    joins: String,
    conditions: Vec<String>,
}

/// Lines of one list: those of everybody or of some, with ends of the same types.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    owned: bool,
    from: String,
    to: String,
}

#[derive(Default)]
struct List {
    /// The most stretches of a line.
    stretches: usize,
    lines: Vec<String>,
}

impl Hidden {
    /// `path` is the file of a segment beneath `top`.
    pub(crate) fn of<'a>(
        live: &[Live<'a>],
        columns: &Columns,
        top: &str,
        path: impl Fn(&Live<'a>) -> String,
    ) -> Hidden {
        let mut hidden = Hidden::default();
        let common: Vec<Vec<&Stretch>> = live.iter().map(everybody).collect();
        let alike = common.windows(2).all(|w| w[0] == w[1]);
        if alike && let Some(stretches) = common.first().filter(|s| !s.is_empty()) {
            let tests: Vec<String> = stretches.iter().map(|s| columns.test(s)).collect();
            hidden.conditions.push(format!("({}) IS NOT TRUE", tests.join(" OR ")));
        }
        let mut lists = BTreeMap::new();
        for (one, stretches) in live.iter().zip(&common) {
            let path = path(one);
            if !alike {
                add(&mut lists, &path, stretches, None, &columns.range_type);
            }
            for (stretches, owners) in owned(one) {
                add(&mut lists, &path, &stretches, Some(&owners), &columns.range_type);
            }
        }
        for (at, (kind, list)) in lists.iter().enumerate() {
            hidden.join(&format!("_lake_h{at}"), kind, list, columns, top);
        }
        hidden
    }

    /// Whether the scan must have the column [`FILE`].
    pub(crate) fn by_file(&self) -> bool {
        !self.joins.is_empty()
    }

    /// The text behind the FROM.
    pub(crate) fn tail(&self) -> String {
        match self.conditions.is_empty() {
            true => String::new(),
            false => format!("{} WHERE {}", self.joins, self.conditions.join(" AND ")),
        }
    }

    /// A file and a partition are in a list once at most, so that no row is doubled.
    fn join(&mut self, h: &str, kind: &Kind, list: &List, columns: &Columns, top: &str) {
        let mut fields = format!(
            "{} || {} AS {h}p, CAST({} AS INTEGER) AS {h}n",
            literal(top),
            field(1),
            field(3)
        );
        let mut on = format!("{FILE} = {h}p");
        if kind.owned {
            fields += &format!(", unnest(string_split({}, chr(30))) AS {h}o", field(2));
            on += &format!(" AND {} = {h}o", columns.owner());
        }
        let range = &columns.range;
        for i in 1..=list.stretches {
            let (from, to) = (end(2 * i + 2, &kind.from), end(2 * i + 3, &kind.to));
            fields += &format!(", {from} AS {h}f{i}, {to} AS {h}t{i}");
            self.conditions.push(format!(
                "({h}n >= {i} AND ({h}f{i} IS NULL OR {range} >= {h}f{i}) \
                 AND ({h}t{i} IS NULL OR {range} <= {h}t{i})) IS NOT TRUE"
            ));
        }
        self.joins += &format!(
            " LEFT JOIN (SELECT {fields} FROM (SELECT unnest(string_split({}, chr(10))) AS _lake_l)) \
             ON {on}",
            literal(&list.lines.join("\n"))
        );
    }
}

/// A line is the file, its partitions (divided by chr(30)), the number of stretches,
/// and the two ends of each; one that is not there is empty.
fn add(
    lists: &mut BTreeMap<Kind, List>,
    path: &str,
    stretches: &[&Stretch],
    owners: Option<&[&[Symbol]]>,
    range_type: &str,
) {
    let mut kinds: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
    for Stretch { from, to } in stretches {
        let ty = |a: &Option<Value>, b: &Option<Value>| {
            a.as_ref().or(b.as_ref()).map_or(range_type.to_owned(), |value| spelled(value).1)
        };
        let kind = Kind { owned: owners.is_some(), from: ty(from, to), to: ty(to, from) };
        kinds.entry(kind).or_default().extend([text(from.as_ref()), text(to.as_ref())]);
    }
    let owner = |owner: &&[Symbol]| {
        let symbols: Vec<&str> = owner.iter().map(Symbol::as_str).collect();
        symbols.join("\u{1f}")
    };
    let owners: Vec<String> = owners.into_iter().flatten().map(owner).collect();
    let owners = owners.join("\u{1e}");
    for (kind, ends) in kinds {
        let n = ends.len() / 2;
        let list = lists.entry(kind).or_default();
        list.stretches = list.stretches.max(n);
        list.lines.push(format!("{path}\t{owners}\t{n}\t{}", ends.join("\t")));
    }
}

fn field(n: usize) -> String {
    format!("split_part(_lake_l, chr(9), {n})")
}

/// The end of a stretch as a field, and what reads it: a text may be empty or have
/// tabs and lines in it.
fn text(end: Option<&Value>) -> String {
    match end {
        None => String::new(),
        Some(Value::Text(text)) => {
            let plain = text.replace('%', "%25").replace('\t', "%09").replace('\n', "%0A");
            format!("={}", plain.replace('\0', "%00"))
        }
        Some(value) => spelled(value).0,
    }
}

fn end(n: usize, ty: &str) -> String {
    match ty {
        "VARCHAR" => format!("url_decode(substr(nullif({}, ''), 2))", field(n)),
        _ => format!("CAST(nullif({}, '') AS {ty})", field(n)),
    }
}
