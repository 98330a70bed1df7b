//! The commands that begin with a dot: their names, and what is told of them.

use lake_cli::Failure;
use lake_engine::{MACROS, Macro};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    At,
    Exit,
    Files,
    Help,
    Mode,
    Output,
    Plot,
    Read,
    Schema,
    Tables,
    Timer,
}

pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) command: Command,
    pub(crate) takes: &'static str,
    about: &'static str,
    more: &'static str,
}

const fn entry(
    name: &'static str,
    command: Command,
    takes: &'static str,
    about: &'static str,
    more: &'static str,
) -> Entry {
    Entry { name, command, takes, about, more }
}

pub(crate) const ENTRIES: [Entry; 12] = [
    entry(
        ".at",
        Command::At,
        "[VERSION|TIME|TAG|latest]",
        "Read an older version from here on, or tell which is read",
        "A version is a number (42), a time in UTC (2026-11-20, 2026-11-20T15:00: the newest\n\
         version then) or a tag. It stays, whatever is committed, until .at latest; without\n\
         one every statement reads the newest version there is when it begins. One query may\n\
         read several versions: FROM \"bars@42\".",
    ),
    entry(".exit", Command::Exit, "", "End the shell", "So does Ctrl-D."),
    entry(
        ".files",
        Command::Files,
        "[TABLE]",
        "List the live segments of a table, or of all",
        "As lake-query files does. In SQL they are the table lake.files.",
    ),
    entry(
        ".help",
        Command::Help,
        "[COMMAND|macros]",
        "Tell what there is, or more of one command",
        ".help macros lists the functions that a lake adds to DuckDB's.",
    ),
    entry(
        ".mode",
        Command::Mode,
        "[table|csv|tsv|json|jsonl|markdown]",
        "Choose the form of results, or tell which it is",
        "At a terminal a table is cut after 100 rows; the other forms are whole.",
    ),
    entry(
        ".output",
        Command::Output,
        "[FILE|off]",
        "Write the results to a file from here on",
        "Its name says the form: .csv .tsv .json .jsonl .md .txt .arrow .arrows .xlsx, texts\n\
         also packed, as in .csv.gz. Results in a text come one after the other; the other\n\
         forms hold one. The file is there, whole, after .output off or at the end of the\n\
         shell. What the commands tell still goes to the terminal.",
    ),
    entry(
        ".plot",
        Command::Plot,
        "[[COLUMN, ...] [BY COLUMN]] [QUERY]",
        "Draw the numbers of a result as lines",
        "The first column of numbers or times, or the one after BY, runs from left to right;\n\
         the other columns of numbers, or those that are named, are drawn. A column of texts\n\
         makes a line of each of its values. Without a query it is the last one's result.\n\
         \x20 .plot SELECT date, close FROM bars WHERE symbol = '600519'\n\
         \x20 .plot close, open BY date FROM bars WHERE symbol = '600519'\n\
         \x20 .plot close",
    ),
    entry(".quit", Command::Exit, "", "End the shell", "So does Ctrl-D."),
    entry(
        ".read",
        Command::Read,
        "FILE",
        "Run the statements and commands of a file",
        "An error does not end it, unless the shell has --bail; Ctrl-C does.",
    ),
    entry(
        ".schema",
        Command::Schema,
        "[TABLE]",
        "Show the columns of a table, or of all",
        "As lake-query describe does. In SQL they are the table lake.columns.",
    ),
    entry(
        ".tables",
        Command::Tables,
        "",
        "List the tables",
        "As lake-query tables does. In SQL they are the table lake.tables.",
    ),
    entry(
        ".timer",
        Command::Timer,
        "[on|off]",
        "Tell after each result its version, files and times",
        "Also from which version the shell moved on, if it did.",
    ),
];

/// A command by its name or the start of it that no other has; and what follows.
pub(crate) fn parse(line: &str) -> Result<(Command, &str), Failure> {
    let line = line.trim().trim_end_matches(';').trim_end();
    let end = line.find(|c: char| c.is_whitespace()).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    Ok((find(name)?.command, rest.trim()))
}

