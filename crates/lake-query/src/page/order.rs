//! `date desc, symbol`: columns by name, quoted where SQL would quote them.

use std::fmt;
use std::str::FromStr;

use lake_core::types::quoted;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct By {
    pub(crate) name: String,
    pub(crate) descending: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrderBy(pub(crate) Vec<By>);

impl FromStr for OrderBy {
    type Err = String;

    fn from_str(text: &str) -> Result<OrderBy, String> {
        let mut rest = text.trim();
        let mut all = Vec::new();
        loop {
            let (by, after) = one(rest)?;
            all.push(by);
            match after.strip_prefix(',') {
                Some(more) => rest = more.trim_start(),
                None if after.is_empty() => return Ok(OrderBy(all)),
                None => return Err(format!("{after:?} is neither asc nor desc")),
            }
        }
    }
}

/// The first column of a text, and what follows it.
fn one(text: &str) -> Result<(By, &str), String> {
    let (name, rest) = match text.strip_prefix('"') {
        Some(inner) => unquoted(inner)?,
        None => {
            let end = text.find(|c: char| c == ',' || c.is_whitespace()).unwrap_or(text.len());
            (text[..end].to_owned(), &text[end..])
        }
    };
    if name.is_empty() {
        return Err("a column's name is missing".into());
    }
    let rest = rest.trim_start();
    let end = rest.find(|c: char| c == ',' || c.is_whitespace()).unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    let descending = match word.to_ascii_lowercase().as_str() {
        "" | "asc" => false,
        "desc" => true,
        _ => return Err(format!("{word:?} is neither asc nor desc")),
    };
    Ok((By { name, descending }, after.trim_start()))
}

fn unquoted(inner: &str) -> Result<(String, &str), String> {
    let (mut name, mut rest) = (String::new(), inner);
    while let Some((part, after)) = rest.split_once('"') {
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Ok((name, after)),
        }
    }
    Err("a quoted name has no end".into())
}

impl fmt::Display for OrderBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, by) in self.0.iter().enumerate() {
            let (comma, way) =
                (if i > 0 { "," } else { "" }, if by.descending { " desc" } else { "" });
            write!(f, "{comma}{}{way}", quoted(&by.name))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<(String, bool)>, String> {
        text.parse().map(|OrderBy(all)| all.into_iter().map(|b| (b.name, b.descending)).collect())
    }

    #[test]
    fn names_and_ways() {
        let own = |all: &[(&str, bool)]| -> Vec<(String, bool)> {
            all.iter().map(|(name, down)| (name.to_string(), *down)).collect()
        };
        for (text, expected) in [
            ("date", &[("date", false)][..]),
            (" date DESC ,symbol asc", &[("date", true), ("symbol", false)]),
            ("\"a, \"\"b\"\"\" desc,c", &[("a, \"b\"", true), ("c", false)]),
        ] {
            assert_eq!(parsed(text).unwrap(), own(expected), "{text}");
            let again = text.parse::<OrderBy>().unwrap().to_string();
            assert_eq!(parsed(&again).unwrap(), own(expected), "{again}");
        }
        for bad in ["", ",", "a,", "a b", "a desc b", "\"a", "a desc nulls first", "\"\""] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }
}
