//! DuckDB's types: their names, and what Arrow alone does not say of them.

use duckdb::core::{LogicalTypeHandle, LogicalTypeId as Id};
use lake_core::types::quoted;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlType {
    /// As SQL spells it, such as `DECIMAL(18,4)[]`.
    pub name: String,
    pub shape: Shape,
}

/// How values of Arrow arrays are to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    Plain,
    /// An integer that Arrow has as a decimal.
    Huge,
    List(Box<Shape>),
    Struct(Vec<Shape>),
    Map(Box<Shape>, Box<Shape>),
    /// Arrow cannot carry it; DuckDB has to say it as text.
    Foreign,
}

impl SqlType {
    /// Whether a table shows it right-aligned.
    pub fn is_number(&self) -> bool {
        let name = self.name.split('(').next().unwrap_or_default();
        !self.name.ends_with(']')
            && (name.ends_with("INT")
                || matches!(name, "INTEGER" | "UINTEGER" | "FLOAT" | "DOUBLE" | "DECIMAL"))
    }

    pub(crate) fn of(ty: &LogicalTypeHandle) -> SqlType {
        let child = |i| SqlType::of(&ty.child(i));
        let (name, shape) = match ty.id() {
            Id::Hugeint => ("HUGEINT".into(), Shape::Huge),
            Id::Decimal => {
                let (width, scale) = (ty.decimal_width(), ty.decimal_scale());
                (format!("DECIMAL({width},{scale})"), Shape::Plain)
            }
            Id::List | Id::Array => {
                let item = child(0);
                (format!("{}[]", item.name), list(item.shape))
            }
            Id::Map => {
                let (key, value) = (child(0), child(1));
                let name = format!("MAP({}, {})", key.name, value.name);
                (name, pair(key.shape, value.shape))
            }
            Id::Struct => fields(ty),
            id => (simple(ty, id), if foreign(id) { Shape::Foreign } else { Shape::Plain }),
        };
        SqlType { name: ty.get_alias().unwrap_or(name), shape }
    }
}

fn list(item: Shape) -> Shape {
    if item == Shape::Foreign { item } else { Shape::List(Box::new(item)) }
}

fn pair(key: Shape, value: Shape) -> Shape {
    match (key, value) {
        (Shape::Foreign, _) | (_, Shape::Foreign) => Shape::Foreign,
        (key, value) => Shape::Map(Box::new(key), Box::new(value)),
    }
}

fn fields(ty: &LogicalTypeHandle) -> (String, Shape) {
    let (mut names, mut shapes) = (Vec::new(), Vec::new());
    for i in 0..ty.num_children() {
        let field = SqlType::of(&ty.child(i));
        names.push(format!("{} {}", quoted(&ty.child_name(i)), field.name));
        shapes.push(field.shape);
    }
    let foreign = shapes.contains(&Shape::Foreign);
    let shape = if foreign { Shape::Foreign } else { Shape::Struct(shapes) };
    (format!("STRUCT({})", names.join(", ")), shape)
}

fn foreign(id: Id) -> bool {
    matches!(
        id,
        Id::UHugeint
            | Id::Interval
            | Id::Bit
            | Id::TimeTZ
            | Id::TimeNs
            | Id::Bignum
            | Id::Geometry
            | Id::Variant
            | Id::Union
            | Id::Any
            | Id::Invalid
            | Id::Unsupported
    )
}

fn simple(ty: &LogicalTypeHandle, id: Id) -> String {
    match id {
        Id::SqlNull => "NULL",
        Id::TimeTZ => "TIME WITH TIME ZONE",
        Id::TimestampTZ => "TIMESTAMP WITH TIME ZONE",
        Id::TimestampS => "TIMESTAMP_S",
        Id::TimestampMs => "TIMESTAMP_MS",
        Id::TimestampNs => "TIMESTAMP_NS",
        Id::TimeNs => "TIME_NS",
        Id::StringLiteral => "VARCHAR",
        Id::IntegerLiteral => "INTEGER",
        Id::Unsupported => return format!("type {}", ty.raw_id()),
        id => return format!("{id:?}").to_uppercase(),
    }
    .into()
}

/// A character of a bare name.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The bytes of the quoted name or text that stands first; a quote in it is doubled.
pub(crate) fn quoted_len(text: &str) -> usize {
    let quote = text.chars().next().unwrap_or('"');
    let mut inside = false;
    for (at, c) in text.char_indices() {
        if c == quote {
            inside = !inside;
        } else if !inside {
            return at;
        }
    }
    text.len()
}
