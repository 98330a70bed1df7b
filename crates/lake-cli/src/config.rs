//! Settings in layers: default < lake.toml < environment < flag.
//!
//! A setting is a constant [`Key`] beside the command that uses it. What comes out
//! remembers where it came from, so that an error can name the place to change.

use std::collections::BTreeMap;
use std::fmt;

use toml::Value;

use crate::parse::Unreadable;
use crate::{Failure, env};

/// One setting: its dotted name in lake.toml, its variable, its default.
pub struct Key<T: 'static> {
    pub name: &'static str,
    pub env: Option<&'static str>,
    pub default: T,
    pub parse: fn(&str) -> Result<T, Unreadable>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    File,
    Env(&'static str),
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("the default"),
            Origin::File => f.write_str("lake.toml"),
            Origin::Env(name) => write!(f, "the variable {name}"),
            Origin::Flag => f.write_str("the command line"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    pub value: T,
    pub origin: Origin,
}

/// What lake.toml says: dotted names and their values as text, or as lists of texts.
#[derive(Clone, Debug, Default)]
pub struct Config {
    texts: BTreeMap<String, String>,
    lists: BTreeMap<String, Vec<String>>,
}

impl Config {
    /// Reads the text of lake.toml. A name that is not `known` is an error: a typing
    /// mistake would otherwise change nothing and say nothing. A `*` in a known name
    /// stands for one word, such as a table; one that ends in `[]` is a list.
    pub fn parse(text: &str, known: &[&str]) -> Result<Config, Failure> {
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
            Failure::bad_input("cannot read lake.toml").because(&e)
        })?;
        let mut found = Config::default();
        found.flatten("", table)?;
        let is_known = |name: &str| known.iter().any(|k| is_called(name, k));
        if let Some(name) = found.texts.keys().find(|name| !is_known(name)) {
            return Err(match is_known(&format!("{name}[]")) {
                true => Failure::bad_input(format!("lake.toml: {name} must be a list of texts")),
                false => Failure::bad_input(format!("lake.toml: no setting {name:?}"))
                    .hint(format!("the settings are: {}", known.join(", "))),
            });
        }
        match found.lists.keys().find(|name| !is_known(&format!("{name}[]"))) {
            None => Ok(found),
            Some(name) => Err(no_text(name)),
        }
    }

    /// What the file says under a name.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// What the file has a text for.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().map(String::as_str)
    }

    /// The texts of a list.
    pub fn list(&self, name: &str) -> Option<&[String]> {
        self.lists.get(name).map(Vec::as_slice)
    }

    fn flatten(&mut self, prefix: &str, table: toml::Table) -> Result<(), Failure> {
        for (name, value) in table {
            let name = format!("{prefix}{name}");
            let text = match value {
                Value::Table(inner) => {
                    self.flatten(&format!("{name}."), inner)?;
                    continue;
                }
                Value::Array(list) => {
                    let texts = list.into_iter().map(|one| match one {
                        Value::String(text) => Ok(text),
                        _ => Err(no_text(&format!("each of {name}"))),
                    });
                    let texts = texts.collect::<Result<_, _>>()?;
                    self.lists.insert(name, texts);
                    continue;
                }
                Value::String(text) => text,
                Value::Integer(n) => n.to_string(),
                Value::Float(x) => x.to_string(),
                Value::Boolean(b) => b.to_string(),
                Value::Datetime(_) => return Err(no_text(&name)),
            };
            self.texts.insert(name, text);
        }
        Ok(())
    }

    /// The value from the highest layer that has one.
    pub fn get<T: Clone>(&self, key: &Key<T>, flag: Option<T>) -> Result<Setting<T>, Failure> {
        self.pick(key, flag, env::read)
    }

    fn pick<T: Clone>(
        &self,
        key: &Key<T>,
        flag: Option<T>,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Setting<T>, Failure> {
        if let Some(value) = flag {
            return Ok(Setting { value, origin: Origin::Flag });
        }
        let from_env = key.env.and_then(|name| Some((env(name)?, Origin::Env(name))));
        let from_file = || Some((self.texts.get(key.name)?.clone(), Origin::File));
        let Some((text, origin)) = from_env.or_else(from_file) else {
            return Ok(Setting { value: key.default.clone(), origin: Origin::Default });
        };
        let value = (key.parse)(&text).map_err(|e| {
            Failure::bad_input(format!("cannot use {} from {origin}", key.name)).because(&e)
        })?;
        Ok(Setting { value, origin })
    }
}

