//! What can stand where the cursor is: commands and what they take, tables, columns of
//! the tables that the statement names, words and functions of SQL.

use lake_core::types::quoted;

use super::dot::{self, Command, ENTRIES};
use super::run::modes;
use super::statement::Splitter;
use super::words::Words;

/// What there is to be named.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Tables with their columns.
    pub(super) tables: Vec<(String, Vec<String>)>,
    pub(super) tags: Vec<String>,
    pub(super) words: Words,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Texts for what stands between this place and the cursor.
    Texts(usize, Vec<String>),
    /// The name of a file, whatever files there are.
    File,
}

/// The tables of what is known of the lake.
const FACTS: [&str; 5] = ["columns", "files", "history", "metadata", "tables"];
/// Words after which a table stands.
const BEFORE_TABLES: [&str; 6] = ["describe", "from", "join", "show", "summarize", "table"];
/// Words that begin a part of a statement.
const CLAUSES: [&str; 11] =
    ["by", "from", "having", "join", "limit", "on", "qualify", "select", "using", "where", "with"];

pub(super) fn complete(line: &str, at: usize, known: &Known) -> Found {
    let nothing = Found::Texts(at, Vec::new());
    let (Some(before), Some(after)) = (line.get(..at), line.get(at..)) else { return nothing };
    let mut splitter = Splitter::default();
    splitter.push(before);
    while splitter.next().is_some() {}
    match splitter.open() {
        Some(open) if open.starts_with('.') => command(open, at, known),
        Some(open) if !splitter.is_mute() => {
            let rest = after.split(';').next().unwrap_or_default();
            let (replaced, texts) = sql(open, rest, splitter.is_in_name(), known);
            Found::Texts(at - replaced, texts)
        }
        _ => nothing,
    }
}

fn command(open: &str, at: usize, known: &Known) -> Found {
    let Some((_, typed)) = open.split_once(char::is_whitespace) else {
        let names = ENTRIES.iter().map(|entry| entry.name);
        let fit = names.filter(|name| name.starts_with(&open.to_lowercase()));
        return Found::Texts(at - open.len(), fit.map(str::to_owned).collect());
    };
    let typed = typed.trim_start();
    let tables = || known.tables.iter().map(|(name, _)| name.clone()).collect();
    let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let choices: Vec<String> = match dot::parse(open).map(|(command, _)| command) {
        Ok(Command::Read) => return Found::File,
        Ok(Command::Output) if !"off".starts_with(typed) || typed.is_empty() => return Found::File,
        Ok(Command::Plot) => {
            let (replaced, texts) = sql(typed, "", false, known);
            return Found::Texts(at - replaced, texts);
        }
        Ok(Command::Output) => own(&["off"]),
        Ok(Command::Files | Command::Schema) => tables(),
        Ok(Command::Timer) => own(&["off", "on"]),
        Ok(Command::Mode) => modes().collect(),
        Ok(Command::At) => own(&["latest"]).into_iter().chain(known.tags.clone()).collect(),
        Ok(Command::Help) => {
            let names = ENTRIES.iter().map(|entry| entry.name[1..].to_owned());
            names.chain(["macros".to_owned()]).collect()
        }
        Ok(Command::Exit | Command::Tables) | Err(_) => Vec::new(),
    };
    let fit = choices.into_iter().filter(|choice| starts(choice, typed));
    Found::Texts(at - typed.len(), fit.collect())
}

