//! What analysts of time series ask often, as table macros: `FROM latest('bars')`.
//!
//! A macro cannot know the columns of the table it is given. So a session variable holds,
//! by table, the query that each macro is of it, and the macro runs that text: DuckDB
//! plans it like one that the user wrote, and a filter behind the macro reaches the files.

use lake_core::schema::Field;
use lake_core::state::Table;
use lake_core::types::{Type, quoted};

use crate::literal::literal;
use crate::sheet::{computes_a_query, words};

/// A table macro, for people who look for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Macro {
    pub name: &'static str,
    pub usage: &'static str,
    pub help: &'static str,
    pub example: &'static str,
}

/// The macro of what changed, and the one that makes a table's name of its arguments.
pub(crate) const CHANGES: &str = "changes";
pub(crate) const BETWEEN: &str = "_lake_between";

pub const MACROS: [Macro; 5] = [
    Macro {
        name: "latest",
        usage: "latest(table)",
        help: "the newest row of each symbol",
        example: "FROM latest('bars') WHERE symbol = '600519'",
    },
    Macro {
        name: "asof",
        usage: "asof(table, time)",
        help: "the newest row of each symbol at or before a time",
        example: "FROM asof('bars', '2026-11-20')",
    },
    Macro {
        name: "resample",
        usage: "resample(table, interval)",
        help: "bars of this width: open, high, low, close and the sum of volume, by symbol",
        example: "FROM resample('bars', '1 month') WHERE symbol = '600519'",
    },
    Macro {
        name: "returns",
        usage: "returns(table)",
        help: "each close over the one before it of the same symbol, less one",
        example: "SELECT symbol, stddev(return) FROM returns('bars') GROUP BY symbol",
    },
    Macro {
        name: CHANGES,
        usage: "changes(table, since, until)",
        help: "rows added, updated and deleted between two versions, or since one",
        example: "FROM changes('bars', 41, 45) WHERE symbol = '600519'",
    },
];

/// The statements that make them.
pub(crate) const CREATE: &str = "\
CREATE MACRO _lake_of(t) AS getvariable('_lake_macros')[lower(CAST(t AS VARCHAR))];
CREATE MACRO _lake_ask(t, ask, why) AS CASE
  WHEN t IS NULL THEN error('the name of a table is missing')
  WHEN ask IS NOT NULL THEN ask
  ELSE coalesce(error(why), 'FROM \"' || replace(CAST(t AS VARCHAR), '\"', '\"\"') || '\"') END;
CREATE MACRO _lake_text(x) AS
  coalesce('''' || replace(CAST(x AS VARCHAR), '''', '''''') || '''', 'NULL');
CREATE MACRO latest(t) AS TABLE
  FROM query(_lake_ask(t, _lake_of(t).latest, _lake_of(t).untimed));
CREATE MACRO \"asof\"(t, ts) AS TABLE FROM query(_lake_ask(t,
  _lake_of(t).asof1 || _lake_text(ts) || _lake_of(t).asof2, _lake_of(t).untimed));
CREATE MACRO resample(t, width) AS TABLE FROM query(_lake_ask(t,
  _lake_of(t).resample1 || _lake_text(width) || _lake_of(t).resample2, _lake_of(t).unpriced));
CREATE MACRO returns(t) AS TABLE
  FROM query(_lake_ask(t, _lake_of(t).returns, _lake_of(t).unpriced));
CREATE MACRO _lake_between(t, since, until := NULL) AS
  t || '@' || since || '..' || coalesce(CAST(until AS VARCHAR), '');
CREATE MACRO changes(t, since, until := NULL) AS TABLE FROM query(CASE
  WHEN t IS NULL OR since IS NULL THEN error('changes() needs a table and a version')
  ELSE 'FROM \"' || replace(_lake_between(t, since, until), '\"', '\"\"') || '\"' END);";

