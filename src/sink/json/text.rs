//! Texts, numbers and values of attributes as JSON.

use std::fmt::Write;

use arrow::array::ArrayRef;

use crate::sink::pack::pack_value;
use crate::sink::profile::{Bytes, Item, Packer};
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

/// Writes texts as a list, in the order in which they come.
pub fn write_texts<'a>(texts: impl Iterator<Item = &'a str>, json: &mut String) {
    json.push('[');
    for (place, text) in texts.enumerate() {
        json.push_str(if place > 0 { "," } else { "" });
        write_text(text, json);
    }
    json.push(']');
}

/// Writes the next value: null, numbers with their full digits, instants as RFC 3339.
pub fn write_value(bytes: &mut Bytes<'_>, json: &mut String) {
    match bytes.item() {
        Item::Null => json.push_str("null"),
        Item::Boolean(value) => json.push_str(if value { "true" } else { "false" }),
        Item::Integer(value) => json.push_str(itoa::Buffer::new().format(value)),
        Item::Number(value) => write_number(value, json),
        Item::Decimal { unscaled, scale } => write_decimal(unscaled, scale, json),
        Item::Text(text) => write_text(text, json),
        Item::Timestamp(instant) => {
            json.push('"');
            write_rfc3339(instant, json);
            json.push('"');
        }
        Item::Date(day) => write!(json, "\"{}\"", date(day.into())).expect("to a string"),
        Item::Written(number) => json.push_str(number),
        Item::List(items) => {
            json.push('[');
            for item in 0..items {
                json.push_str(if item > 0 { "," } else { "" });
                write_value(bytes, json);
            }
            json.push(']');
        }
        Item::Struct(fields) => {
            json.push('{');
            for field in 0..fields {
                json.push_str(if field > 0 { "," } else { "" });
                write_text(bytes.text(), json);
                json.push(':');
                write_value(bytes, json);
            }
            json.push('}');
        }
    }
}

/// A column's value at a row, as profiles have it.
pub fn value_of_column(column: &ArrayRef, row: usize) -> String {
    let (mut packer, mut json) = (Packer::default(), String::new());
    pack_value(column, row, &mut packer);
    write_value(&mut packer.read(0), &mut json);
    json
}

/// The shortest digits that read back as the same double.
fn write_number(value: f64, json: &mut String) {
    let number = serde_json::Number::from_f64(value).expect("profiles have finite numbers only");
    write!(json, "{number}").expect("to a string");
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

/// What `write_decimal` wrote.
pub fn read_decimal(text: &str, scale: i8) -> Option<i128> {
    if scale <= 0 {
        let value: i128 = text.parse().ok()?;
        let unit = 10i128.checked_pow(scale.unsigned_abs().into())?;
        return (value % unit == 0).then_some(value / unit);
    }
    let (whole, fraction) = text.split_once('.')?;
    (fraction.len() == scale as usize).then(|| [whole, fraction].concat().parse().ok())?
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
        for (value, scale, text) in [
            (1250, 2, "12.50"),
            (-5, 2, "-0.05"),
            (0, 2, "0.00"),
            (12, 0, "12"),
            (12, -2, "1200"),
            (0, -2, "0"),
        ] {
            let mut json = String::new();
            write_decimal(value, scale, &mut json);
            assert_eq!(json, text);
            assert_eq!(read_decimal(text, scale), Some(value), "{text}");
        }
    }
}
