//! One column of texts on its way to an array. Every push adds one value, be it the
//! NULL of one that is refused, so that the columns of a row stay level.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder,
    Float64Builder, Int8Builder, Int16Builder, Int32Builder, Int64Builder, StringBuilder,
    Time64MicrosecondBuilder, TimestampMicrosecondBuilder, UInt8Builder, UInt16Builder,
    UInt32Builder, UInt64Builder,
};
use arrow::error::ArrowError;
use lake_core::types::Type;

use super::formats::Formats;
use super::json::Json;
use super::nested::Nested;
use super::text::{self, Why};
use super::time;

pub(crate) struct Column {
    ty: Type,
    formats: Formats,
    builder: Builder,
}

enum Builder {
    Text(StringBuilder),
    Bool(BooleanBuilder),
    I8(Int8Builder),
    I16(Int16Builder),
    I32(Int32Builder),
    I64(Int64Builder),
    U8(UInt8Builder),
    U16(UInt16Builder),
    U32(UInt32Builder),
    U64(UInt64Builder),
    F32(Float32Builder),
    F64(Float64Builder),
    Decimal(Decimal128Builder, u8, u8),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Time(Time64MicrosecondBuilder),
    Blob(BinaryBuilder),
    Nested(Nested),
}

/// The same for every builder but the nested one.
macro_rules! each {
    ($builder:expr, $b:ident => $do:expr, $nested:ident => $other:expr) => {
        match $builder {
            Builder::Text($b) => $do,
            Builder::Bool($b) => $do,
            Builder::I8($b) => $do,
            Builder::I16($b) => $do,
            Builder::I32($b) => $do,
            Builder::I64($b) => $do,
            Builder::U8($b) => $do,
            Builder::U16($b) => $do,
            Builder::U32($b) => $do,
            Builder::U64($b) => $do,
            Builder::F32($b) => $do,
            Builder::F64($b) => $do,
            Builder::Decimal($b, ..) => $do,
            Builder::Date($b) => $do,
            Builder::Timestamp($b) => $do,
            Builder::Time($b) => $do,
            Builder::Blob($b) => $do,
            Builder::Nested($nested) => $other,
        }
    };
}

impl Column {
    pub(crate) fn new(ty: &Type, formats: &Formats) -> Column {
        let builder = match ty {
            Type::Varchar => Builder::Text(StringBuilder::new()),
            Type::Boolean => Builder::Bool(BooleanBuilder::new()),
            Type::Int8 => Builder::I8(Int8Builder::new()),
            Type::Int16 => Builder::I16(Int16Builder::new()),
            Type::Int32 => Builder::I32(Int32Builder::new()),
            Type::Int64 => Builder::I64(Int64Builder::new()),
            Type::UInt8 => Builder::U8(UInt8Builder::new()),
            Type::UInt16 => Builder::U16(UInt16Builder::new()),
            Type::UInt32 => Builder::U32(UInt32Builder::new()),
            Type::UInt64 => Builder::U64(UInt64Builder::new()),
            Type::Float => Builder::F32(Float32Builder::new()),
            Type::Double => Builder::F64(Float64Builder::new()),
            Type::Decimal { precision, scale } => {
                let ty = lake_segment::data_type(ty);
                let builder = Decimal128Builder::new().with_data_type(ty);
                Builder::Decimal(builder, *precision, *scale)
            }
            Type::Date => Builder::Date(Date32Builder::new()),
            Type::Timestamp => Builder::Timestamp(TimestampMicrosecondBuilder::new()),
            Type::Time => Builder::Time(Time64MicrosecondBuilder::new()),
            Type::Blob => Builder::Blob(BinaryBuilder::new()),
            Type::List(_) | Type::Struct(_) | Type::Map(..) => {
                Builder::Nested(Nested::new(ty, formats))
            }
        };
        Column { ty: ty.clone(), formats: formats.clone(), builder }
    }

    pub(crate) fn read_as(&mut self, formats: &Formats) {
        self.formats.clone_from(formats);
        if let Builder::Nested(nested) = &mut self.builder {
            nested.read_as(formats);
        }
    }

    pub(crate) fn push_null(&mut self) {
        each!(&mut self.builder, b => b.append_null(), n => n.push_null());
    }

