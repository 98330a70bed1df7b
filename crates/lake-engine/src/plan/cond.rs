//! A condition on the rows of one table, as far as it is understood.

use std::collections::BTreeSet;
use std::fmt;

use lake_core::types::quoted;
use lake_core::value::Value;

use crate::literal::constant;

/// Rows that are wanted satisfy it. The converse need not hold: it may say less than
/// the query does, never more.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cond {
    /// Nothing is known.
    Anything,
    All(Vec<Cond>),
    Some(Vec<Cond>),
    /// A test of the value of a column, by the column's place.
    Of(usize, Test),
}

/// A test of one value. NULL passes none.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    Is(Op, Value),
    In(Vec<Value>),
    Prefix(String),
    /// An SQL expression over the value, which is called [`SUBJECT`].
    Sql(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What an expression of [`Test::Sql`] calls the value.
pub(crate) const SUBJECT: &str = "_lake_s";

impl Cond {
    pub(crate) fn all(conds: impl IntoIterator<Item = Cond>) -> Cond {
        let mut flat = Vec::new();
        for cond in conds {
            match cond {
                Cond::Anything => {}
                Cond::All(more) => flat.extend(more),
                other if flat.contains(&other) => {}
                other => flat.push(other),
            }
        }
        match flat.len() {
            0 => Cond::Anything,
            1 => flat.remove(0),
            _ => Cond::All(flat),
        }
    }

    pub(crate) fn some(conds: impl IntoIterator<Item = Cond>) -> Cond {
        let mut flat = Vec::new();
        for cond in conds {
            match cond {
                Cond::Anything => return Cond::Anything,
                Cond::Some(more) => flat.extend(more),
                other if flat.contains(&other) => {}
                other => flat.push(other),
            }
        }
        match flat.len() {
            1 => flat.remove(0),
            _ => Cond::Some(flat),
        }
    }

    /// The columns that it tests.
    pub(crate) fn columns(&self) -> BTreeSet<usize> {
        match self {
            Cond::Anything => BTreeSet::new(),
            Cond::All(conds) | Cond::Some(conds) => conds.iter().flat_map(Cond::columns).collect(),
            Cond::Of(column, _) => BTreeSet::from([*column]),
        }
    }

    /// What it says of one column, said of another.
    pub(crate) fn moved(&self, from: usize, to: usize) -> Cond {
        match self {
            Cond::Anything => Cond::Anything,
            Cond::All(conds) => Cond::all(conds.iter().map(|c| c.moved(from, to))),
            Cond::Some(conds) => Cond::some(conds.iter().map(|c| c.moved(from, to))),
            Cond::Of(column, test) if *column == from => Cond::Of(to, test.clone()),
            Cond::Of(..) => Cond::Anything,
        }
    }

    /// The same where so many first columns are left out, and what it says of them.
    pub(crate) fn without_first(&self, count: usize) -> Cond {
        match self {
            Cond::Anything => Cond::Anything,
            Cond::All(conds) => Cond::all(conds.iter().map(|c| c.without_first(count))),
            Cond::Some(conds) => Cond::some(conds.iter().map(|c| c.without_first(count))),
            Cond::Of(column, test) => match column.checked_sub(count) {
                Some(column) => Cond::Of(column, test.clone()),
                None => Cond::Anything,
            },
        }
    }

    /// As SQL, for people.
    pub(crate) fn text(&self, names: &[&str]) -> String {
        let join = |conds: &[Cond], word: &str| {
            let texts: Vec<String> = conds.iter().map(|c| c.text(names)).collect();
            format!("({})", texts.join(word))
        };
        match self {
            Cond::Anything => "true".into(),
            Cond::All(conds) => join(conds, " AND "),
            Cond::Some(conds) => join(conds, " OR "),
            Cond::Of(column, test) => {
                test.text(names.get(*column).map_or("?".into(), |n| quoted(n)).as_str())
            }
        }
    }
}

/// A long list is cut for people.
const SHOWN: usize = 8;

impl Test {
    fn text(&self, name: &str) -> String {
        match self {
            Test::Is(op, value) => format!("{name} {op} {}", shown(value)),
            Test::In(values) => {
                let mut texts: Vec<String> = values.iter().take(SHOWN).map(shown).collect();
                if values.len() > SHOWN {
                    texts.push(format!("... {} in all", values.len()));
                }
                format!("{name} IN ({})", texts.join(", "))
            }
            Test::Prefix(text) => {
                format!("{name} LIKE {}", shown(&Value::Text(format!("{text}%").into())))
            }
            Test::Sql(sql) => sql.replace(SUBJECT, name),
        }
    }

    /// Whether a value between these (both may be) can pass; `sql` decides of
    /// [`Test::Sql`]. Values of other types than the test's may always.
    pub(crate) fn may_pass(
        &self,
        min: &Value,
        max: &Value,
        sql: &dyn Fn(&str, &Value, &Value) -> bool,
    ) -> bool {
        match self {
            Test::Is(op, value) => {
                !alike(value, min) || !alike(value, max) || op.may(value, min, max)
            }
            Test::In(values) => values.iter().any(|value| {
                !alike(value, min) || !alike(value, max) || (min <= value && value <= max)
            }),
            Test::Prefix(prefix) => match (min, max) {
                (Value::Text(min), Value::Text(max)) => {
                    **max >= **prefix && (**min <= **prefix || min.starts_with(prefix.as_str()))
                }
                _ => true,
            },
            Test::Sql(text) => sql(text, min, max),
        }
    }

    /// Whether every value between these passes; `sql` decides of [`Test::Sql`].
    pub(crate) fn must_pass(&self, min: &Value, max: &Value, sql: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Test::Is(op, value) => {
                alike(value, min) && alike(value, max) && op.must(value, min, max)
            }
            Test::In(values) => {
                min == max && values.iter().any(|value| alike(value, min) && value == min)
            }
            Test::Prefix(prefix) => match (min, max) {
                (Value::Text(min), Value::Text(max)) => {
                    min.starts_with(prefix.as_str()) && max.starts_with(prefix.as_str())
                }
                _ => false,
            },
            Test::Sql(text) => sql(text),
        }
    }
}

