//! One column of CSV fields on its way to an array.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder,
    Float64Builder, Int8Builder, Int16Builder, Int32Builder, Int64Builder, StringBuilder,
    Time64MicrosecondBuilder, TimestampMicrosecondBuilder, UInt8Builder, UInt16Builder,
    UInt32Builder, UInt64Builder,
};
use lake_core::types::Type;

use super::records::Field;
use super::text::{self, Why};
use super::time;

pub(crate) struct Column {
    ty: Type,
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
}

/// The same for every builder.
macro_rules! each {
    ($builder:expr, $b:ident => $do:expr) => {
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
        }
    };
}

impl Column {
    /// None for the nested types, which a CSV field cannot hold.
    pub(crate) fn new(ty: &Type) -> Option<Column> {
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
            Type::List(_) | Type::Struct(_) | Type::Map(..) => return None,
        };
        Some(Column { ty: ty.clone(), builder })
    }

    /// Adds a field. On an error nothing was added.
    pub(crate) fn push(&mut self, field: Field<'_>) -> Result<(), Why> {
        if field.is_null() {
            each!(&mut self.builder, b => b.append_null());
            return Ok(());
        }
        let bytes = field.bytes();
        let whole = std::str::from_utf8(&bytes).map_err(|_| "is not UTF-8".to_owned())?;
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
            Builder::Date(b) => b.append_value(time::date(text)?),
            Builder::Timestamp(b) => b.append_value(time::timestamp(text)?),
            Builder::Time(b) => b.append_value(time::time(text)?),
            Builder::Blob(b) => b.append_value(text::blob(text)?),
        }
        Ok(())
    }

    /// What was added since the last time.
    pub(crate) fn finish(&mut self) -> ArrayRef {
        each!(&mut self.builder, b => Arc::new(b.finish()))
    }
}
