//! What is known of each symbol of a table: from the log, and where symbols share files,
//! from what these say of them.

use std::collections::BTreeMap;
use std::path::Path;

use lake_cli::Failure;
use lake_cli::render::json as text;
use lake_core::census::{Tally, Touch};
use lake_core::mask::{Effect, Mask};
use lake_core::segment::{Part, Segment};
use lake_core::state::{PartState, Table};
use lake_core::symbol::Symbol;
use lake_core::types::quoted;
use lake_core::value::Range;
use lake_engine::{Engine, Options, Reader};
use lake_log::{At, Census, Lake};
use lake_store::Root;
use serde_json::{Value, json};

use crate::cell;
use crate::commands::key;
use crate::failure::{of_engine, of_log};

/// One symbol's.
pub(crate) struct Facts {
    pub(crate) symbols: Vec<Symbol>,
    /// Its own files; NULL where it shares some.
    pub(crate) segments: Value,
    pub(crate) bytes: Value,
    pub(crate) rows: u64,
    pub(crate) min_key: Value,
    pub(crate) max_key: Value,
    pub(crate) touched: Touch,
}

/// Of all symbols, or of one, in order. What the log and the files' own censuses tell is
/// not read; only where rows were taken away, or a key is not known, the keys are.
pub(crate) fn of(
    lake: &mut Lake,
    version: u64,
    table: &Table,
    only: Option<&[Symbol]>,
) -> Result<Vec<Facts>, Failure> {
    let keyed = !table.def.range_columns().is_empty();
    let mut sums = Sums { keyed, unsaid: false, all: BTreeMap::new() };
    for (part, live) in table.parts.iter().filter(|(_, live)| !live.segments.is_empty()) {
        match part {
            Part::Of(symbols) if only.is_none_or(|only| only == symbols) => {
                sums.add_own(symbols, live);
            }
            _ => {}
        }
        for segment in &live.segments {
            if only.is_none_or(|only| may_hold(part, segment, only)) {
                let path = table.path(part, segment);
                sums.add_shared(lake.root(), path, segment, *part == Part::Packed, only)?;
            }
        }
    }
    let open = match (sums.unsaid, only) {
        (true, Some(only)) => vec![only.to_vec()],
        (true, None) => Vec::new(),
        (false, _) => sums.all.iter().filter(|(_, s)| s.open).map(|(s, _)| s.clone()).collect(),
    };
    if sums.unsaid || !open.is_empty() {
        sums.correct(counted(lake, version, table, &open)?, table);
    }
    let there = sums.all.into_iter().filter(|(_, sum)| sum.rows > 0);
    Ok(there.map(|(symbols, sum)| sum.facts(symbols)).collect())
}

fn may_hold(part: &Part, segment: &Segment, only: &[Symbol]) -> bool {
    match (part, segment.symbols.as_deref()) {
        (Part::Of(own), _) => own == only,
        (Part::Packed, Some(span)) => *span.first <= *only && *only <= *span.last,
        (Part::Packed, None) => true,
    }
}

struct Sums {
    /// The table's files say which keys they have.
    keyed: bool,
    /// A file of many symbols does not say which.
    unsaid: bool,
    all: BTreeMap<Vec<Symbol>, Sum>,
}

/// One symbol's, added up.
#[derive(Default)]
struct Sum {
    segments: u64,
    bytes: u64,
    rows: u64,
    range: Option<Range>,
    touched: Touch,
    /// Some of its rows are in files of many.
    shared: bool,
    /// Its keys have to be read.
    open: bool,
    /// And what they were.
    ends: Option<(Value, Value)>,
}

impl Sums {
    fn of(&mut self, symbols: &[Symbol]) -> &mut Sum {
        self.all.entry(symbols.to_vec()).or_default()
    }

    fn add_own(&mut self, symbols: &[Symbol], live: &PartState) {
        let keyed = self.keyed;
        let sum = self.of(symbols);
        sum.touch(&live.touched);
        for segment in &live.segments {
            sum.segments += 1;
            sum.bytes += segment.bytes;
            sum.open |= !segment.masks.is_empty();
            sum.add(segment.rows, segment.range.as_ref(), keyed);
        }
    }