/// Whether two values can be compared: of one type and, for decimals, one scale.
pub(crate) fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Decimal { scale: a, .. }, Value::Decimal { scale: b, .. }) => a == b,
        _ => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Int(v) => v.to_string(),
        Value::UInt(v) => v.to_string(),
        Value::Text(_) | Value::Bool(_) => constant(value),
        other => format!("'{other}'"),
    }
}

impl Op {
    fn may(self, value: &Value, min: &Value, max: &Value) -> bool {
        match self {
            Op::Equal => min <= value && value <= max,
            Op::Less => min < value,
            Op::LessOrEqual => min <= value,
            Op::Greater => max > value,
            Op::GreaterOrEqual => max >= value,
        }
    }

    fn must(self, value: &Value, min: &Value, max: &Value) -> bool {
        match self {
            Op::Equal => min == value && value == max,
            Op::Less => max < value,
            Op::LessOrEqual => max <= value,
            Op::Greater => min > value,
            Op::GreaterOrEqual => min >= value,
        }
    }

    /// Of the sides exchanged.
    pub(crate) fn flipped(self) -> Op {
        match self {
            Op::Equal => Op::Equal,
            Op::Less => Op::Greater,
            Op::LessOrEqual => Op::GreaterOrEqual,
            Op::Greater => Op::Less,
            Op::GreaterOrEqual => Op::LessOrEqual,
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Op::Equal => "=",
            Op::Less => "<",
            Op::LessOrEqual => "<=",
            Op::Greater => ">",
            Op::GreaterOrEqual => ">=",
        })
    }
}