    pub(crate) fn push_text(&mut self, text: &str) -> Result<(), Why> {
        let pushed = self.try_text(text);
        if pushed.is_err() {
            self.push_null();
        }
        pushed
    }

    /// Text as the table spells it, whatever the formats of the input.
    pub(crate) fn push_default(&mut self, text: &str) -> Result<(), Why> {
        let formats = std::mem::take(&mut self.formats);
        let pushed = self.push_text(text);
        self.formats = formats;
        pushed
    }

    /// On an error nothing is added.
    pub(crate) fn try_text(&mut self, whole: &str) -> Result<(), Why> {
        let (text, ty) = (text::trim(whole), &self.ty);
        macro_rules! integer {
            ($builder:expr, $native:ident) => {
                $builder.append_value(text::integer(text, ty, $native::MIN, $native::MAX)?)
            };
        }
        match &mut self.builder {
            Builder::Text(b) => b.append_value(whole),
            Builder::Bool(b) => b.append_value(text::boolean(text)?),
            Builder::I8(b) => integer!(b, i8),
            Builder::I16(b) => integer!(b, i16),
            Builder::I32(b) => integer!(b, i32),
            Builder::I64(b) => integer!(b, i64),
            Builder::U8(b) => integer!(b, u8),
            Builder::U16(b) => integer!(b, u16),
            Builder::U32(b) => integer!(b, u32),
            Builder::U64(b) => integer!(b, u64),
            Builder::F32(b) => b.append_value(text::float(text, ty)?),
            Builder::F64(b) => b.append_value(text::float(text, ty)?),
            Builder::Decimal(b, precision, scale) => {
                b.append_value(text::decimal(text, *precision, *scale)?);
            }
            Builder::Date(b) => b.append_value(self.formats.date.date(text)?),
            Builder::Timestamp(b) => b.append_value(self.formats.timestamp.timestamp(text)?),
            Builder::Time(b) => b.append_value(time::time(text)?),
            Builder::Blob(b) => b.append_value(text::blob(text)?),
            Builder::Nested(_) => return Err(format!("is text, not a {ty}")),
        }
        Ok(())
    }

    pub(crate) fn push_json(&mut self, value: &Json<'_>) -> Result<(), Why> {
        let refused = match (value, &mut self.builder) {
            (Json::Null, _) => {
                self.push_null();
                return Ok(());
            }
            (Json::Text(text), _) => return self.push_text(text),
            (Json::List(_) | Json::Object(_), Builder::Nested(nested)) => {
                return nested.push(value);
            }
            (Json::Bool(value), Builder::Bool(b)) => {
                b.append_value(*value);
                return Ok(());
            }
            // A number is no text: 000001 would have lost its zeros on the way.
            (Json::Number(text), builder)
                if !matches!(
                    builder,
                    Builder::Text(_) | Builder::Bool(_) | Builder::Blob(_) | Builder::Nested(_)
                ) =>
            {
                return self.push_text(text);
            }
            (value, _) => value.what(),
        };
        self.push_null();
        Err(format!("is {refused}, not a {}", self.ty))
    }

    /// What was added since the last time.
    pub(crate) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(each!(&mut self.builder, b => Arc::new(b.finish()), n => return n.finish()))
    }
}

/// A text as a key's value, as CSV spells it; or what is wrong with it.
pub fn value_of(text: &str, ty: &Type) -> Result<lake_core::value::Value, String> {
    let mut column = Column::new(ty, &Formats::default());
    column.push_text(text)?;
    let array = column.finish().map_err(|e| e.to_string())?;
    lake_segment::value_at(&array, 0).ok_or_else(|| format!("cannot be a value of {ty}"))
}

/// A text as a value of a type, as `DEFAULT` spells it, in the one spelling that every
/// reader understands alike.
pub(crate) fn check_default(text: &str, ty: &Type) -> Result<String, Why> {
    if matches!(ty, Type::Blob | Type::List(_) | Type::Struct(_) | Type::Map(..)) {
        return Err(format!("cannot be given: {ty} has no default"));
    }
    let mut column = Column::new(ty, &Formats::default());
    column.push_text(text)?;
    let array = column.finish().map_err(|e| e.to_string())?;
    arrow::util::display::array_value_to_string(&array, 0).map_err(|e| e.to_string())
}
