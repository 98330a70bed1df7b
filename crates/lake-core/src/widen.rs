//! Which types hold all values of which others.

use crate::types::Type;

/// Bits of a whole number, and whether it has a sign.
fn whole(ty: &Type) -> Option<(u32, bool)> {
    Some(match ty {
        Type::Int8 => (8, true),
        Type::Int16 => (16, true),
        Type::Int32 => (32, true),
        Type::Int64 => (64, true),
        Type::UInt8 => (8, false),
        Type::UInt16 => (16, false),
        Type::UInt32 => (32, false),
        Type::UInt64 => (64, false),
        _ => return None,
    })
}

impl Type {
    /// Whether every value of this type is one of `wider`, exactly.
    pub fn widens_to(&self, wider: &Type) -> bool {
        if self == wider {
            return true;
        }
        if let Some((bits, signed)) = whole(self) {
            return match (whole(wider), wider) {
                (Some((wide, wide_signed)), _) => match (signed, wide_signed) {
                    (true, false) => false,
                    (false, true) => wide > bits,
                    _ => wide > bits,
                },
                (None, Type::Float) => bits <= 16,
                (None, Type::Double) => bits <= 32,
                (None, Type::Decimal { precision, scale }) => {
                    let digits = match bits {
                        8 => 3,
                        16 => 5,
                        32 => 10,
                        _ if signed => 19,
                        _ => 20,
                    };
                    precision - scale >= digits
                }
                _ => false,
            };
        }
        match (self, wider) {
            (Type::Float, Type::Double) | (Type::Date, Type::Timestamp) => true,
            (
                Type::Decimal { precision, scale },
                Type::Decimal { precision: wide, scale: fine },
            ) => fine >= scale && wide - fine >= precision - scale,
            _ => false,
        }
    }

    /// Whether the log spells values of both types alike, so that the ranges of older
    /// segments can be compared with those of newer ones.
    pub fn is_spelled_like(&self, other: &Type) -> bool {
        match (whole(self), whole(other)) {
            (Some((_, a)), Some((_, b))) => a == b,
            (None, None) => match (self, other) {
                (Type::Decimal { scale: a, .. }, Type::Decimal { scale: b, .. }) => a == b,
                _ => self == other,
            },
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ty(text: &str) -> Type {
        crate::sqltype::parse_columns(&format!("x {text}")).unwrap().remove(0).ty
    }

    #[test]
    fn nothing_is_lost() {
        for (narrow, wide) in [
            ("TINYINT", "BIGINT"),
            ("UTINYINT", "SMALLINT"),
            ("UINTEGER", "UBIGINT"),
            ("INTEGER", "DOUBLE"),
            ("SMALLINT", "FLOAT"),
            ("FLOAT", "DOUBLE"),
            ("DATE", "TIMESTAMP"),
            ("DECIMAL(9,2)", "DECIMAL(12,4)"),
            ("INTEGER", "DECIMAL(12,2)"),
            ("VARCHAR", "VARCHAR"),
        ] {
            assert!(ty(narrow).widens_to(&ty(wide)), "{narrow} {wide}");
            assert!(narrow == wide || !ty(wide).widens_to(&ty(narrow)), "{wide} {narrow}");
        }
        for (from, to) in [
            ("BIGINT", "DOUBLE"),
            ("TINYINT", "UBIGINT"),
            ("UBIGINT", "BIGINT"),
            ("UINTEGER", "INTEGER"),
            ("BIGINT", "VARCHAR"),
            ("TIMESTAMP", "DATE"),
            ("DECIMAL(9,2)", "DECIMAL(9,4)"),
            ("DECIMAL(9,2)", "DOUBLE"),
            ("INTEGER", "DECIMAL(9,0)"),
        ] {
            assert!(!ty(from).widens_to(&ty(to)), "{from} {to}");
        }
        assert!(ty("TINYINT").is_spelled_like(&ty("BIGINT")));
        assert!(!ty("UTINYINT").is_spelled_like(&ty("BIGINT")));
        assert!(!ty("DECIMAL(9,2)").is_spelled_like(&ty("DECIMAL(9,3)")));
    }
}