/// The statement that says what they are of each table, by its name in SQL; None: of what
/// changed in a table they are nothing.
pub(crate) fn tell(tables: &[(&str, Option<&Table>)]) -> String {
    let entry = |(name, table): &(&str, Option<&Table>)| {
        let texts = match table {
            Some(table) => texts(name, table),
            None => Texts::refused(&format!("{name} is what changed in a table, not a table")),
        };
        format!("{}: {}", literal(&name.to_lowercase()), fields(&texts))
    };
    let mut entries: Vec<String> = tables.iter().map(entry).collect();
    if entries.is_empty() {
        // An empty map has no type.
        entries.push(format!("'': {}", fields(&Texts::default())));
    }
    format!("SET VARIABLE _lake_macros = MAP {{{}}}", entries.join(", "))
}

/// Whether a text may call one of them.
pub(crate) fn are_named_in(sql: &str) -> bool {
    let called = |word| MACROS.iter().any(|m| m.name.eq_ignore_ascii_case(word));
    computes_a_query(sql) || words(sql).any(called)
}

/// The queries that the macros are of a table, in two parts where an argument stands
/// between them; or why they cannot be.
#[derive(Default)]
struct Texts {
    latest: Option<String>,
    asof: Option<(String, String)>,
    resample: Option<(String, String)>,
    returns: Option<String>,
    untimed: Option<String>,
    unpriced: Option<String>,
}

impl Texts {
    fn refused(why: &str) -> Texts {
        let why = Some(why.to_owned());
        Texts { untimed: why.clone(), unpriced: why, ..Texts::default() }
    }
}

fn fields(texts: &Texts) -> String {
    let text = |text: Option<&String>| match text {
        Some(text) => literal(text),
        None => "CAST(NULL AS VARCHAR)".into(),
    };
    let first = |pair: &Option<(String, String)>| text(pair.as_ref().map(|(first, _)| first));
    let second = |pair: &Option<(String, String)>| text(pair.as_ref().map(|(_, second)| second));
    format!(
        "{{'latest': {}, 'asof1': {}, 'asof2': {}, 'resample1': {}, 'resample2': {}, \
         'returns': {}, 'untimed': {}, 'unpriced': {}}}",
        text(texts.latest.as_ref()),
        first(&texts.asof),
        second(&texts.asof),
        first(&texts.resample),
        second(&texts.resample),
        text(texts.returns.as_ref()),
        text(texts.untimed.as_ref()),
        text(texts.unpriced.as_ref())
    )
}

fn texts(name: &str, table: &Table) -> Texts {
    let (def, schema) = (&table.def, table.schema());
    let field = |id: u32| schema.by_id(id);
    let symbol: Vec<String> =
        def.partition_by.iter().filter_map(|id| field(*id)).map(|f| quoted(&f.name)).collect();
    let order: Vec<&Field> = def.range_columns().into_iter().filter_map(field).collect();
    let Some(time) = order.first() else {
        return Texts::refused(&format!("table {name} has no column that orders its rows"));
    };
    let from = format!("FROM {}", quoted(name));
    let by_symbol = match symbol.is_empty() {
        true => String::new(),
        false => format!("PARTITION BY {} ", symbol.join(", ")),
    };
    let newest: Vec<String> =
        order.iter().map(|f| format!("{} DESC NULLS LAST", quoted(&f.name))).collect();
    let newest =
        format!("QUALIFY row_number() OVER ({by_symbol}ORDER BY {}) = 1", newest.join(", "));
    let until = format!("SELECT * {from} WHERE {} <= CAST(", quoted(&time.name));
    let mut texts = Texts {
        latest: Some(format!("SELECT * {from} {newest}")),
        asof: Some((until, format!(" AS {}) {newest}", time.ty))),
        ..Texts::default()
    };
    let Some(price) = ["close", "price"].iter().find_map(|name| column(table, name)) else {
        texts.unpriced = Some(format!("table {name} has no column close or price"));
        return texts;
    };
    let times: Vec<String> = order.iter().map(|f| quoted(&f.name)).collect();
    texts.returns = Some(format!(
        "SELECT {}{}, {price}, {price} / nullif(lag({price} IGNORE NULLS) OVER ({by_symbol}\
         ORDER BY {}), 0) - 1 AS \"return\" {from}",
        symbol.iter().map(|s| format!("{s}, ")).collect::<String>(),
        times.join(", "),
        times.join(", ")
    ));
    match time.ty {
        Type::Date | Type::Timestamp => {
            texts.resample = Some(resample(name, table, &symbol, &times, &price));
        }
        _ => {
            let ty = &time.ty;
            texts.unpriced = Some(format!(
                "table {name} is ordered by {}, which is {ty}: bars need a DATE or a TIMESTAMP",
                time.name
            ));
        }
    }
    texts
}

