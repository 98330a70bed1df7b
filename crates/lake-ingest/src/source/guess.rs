//! Which type all values of a column have. Only spellings that come back the same
//! count: `000001` and `+5` are text, and so is all that stands beside them.

use std::collections::HashMap;

use lake_core::schema::MAX_COLUMNS;
use lake_core::types::{MAX_DEPTH, Type};

use super::formats::{Format, Formats};
use super::json::Json;
use super::time;

/// Integers up to here are exact as DOUBLE.
const EXACT: u64 = 1 << 53;
/// So many digits before the point are no infinity.
const SURELY_FINITE: usize = 300;

/// What the texts of a column may still be.
#[derive(Clone, Debug)]
pub(crate) struct Guess {
    any: bool,
    integer: bool,
    double: bool,
    boolean: bool,
    date: bool,
    timestamp: bool,
}

impl Default for Guess {
    fn default() -> Guess {
        Guess {
            any: false,
            integer: true,
            double: true,
            boolean: true,
            date: true,
            timestamp: true,
        }
    }
}

impl Guess {
    pub(crate) fn text(&mut self, text: &str, formats: &Formats) {
        self.any = true;
        self.integer = self.integer && is_integer(text) && text.parse::<i64>().is_ok();
        self.double = self.double && is_double(text);
        self.boolean = self.boolean && (text == "true" || text == "false");
        let date = self.date && is_date(text, &formats.date);
        // An ISO date is a timestamp, too.
        let iso = date && matches!((&formats.date, &formats.timestamp), (Format::Iso, Format::Iso));
        self.timestamp = self.timestamp && (iso || is_timestamp(text, &formats.timestamp));
        self.date = date;
    }

    /// As if the other's texts had been given to this one.
    pub(crate) fn join(&mut self, other: &Guess) {
        self.any |= other.any;
        self.integer &= other.integer;
        self.double &= other.double;
        self.boolean &= other.boolean;
        self.date &= other.date;
        self.timestamp &= other.timestamp;
    }

    pub(crate) fn ty(&self) -> Type {
        match self {
            Guess { any: false, .. } => Type::Varchar,
            Guess { boolean: true, .. } => Type::Boolean,
            Guess { date: true, .. } => Type::Date,
            Guess { timestamp: true, .. } => Type::Timestamp,
            Guess { integer: true, .. } => Type::Int64,
            Guess { double: true, .. } => Type::Double,
            _ => Type::Varchar,
        }
    }
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let whole = matches!(digits.as_bytes(), [b'1'..=b'9', rest @ ..] if all_digits(rest));
    whole || text == "0"
}

fn all_digits(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_digit)
}

/// A number of JSON's form that a DOUBLE holds; an integer must be exact in it.
fn is_double(text: &str) -> bool {
    let digits = |bytes: &[u8]| bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let bytes = text.as_bytes();
    let bytes = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let (whole, mut rest) = bytes.split_at(digits(bytes));
    if whole.is_empty() || (whole[0] == b'0' && whole.len() > 1) {
        return false;
    }
    if rest.is_empty() {
        return text.trim_start_matches('-').parse::<u64>().is_ok_and(|n| n <= EXACT);
    }
    if let [b'.', part @ ..] = rest {
        rest = &part[digits(part)..];
        if rest.len() == part.len() {
            return false;
        }
    }
    match rest {
        [] if whole.len() <= SURELY_FINITE => true,
        [] => text.parse::<f64>().is_ok_and(f64::is_finite),
        [b'e' | b'E', exponent @ ..] => {
            let power = match exponent {
                [b'+' | b'-', power @ ..] => power,
                power => power,
            };
            !power.is_empty()
                && digits(power) == power.len()
                && text.parse::<f64>().is_ok_and(f64::is_finite)
        }
        _ => false,
    }
}

fn is_date(text: &str, format: &Format) -> bool {
    match format {
        Format::Iso => text.len() == 10 && dashed(text) && time::date(text).is_ok(),
        Format::Pattern(_) => format.date(text).is_ok(),
        // Any integer may count something since 1970.
        Format::Epoch(_) => false,
    }
}

fn is_timestamp(text: &str, format: &Format) -> bool {
    match format {
        Format::Iso => dashed(text) && time::timestamp(text).is_ok(),
        Format::Pattern(_) => format.timestamp(text).is_ok(),
        Format::Epoch(_) => false,
    }
}

fn dashed(text: &str) -> bool {
    text.as_bytes().get(4) == Some(&b'-')
}

/// What the JSON values of a column, or of a field in it, are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    texts: Option<Guess>,
    numbers: Option<Guess>,
    booleans: bool,
    items: Option<Box<Tree>>,
    /// In the order in which they were met.
    fields: Option<Fields>,
}

#[derive(Clone, Debug, Default)]
struct Fields {
    names: Vec<String>,
    trees: Vec<Tree>,
    places: HashMap<String, usize>,
}

impl Tree {
    pub(crate) fn add(&mut self, value: &Json<'_>, formats: &Formats) -> Result<(), String> {
        self.add_at(value, formats, 0)
    }