    /// What a file says of its symbols.
    fn add_shared(
        &mut self,
        root: &Root,
        path: String,
        segment: &Segment,
        packed: bool,
        only: Option<&[Symbol]>,
    ) -> Result<(), Failure> {
        let Some(census) = Census::read(root, path, segment).map_err(of_log)? else {
            self.unsaid |= packed;
            return Ok(());
        };
        match only {
            Some(only) => {
                if let Some(tally) = census.find(only).map_err(of_log)? {
                    self.add_tally(segment, packed, &tally);
                }
            }
            None => {
                for tally in census.tallies() {
                    self.add_tally(segment, packed, &tally.map_err(of_log)?);
                }
            }
        }
        Ok(())
    }

    /// By what was read.
    fn correct(&mut self, known: BTreeMap<Vec<Symbol>, Counted>, table: &Table) {
        let unsaid = self.unsaid;
        self.all.retain(|symbols, sum| !(sum.open || unsaid) || known.contains_key(symbols));
        let packs = table.parts.get(&Part::Packed);
        for (symbols, (rows, min_key, max_key)) in known {
            if !unsaid && !self.all.contains_key(&symbols) {
                continue;
            }
            let sum = self.of(&symbols);
            (sum.rows, sum.ends) = (rows, Some((min_key, max_key)));
            if let (true, Some(packs)) = (unsaid, packs) {
                sum.shared = true;
                sum.touch(&packs.touched);
            }
        }
    }

    fn add_tally(&mut self, segment: &Segment, packed: bool, tally: &Tally) {
        let keyed = self.keyed;
        if !packed {
            return self.of(&tally.symbols).touch(&tally.touched);
        }
        let own = |mask: &&Mask| {
            mask.owners.as_ref().is_none_or(|owners| owners.contains(&tally.symbols))
        };
        let effects = segment.masks.iter().filter(own);
        let effect = |mask: &Mask| mask.stretch.effect_on_range(tally.range.as_ref());
        let effects: Vec<Effect> = effects.map(effect).collect();
        let sum = self.of(&tally.symbols);
        sum.touch(&tally.touched);
        if effects.contains(&Effect::All) {
            return;
        }
        sum.shared = true;
        sum.open |= effects.contains(&Effect::Some);
        sum.add(tally.rows, tally.range.as_ref(), keyed);
    }
}

impl Sum {
    fn touch(&mut self, touched: &Touch) {
        if self.touched.version < touched.version {
            self.touched = touched.clone();
        }
    }

    fn add(&mut self, rows: u64, range: Option<&Range>, keyed: bool) {
        let first = self.rows == 0;
        self.rows += rows;
        match (&self.range, range) {
            _ if !keyed => {}
            (None, Some(range)) if first => self.range = Some(range.clone()),
            (Some(known), Some(range)) if known.is_like(range) => {
                self.range = Some(known.join(range));
            }
            _ => self.open = true,
        }
    }

    fn facts(self, symbols: Vec<Symbol>) -> Facts {
        let of_files = |n: u64| if self.shared { Value::Null } else { json!(n) };
        let ends = || {
            let range = self.range.as_ref();
            range.map_or((Value::Null, Value::Null), |r| (key(r.min()), key(r.max())))
        };
        let (segments, bytes) = (of_files(self.segments), of_files(self.bytes));
        let (min_key, max_key) = self.ends.unwrap_or_else(ends);
        let (rows, touched) = (self.rows, self.touched);
        Facts { symbols, segments, bytes, rows, min_key, max_key, touched }
    }
}

/// More symbols than these are not named in a query.
const NAMED: usize = 200;

/// Rows, smallest and largest key.
type Counted = (u64, Value, Value);

