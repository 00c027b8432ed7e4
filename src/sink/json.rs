//! Values of columns as JSON, written by row.

use std::fmt::Write;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType,
};

use crate::time::{date, write_rfc3339};

/// Writes a text as a JSON string.
pub fn write_text(text: &str, json: &mut String) {
    json.push('"');
    // Without a way out of the loop it goes by many bytes at once; few texts have anything to escape.
    let is_special = |byte| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
    if !text.bytes().fold(false, |any, byte| any | is_special(byte)) {
        json.push_str(text);
        return json.push('"');
    }
    let mut rest = 0;
    for (index, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "",
            _ => continue,
        };
        json.push_str(&text[rest..index]);
        match escape {
            "" => write!(json, "\\u{byte:04x}").expect("to a string"),
            _ => json.push_str(escape),
        }
        rest = index + 1;
    }
    json.push_str(&text[rest..]);
    json.push('"');
}

/// Writes a column's value at a row: null, numbers with their full digits, instants as RFC 3339.
///
/// # Panics
/// If the column is of a type that the language does not know: the plan admits none.
pub fn write_value(column: &ArrayRef, row: usize, json: &mut String) {
    if column.is_null(row) {
        return json.push_str("null");
    }
    match column.data_type() {
        DataType::Null => json.push_str("null"),
        DataType::Boolean => {
            json.push_str(if column.as_boolean().value(row) { "true" } else { "false" })
        }
        DataType::Int64 => {
            let value = column.as_primitive::<Int64Type>().value(row);
            json.push_str(itoa::Buffer::new().format(value));
        }
        DataType::Float64 => write_number(column.as_primitive::<Float64Type>().value(row), json),
        DataType::Decimal128(_, scale) => {
            write_decimal(column.as_primitive::<Decimal128Type>().value(row), *scale, json)
        }
        DataType::Utf8 => write_text(column.as_string::<i32>().value(row), json),
        DataType::Timestamp(..) => {
            let instant = column.as_primitive::<TimestampMicrosecondType>().value(row);
            json.push('"');
            write_rfc3339(instant, json);
            json.push('"');
        }
        DataType::Date32 => {
            let day = column.as_primitive::<Date32Type>().value(row);
            write!(json, "\"{}\"", date(day.into())).expect("to a string");
        }
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            json.push('[');
            for item in 0..items.len() {
                if item > 0 {
                    json.push(',');
                }
                write_value(&items, item, json);
            }
            json.push(']');
        }
        DataType::Struct(fields) => {
            json.push('{');
            for (index, (field, values)) in
                fields.iter().zip(column.as_struct().columns()).enumerate()
            {
                if index > 0 {
                    json.push(',');
                }
                write_text(field.name(), json);
                json.push(':');
                write_value(values, row, json);
            }
            json.push('}');
        }
        other => unreachable!("the plan admits no {other}"),
    }
}

/// The shortest digits that read back as the same double; JSON has no word for what is not finite.
fn write_number(value: f64, json: &mut String) {
    match serde_json::Number::from_f64(if value == 0.0 { 0.0 } else { value }) {
        Some(number) => write!(json, "{number}").expect("to a string"),
        None => json.push_str("null"),
    }
}

fn write_decimal(value: i128, scale: i8, json: &mut String) {
    if scale <= 0 {
        let zeros = "0".repeat(if value == 0 { 0 } else { scale.unsigned_abs() as usize });
        return write!(json, "{value}{zeros}").expect("to a string");
    }
    if value < 0 {
        json.push('-');
    }
    let unit = 10u128.pow(scale as u32);
    let (whole, fraction) = (value.unsigned_abs() / unit, value.unsigned_abs() % unit);
    write!(json, "{whole}.{fraction:0width$}", width = scale as usize).expect("to a string");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_back_as_it_was() {
        let text: String = (0..0x80u8).map(char::from).chain("äß€😀".chars()).collect();
        let mut json = String::new();
        write_text(&text, &mut json);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn decimals_keep_their_digits() {
        let written = |value, scale| {
            let mut json = String::new();
            write_decimal(value, scale, &mut json);
            json
        };
        assert_eq!(written(1250, 2), "12.50");
        assert_eq!(written(-5, 2), "-0.05");
        assert_eq!(written(0, 2), "0.00");
        assert_eq!(written(12, 0), "12");
        assert_eq!(written(12, -2), "1200");
    }
}
