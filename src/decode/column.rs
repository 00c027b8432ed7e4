//! One field's values of a batch, on their way into an Arrow column.
//!
//! Every `push` adds exactly one value, a null where it fails: columns of one batch always have the
//! same length, and a row with a bad value keeps its place until it is set aside.

use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder,
    Int64Builder, ListArray, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::DataType;
use serde_json::value::RawValue;

use super::instant;
use super::mapped::{LookedUp, Lookup};
use super::scalar::{self, ScalarFault, shown};
use super::written::WrittenTimes;
use crate::plan::{Field, Type};
use crate::row::Datum;
use crate::time::zone::Shown;

pub(super) enum Column {
    Text(StringBuilder),
    Json(StringBuilder),
    Integer(Int64Builder),
    Number(Float64Builder),
    Decimal(Decimal128Builder, u8, i8),
    Boolean(BooleanBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Date(Date32Builder),
    List(Box<ListColumn>),
    /// Timestamps or dates that the field says how to read.
    Written(Box<WrittenTimes>),
    /// Values whose codes the field says the meaning of.
    Mapped(Box<Column>, Lookup),
}

pub(super) struct ListColumn {
    items: Column,
    item_type: arrow::datatypes::FieldRef,
    lengths: Vec<usize>,
    /// Items that `lengths` speak for.
    counted: usize,
    valid: Vec<bool>,
}

impl Column {
    /// The column of a source's field.
    pub fn of(field: &Field, time_zone: &Arc<str>) -> Self {
        let values = match &field.written {
            Some(form) => {
                Column::Written(Box::new(WrittenTimes::new(&field.data_type, time_zone, form)))
            }
            None => Column::new(&field.data_type, time_zone),
        };
        match &field.map {
            Some(map) => Column::Mapped(Box::new(values), Lookup::new(field, map)),
            None => values,
        }
    }

    pub fn new(data_type: &Type, time_zone: &Arc<str>) -> Self {
        match data_type {
            Type::Text => Column::Text(StringBuilder::new()),
            Type::Json => Column::Json(StringBuilder::new()),
            Type::Integer => Column::Integer(Int64Builder::new()),
            Type::Number => Column::Number(Float64Builder::new()),
            Type::Decimal(precision, scale) => {
                let builder = Decimal128Builder::new().with_data_type(data_type.arrow(time_zone));
                Column::Decimal(builder, *precision, *scale)
            }
            Type::Boolean => Column::Boolean(BooleanBuilder::new()),
            Type::Timestamp => Column::Timestamp(
                TimestampMicrosecondBuilder::new().with_data_type(data_type.arrow(time_zone)),
            ),
            Type::Date => Column::Date(Date32Builder::new()),
            Type::List(item) => {
                let DataType::List(item_type) = data_type.arrow(time_zone) else {
                    unreachable!("a list is a list in Arrow")
                };
                Column::List(Box::new(ListColumn {
                    items: Column::new(item, time_zone),
                    item_type,
                    lengths: Vec::new(),
                    counted: 0,
                    valid: Vec::new(),
                }))
            }
        }
    }

    /// The column of all values so far; none remain.
    pub fn finish(&mut self) -> ArrayRef {
        match self {
            Column::Text(builder) | Column::Json(builder) => Arc::new(builder.finish()),
            Column::Integer(builder) => Arc::new(builder.finish()),
            Column::Number(builder) => Arc::new(builder.finish()),
            Column::Decimal(builder, ..) => Arc::new(builder.finish()),
            Column::Boolean(builder) => Arc::new(builder.finish()),
            Column::Timestamp(builder) => Arc::new(builder.finish()),
            Column::Date(builder) => Arc::new(builder.finish()),
            Column::Written(times) => times.finish(),
            Column::Mapped(values, _) => values.finish(),
            Column::List(list) => {
                list.counted = 0;
                Arc::new(ListArray::new(
                    Arc::clone(&list.item_type),
                    OffsetBuffer::from_lengths(list.lengths.drain(..)),
                    list.items.finish(),
                    Some(NullBuffer::from_iter(list.valid.drain(..))),
                ))
            }
        }
    }