/// Whether a name is the known one, in which `*` stands for any one word.
fn is_called(name: &str, known: &str) -> bool {
    let (mut words, mut wanted) = (name.split('.'), known.split('.'));
    loop {
        match (words.next(), wanted.next()) {
            (None, None) => return true,
            (Some(_), Some("*")) => {}
            (Some(word), Some(wanted)) if word == wanted => {}
            _ => return false,
        }
    }
}

fn no_text(name: &str) -> Failure {
    let message = format!("lake.toml: {name} must be a text, a number or true or false");
    Failure::bad_input(message)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::parse;

    const WAIT: Key<Duration> = Key {
        name: "commit.wait",
        env: Some("LAKE_WAIT"),
        default: Duration::from_secs(30),
        parse: parse::duration,
    };

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn the_highest_layer_wins_and_is_remembered() {
        let file = Config::parse("[commit]\nwait = \"5s\"\n", &["commit.wait"]).unwrap();
        let unset = |_: &str| None;
        let set = |name: &str| (name == "LAKE_WAIT").then(|| "7s".to_string());

        let got = Config::default().pick(&WAIT, None, unset).unwrap();
        assert_eq!(got, Setting { value: seconds(30), origin: Origin::Default });
        let got = file.pick(&WAIT, None, unset).unwrap();
        assert_eq!(got, Setting { value: seconds(5), origin: Origin::File });
        let got = file.pick(&WAIT, None, set).unwrap();
        assert_eq!(got, Setting { value: seconds(7), origin: Origin::Env("LAKE_WAIT") });
        let got = file.pick(&WAIT, Some(seconds(1)), set).unwrap();
        assert_eq!(got, Setting { value: seconds(1), origin: Origin::Flag });
    }

    #[test]
    fn what_cannot_be_used_names_its_place() {
        let file = Config::parse("commit.wait = 5", &["commit.wait"]).unwrap();
        let failure = file.pick(&WAIT, None, |_| None).unwrap_err();
        assert_eq!(failure.message, "cannot use commit.wait from lake.toml");
        assert!(failure.causes[0].contains("needs a unit"), "{failure:?}");
        let failure = file.pick(&WAIT, None, |_| Some("soon".into())).unwrap_err();
        assert_eq!(failure.message, "cannot use commit.wait from the variable LAKE_WAIT");
    }

    #[test]
    fn unknown_names_and_broken_files_are_refused() {
        let known = ["tables.*.layout"];
        let file = Config::parse("[tables.bars]\nlayout = \"packed\"", &known).unwrap();
        assert_eq!(file.text("tables.bars.layout"), Some("packed"));
        assert!(Config::parse("[tables.bars]\nlayuot = 1", &known).is_err());
        let file =
            Config::parse("[alerts]\ncommand = [\"a\", \"b c\"]", &["alerts.command[]"]).unwrap();
        assert_eq!(file.list("alerts.command").unwrap(), ["a", "b c"]);
        for (text, part) in [
            ("commit.wait = [\"5s\"]", "must be a text, a number"),
            ("alerts.command = \"a\"", "must be a list of texts"),
            ("alerts.command = [1]", "each of alerts.command must be a text"),
        ] {
            let failure = Config::parse(text, &["commit.wait", "alerts.command[]"]).unwrap_err();
            assert!(failure.message.contains(part), "{failure:?}");
        }
        for text in ["[commit]\nwiat = 5", "commit = [1]", "commit ="] {
            let failure = Config::parse(text, &["commit.wait"]).unwrap_err();
            assert_eq!(failure.kind.exit_code(), 2, "{text}");
            assert!(failure.message.contains("lake.toml"), "{failure:?}");
        }
    }
}
