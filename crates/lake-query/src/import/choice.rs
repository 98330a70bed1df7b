//! Which tables of a DuckDB file are meant, and what the lake calls them.

use lake_cli::Failure;
use lake_core::schema::check_table_name;
use lake_engine::BaseTable;

/// `--table T` or `--table T=NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    from: String,
    to: Option<String>,
}

pub(crate) fn choice(text: &str) -> Result<Choice, String> {
    let (from, to) = match text.split_once('=') {
        Some((from, to)) => (from, Some(to.to_owned())),
        None => (text, None),
    };
    let choice = Choice { from: from.to_owned(), to };
    match choice.from.is_empty() || choice.to.as_deref() == Some("") {
        true => Err("such as bars, or \"daily bars=bars\"".into()),
        false => Ok(choice),
    }
}

/// The tables with their names in the lake; all of them where none is chosen.
pub(crate) fn chosen(
    tables: Vec<BaseTable>,
    choices: &[Choice],
) -> Result<Vec<(BaseTable, String)>, Failure> {
    let mut named: Vec<(BaseTable, String)> = Vec::new();
    if choices.is_empty() {
        named.extend(tables.into_iter().map(|table| {
            let name = in_lake(&table);
            (table, name)
        }));
    } else {
        for choice in choices {
            let found = tables.iter().find(|t| t.shown().eq_ignore_ascii_case(&choice.from));
            let Some(table) = found else { return Err(unknown(&tables, &choice.from)) };
            named.push((table.clone(), choice.to.clone().unwrap_or_else(|| in_lake(table))));
        }
    }
    for (at, (table, name)) in named.iter().enumerate() {
        let shown = table.shown();
        let rename = format!("give it another: --table \"{shown}=NAME\"");
        check_table_name(name).map_err(|error| {
            Failure::bad_input(format!("table {shown} needs another name in the lake"))
                .because(&error)
                .hint(rename.clone())
        })?;
        if let Some((other, _)) = named[..at].iter().find(|(_, n)| n.eq_ignore_ascii_case(name)) {
            let message = format!("{} and {shown} would both be table {name}", other.shown());
            return Err(Failure::bad_input(message).hint(rename));
        }
    }
    Ok(named)
}

fn in_lake(table: &BaseTable) -> String {
    table.shown().replacen('.', "_", usize::from(table.schema != "main"))
}

fn unknown(tables: &[BaseTable], name: &str) -> Failure {
    let names: Vec<String> = tables.iter().map(BaseTable::shown).collect();
    let hint = match names.is_empty() {
        true => "it has none".to_owned(),
        false => format!("it has: {}", names.join(", ")),
    };
    Failure::not_found(format!("the file has no table {name:?}")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables() -> Vec<BaseTable> {
        [("main", "bars"), ("main", "daily bars"), ("old", "bars"), ("x", "OLD_BARS")]
            .map(|(schema, name)| BaseTable {
                schema: schema.into(),
                name: name.into(),
                ..BaseTable::default()
            })
            .into()
    }

    fn names(choices: &[&str]) -> Result<Vec<String>, String> {
        let choices: Vec<Choice> = choices.iter().map(|c| choice(c).unwrap()).collect();
        let named = chosen(tables(), &choices).map_err(|f| f.message)?;
        Ok(named.into_iter().map(|(table, name)| format!("{}>{name}", table.shown())).collect())
    }

    #[test]
    fn a_name_that_the_lake_takes() {
        let all = ["BARS", "daily bars=day", "old.bars"];
        assert_eq!(names(&all).unwrap(), ["bars>bars", "daily bars>day", "old.bars>old_bars"]);
        for (wrong, word) in [
            (&["nope"][..], "no table"),
            (&["daily bars"], "another name"),
            (&["bars=lake"], "another name"),
            (&["old.bars", "bars=Old_Bars"], "both"),
            (&["bars", "bars"], "both"),
            (&[], "another name"),
        ] {
            let error = names(wrong).unwrap_err();
            assert!(error.contains(word), "{wrong:?}: {error}");
        }
        assert!(choice("=x").is_err() && choice("x=").is_err() && choice("").is_err());
    }
}
