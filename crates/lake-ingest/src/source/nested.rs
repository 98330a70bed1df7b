//! Lists, structs and maps from JSON.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, MapArray, NullBufferBuilder, StructArray};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Fields};
use arrow::error::ArrowError;
use lake_core::types::Type;

use super::column::Column;
use super::formats::Formats;
use super::json::Json;
use super::text::{Why, shown};

pub(crate) struct Nested {
    shape: Shape,
    /// The item of a list, the fields of a struct, key and value of a map.
    children: Vec<Column>,
    /// Where each list or map ends among its items; empty for a struct.
    offsets: Vec<i32>,
    items: i32,
    valid: NullBufferBuilder,
}

enum Shape {
    List(Arc<Field>),
    Struct(Fields, Vec<String>),
    Map(Arc<Field>, Fields),
}

impl Nested {
    pub(crate) fn new(ty: &Type, formats: &Formats) -> Nested {
        let column = |ty: &Type| Column::new(ty, formats);
        let children = match ty {
            Type::List(item) => vec![column(item)],
            Type::Struct(fields) => fields.iter().map(|(_, ty)| column(ty)).collect(),
            Type::Map(key, value) => vec![column(key), column(value)],
            _ => Vec::new(),
        };
        let shape = match (lake_segment::data_type(ty), ty) {
            (DataType::List(item), _) => Shape::List(item),
            (DataType::Map(entries, _), _) => {
                let fields = match entries.data_type() {
                    DataType::Struct(fields) => fields.clone(),
                    _ => Fields::empty(),
                };
                Shape::Map(entries, fields)
            }
            (DataType::Struct(fields), Type::Struct(names)) => {
                let names = names.iter().map(|(name, _)| name.to_lowercase()).collect();
                Shape::Struct(fields, names)
            }
            _ => Shape::Struct(Fields::empty(), Vec::new()),
        };
        Nested { shape, children, offsets: vec![0], items: 0, valid: NullBufferBuilder::new(0) }
    }

    pub(crate) fn read_as(&mut self, formats: &Formats) {
        self.children.iter_mut().for_each(|child| child.read_as(formats));
    }

    pub(crate) fn push_null(&mut self) {
        self.end(false);
    }

    /// Ends a value. A NULL may have items, which nobody sees.
    fn end(&mut self, valid: bool) {
        match &self.shape {
            Shape::Struct(..) if !valid => self.children.iter_mut().for_each(Column::push_null),
            Shape::Struct(..) => {}
            _ => self.offsets.push(self.items),
        }
        self.valid.append(valid);
    }

    /// Adds one value, which is NULL on an error.
    pub(crate) fn push(&mut self, value: &Json<'_>) -> Result<(), Why> {
        let pushed = match (&self.shape, value) {
            (Shape::List(_), Json::List(items)) => self.push_items(items),
            (Shape::Map(..), Json::Object(entries)) => self.push_entries(entries),
            (Shape::Struct(..), Json::Object(fields)) => return self.push_fields(fields),
            (Shape::List(_), other) => Err(format!("is {}, not an array", other.what())),
            (_, other) => Err(format!("is {}, not an object", other.what())),
        };
        self.end(pushed.is_ok());
        pushed
    }

    fn push_items(&mut self, items: &[Json<'_>]) -> Result<(), Why> {
        let mut pushed = Ok(());
        for (n, item) in (1..).zip(items) {
            self.items += 1;
            let done = self.children[0].push_json(item);
            pushed = pushed.and(done.map_err(|why| inside(&format!("item {n}"), item, &why)));
        }
        pushed
    }

    fn push_entries(&mut self, entries: &[(impl AsRef<str>, Json<'_>)]) -> Result<(), Why> {
        let mut pushed = Ok(());
        let mut seen = std::collections::HashSet::new();
        for (key, value) in entries {
            let key = key.as_ref();
            if !seen.insert(key) {
                pushed = pushed.and(Err(format!("has the key {} twice", shown(key))));
            }
            // No map has a NULL for a key: one that is refused is not added.
            if let Err(why) = self.children[0].try_text(key) {
                return Err(format!("has a key {}, which {why}", shown(key)));
            }
            self.items += 1;
            let done = self.children[1].push_json(value);
            pushed = pushed.and(done.map_err(|why| inside(&shown(key), value, &why)));
        }
        pushed
    }

    fn push_fields(&mut self, fields: &[(impl AsRef<str>, Json<'_>)]) -> Result<(), Why> {
        let Shape::Struct(_, names) = &self.shape else { return Ok(()) };
        let mut places: Vec<Option<&Json<'_>>> = vec![None; names.len()];
        let mut pushed = Ok(());
        for (name, value) in fields {
            let lower = name.as_ref().to_lowercase();
            let fault = match names.iter().position(|n| *n == lower) {
                None => Some("that the type does not have"),
                Some(at) if places[at].replace(value).is_some() => Some("twice"),
                Some(_) => None,
            };
            if let Some(fault) = fault {
                pushed = pushed.and(Err(format!("has a field {} {fault}", shown(name.as_ref()))));
            }
        }
        for ((child, value), name) in self.children.iter_mut().zip(places).zip(names) {
            let value = value.unwrap_or(&Json::Null);
            let done = child.push_json(value);
            pushed = pushed.and(done.map_err(|why| inside(&shown(name), value, &why)));
        }
        self.valid.append(pushed.is_ok());
        pushed
    }

    pub(crate) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let children: Vec<ArrayRef> =
            self.children.iter_mut().map(Column::finish).collect::<Result<_, _>>()?;
        let rows = self.valid.len();
        let valid = self.valid.finish();
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        self.items = 0;
        Ok(match &self.shape {
            Shape::List(item) => {
                let values = children.into_iter().next().unwrap_or_else(|| new_null(item));
                Arc::new(ListArray::try_new(item.clone(), offsets, values, valid)?)
            }
            Shape::Struct(fields, _) => {
                Arc::new(StructArray::try_new_with_length(fields.clone(), children, valid, rows)?)
            }
            Shape::Map(entries, fields) => {
                let pairs = StructArray::try_new(fields.clone(), children, None)?;
                Arc::new(MapArray::try_new(entries.clone(), offsets, pairs, valid, false)?)
            }
        })
    }
}

fn new_null(field: &Field) -> ArrayRef {
    arrow::array::new_empty_array(field.data_type())
}

fn inside(at: &str, value: &Json<'_>, why: &str) -> Why {
    match value {
        Json::Text(text) => format!("has in {at} {}, which {why}", shown(text)),
        Json::Number(text) => format!("has in {at} {text}, which {why}"),
        _ => format!("has in {at} what {why}"),
    }
}
