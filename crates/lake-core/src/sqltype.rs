//! Reads `--schema`: an SQL column list such as
//! `symbol VARCHAR, date DATE NOT NULL, close DECIMAL(18,4), tags VARCHAR[]`.

use crate::types::{MAX_DEPTH, Type};

/// A column as the list declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub ty: Type,
    pub not_null: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column list, character {at}: {what}")]
pub struct BadColumns {
    pub at: usize,
    pub what: String,
}

/// Parses a column list.
pub fn parse_columns(text: &str) -> Result<Vec<Column>, BadColumns> {
    let mut p = Parser { text, at: 0 };
    let mut columns = Vec::new();
    loop {
        let name = p.name("a column name")?;
        let ty = p.ty(0)?;
        let not_null = p.word("NOT") && p.expect_word("NULL")?;
        if !not_null {
            p.word("NULL");
        }
        columns.push(Column { name, ty, not_null });
        if p.is_done() {
            return Ok(columns);
        }
        p.expect(',')?;
    }
}

/// Parses one type, such as `DECIMAL(18,4)`.
pub fn parse_type(text: &str) -> Result<Type, BadColumns> {
    let mut p = Parser { text, at: 0 };
    let ty = p.ty(0)?;
    if p.is_done() { Ok(ty) } else { p.fail("nothing more is expected here") }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn fail<T>(&self, what: impl Into<String>) -> Result<T, BadColumns> {
        let at = self.text[..self.at].chars().count() + 1;
        Err(BadColumns { at, what: what.into() })
    }

    fn rest(&mut self) -> &str {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        &self.text[self.at..]
    }

    fn is_done(&mut self) -> bool {
        self.rest().is_empty()
    }

    fn accept(&mut self, c: char) -> bool {
        let found = self.rest().starts_with(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    fn expect(&mut self, c: char) -> Result<(), BadColumns> {
        if self.accept(c) { Ok(()) } else { self.fail(format!("'{c}' is expected here")) }
    }

    /// The bare word at this place, not consumed.
    fn peek(&mut self) -> &str {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || !c.is_ascii()))
            .unwrap_or(rest.len());
        &rest[..end]
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.peek().eq_ignore_ascii_case(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn expect_word(&mut self, word: &str) -> Result<bool, BadColumns> {
        if self.word(word) { Ok(true) } else { self.fail(format!("{word} is expected here")) }
    }

    fn name(&mut self, what: &str) -> Result<String, BadColumns> {
        if !self.accept('"') {
            let word = self.peek().to_owned();
            if word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit()) {
                return self.fail(format!("{what} is expected here"));
            }
            self.at += word.len();
            return Ok(word);
        }
        let mut name = String::new();
        loop {
            let Some(end) = self.text[self.at..].find('"') else {
                return self.fail("the quoted name has no end");
            };
            name.push_str(&self.text[self.at..self.at + end]);
            self.at += end + 1;
            if !self.text[self.at..].starts_with('"') {
                return Ok(name);
            }
            name.push('"');
            self.at += 1;
        }
    }

    fn ty(&mut self, depth: usize) -> Result<Type, BadColumns> {
        if depth > MAX_DEPTH {
            return self.fail("the type is nested too deep");
        }
        let mut ty = self.plain(depth)?;
        while self.accept('[') {
            self.expect(']')?;
            ty = Type::List(Box::new(ty));
        }
        Ok(ty)
    }

    fn plain(&mut self, depth: usize) -> Result<Type, BadColumns> {
        let start = self.at;
        let word = self.peek().to_ascii_uppercase();
        self.at += word.len();
        Ok(match word.as_str() {
            "VARCHAR" | "TEXT" | "STRING" | "CHAR" | "BPCHAR" => {
                if self.accept('(') {
                    self.number()?;
                    self.expect(')')?;
                }
                Type::Varchar
            }
            "BOOLEAN" | "BOOL" | "LOGICAL" => Type::Boolean,
            "TINYINT" | "INT1" => Type::Int8,
            "SMALLINT" | "INT2" | "INT16" | "SHORT" => Type::Int16,
            "INTEGER" | "INT" | "INT4" | "INT32" | "SIGNED" => Type::Int32,
            "BIGINT" | "INT8" | "INT64" | "LONG" => Type::Int64,
            "UTINYINT" | "UINT8" => Type::UInt8,
            "USMALLINT" | "UINT16" => Type::UInt16,
            "UINTEGER" | "UINT32" => Type::UInt32,
            "UBIGINT" | "UINT64" => Type::UInt64,
            "FLOAT" | "FLOAT4" | "REAL" => Type::Float,
            "DOUBLE" | "FLOAT8" => {
                self.word("PRECISION");
                Type::Double
            }
            "DECIMAL" | "NUMERIC" | "DEC" => self.decimal()?,
            "DATE" => Type::Date,
            "TIMESTAMP" | "DATETIME" => Type::Timestamp,
            "TIME" => Type::Time,
            "BLOB" | "BYTEA" | "BINARY" | "VARBINARY" => Type::Blob,
            "STRUCT" | "ROW" => self.structure(depth)?,
            "MAP" => {
                self.expect('(')?;
                let key = self.ty(depth + 1)?;
                self.expect(',')?;
                let value = self.ty(depth + 1)?;
                self.expect(')')?;
                Type::Map(Box::new(key), Box::new(value))
            }
            _ => {
                self.at = start;
                let named = if word.is_empty() { "nothing".into() } else { word };
                return self.fail(format!("a type is expected here, not {named}"));
            }
        })
    }

    fn structure(&mut self, depth: usize) -> Result<Type, BadColumns> {
        self.expect('(')?;
        let mut fields = Vec::new();
        loop {
            let name = self.name("a field name")?;
            fields.push((name, self.ty(depth + 1)?));
            if self.accept(')') {
                return Ok(Type::Struct(fields));
            }
            self.expect(',')?;
        }
    }

    fn decimal(&mut self) -> Result<Type, BadColumns> {
        if !self.accept('(') {
            return Ok(Type::Decimal { precision: 18, scale: 3 });
        }
        let precision = self.number()?;
        let scale = if self.accept(',') { self.number()? } else { 0 };
        if !(1..=38).contains(&precision) || scale > precision {
            return self.fail("DECIMAL takes 1 to 38 digits and no more decimals than digits");
        }
        self.expect(')')?;
        Ok(Type::Decimal { precision: precision as u8, scale: scale as u8 })
    }

    fn number(&mut self) -> Result<u32, BadColumns> {
        let word = self.peek().to_owned();
        match word.parse() {
            Ok(n) => {
                self.at += word.len();
                Ok(n)
            }
            Err(_) => self.fail("a number is expected here"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_everything() {
        let text = "symbol VARCHAR, \"trade \"\"day\"\"\" date not null, close DECIMAL(18, 4), n hugeint[]";
        let error = parse_columns(text).unwrap_err();
        assert!(error.to_string().contains("not HUGEINT"), "{error}");
        let columns = parse_columns(
            "symbol text, \"trade \"\"day\"\"\" date NOT NULL, close decimal(18, 4), \u{65e5}\u{671f} TIMESTAMP NULL, \
             tags VARCHAR[][], s STRUCT(a INT, \"b c\" MAP(VARCHAR, DOUBLE PRECISION)), v VARCHAR(20)",
        )
        .unwrap();
        let shown: Vec<_> =
            columns.iter().map(|c| format!("{}:{}:{}", c.name, c.ty, c.not_null)).collect();
        assert_eq!(
            shown,
            [
                "symbol:VARCHAR:false",
                "trade \"day\":DATE:true",
                "close:DECIMAL(18,4):false",
                "\u{65e5}\u{671f}:TIMESTAMP:false",
                "tags:VARCHAR[][]:false",
                "s:STRUCT(\"a\" INTEGER, \"b c\" MAP(VARCHAR, DOUBLE)):false",
                "v:VARCHAR:false",
            ]
        );
        for column in columns {
            assert_eq!(parse_type(&column.ty.to_string()), Ok(column.ty));
        }
    }

    #[test]
    fn errors_name_the_place() {
        for (text, at) in [
            ("", 1),
            ("a", 2),
            ("a INT,", 7),
            ("a INT b INT", 7),
            ("a DECIMAL(40)", 13),
            ("a INT NOT", 10),
            ("\"a INT", 2),
            ("a STRUCT(b INT", 15),
            ("1a INT", 1),
        ] {
            assert_eq!(parse_columns(text).unwrap_err().at, at, "{text}");
        }
        let deep = format!("a {}INT{}", "STRUCT(x ".repeat(40), ")".repeat(40));
        assert!(parse_columns(&deep).is_err());
    }
}