    pub fn push_null(&mut self) {
        match self {
            Column::Text(builder) | Column::Json(builder) => builder.append_null(),
            Column::Integer(builder) => builder.append_null(),
            Column::Number(builder) => builder.append_null(),
            Column::Decimal(builder, ..) => builder.append_null(),
            Column::Boolean(builder) => builder.append_null(),
            Column::Timestamp(builder) => builder.append_null(),
            Column::Date(builder) => builder.append_null(),
            Column::List(list) => list.close(false),
            Column::Written(times) => times.push_datum(None),
            Column::Mapped(values, _) => values.push_null(),
        }
    }

    /// What stands in for an absent value.
    pub fn push_default(&mut self, default: Option<&Datum>) {
        match (self, default) {
            (column, None) => column.push_null(),
            (Column::Written(times), default) => times.push_datum(default),
            (Column::Mapped(values, _), default) => values.push_default(default),
            (Column::Text(builder) | Column::Json(builder), Some(Datum::Text(text))) => {
                builder.append_value(text);
            }
            (Column::Integer(builder), Some(Datum::Integer(value))) => builder.append_value(*value),
            (Column::Number(builder), Some(Datum::Number(value))) => builder.append_value(*value),
            (Column::Decimal(builder, ..), Some(Datum::Decimal(value))) => {
                builder.append_value(value.get());
            }
            (Column::Boolean(builder), Some(Datum::Boolean(value))) => builder.append_value(*value),
            (Column::Timestamp(builder), Some(Datum::Timestamp(value))) => {
                builder.append_value(*value);
            }
            (Column::Date(builder), Some(Datum::Date(value))) => builder.append_value(*value),
            (Column::List(list), Some(Datum::List(items))) => {
                items.iter().for_each(|item| list.items.push_default(Some(item)));
                list.close(true);
            }
            (_, Some(default)) => {
                unreachable!("the plan's default {default:?} has the field's type")
            }
        }
    }

    /// A value that JSON wrote as `raw`: one valid JSON value without whitespace around it.
    pub fn push_json(&mut self, raw: &str) -> Result<(), ScalarFault> {
        let first = raw.as_bytes().first().copied().unwrap_or(b'n');
        if first == b'n' {
            self.push_null();
            return Ok(());
        }
        let result = match (&mut *self, first) {
            (Column::Json(builder), _) => {
                builder.append_value(raw);
                Ok(())
            }
            (Column::Text(builder), b'"') => match unquoted(raw) {
                Ok(text) => {
                    builder.append_value(text);
                    Ok(())
                }
                Err(fault) => Err(fault),
            },
            (Column::Text(builder), b't' | b'f' | b'-' | b'0'..=b'9') => {
                builder.append_value(raw);
                Ok(())
            }
            (Column::Text(_), _) => Err(unexpected("text", raw)),
            (Column::Integer(builder), b'-' | b'0'..=b'9') => {
                scalar::integer(raw).map(|value| builder.append_value(value))
            }
            (Column::Integer(_), _) => Err(unexpected("an integer", raw)),
            (Column::Number(builder), b'-' | b'0'..=b'9') => {
                scalar::number(raw).map(|value| builder.append_value(value))
            }
            (Column::Number(_), _) => Err(unexpected("a number", raw)),
            (Column::Decimal(builder, precision, scale), b'-' | b'0'..=b'9') => {
                scalar::decimal(raw, *precision, *scale).map(|value| builder.append_value(value))
            }
            (Column::Decimal(builder, precision, scale), b'"') => unquoted(raw)
                .and_then(|text| scalar::decimal(&text, *precision, *scale))
                .map(|value| builder.append_value(value)),
            (Column::Decimal(..), _) => Err(unexpected("a decimal", raw)),
            (Column::Boolean(builder), b't' | b'f') => {
                builder.append_value(first == b't');
                Ok(())
            }
            (Column::Boolean(_), _) => Err(unexpected("true or false", raw)),
            (Column::Timestamp(builder), b'"') => unquoted(raw)
                .and_then(|text| instant::rfc3339(&text))
                .map(|value| builder.append_value(value)),
            (Column::Timestamp(builder), b'-' | b'0'..=b'9') => {
                instant::epoch_millis(raw).map(|value| builder.append_value(value))
            }
            (Column::Timestamp(_), _) => Err(unexpected("a timestamp", raw)),
            (Column::Date(builder), b'"') => unquoted(raw)
                .and_then(|text| instant::date(&text))
                .map(|value| builder.append_value(value)),
            (Column::Date(_), _) => Err(unexpected("a date such as \"2025-07-05\"", raw)),
            (Column::Written(times), b'"') => unquoted(raw).and_then(|text| times.push(&text)),
            (Column::Written(times), b'-' | b'0'..=b'9') => times.push(raw),
            (Column::Written(times), _) => Err(unexpected(times.spoken(), raw)),
            (Column::Mapped(values, map), _) => {
                return values.push_looked_up(map.of_json(raw), |of| of.push_json(raw));
            }
            (Column::List(list), b'[') => return list.push_json(raw),
            (Column::List(_), _) => Err(unexpected("a list", raw)),
        };
        if result.is_err() {
            self.push_null();
        }
        result
    }
}

impl Column {
    /// What a value was looked up to be, or what it says itself.
    fn push_looked_up(
        &mut self,
        found: Result<LookedUp<'_>, ScalarFault>,
        itself: impl FnOnce(&mut Self) -> Result<(), ScalarFault>,
    ) -> Result<(), ScalarFault> {
        match found {
            Ok(LookedUp::Itself) => return itself(self),
            Ok(LookedUp::Other(value)) => self.push_default(value),
            Err(fault) => {
                self.push_null();
                return Err(fault);
            }
        }
        Ok(())
    }