/// How many bytes before the cursor are replaced, and by what.
fn sql(before: &str, after: &str, in_name: bool, known: &Known) -> (usize, Vec<String>) {
    let words = &known.words;
    let (typed, replaced) = match before.rfind('"').filter(|_| in_name) {
        Some(at) => (&before[at + 1..], before.len() - at),
        None => {
            let typed = &before[before.trim_end_matches(is_word).len()..];
            (typed, typed.len())
        }
    };
    let head = &before[..before.len() - replaced];
    let statement = format!("{before}{after}");
    let mut found: Vec<String> = Vec::new();
    let mut names = |all: &mut dyn Iterator<Item = &str>| {
        let fit = all.filter(|name| starts(name, typed));
        found.extend(fit.map(|name| spelled(name, in_name, words)));
    };
    let tables = || known.tables.iter().map(|(name, _)| name.as_str());
    if let Some(owner) = head.strip_suffix('.').map(last_name) {
        match owner.to_ascii_lowercase().as_str() {
            "lake" => names(&mut FACTS.into_iter()),
            "main" => names(&mut tables()),
            _ => names(&mut columns_of(&owner, &statement, known)),
        }
        return (replaced, distinct(found));
    }
    if wants_table(head) {
        names(&mut tables());
        if !in_name && starts("lake.", typed) {
            found.extend(FACTS.map(|fact| format!("lake.{fact}")));
        }
        return (replaced, distinct(found));
    }
    names(&mut named_columns(&statement, known));
    names(&mut tables());
    if !typed.is_empty() && !in_name {
        let as_typed = |word: String| match typed.contains(|c: char| c.is_lowercase()) {
            true => word,
            false => word.to_uppercase(),
        };
        let fit = |word: &&String| starts(word, typed);
        found.extend(words.keywords.iter().filter(fit).cloned().map(as_typed));
        let calls = words.functions.iter().filter(fit).map(|name| format!("{name}("));
        found.extend(calls.map(as_typed));
    }
    (replaced, distinct(found))
}

/// Whether a table stands here: after FROM, or after a comma behind it.
fn wants_table(head: &str) -> bool {
    let head = head.trim_end();
    let mut words = words_of(head).rev();
    if head.ends_with(',') {
        let clause = words.find(|word| is_one(word, &CLAUSES));
        return clause.is_some_and(|word| is_one(word, &BEFORE_TABLES));
    }
    head.ends_with(is_word) && words.next().is_some_and(|word| is_one(word, &BEFORE_TABLES))
}

/// The columns of the tables that a statement names; of all, where it names none.
fn named_columns<'k>(statement: &str, known: &'k Known) -> impl Iterator<Item = &'k str> {
    let is_named = |name: &str| words_of(statement).any(|word| word.eq_ignore_ascii_case(name));
    let named: Vec<_> = known.tables.iter().filter(|(name, _)| is_named(name)).collect();
    let tables = if named.is_empty() { known.tables.iter().collect() } else { named };
    tables.into_iter().flat_map(|(_, columns)| columns).map(String::as_str)
}

/// The columns of a table by its name, or by the one that it has in the statement.
fn columns_of<'k>(
    owner: &str,
    statement: &str,
    known: &'k Known,
) -> impl Iterator<Item = &'k str> + use<'k> {
    let find = |name: &str| known.tables.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
    let words: Vec<&str> = words_of(statement).collect();
    let places = words.iter().enumerate().filter(|(_, word)| word.eq_ignore_ascii_case(owner));
    let mut aliased = places.filter_map(|(at, _)| {
        let before = |n: usize| at.checked_sub(n).map(|at| words[at]);
        match before(1).filter(|word| word.eq_ignore_ascii_case("as")) {
            Some(_) => find(before(2)?),
            None => find(before(1)?),
        }
    });
    let table = find(owner).or_else(|| aliased.next());
    table.into_iter().flat_map(|(_, columns)| columns).map(String::as_str)
}

/// The name that a text ends with.
fn last_name(text: &str) -> String {
    match text.strip_suffix('"').and_then(|text| text.rsplit_once('"')) {
        Some((_, name)) => name.to_owned(),
        None => text[text.trim_end_matches(is_word).len()..].to_owned(),
    }
}

fn spelled(name: &str, in_name: bool, words: &Words) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !words.reserved.contains(&name.to_ascii_lowercase());
    if plain && !in_name { name.to_owned() } else { quoted(name) }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn words_of(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.split(|c| !is_word(c)).filter(|word| !word.is_empty())
}

fn is_one(word: &str, of: &[&str]) -> bool {
    of.iter().any(|known| known.eq_ignore_ascii_case(word))
}

fn starts(name: &str, typed: &str) -> bool {
    name.get(..typed.len()).is_some_and(|start| start.eq_ignore_ascii_case(typed))
}