/// Of ticks, which have one price, all four prices are of it.
fn resample(
    name: &str,
    table: &Table,
    symbol: &[String],
    times: &[String],
    price: &str,
) -> (String, String) {
    let own = |name: &str| column(table, name).unwrap_or_else(|| price.to_owned());
    let at = match times {
        [one] => one.clone(),
        several => format!("({})", several.join(", ")),
    };
    let time = &times[0];
    let mut columns = vec![
        format!("arg_min({}, {at}) AS open", own("open")),
        format!("max({}) AS high", own("high")),
        format!("min({}) AS low", own("low")),
        format!("arg_max({price}, {at}) AS close"),
    ];
    if let Some(volume) = column(table, "volume") {
        columns.push(format!("sum({volume}) AS volume"));
    }
    let by = symbol.iter().map(|s| format!("{s}, ")).collect::<String>();
    (
        format!("SELECT {by}time_bucket(CAST("),
        format!(
            " AS INTERVAL), {time}) AS {time}, {} FROM {} WHERE {time} IS NOT NULL GROUP BY ALL",
            columns.join(", "),
            quoted(name)
        ),
    )
}

fn column(table: &Table, name: &str) -> Option<String> {
    let mut fields = table.schema().fields.iter();
    fields.find(|f| f.name.eq_ignore_ascii_case(name)).map(|f| quoted(&f.name))
}

/// Whether a text may call a macro with a table that it does not name, but computes.
pub(crate) fn computes_a_table(sql: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = sql;
    while let Some(from) = rest.find(word) {
        let text = &rest[from..];
        let end = text.find(|c| !word(c)).unwrap_or(text.len());
        let (name, after) = text.split_at(end);
        rest = after;
        if !MACROS.iter().any(|m| m.name.eq_ignore_ascii_case(name)) {
            continue;
        }
        let call = after.strip_prefix('"').unwrap_or(after).trim_start();
        match call.strip_prefix('(') {
            Some(argument) if names_a_table(argument) => {}
            // A comment may stand before the bracket.
            None if !call.starts_with(['-', '/']) => {}
            _ => return true,
        }
    }
    false
}

/// Whether an argument is a plain name, as it is or in quotes; there with a version.
fn names_a_table(argument: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let version = |c: char| matches!(c, '@' | '.' | ':' | '-' | ' ');
    let text = argument.trim_start();
    let (quote, text) = match text.chars().next() {
        Some(quote @ ('\'' | '"')) => (Some(quote), &text[1..]),
        _ => (None, text),
    };
    let inside = |c: char| word(c) || (quote.is_some() && version(c));
    let end = text.find(|c: char| !inside(c)).unwrap_or(text.len());
    let after = match quote {
        Some(quote) => text[end..].strip_prefix(quote),
        None => Some(&text[end..]),
    };
    end > 0 && after.is_some_and(|after| after.trim_start().starts_with([',', ')']))
}

#[cfg(test)]
mod pruned;
#[cfg(test)]
mod tests;
