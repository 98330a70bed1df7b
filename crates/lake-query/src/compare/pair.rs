//! The rows of both sides under one list of columns.

use lake_core::state::Table;
use lake_core::types::quoted;
use lake_engine::{BaseTable, literal};

use crate::commands::names;

/// Two tables. Their columns are known by their places, `c0` and on, as in one SQL text
/// they may be called differently.
pub(crate) struct Pair {
    file: String,
    lake: String,
    /// What both have: its name there and here.
    shared: Vec<(String, String)>,
    only_file: Vec<String>,
    only_lake: Vec<String>,
    /// Places of the symbol's columns.
    pub(super) symbol: Vec<usize>,
    /// Places of the key's columns; all where there is no key, or one side lacks it.
    pub(super) key: Vec<usize>,
}

impl Pair {
    /// None: they have no column in common.
    pub(crate) fn of(theirs: &BaseTable, attached: &str, ours: &Table) -> Option<Pair> {
        let mut shared: Vec<(String, String)> = Vec::new();
        let mut only_lake = Vec::new();
        for field in &ours.schema().fields {
            let same = |name: &str| name.to_lowercase() == field.name.to_lowercase();
            match theirs.columns.iter().find(|column| same(&column.name)) {
                Some(column) => shared.push((column.name.clone(), field.name.clone())),
                None => only_lake.push(field.name.clone()),
            }
        }
        let unknown = |name: &String| !shared.iter().any(|(theirs, _)| theirs == name);
        let only_file: Vec<String> =
            theirs.columns.iter().map(|c| c.name.clone()).filter(unknown).collect();
        let places = |ids: &[u32]| -> Vec<usize> {
            let names = names(&ours.def, ids);
            let place = |name| shared.iter().position(|(_, ours)| ours == name);
            let places: Vec<usize> = names.iter().filter_map(place).collect();
            if places.len() == names.len() { places } else { Vec::new() }
        };
        let (symbol, mut key) = (places(&ours.def.partition_by), places(&ours.def.key));
        if key.is_empty() {
            key = (0..shared.len()).collect();
        }
        let (file, lake) = (theirs.spelled(attached), quoted(&ours.def.name));
        (!shared.is_empty()).then_some(Pair {
            file,
            lake,
            shared,
            only_file,
            only_lake,
            symbol,
            key,
        })
    }

    /// The rows of both; `s` tells those of the file.
    pub(super) fn both(&self) -> String {
        let (mut file, mut lake) = (Vec::new(), Vec::new());
        for (at, (theirs, ours)) in self.shared.iter().enumerate() {
            file.push(format!("{} AS c{at}", quoted(theirs)));
            lake.push(format!("{} AS c{at}", quoted(ours)));
        }
        format!(
            "SELECT {}, true AS s FROM {} UNION ALL SELECT {}, false AS s FROM {}",
            file.join(", "),
            self.file,
            lake.join(", "),
            self.lake
        )
    }

    /// All columns, or those at some places.
    pub(super) fn all(&self) -> Vec<String> {
        columns(0..self.shared.len())
    }

    /// Places of the columns that no key has.
    pub(super) fn values(&self) -> Vec<usize> {
        (0..self.shared.len()).filter(|place| !self.key.contains(place)).collect()
    }

    pub(super) fn name(&self, place: usize) -> &str {
        self.shared.get(place).map_or("", |(_, ours)| ours)
    }

    /// Columns that one side has alone.
    pub(super) fn lacking(&self) -> impl Iterator<Item = String> {
        let file = self.only_file.iter().map(|name| format!("{name} (only in the file)"));
        file.chain(self.only_lake.iter().map(|name| format!("{name} (only in the lake)")))
    }

    /// What is true of the rows of these symbols.
    pub(super) fn of_symbols(&self, symbols: &[&[Option<String>]]) -> String {
        if let [place] = self.symbol[..] {
            let texts: Vec<String> =
                symbols.iter().copied().flatten().flatten().map(|text| literal(text)).collect();
            let null = if texts.len() < symbols.len() { " OR c0 IS NULL" } else { "" };
            let null = null.replace("c0", &format!("c{place}"));
            let list = if texts.is_empty() { "NULL".into() } else { texts.join(", ") };
            return format!("(c{place} IN ({list}){null})");
        }
        let one = |symbol: &&[Option<String>]| {
            let tests = self.symbol.iter().zip(*symbol).map(|(place, text)| match text {
                Some(text) => format!("c{place} = {}", literal(text)),
                None => format!("c{place} IS NULL"),
            });
            let tests: Vec<String> = tests.collect();
            if tests.is_empty() { "true".into() } else { format!("({})", tests.join(" AND ")) }
        };
        symbols.iter().map(one).collect::<Vec<_>>().join(" OR ")
    }
}

pub(super) fn columns(places: impl IntoIterator<Item = usize>) -> Vec<String> {
    places.into_iter().map(|place| format!("c{place}")).collect()
}