fn find(name: &str) -> Result<&'static Entry, Failure> {
    let name = name.to_lowercase();
    let mut found = ENTRIES.iter().filter(|entry| entry.name.starts_with(&name));
    let exact = ENTRIES.iter().find(|entry| entry.name == name);
    match (exact, found.next(), found.next()) {
        (Some(entry), ..) | (None, Some(entry), None) => Ok(entry),
        (None, Some(one), Some(other)) => {
            let names: Vec<&str> =
                [one, other].into_iter().chain(found).map(|entry| entry.name).collect();
            Err(Failure::bad_input(format!("{name} may be {}", names.join(" or "))))
        }
        (None, None, _) => Err(Failure::bad_input(format!("there is no command {name}"))
            .hint(".help lists the commands")),
    }
}

const INTRODUCTION: &str = "\
A statement ends with ; and may have many lines. A command is one line; the start of its
name will do. Tab completes, Ctrl-R looks for earlier statements, Ctrl-C leaves what is
typed or runs, Ctrl-D ends the shell.
";

/// What .help says.
pub(crate) fn help(of: &str) -> Result<String, Failure> {
    if of.eq_ignore_ascii_case("macros") {
        return Ok(macros());
    }
    if !of.is_empty() {
        let name = if of.starts_with('.') { of.to_owned() } else { format!(".{of}") };
        let Entry { name, takes, about, more, .. } = find(&name)?;
        let usage = format!("{name} {takes}");
        return Ok(format!("{}\n{about}.\n{more}\n", usage.trim_end()));
    }
    let usages = ENTRIES.iter().map(|entry| entry.name.len() + 1 + entry.takes.len());
    let width = usages.filter(|width| *width <= 36).max().unwrap_or(0);
    let mut text = INTRODUCTION.to_owned() + "\n";
    for Entry { name, takes, about, .. } in &ENTRIES {
        let usage = format!("{name} {takes}");
        match usage.len() <= width {
            true => text.push_str(&format!("{usage:width$}  {about}\n")),
            false => text.push_str(&format!("{usage}\n{:width$}  {about}\n", "")),
        }
    }
    Ok(text)
}

/// The functions that a lake adds to DuckDB's.
fn macros() -> String {
    let width = MACROS.iter().map(|m| m.usage.len()).max().unwrap_or(0);
    let line =
        |m: &Macro| format!("{:width$}  {}\n{:width$}  {};\n", m.usage, m.help, "", m.example);
    MACROS.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_a_name_will_do() {
        let of = |line: &'static str| parse(line).ok();
        assert_eq!(of(".tables"), Some((Command::Tables, "")));
        assert_eq!(of("  .TAB ;"), Some((Command::Tables, "")));
        assert_eq!(of(".at  eod "), Some((Command::At, "eod")));
        assert_eq!(of(".plot\tSELECT 1"), Some((Command::Plot, "SELECT 1")));
        assert_eq!(of(".e"), Some((Command::Exit, "")));
        assert_eq!(of(".q"), Some((Command::Exit, "")));
        let message = |line| parse(line).unwrap_err().message;
        assert_eq!(message(".t"), ".t may be .tables or .timer");
        assert_eq!(message(".tablets x"), "there is no command .tablets");
        assert!(message(".").starts_with(". may be .at or .exit or"));
    }

    #[test]
    fn each_command_is_explained() {
        let all = help("").unwrap();
        for Entry { name, takes, .. } in &ENTRIES {
            let usage = format!("{name} {takes}");
            assert!(all.contains(usage.trim_end()), "{name}");
            for of in [name, &name[1..]] {
                assert!(help(of).unwrap().starts_with(usage.trim_end()), "{name}");
            }
        }
        assert!(all.lines().all(|line| line.len() <= 96), "{all}");
        assert!(help("nothing").is_err());
        assert!(help("macros").unwrap().contains("FROM latest('bars')"));
    }
}
