//! Values of columnar files as JSON: what a field of type `json` takes of structs, maps, lists and all else.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, MapArray, UInt64Array, new_null_array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::Number;

use super::moments;
use super::plain::plain;
use crate::time::{in_years, rfc3339};

/// A row's value in JSON; null where it is null, and where it is a number that is not finite. Numbers keep
/// their digits, instants are RFC 3339, bytes that are no text are hexadecimal digits.
pub(super) fn json(column: &ArrayRef, row: usize) -> String {
    let mut json = String::new();
    write(column, row, &mut json);
    json
}

fn write(column: &ArrayRef, row: usize, json: &mut String) {
    if column.data_type() == &DataType::Null || column.is_null(row) {
        return json.push_str("null");
    }
    match column.data_type() {
        DataType::Boolean => json.push_str(&text(column, row)),
        number if number.is_numeric() => write_number(column, row, json),
        DataType::Struct(fields) => {
            let columns: Vec<ArrayRef> = column.as_struct().columns().iter().map(plain).collect();
            let members = fields.iter().zip(&columns);
            let members = members.map(|(field, column)| (field.name().clone(), (column, row)));
            write_object(members, json);
        }
        DataType::Map(..) => {
            let entries = column.as_map().value(row);
            let (keys, values) = (plain(entries.column(0)), plain(entries.column(1)));
            // Where it has a key twice, the last counts.
            let members = (0..entries.len()).map(|entry| (text(&keys, entry), (&values, entry)));
            write_object(members.collect::<BTreeMap<_, _>>(), json);
        }
        DataType::List(_) => {
            let items = plain(&column.as_list::<i32>().value(row));
            json.push('[');
            for item in 0..items.len() {
                json.push_str(if item > 0 { "," } else { "" });
                write(&items, item, json);
            }
            json.push(']');
        }
        DataType::LargeBinary => match std::str::from_utf8(column.as_binary::<i64>().value(row)) {
            Ok(text) => write_text(text, json),
            Err(_) => write_text(&const_hex::encode(column.as_binary::<i64>().value(row)), json),
        },
        DataType::Timestamp(..) => write_text(&instant(column, row), json),
        _ => write_text(&text(column, row), json),
    }
}

fn write_object<'a>(
    members: impl IntoIterator<Item = (String, (&'a ArrayRef, usize))>,
    json: &mut String,
) {
    json.push('{');
    for (number, (name, (column, row))) in members.into_iter().enumerate() {
        json.push_str(if number > 0 { "," } else { "" });
        write_text(&name, json);
        json.push(':');
        write(column, row, json);
    }
    json.push('}');
}

fn write_text(text: &str, json: &mut String) {
    json.push_str(&serde_json::to_string(text).expect("a text"));
}

/// A number by its digits: none passes through a double that is none.
fn write_number(column: &ArrayRef, row: usize, json: &mut String) {
    if !column.data_type().is_floating() {
        return json.push_str(&text(column, row));
    }
    let double = cast(&column.slice(row, 1), &DataType::Float64).ok();
    let double = double.map(|double| double.as_primitive::<Float64Type>().value(0));
    let number = double.and_then(Number::from_f64);
    json.push_str(&number.map_or("null".to_owned(), |number| number.to_string()));
}

/// In RFC 3339, but for what lies beyond the years that this can write.
fn instant(column: &ArrayRef, row: usize) -> String {
    let at = moments::instants(&column.slice(row, 1), "UTC").ok().and_then(|at| {
        let at = at.as_primitive::<TimestampMicrosecondType>();
        at.is_valid(0).then(|| at.value(0))
    });
    match at.filter(|at| in_years(*at)) {
        Some(at) => rfc3339(at),
        None => text(column, row),
    }
}

/// A value as a reject shows it, in JSON: what has no parts as its text.
pub(super) fn shown(column: &ArrayRef, row: usize) -> String {
    let column = plain(column);
    let is_whole = column.data_type().is_nested();
    if is_whole || column.data_type() == &DataType::Null || column.is_null(row) {
        return json(&column, row);
    }
    let mut json = String::new();
    write_text(&text(&column, row), &mut json);
    json
}

/// A value's text.
pub(super) fn text(column: &ArrayRef, row: usize) -> String {
    written(column, row).unwrap_or_else(|| count(column, row))
}

/// A value's text, if it can be written: a day of the year 5,000,000 can't.
pub(super) fn written(column: &ArrayRef, row: usize) -> Option<String> {
    // Otherwise Arrow writes what went wrong in place of the value.
    let options = FormatOptions::new().with_display_error(false);
    let formatter = ArrayFormatter::try_new(column, &options).ok()?;
    formatter.value(row).try_to_string().ok()
}

/// What a day or an instant is stored as, where it has no other text.
fn count(column: &ArrayRef, row: usize) -> String {
    let as_number = |wanted: &DataType| cast(&column.slice(row, 1), wanted).ok();
    let number = as_number(&DataType::Int64).or_else(|| {
        as_number(&DataType::Int32).and_then(|days| cast(&days, &DataType::Int64).ok())
    });
    let number = number.map(|number| number.as_primitive::<Int64Type>().value(0));
    number.map(|number| number.to_string()).unwrap_or_default()
}

/// What each row's map has under a key, as a column; null where it has nothing.
pub(super) fn under(map: &MapArray, key: &str) -> ArrayRef {
    let keys = plain(map.keys());
    let offsets = map.value_offsets();
    let place = |row: usize| {
        if map.is_null(row) {
            return None;
        }
        let mut entries = offsets[row] as usize..offsets[row + 1] as usize;
        entries.rfind(|entry| text(&keys, *entry) == key).map(|entry| entry as u64)
    };
    let places: UInt64Array = (0..map.len()).map(place).collect();
    let none = || new_null_array(map.values().data_type(), map.len());
    take(map.values(), &places, None).unwrap_or_else(|_| none())
}
