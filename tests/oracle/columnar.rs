//! Rows of a columnar file, told as objects of their columns: so that they can be told in a line, and a reject shows
//! the same. All columns are text, but for the list whose elements are rows, of structs that have the types of what is
//! read of them, and for a struct around it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, ListArray, RecordBatch,
    RecordBatchOptions, StringArray, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field as Column, Fields, Schema};
use selfsame::internals::plan::{Field, PathStep, Source, Type, Unnest};
use selfsame::internals::row::Datum;
use serde_json::Value;
use serde_json::value::RawValue;

use super::values;

/// By columns, all of which it names: a text, or of what has parts its JSON.
pub type Texts = BTreeMap<String, Option<String>>;

/// A row's texts.
pub fn texts(payload: &str) -> Texts {
    let columns: BTreeMap<String, Option<Box<RawValue>>> =
        serde_json::from_str(payload).expect("the script has objects of columns");
    let text = |raw: Box<RawValue>| match raw.get().starts_with('"') {
        true => serde_json::from_str(raw.get()).expect("a text"),
        false => raw.get().to_owned(),
    };
    columns.into_iter().map(|(name, raw)| (name, raw.map(text))).collect()
}

/// Rows with the same columns.
pub fn batch(source: &Source, payloads: &[&str]) -> RecordBatch {
    let rows: Vec<Texts> = payloads.iter().map(|payload| texts(payload)).collect();
    let column = |name: &String| {
        let texts: Vec<Option<&str>> = rows.iter().map(|row| row[name].as_deref()).collect();
        match source.unnest.as_ref().map(|unnest| (unnest, unnest.path.steps())) {
            Some((unnest, [PathStep::Key(root), below @ ..])) if root == name => {
                let json = |text: &Option<&str>| match text {
                    Some(text) => serde_json::from_str(text).expect("JSON"),
                    None => Value::Null,
                };
                nested(unnest, below, texts.iter().map(json).collect())
            }
            _ => Arc::new(StringArray::from(texts)) as ArrayRef,
        }
    };
    let columns: Vec<ArrayRef> = rows[0].keys().map(column).collect();
    let fields = rows[0].keys().zip(&columns);
    let fields = fields.map(|(name, of)| Column::new(name, of.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(schema, columns, &options).expect("columns of a length")
}

/// Lists of elements, within structs by these keys.
fn nested(unnest: &Unnest, keys: &[PathStep], values: Vec<Value>) -> ArrayRef {
    let valid = NullBuffer::from_iter(values.iter().map(|value| !value.is_null()));
    if let [PathStep::Key(key), below @ ..] = keys {
        let inner = values.iter().map(|value| value[key].clone()).collect();
        let inner = nested(unnest, below, inner);
        let members = Fields::from(vec![Column::new(key, inner.data_type().clone(), true)]);
        return Arc::new(StructArray::new(members, vec![inner], Some(valid)));
    }
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let lengths = OffsetBuffer::from_lengths(values.iter().map(|value| items(value).len()));
    let elements: Vec<Value> = values.iter().flat_map(items).collect();
    let read = unnest.element.iter().filter(|field| !field.path.is_position());
    let mut members: Vec<(String, ArrayRef)> = read
        .map(|field| {
            let name = field.path.root();
            let values = elements.iter().map(|element| &element[name]);
            (name.to_owned(), member(field, &values.collect::<Vec<_>>()))
        })
        .collect();
    members.push(("other".to_owned(), Arc::new(StringArray::new_null(elements.len()))));
    let of_members =
        members.iter().map(|(name, of)| Column::new(name, of.data_type().clone(), true));
    let of_members: Fields = of_members.collect();
    let there = NullBuffer::from_iter(elements.iter().map(|element| !element.is_null()));
    let columns = members.into_iter().map(|(_, column)| column).collect();
    let elements = Arc::new(StructArray::new(of_members, columns, Some(there))) as ArrayRef;
    let item = Arc::new(Column::new("item", elements.data_type().clone(), true));
    Arc::new(ListArray::new(item, lengths, elements, Some(valid)))
}

/// What elements have of a field.
fn member(field: &Field, values: &[&Value]) -> ArrayRef {
    match &field.data_type {
        Type::Integer | Type::Number => {
            Arc::new(values.iter().map(|value| value.as_f64()).collect::<Float64Array>())
        }
        Type::Decimal(precision, scale) => {
            let unscaled = |value: &&Value| {
                let read = values::decimal(&value.to_string(), *precision, *scale);
                read.ok().and_then(|datum| match datum {
                    Datum::Decimal(unscaled) => Some(unscaled.get()),
                    _ => None,
                })
            };
            let column: Decimal128Array = values.iter().map(unscaled).collect();
            Arc::new(column.with_precision_and_scale(*precision, *scale).expect("they fit"))
        }
        Type::Boolean => {
            Arc::new(values.iter().map(|value| value.as_bool()).collect::<BooleanArray>())
        }
        Type::List(_) => {
            let texts = |value: &&Value| value.as_array().cloned().unwrap_or_default();
            let lengths = OffsetBuffer::from_lengths(values.iter().map(|of| texts(of).len()));
            let valid = NullBuffer::from_iter(values.iter().map(|value| !value.is_null()));
            let all: Vec<Value> = values.iter().flat_map(texts).collect();
            let all: StringArray = all.iter().map(Value::as_str).collect();
            let item = Arc::new(Column::new("item", DataType::Utf8, true));
            Arc::new(ListArray::new(item, lengths, Arc::new(all), Some(valid)))
        }
        _ => Arc::new(values.iter().map(|value| value.as_str()).collect::<StringArray>()),
    }
}
