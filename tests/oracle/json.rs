//! Raw rows in JSON.

use std::collections::BTreeMap;

use selfsame::internals::plan::{Field, PathStep, Source, Type};
use selfsame::internals::row::Datum;
use serde_json::value::RawValue;

use super::rows::zone_of;
use super::values::{self, Code, Value};
use super::written;

pub type Object = BTreeMap<String, Box<RawValue>>;

/// The fields of a row, or why it is none.
pub fn object(payload: &str) -> Result<Object, Code> {
    match serde_json::from_str::<&RawValue>(payload) {
        Err(_) => Err("malformed"),
        Ok(raw) if !raw.get().starts_with('{') => Err("wrong_type"),
        Ok(raw) => serde_json::from_str(raw.get()).map_err(|_| "malformed"),
    }
}

/// What stands at a path; `None` if there is nothing, or null.
pub fn at_path(row: &Object, path: &[PathStep]) -> Result<Option<Box<RawValue>>, Code> {
    let Some((PathStep::Key(key), path)) = path.split_first() else { unreachable!("a key") };
    let mut raw = row.get(key).cloned();
    let mut path = path;
    while let Some((PathStep::Item(item), rest)) = path.split_first() {
        let Some(list) = raw.filter(|raw| raw.get() != "null") else { return Ok(None) };
        let items: Vec<Box<RawValue>> =
            serde_json::from_str(list.get()).map_err(|_| "wrong_type")?;
        (raw, path) = (items.get(*item).cloned(), rest);
    }
    let Some(raw) = raw.filter(|raw| raw.get() != "null") else { return Ok(None) };
    match path {
        [] => Ok(Some(raw)),
        path => at_path(&object(raw.get())?, path),
    }
}

/// The value of a field of a row; `None` if there is none, or null.
pub fn field(source: &Source, row: &Object, field: &Field) -> Result<Option<Value>, Code> {
    let Some(raw) = at_path(row, field.path.steps())? else { return Ok(None) };
    let Some(form) = &field.written else { return of_raw(field, raw.get()) };
    if let Some(meant) = looked_up(field, raw.get()) {
        return meant;
    }
    let zone = match zone_of(source, field) {
        Some(zone) => at_path(row, zone.path.steps())?,
        None => None,
    };
    // What is no text names no zone, and matters to a text alone that needs one.
    let zone = zone.map(|zone| {
        serde_json::from_str::<String>(zone.get()).unwrap_or_else(|_| zone.get().to_owned())
    });
    let raw = raw.get();
    let text = match raw.chars().next() {
        Some('"') => serde_json::from_str(raw).map_err(|_| "wrong_type")?,
        Some('-' | '0'..='9') => raw.to_owned(),
        _ => return Err("wrong_type"),
    };
    let at = written::value(field, form, zone.as_deref(), text.trim())?;
    Ok(Some(Value::Plain(at)))
}

/// The value of a field for which this stands in a row.
pub fn of_raw(field: &Field, raw: &str) -> Result<Option<Value>, Code> {
    looked_up(field, raw).unwrap_or_else(|| value(&field.data_type, raw))
}

/// What a field's map makes of this; `None` where it says itself what it is.
fn looked_up(field: &Field, raw: &str) -> Option<Result<Option<Value>, Code>> {
    let text = match raw.chars().next() {
        Some('"') => serde_json::from_str::<String>(raw).ok(),
        Some('{' | '[') => None,
        _ => Some(raw.to_owned()),
    };
    values::mapped(field, &text?)
}

/// A value of a type.
pub fn value(data_type: &Type, raw: &str) -> Result<Option<Value>, Code> {
    let first = raw.chars().next().unwrap_or_default();
    let text = || serde_json::from_str::<String>(raw).map_err(|_| "wrong_type");
    let is_text = first == '"';
    let is_number = first == '-' || first.is_ascii_digit();
    let datum = match data_type {
        _ if raw == "null" => return Ok(None),
        Type::Json => {
            serde_json::from_str::<&RawValue>(raw).map_err(|_| "wrong_type")?;
            Datum::Text(raw.into())
        }
        Type::Text if is_text => Datum::Text(text()?.into()),
        Type::Text if first == '{' || first == '[' => return Err("wrong_type"),
        Type::Text => Datum::Text(raw.into()),
        Type::Boolean => Datum::Boolean(raw.parse().map_err(|_| "wrong_type")?),
        Type::Integer if is_number => values::integer(raw)?,
        Type::Number if is_number => values::number(raw)?,
        Type::Decimal(precision, scale) if is_text => {
            values::decimal(&text()?, *precision, *scale)?
        }
        Type::Decimal(precision, scale) if is_number => values::decimal(raw, *precision, *scale)?,
        Type::Timestamp if is_text => values::written_instant(&text()?)?,
        Type::Timestamp if is_number => values::counted_instant(raw)?,
        Type::Date if is_text => values::date(&text()?)?,
        Type::List(item) => {
            let items: Vec<Box<RawValue>> = serde_json::from_str(raw).map_err(|_| "wrong_type")?;
            let items = items.iter().map(|raw| {
                Ok(value(item, raw.get())?.map(|value| match value {
                    Value::Plain(datum) => datum,
                    Value::List(_) => unreachable!("there are no lists of lists"),
                }))
            });
            return Ok(Some(Value::List(items.collect::<Result<_, Code>>()?)));
        }
        _ => return Err("wrong_type"),
    };
    Ok(Some(Value::Plain(datum)))
}
