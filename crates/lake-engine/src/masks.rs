//! Rows that masks hide, as SQL: what stands behind the FROM of a scan.
//!
//! Stretches that hide everybody's rows in all files of a scan alike (retention cuts
//! so) are a condition. All others are a list in a session variable, as lists of
//! files are, to which the scan is joined: by file, and by partition where a mask
//! names some. So one scan reads all masked files, however many masks there are, and
//! a row is compared with the stretches that its file and partition have, mostly one.

use std::collections::{BTreeMap, HashMap};

use lake_core::mask::Stretch;
use lake_core::segment::SymbolSpan;
use lake_core::symbol::Symbol;
use lake_core::value::Value;

use crate::literal::{constant, literal};
use crate::setting::Setting;
use crate::split::Live;

/// The column of a scan that says the file of a row.
pub(crate) const FILE: &str = "_lake_file";

/// The columns of a scan that masks speak of, as SQL; the first range column as the
/// files have it, of their type: the ends of stretches may be of an older one or of
/// a newer, and DuckDB compares in the wider.
pub(crate) struct Columns {
    pub(crate) range: String,
    pub(crate) range_type: String,
    pub(crate) partition: Vec<String>,
}

/// A part of a scan's query, and the variables that it reads.
#[derive(Debug, Default)]
pub(crate) struct Hiding {
    pub(crate) setup: Vec<Setting>,
    joins: Vec<String>,
    conditions: Vec<String>,
}

impl Hiding {
    /// `path` is the file of a segment beneath `top`; `name` begins the names of
    /// variables.
    pub(crate) fn of<'a>(
        live: &[Live<'a>],
        columns: &Columns,
        top: &str,
        name: &str,
        path: impl Fn(&Live<'a>) -> String,
    ) -> Hiding {
        let mut hiding = Hiding::default();
        let everybody: Vec<_> = live.iter().map(everybody).collect();
        if everybody.windows(2).all(|w| w[0] == w[1]) {
            let stretches = everybody.first().into_iter().flatten();
            let tests: Vec<_> = stretches.map(|stretch| columns.test(stretch)).collect();
            if !tests.is_empty() {
                hiding.conditions.push(format!("({}) IS NOT TRUE", tests.join(" OR ")));
            }
        } else {
            let mut lists = Lists::default();
            for (one, stretches) in live.iter().zip(everybody).filter(|(_, s)| !s.is_empty()) {
                lists.add(&path(one), &stretches, &[]);
            }
            hiding.join(columns, "h", None, lists.variable(columns, top, &format!("{name}_h")));
        }
        let mut lists = Lists::default();
        for one in live {
            for (stretches, owners) in owned(one) {
                lists.add(&path(one), &stretches, &owners);
            }
        }
        if !lists.lines.is_empty() {
            let owner = columns.owner();
            let made = lists.variable(columns, top, &format!("{name}_o"));
            hiding.join(columns, "o", Some(&owner), made);
        }
        hiding
    }

    /// Whether the scan must have the column [`FILE`].
    pub(crate) fn by_file(&self) -> bool {
        !self.joins.is_empty()
    }

    /// A left join rather than an anti join, so that filters reach the scan; a file
    /// and a partition are in the list once at most.
    fn join(&mut self, columns: &Columns, letter: &str, owner: Option<&str>, variable: Setting) {
        let name = variable.variable.clone();
        self.setup.push(variable);
        let (mine, on) = match owner {
            Some(owner) => {
                (format!(", u.o AS _lake_{letter}o"), format!(" AND {owner} = _lake_{letter}o"))
            }
            None => Default::default(),
        };
        self.joins.push(format!(
            " LEFT JOIN (SELECT u.p AS _lake_{letter}p, u.h AS _lake_{letter}h{mine} \
             FROM (SELECT unnest(getvariable({})) AS u)) ON {FILE} = _lake_{letter}p{on}",
            literal(&name)
        ));
        let range = &columns.range;
        self.conditions.push(format!(
            "coalesce(len(list_filter(_lake_{letter}h, lambda _lake_s: \
             (_lake_s.f IS NULL OR {range} >= _lake_s.f) \
             AND (_lake_s.t IS NULL OR {range} <= _lake_s.t))), 0) = 0"
        ));
    }

    /// The text behind the FROM.
    pub(crate) fn tail(&self) -> String {
        match self.conditions.is_empty() {
            true => String::new(),
            false => format!("{} WHERE {}", self.joins.concat(), self.conditions.join(" AND ")),
        }
    }
}

/// The stretches of a file in which nobody's rows count.
pub(crate) fn everybody<'a>(one: &Live<'a>) -> Vec<&'a Stretch> {
    let masks = one.segment.masks.iter();
    masks.filter(|mask| mask.owners.is_none()).map(|mask| &mask.stretch).collect()
}

/// The partitions of a file whose rows are hidden, by their stretches.
pub(crate) fn owned<'a>(one: &Live<'a>) -> Vec<(Vec<&'a Stretch>, Vec<&'a [Symbol]>)> {
    let span = one.segment.symbols.as_deref();
    let here = |owner: &&[Symbol]| {
        span.is_none_or(|SymbolSpan { first, last, .. }| {
            first[..] <= **owner && **owner <= last[..]
        })
    };
    let masks = &one.segment.masks;
    let mut by_owner: BTreeMap<&'a [Symbol], Vec<usize>> = BTreeMap::new();
    for (at, mask) in masks.iter().enumerate() {
        for owner in mask.owners.iter().flat_map(|owners| owners.iter()).filter(here) {
            by_owner.entry(owner).or_default().push(at);
        }
    }
    let mut by_masks: BTreeMap<Vec<usize>, Vec<&[Symbol]>> = BTreeMap::new();
    for (owner, at) in by_owner {
        by_masks.entry(at).or_default().push(owner);
    }
    let stretches = |at: Vec<usize>| at.into_iter().map(|i| &masks[i].stretch).collect();
    by_masks.into_iter().map(|(at, owners)| (stretches(at), owners)).collect()
}