fn distinct(names: Vec<String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let bars = own(&["symbol", "date", "close", "order", "Close Time"]);
        let tables = vec![("bars".to_owned(), bars), ("ticks".into(), own(&["symbol", "ts"]))];
        let reserved = ["order".to_owned(), "select".to_owned()].into();
        let keywords = own(&["order", "select", "where", "symmetric"]);
        let words = Words { keywords, reserved, functions: own(&["count", "corr"]) };
        Known { tables, tags: own(&["eod"]), words }
    }

    /// The line with each completion at the place of `|`.
    fn lines(text: &str) -> Vec<String> {
        let at = text.find('|').unwrap();
        let line = text.replace('|', "");
        match complete(&line, at, &known()) {
            Found::File => vec!["a file".into()],
            Found::Texts(start, texts) => {
                texts.iter().map(|text| format!("{}{text}", &line[..start])).collect()
            }
        }
    }

    #[test]
    fn commands_and_what_they_take() {
        assert_eq!(lines(".s|"), [".schema"]);
        assert_eq!(lines("SELECT 1; .TI|"), ["SELECT 1; .timer"]);
        assert_eq!(lines(".schema t|"), [".schema ticks"]);
        assert_eq!(lines(".at |"), [".at latest", ".at eod"]);
        assert_eq!(lines(".mo j|"), [".mo json", ".mo jsonl"]);
        assert_eq!(lines(".help ma|"), [".help macros"]);
        assert_eq!(lines(".output of|"), [".output off"]);
        assert_eq!(lines(".read x|"), ["a file"]);
        assert_eq!(lines(".plot clo|"), [".plot close", ".plot \"Close Time\""]);
        assert_eq!(lines(".plot SELECT ts FROM ti|"), [".plot SELECT ts FROM ticks"]);
        assert!(lines(".tables |").is_empty());
    }

    #[test]
    fn tables_where_a_table_stands() {
        assert_eq!(lines("FROM |")[..2], ["FROM bars", "FROM ticks"]);
        assert_eq!(lines("FROM t|"), ["FROM ticks"]);
        assert_eq!(lines("SELECT 1 FROM bars b, |")[0], "SELECT 1 FROM bars b, bars");
        assert_eq!(lines("from bars join T|"), ["from bars join ticks"]);
        assert_eq!(lines("FROM lake.h|"), ["FROM lake.history"]);
        assert_eq!(lines("FROM la|").len(), 5);
        assert_eq!(lines("FROM \"ti|"), ["FROM \"ticks\""]);
    }

    #[test]
    fn columns_of_the_tables_that_are_named() {
        assert_eq!(lines("SELECT t| FROM ticks"), ["SELECT ts", "SELECT ticks"]);
        assert_eq!(lines("SELECT b.| FROM bars AS b").len(), 5);
        assert_eq!(lines("SELECT b.d| FROM ticks t, bars b"), ["SELECT b.date"]);
        assert_eq!(lines("FROM ticks WHERE ticks.s|"), ["FROM ticks WHERE ticks.symbol"]);
        assert!(lines("SELECT x.s| FROM bars b").is_empty());
        // What needs quotes gets them.
        assert_eq!(lines("FROM bars WHERE or|")[0], "FROM bars WHERE \"order\"");
        assert_eq!(lines("FROM bars WHERE \"close |"), ["FROM bars WHERE \"Close Time\""]);
    }

    #[test]
    fn words_as_they_are_typed() {
        assert_eq!(lines("FROM ticks wh|"), ["FROM ticks where"]);
        assert_eq!(lines("FROM ticks WH|"), ["FROM ticks WHERE"]);
        assert_eq!(lines("SELECT CO| FROM ticks"), ["SELECT COUNT(", "SELECT CORR("]);
        assert_eq!(lines("SELECT co| FROM ticks"), ["SELECT count(", "SELECT corr("]);
        let both = ["SELECT sy|", "symbol", "symmetric"];
        assert_eq!(
            lines(both[0]),
            both[1..].iter().map(|w| format!("SELECT {w}")).collect::<Vec<_>>()
        );
    }

    #[test]
    fn nothing_in_texts_and_comments() {
        for line in ["SELECT 's|", "-- s|", "SELECT /* s|", "SELECT $$ s|", "|", "SELECT 1; |"] {
            assert!(lines(line).is_empty(), "{line}");
        }
        assert_eq!(complete("\u{e9}", 1, &known()), Found::Texts(1, Vec::new()));
    }
}
