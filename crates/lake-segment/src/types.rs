//! The lake's types as arrow's.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema as ArrowSchema, SchemaRef, TimeUnit};
use lake_core::schema::Schema;
use lake_core::types::Type;
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

/// Names of nested fields are those that the Parquet format prescribes.
pub fn data_type(ty: &Type) -> DataType {
    match ty {
        Type::Varchar => DataType::Utf8,
        Type::Boolean => DataType::Boolean,
        Type::Int8 => DataType::Int8,
        Type::Int16 => DataType::Int16,
        Type::Int32 => DataType::Int32,
        Type::Int64 => DataType::Int64,
        Type::UInt8 => DataType::UInt8,
        Type::UInt16 => DataType::UInt16,
        Type::UInt32 => DataType::UInt32,
        Type::UInt64 => DataType::UInt64,
        Type::Float => DataType::Float32,
        Type::Double => DataType::Float64,
        Type::Decimal { precision, scale } => {
            DataType::Decimal128(*precision, i8::try_from(*scale).unwrap_or(i8::MAX))
        }
        Type::Date => DataType::Date32,
        Type::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        Type::Time => DataType::Time64(TimeUnit::Microsecond),
        Type::Blob => DataType::Binary,
        Type::List(item) => DataType::List(Arc::new(Field::new("element", data_type(item), true))),
        Type::Struct(fields) => {
            let field = |(name, ty): &(String, Type)| Field::new(name, data_type(ty), true);
            DataType::Struct(fields.iter().map(field).collect())
        }
        Type::Map(key, value) => {
            let fields = Fields::from(vec![
                Field::new("key", data_type(key), false),
                Field::new("value", data_type(value), true),
            ]);
            DataType::Map(Arc::new(Field::new("key_value", DataType::Struct(fields), false)), false)
        }
    }
}

/// The schema of a table's batches; columns carry their field ids.
pub fn arrow_schema(schema: &Schema) -> SchemaRef {
    let fields = schema.fields.iter().map(|f| {
        let id = HashMap::from([(PARQUET_FIELD_ID_META_KEY.to_owned(), f.id.to_string())]);
        Field::new(&f.name, data_type(&f.ty), !f.not_null).with_metadata(id)
    });
    Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()))
}

/// The way back from [`data_type`]. None: no column of a lake has this type.
pub fn lake_type(ty: &DataType) -> Option<Type> {
    Some(match ty {
        DataType::Utf8 => Type::Varchar,
        DataType::Boolean => Type::Boolean,
        DataType::Int8 => Type::Int8,
        DataType::Int16 => Type::Int16,
        DataType::Int32 => Type::Int32,
        DataType::Int64 => Type::Int64,
        DataType::UInt8 => Type::UInt8,
        DataType::UInt16 => Type::UInt16,
        DataType::UInt32 => Type::UInt32,
        DataType::UInt64 => Type::UInt64,
        DataType::Float32 => Type::Float,
        DataType::Float64 => Type::Double,
        DataType::Decimal128(precision, scale) => {
            Type::Decimal { precision: *precision, scale: u8::try_from(*scale).ok()? }
        }
        DataType::Date32 => Type::Date,
        DataType::Timestamp(TimeUnit::Microsecond, None) => Type::Timestamp,
        DataType::Time64(TimeUnit::Microsecond) => Type::Time,
        DataType::Binary => Type::Blob,
        DataType::List(item) => Type::List(Box::new(lake_type(item.data_type())?)),
        DataType::Struct(fields) => {
            let field = |f: &Arc<Field>| Some((f.name().clone(), lake_type(f.data_type())?));
            Type::Struct(fields.iter().map(field).collect::<Option<_>>()?)
        }
        DataType::Map(entries, _) => {
            let DataType::Struct(fields) = entries.data_type() else { return None };
            let [key, value] = &fields[..] else { return None };
            let (key, value) = (lake_type(key.data_type())?, lake_type(value.data_type())?);
            Type::Map(Box::new(key), Box::new(value))
        }
        _ => return None,
    })
}