    fn add_at(&mut self, value: &Json<'_>, formats: &Formats, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("it nests deeper than the {MAX_DEPTH} levels of a type"));
        }
        match value {
            Json::Null => {}
            Json::Bool(_) => self.booleans = true,
            Json::Number(text) => self.numbers.get_or_insert_default().text(text, formats),
            Json::Text(text) => self.texts.get_or_insert_default().text(text, formats),
            Json::List(items) => {
                let tree = self.items.get_or_insert_default();
                for item in items {
                    tree.add_at(item, formats, depth + 1)?;
                }
            }
            Json::Object(fields) => {
                let known = self.fields.get_or_insert_default();
                for (name, value) in fields {
                    let at = known.place(name)?;
                    known.trees[at].add_at(value, formats, depth + 1)?;
                }
            }
        }
        Ok(())
    }

    /// The columns of what was added, all objects.
    pub(crate) fn columns(self) -> Vec<(String, Type)> {
        let Fields { names, trees, .. } = self.fields.unwrap_or_default();
        names.into_iter().zip(trees.iter().map(Tree::ty)).collect()
    }

    /// Values of different kinds are only together as text, which JSON's are not; so
    /// the rows that differ from VARCHAR will be refused, and say why.
    fn ty(&self) -> Type {
        match self {
            Tree {
                texts: Some(texts),
                numbers: None,
                booleans: false,
                items: None,
                fields: None,
            } => match texts.ty() {
                ty @ (Type::Date | Type::Timestamp) => ty,
                _ => Type::Varchar,
            },
            Tree { texts: None, numbers: Some(n), booleans: false, items: None, fields: None } => {
                n.ty()
            }
            Tree { texts: None, numbers: None, booleans: true, items: None, fields: None } => {
                Type::Boolean
            }
            Tree { texts: None, numbers: None, booleans: false, items: Some(i), fields: None } => {
                Type::List(Box::new(i.ty()))
            }
            Tree { texts: None, numbers: None, booleans: false, items: None, fields: Some(f) } => {
                f.ty()
            }
            _ => Type::Varchar,
        }
    }
}

impl Fields {
    fn place(&mut self, name: &str) -> Result<usize, String> {
        if let Some(at) = self.places.get(name) {
            return Ok(*at);
        }
        if self.names.len() == MAX_COLUMNS {
            return Err(format!("there are more than {MAX_COLUMNS} different keys"));
        }
        self.places.insert(name.into(), self.names.len());
        self.names.push(name.into());
        self.trees.push(Tree::default());
        Ok(self.names.len() - 1)
    }

    fn ty(&self) -> Type {
        let types = self.trees.iter().map(Tree::ty);
        match self.names.is_empty() {
            // A struct has a field at least.
            true => Type::Map(Box::new(Type::Varchar), Box::new(Type::Varchar)),
            false => Type::Struct(self.names.iter().cloned().zip(types).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::json;
    use super::*;

    proptest! {
        /// Pieces of a column, looked at apart, say together what the whole says.
        #[test]
        fn however_a_column_is_cut_the_guess_is_the_same(
            texts in prop::collection::vec(
                "true|false|-?[0-9]{1,3}|[0-9].[0-9]|1e9|2026-0[1-9]-0[1-9]( 09:30:00)?|x", 0..6,
            ),
            cut in 0usize..6,
            more in 0usize..6,
        ) {
            let formats = Formats::default();
            let of = |texts: &[String]| {
                let mut guess = Guess::default();
                texts.iter().for_each(|text| guess.text(text, &formats));
                guess
            };
            let (first, rest) = texts.split_at(cut.min(texts.len()));
            let (second, third) = rest.split_at(more.min(rest.len()));
            let mut joined = of(first);
            joined.join(&of(second));
            let mut last = of(second);
            last.join(&of(third));
            let mut other = of(first);
            other.join(&last);
            joined.join(&of(third));
            let all = format!("{:?}", of(&texts));
            prop_assert_eq!(format!("{joined:?}"), &*all);
            prop_assert_eq!(format!("{other:?}"), &*all);
        }

        #[test]
        fn a_double_is_a_finite_number_of_json(text in "-{0,2}[0-9.]{0,4}([eE][+-]?[0-9]{0,3})?") {
            let number = matches!(json::parse(&text), Ok(Json::Number(_)));
            let finite = text.parse::<f64>().is_ok_and(f64::is_finite);
            prop_assert_eq!(is_double(&text), number && finite, "{}", text);
        }
    }

    #[test]
    fn a_double_is_exact_and_finite() {
        for good in
            ["9007199254740992", "-9007199254740992", "1.7e308", "-0.0", "9007199254740993.0"]
        {
            assert!(is_double(good), "{good}");
        }
        let long = format!("{}.5", "9".repeat(400));
        for bad in ["9007199254740993", "1e309", "", "-", ".5", "5.", "01.5", "1e", "1e+", &long] {
            assert!(!is_double(bad), "{bad}");
        }
    }
}
