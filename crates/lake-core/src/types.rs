//! Column types, spelled as DuckDB spells them.

use std::fmt;

use crate::codec::{Decoded, Decoder, Encoder, Malformed};

/// How deep lists, structs and maps may nest.
pub const MAX_DEPTH: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    Varchar,
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Float,
    Double,
    Decimal {
        precision: u8,
        scale: u8,
    },
    Date,
    /// Microseconds, naive: input with a zone is converted to UTC.
    Timestamp,
    /// Microseconds since midnight.
    Time,
    Blob,
    List(Box<Type>),
    Struct(Vec<(String, Type)>),
    Map(Box<Type>, Box<Type>),
}

impl Type {
    /// Whether values have one order and one equality that every engine agrees
    /// on, so that the type can be part of a key.
    pub fn can_be_key(&self) -> bool {
        !matches!(
            self,
            Type::Float
                | Type::Double
                | Type::Blob
                | Type::List(_)
                | Type::Struct(_)
                | Type::Map(..)
        )
    }

    pub(crate) fn encode(&self, e: &mut Encoder) {
        e.u8(self.code());
        match self {
            Type::Decimal { precision, scale } => {
                e.u8(*precision);
                e.u8(*scale);
            }
            Type::List(item) => item.encode(e),
            Type::Struct(fields) => e.list(fields, |e, (name, ty)| {
                e.text(name);
                ty.encode(e);
            }),
            Type::Map(key, value) => {
                key.encode(e);
                value.encode(e);
            }
            _ => {}
        }
    }

    fn code(&self) -> u8 {
        match self {
            Type::Varchar => 1,
            Type::Boolean => 2,
            Type::Int8 => 3,
            Type::Int16 => 4,
            Type::Int32 => 5,
            Type::Int64 => 6,
            Type::UInt8 => 7,
            Type::UInt16 => 8,
            Type::UInt32 => 9,
            Type::UInt64 => 10,
            Type::Float => 11,
            Type::Double => 12,
            Type::Decimal { .. } => 13,
            Type::Date => 14,
            Type::Timestamp => 15,
            Type::Time => 16,
            Type::Blob => 17,
            Type::List(_) => 18,
            Type::Struct(_) => 19,
            Type::Map(..) => 20,
        }
    }

    pub(crate) fn decode(d: &mut Decoder<'_>) -> Decoded<Type> {
        Type::decode_at(d, 0)
    }

    fn decode_at(d: &mut Decoder<'_>, depth: usize) -> Decoded<Type> {
        if depth > MAX_DEPTH {
            return d.broken("type nested too deep");
        }
        Ok(match d.u8()? {
            1 => Type::Varchar,
            2 => Type::Boolean,
            3 => Type::Int8,
            4 => Type::Int16,
            5 => Type::Int32,
            6 => Type::Int64,
            7 => Type::UInt8,
            8 => Type::UInt16,
            9 => Type::UInt32,
            10 => Type::UInt64,
            11 => Type::Float,
            12 => Type::Double,
            13 => {
                let (precision, scale) = (d.u8()?, d.u8()?);
                if !(1..=38).contains(&precision) || scale > precision {
                    return d.broken("decimal out of range");
                }
                Type::Decimal { precision, scale }
            }
            14 => Type::Date,
            15 => Type::Timestamp,
            16 => Type::Time,
            17 => Type::Blob,
            18 => Type::List(Box::new(Type::decode_at(d, depth + 1)?)),
            19 => {
                let field = |d: &mut Decoder<'_>| {
                    Ok((d.text()?.to_owned(), Type::decode_at(d, depth + 1)?))
                };
                Type::Struct(d.list(field)?)
            }
            20 => Type::Map(
                Box::new(Type::decode_at(d, depth + 1)?),
                Box::new(Type::decode_at(d, depth + 1)?),
            ),
            code => return Err(Malformed::Newer { what: "column type", code: code.into() }),
        })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Varchar => "VARCHAR",
            Type::Boolean => "BOOLEAN",
            Type::Int8 => "TINYINT",
            Type::Int16 => "SMALLINT",
            Type::Int32 => "INTEGER",
            Type::Int64 => "BIGINT",
            Type::UInt8 => "UTINYINT",
            Type::UInt16 => "USMALLINT",
            Type::UInt32 => "UINTEGER",
            Type::UInt64 => "UBIGINT",
            Type::Float => "FLOAT",
            Type::Double => "DOUBLE",
            Type::Decimal { precision, scale } => {
                return write!(f, "DECIMAL({precision},{scale})");
            }
            Type::Date => "DATE",
            Type::Timestamp => "TIMESTAMP",
            Type::Time => "TIME",
            Type::Blob => "BLOB",
            Type::List(item) => return write!(f, "{item}[]"),
            Type::Struct(fields) => {
                let field = |(name, ty): &(String, Type)| format!("{} {ty}", quoted(name));
                let fields: Vec<_> = fields.iter().map(field).collect();
                return write!(f, "STRUCT({})", fields.join(", "));
            }
            Type::Map(key, value) => return write!(f, "MAP({key}, {value})"),
        })
    }
}

/// An SQL identifier; the one place where a name is quoted for people and for SQL.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