/// Of these symbols, or of more than these, by what is visible of their key columns.
fn counted(
    lake: &mut Lake,
    version: u64,
    table: &Table,
    these: &[Vec<Symbol>],
) -> Result<BTreeMap<Vec<Symbol>, Counted>, Failure> {
    let def = &table.def;
    let name = |id| def.schema().by_id(id).map_or_else(String::new, |f| quoted(&f.name));
    let symbols: Vec<String> = def.partition_by.iter().map(|id| name(*id)).collect();
    let keys: Vec<String> = def.range_columns().into_iter().map(name).collect();
    let ends = |f: &str| match keys.as_slice() {
        [] => "NULL::INTEGER".to_owned(),
        [one] => format!("{f}({one})"),
        several => format!("{f}(row({}))", several.join(", ")),
    };
    let one = |values: &Vec<Symbol>| {
        let same = |(column, symbol): (&String, &Symbol)| {
            format!("{column} = '{}'", symbol.as_str().replace('\'', "''"))
        };
        let all: Vec<String> = symbols.iter().zip(values).map(same).collect();
        format!("({})", all.join(" AND "))
    };
    let filter = match (1..=NAMED).contains(&these.len()) && !symbols.is_empty() {
        true => {
            let each: Vec<String> = these.iter().map(one).collect();
            format!("WHERE {}", each.join(" OR "))
        }
        false => String::new(),
    };
    let list = symbols.join(", ");
    let groups = match symbols.is_empty() {
        true => "HAVING count(*) > 0".to_owned(),
        false => format!("GROUP BY {list}"),
    };
    let columns = ["count(*)".to_owned(), ends("min"), ends("max")];
    let columns: Vec<String> = columns.into_iter().chain(symbols.iter().cloned()).collect();
    let sql = format!("SELECT {} FROM {} {filter} {groups}", columns.join(", "), quoted(&def.name));
    let fact = |row: Vec<Value>| -> Option<(Vec<Symbol>, Counted)> {
        let mut row = row.into_iter();
        let counted = (row.next()?.as_u64()?, row.next()?, row.next()?);
        let symbols = row.map(|v| Symbol::new(v.as_str()?).ok()).collect::<Option<_>>()?;
        Some((symbols, counted))
    };
    let rows = query(lake, version, &sql)?;
    Ok(rows.into_iter().filter_map(fact).collect())
}

fn query(lake: &mut Lake, version: u64, sql: &str) -> Result<Vec<Vec<Value>>, Failure> {
    let snapshot = lake.snapshot(At::Version(version)).map_err(of_log)?;
    lake_store::process::raise_file_limit();
    let root: &Path = lake.root().path();
    let engine = Engine::open(&Options::default()).map_err(of_engine)?;
    let mut mounted = engine.mount(snapshot, root).map_err(of_engine)?;
    let mut query = mounted.query(sql).map_err(of_engine)?;
    let rows = query.rows().map_err(of_engine)?;
    let columns = rows.columns.clone();
    let mut all = Vec::new();
    for batch in rows {
        let batch = batch.map_err(of_engine)?;
        let arrays = batch.columns().iter().zip(&columns);
        let readers: Vec<Reader<'_>> =
            arrays.map(|(array, column)| Reader::new(array.as_ref(), &column.ty.shape)).collect();
        for row in 0..batch.num_rows() {
            all.push(readers.iter().map(|r| value(r.get(row))).collect());
        }
    }
    Ok(all)
}

/// As the terminal prints it in JSON; a key of several columns is a list.
fn value(datum: lake_engine::Datum<'_>) -> Value {
    let mut out = String::new();
    text::push_cell(&mut out, &cell::of(datum));
    match serde_json::from_str(&out) {
        Ok(Value::Object(fields)) => fields.into_iter().map(|(_, v)| v).collect(),
        Ok(other) => other,
        Err(_) => Value::Null,
    }
}

/// A symbol as people name it: several partition columns divided by `/`.
pub(crate) fn parse_symbol(table: &Table, name: &str) -> Result<Vec<Symbol>, Failure> {
    let count = table.def.partition_by.len();
    let parts: Vec<&str> = if count > 1 { name.splitn(count, '/').collect() } else { vec![name] };
    if parts.len() != count {
        let message = format!("{name:?} is no symbol of table {}", table.def.name);
        return Err(Failure::bad_input(message)
            .hint(format!("it is partitioned by {}", table.def.directory_columns().join("/"))));
    }
    let symbols = parts.into_iter().map(Symbol::new).collect::<Result<_, _>>();
    symbols.map_err(|e| Failure::bad_input(format!("{name:?}: {e}")))
}