impl Columns {
    /// A row's partition as one text: no symbol holds a control character.
    pub(crate) fn owner(&self) -> String {
        match &self.partition[..] {
            [one] => one.clone(),
            all => format!("concat_ws(chr(31), {})", all.join(", ")),
        }
    }

    pub(crate) fn test(&self, stretch: &Stretch) -> String {
        let end = |sign: &str, end: &Option<Value>| {
            end.as_ref().map(|v| format!("{} {sign} {}", self.range, constant(v)))
        };
        let ends = [end(">=", &stretch.from), end("<=", &stretch.to)];
        let ends: Vec<String> = ends.into_iter().flatten().collect();
        if ends.is_empty() { "true".into() } else { format!("({})", ends.join(" AND ")) }
    }
}

/// Values as a list; `ty` is theirs. One text and one cast of all of it, where they are
/// of one plain type: thousands of casts are slow to bind.
pub(crate) fn values(ends: &[Option<&Value>], ty: &str) -> String {
    let null = format!("CAST(NULL AS {ty})");
    let texts: Option<Vec<_>> = ends.iter().flatten().map(|value| number(value)).collect();
    let texts = texts.unwrap_or_default();
    let cast = match texts.first() {
        Some((_, cast)) if texts.iter().all(|(_, other)| other == cast) => *cast,
        None if ends.iter().all(Option::is_none) => &null,
        _ => {
            let each = ends.iter().map(|end| end.map_or(null.clone(), constant));
            return format!("[{}]", each.collect::<Vec<_>>().join(", "));
        }
    };
    let mut texts = texts.iter();
    let text = |end: &Option<&Value>| end.and_then(|_| texts.next()).map_or("", |(t, _)| t);
    let text: Vec<&str> = ends.iter().map(text).collect();
    format!(
        "list_transform(list_transform(string_split({}, ','), lambda x: nullif(x, '')), \
         lambda x: {cast})",
        literal(&text.join(","))
    )
}

/// A value as a number, and what makes it of the number as a text `x`.
fn number(value: &Value) -> Option<(String, &'static str)> {
    Some(match value {
        Value::Int(v) => (v.to_string(), "CAST(x AS BIGINT)"),
        Value::UInt(v) => (v.to_string(), "CAST(x AS UBIGINT)"),
        Value::Date(days) => (days.to_string(), "make_date(CAST(x AS INTEGER))"),
        // An infinite one is no number of microseconds.
        Value::Timestamp(us) if us.unsigned_abs() < i64::MAX as u64 => {
            (us.to_string(), "make_timestamp(CAST(x AS BIGINT))")
        }
        _ => return None,
    })
}

/// Which file, or which partitions of it, have which stretches. One line each, of the
/// stretches' number, the file and the partitions: a long text is much faster to
/// parse than a long list. The stretches are few, or short.
#[derive(Default)]
struct Lists<'a> {
    stretches: Vec<Vec<&'a Stretch>>,
    numbers: HashMap<Vec<Ends<'a>>, usize>,
    lines: Vec<String>,
}

type Ends<'a> = (Option<&'a Value>, Option<&'a Value>);

impl<'a> Lists<'a> {
    fn add(&mut self, path: &str, stretches: &[&'a Stretch], owners: &[&[Symbol]]) {
        let ends = stretches.iter().map(|s| (s.from.as_ref(), s.to.as_ref())).collect();
        let next = self.stretches.len();
        let number = *self.numbers.entry(ends).or_insert(next);
        if number == next {
            self.stretches.push(stretches.to_vec());
        }
        let mut line = format!("{number}\t{path}");
        for owner in owners {
            let texts: Vec<&str> = owner.iter().map(Symbol::as_str).collect();
            line.push('\t');
            line += &texts.join("\u{1f}");
        }
        self.lines.push(line);
    }

    fn variable(&self, columns: &Columns, top: &str, name: &str) -> Setting {
        let of = |(k, all): (usize, &'_ Vec<&'a Stretch>)| vec![k.to_string(); all.len()];
        let numbers: Vec<String> = self.stretches.iter().enumerate().flat_map(of).collect();
        let stretches = || self.stretches.iter().flatten();
        let from: Vec<_> = stretches().map(|s| s.from.as_ref()).collect();
        let to: Vec<_> = stretches().map(|s| s.to.as_ref()).collect();
        let value = format!(
            "(SELECT list({{'p': {} || l[2], 'o': o, 'h': h}}) \
             FROM (SELECT l, unnest(CASE WHEN len(l) > 2 THEN l[3:] ELSE [NULL] END) AS o \
             FROM (SELECT string_split(unnest(string_split({}, chr(10))), chr(9)) AS l)) \
             JOIN (SELECT k, list({{'f': f, 't': t}}) AS h FROM (SELECT \
             unnest(string_split({}, ',')) AS k, unnest({}) AS f, unnest({}) AS t) GROUP BY k) \
             ON k = l[1])",
            literal(top),
            literal(&self.lines.join("\n")),
            literal(&numbers.join(",")),
            values(&from, &columns.range_type),
            values(&to, &columns.range_type)
        );
        Setting { variable: name.into(), value, texts: Vec::new() }
    }
}
