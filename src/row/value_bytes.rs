//! Values as bytes.
//!
//! A value begins with a byte that tells its type and, as far as it fits, its length; numbers take as many
//! bytes as they need. Equal values have equal bytes and others have others, so values can be compared as
//! bytes; the order of the bytes is not the order of the values. Bytes are read back by whoever wrote them:
//! what cannot be read is a mistake of ours.

use super::datum::{Datum, Unscaled, canonical};

const NULL: u8 = 0x00;
const FALSE: u8 = 0x01;
const TRUE: u8 = 0x02;
const LIST: u8 = 0x03;
const STRUCT: u8 = 0x04;
// With these, how many bytes follow is added.
const INTEGER: u8 = 0x10;
const TIMESTAMP: u8 = 0x20;
const DATE: u8 = 0x30;
const DECIMAL: u8 = 0x40;
const NUMBER: u8 = 0x60;
const TEXT: u8 = 0x80;
/// A text that is no shorter has its length behind this byte.
const LONG_TEXT: usize = 0x7f;

pub fn push_value(value: Option<&Datum>, out: &mut Vec<u8>) {
    let Some(value) = value else { return out.push(NULL) };
    match value {
        Datum::Boolean(false) => out.push(FALSE),
        Datum::Boolean(true) => out.push(TRUE),
        Datum::Integer(value) => push_integer(INTEGER, i128::from(*value), out),
        Datum::Timestamp(value) => push_integer(TIMESTAMP, i128::from(*value), out),
        Datum::Date(value) => push_integer(DATE, i128::from(*value), out),
        Datum::Decimal(value) => push_integer(DECIMAL, value.get(), out),
        Datum::Number(value) => {
            // The last bytes of what people count in are mostly zero.
            let bits = canonical(*value).to_bits();
            let length = 8 - bits.trailing_zeros().min(64) as usize / 8;
            out.push(NUMBER + length as u8);
            out.extend_from_slice(&bits.to_be_bytes()[..length]);
        }
        Datum::Text(text) => {
            out.push(TEXT + text.len().min(LONG_TEXT) as u8);
            if text.len() >= LONG_TEXT {
                push_length(text.len(), out);
            }
            out.extend_from_slice(text.as_bytes());
        }
        Datum::List(items) => {
            out.push(LIST);
            push_length(items.len(), out);
            items.iter().for_each(|item| push_value(Some(item), out));
        }
        Datum::Struct(fields) => {
            out.push(STRUCT);
            push_length(fields.len(), out);
            fields.iter().for_each(|field| push_value(field.as_ref(), out));
        }
    }
}

pub fn take_value(rest: &mut &[u8]) -> Option<Datum> {
    let tag = take(rest, 1)[0];
    Some(match tag {
        NULL => return None,
        FALSE => Datum::Boolean(false),
        TRUE => Datum::Boolean(true),
        LIST => {
            let items = (0..take_length(rest)).map(|_| take_value(rest).expect("no item is null"));
            Datum::List(items.collect())
        }
        STRUCT => Datum::Struct((0..take_length(rest)).map(|_| take_value(rest)).collect()),
        INTEGER..TIMESTAMP => Datum::Integer(take_integer(tag - INTEGER, rest) as i64),
        TIMESTAMP..DATE => Datum::Timestamp(take_integer(tag - TIMESTAMP, rest) as i64),
        DATE..DECIMAL => Datum::Date(take_integer(tag - DATE, rest) as i32),
        DECIMAL..NUMBER => Datum::Decimal(Unscaled::from(take_integer(tag - DECIMAL, rest))),
        NUMBER..TEXT => {
            let mut bits = [0; 8];
            let length = usize::from(tag - NUMBER);
            bits[..length].copy_from_slice(take(rest, length));
            Datum::Number(f64::from_bits(u64::from_be_bytes(bits)))
        }
        TEXT.. => {
            let length = text_length(tag, rest);
            Datum::Text(text(take(rest, length)).into())
        }
        other => unreachable!("no value begins with {other:#x}"),
    })
}

pub fn skip_value(rest: &mut &[u8]) {
    let tag = take(rest, 1)[0];
    let length = match tag {
        NULL | FALSE | TRUE => 0,
        LIST | STRUCT => {
            let number = take_length(rest);
            return (0..number).for_each(|_| skip_value(rest));
        }
        INTEGER..DECIMAL => usize::from(tag % 16),
        DECIMAL..NUMBER => usize::from(tag - DECIMAL),
        NUMBER..TEXT => usize::from(tag - NUMBER),
        TEXT.. => text_length(tag, rest),
        other => unreachable!("no value begins with {other:#x}"),
    };
    take(rest, length);
}

/// As many bytes as are needed to tell it, the last of them with the sign.
fn push_integer(tag: u8, value: i128, out: &mut Vec<u8>) {
    let magnitude = if value < 0 { !value } else { value };
    // With one bit for the sign.
    let bits = if value == 0 { 0 } else { 129 - magnitude.leading_zeros() };
    let length = bits.div_ceil(8) as usize;
    out.push(tag + length as u8);
    out.extend_from_slice(&value.to_le_bytes()[..length]);
}

fn take_integer(length: u8, rest: &mut &[u8]) -> i128 {
    let bytes = take(rest, usize::from(length));
    let is_negative = bytes.last().is_some_and(|last| last & 0x80 > 0);
    let mut value = if is_negative { [0xff; 16] } else { [0; 16] };
    value[..bytes.len()].copy_from_slice(bytes);
    i128::from_le_bytes(value)
}

fn text_length(tag: u8, rest: &mut &[u8]) -> usize {
    match usize::from(tag - TEXT) {
        LONG_TEXT => take_length(rest),
        length => length,
    }
}

/// Seven bits a byte, the lowest first; the highest bit says that there are more.
pub fn push_length(mut length: usize, out: &mut Vec<u8>) {
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

pub fn take_length(rest: &mut &[u8]) -> usize {
    let (mut length, mut shift) = (0, 0);
    loop {
        let byte = take(rest, 1)[0];
        length |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return length;
        }
        shift += 7;
    }
}

pub fn take<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, after) = rest.split_at(length);
    *rest = after;
    taken
}

pub fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("a text was packed")
}