    /// Which field names the zone by whose clocks the next value is read.
    pub fn zone_of(&self) -> Option<usize> {
        match self {
            Column::Written(times) => times.zone_of(),
            Column::Mapped(values, _) => values.zone_of(),
            _ => None,
        }
    }

    /// By whose clocks the next value is read: those that the field which names the zone means by its text.
    pub fn set_zone(&mut self, text: Option<&str>) {
        match self {
            Column::Written(times) => times.set_zone(text),
            Column::Mapped(values, _) => values.set_zone(text),
            _ => {}
        }
    }

    /// What the clocks of the row's zone show.
    pub fn push_shown(&mut self, shown: Shown) -> Result<(), ScalarFault> {
        match self {
            Column::Written(times) => times.push_shown(shown),
            Column::Mapped(values, _) => values.push_shown(shown),
            _ => unreachable!("its field says by whose clocks it is read"),
        }
    }
}

impl ListColumn {
    /// Ends a list with the items pushed since the last one ended.
    fn close(&mut self, valid: bool) {
        let items = self.items.len();
        self.lengths.push(items - self.counted);
        self.counted = items;
        self.valid.push(valid);
    }

    pub fn push_json(&mut self, raw: &str) -> Result<(), ScalarFault> {
        let items: Vec<&RawValue> = match serde_json::from_str(raw) {
            Ok(items) => items,
            Err(error) => {
                self.close(false);
                return Err(ScalarFault::wrong_type(format!("expected a list: {error}")));
            }
        };
        let mut result = Ok(());
        for (place, item) in items.iter().enumerate() {
            let pushed = self.items.push_json(item.get());
            if let (Err(mut fault), Ok(())) = (pushed, &result) {
                fault.within.insert_str(0, &format!("[{place}]"));
                result = Err(fault);
            }
        }
        self.close(result.is_ok());
        result
    }
}

impl Column {
    /// Values so far, nulls included.
    pub fn len(&self) -> usize {
        match self {
            Column::Text(builder) | Column::Json(builder) => builder.len(),
            Column::Integer(builder) => builder.len(),
            Column::Number(builder) => builder.len(),
            Column::Decimal(builder, ..) => builder.len(),
            Column::Boolean(builder) => builder.len(),
            Column::Timestamp(builder) => builder.len(),
            Column::Date(builder) => builder.len(),
            Column::List(list) => list.lengths.len(),
            Column::Written(times) => times.len(),
            Column::Mapped(values, _) => values.len(),
        }
    }
}

/// A JSON string's text.
fn unquoted(raw: &str) -> Result<std::borrow::Cow<'_, str>, ScalarFault> {
    let inner = &raw[1..raw.len() - 1];
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Ok(inner.into());
    }
    serde_json::from_str::<String>(raw).map(Into::into).map_err(|_| {
        ScalarFault::new("not_utf8", format!("{} escapes half a character", shown(raw)))
    })
}

fn unexpected(wanted: &str, raw: &str) -> ScalarFault {
    let kind = match raw.as_bytes().first() {
        Some(b'"') => "the text ",
        Some(b'{') => "the object ",
        Some(b'[') => "the list ",
        Some(b't' | b'f') => "the boolean ",
        _ => "the number ",
    };
    ScalarFault::wrong_type(format!("expected {wanted}, found {kind}{}", shown(raw)))
}
