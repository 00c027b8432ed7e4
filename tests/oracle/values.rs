//! Values from texts, by the words of the language. A cell of a row is a column of length one.
//!
//! Numbers are read by their digits, as big integers with a power of ten, so nothing here can round.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, new_null_array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType;
use chrono::{DateTime, Datelike, NaiveDate};
use num_bigint::BigInt;
use selfsame::internals::columns;
use selfsame::internals::plan::{Field, Others, Type};
use selfsame::internals::row::Datum;
use selfsame::internals::time::Micros;

/// A reason's code.
pub type Code = &'static str;

pub enum Value {
    Plain(Datum),
    /// With the nulls among its items, which no `Datum` has.
    List(Vec<Option<Datum>>),
}

/// What a field holds: the value, or the default if there is none.
pub fn cell(field: &Field, value: Option<Value>, zone: &Arc<str>) -> ArrayRef {
    let data_type = field.data_type.arrow(zone);
    match (value, &field.default) {
        (Some(Value::Plain(datum)), _) => columns::array(&data_type, [Some(&datum)]),
        (Some(Value::List(items)), _) => list(&data_type, items.iter().map(Option::as_ref)),
        (None, default) => columns::array(&data_type, [default.as_ref()]),
    }
}

/// What a field's map makes of a value by its text; `None` where the value says itself what it is.
pub fn mapped(field: &Field, text: &str) -> Option<Result<Option<Value>, Code>> {
    let map = field.map.as_ref()?;
    let plain = |word: &Option<Datum>| Some(Ok(word.clone().map(Value::Plain)));
    match (map.words.iter().find(|(code, _)| *code == text), &map.others) {
        (Some((_, word)), _) => plain(word),
        (None, Others::Become(word)) => plain(word),
        (None, Others::Reject) => Some(Err("unmapped")),
        (None, Others::Keep) => None,
    }
}

pub fn null(data_type: &DataType) -> ArrayRef {
    new_null_array(data_type, 1)
}

/// One list.
pub fn list<'a>(data_type: &DataType, items: impl Iterator<Item = Option<&'a Datum>>) -> ArrayRef {
    let DataType::List(item) = data_type else { unreachable!("a list") };
    let values = columns::array(item.data_type(), items);
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    Arc::new(ListArray::new(Arc::clone(item), offsets, values, None))
}

pub fn integer(text: &str) -> Result<Datum, Code> {
    let (digits, power) = exact(text).ok_or("wrong_type")?;
    let whole = scaled(&digits, power).ok_or("wrong_type")?;
    i64::try_from(whole).map(Datum::Integer).map_err(|_| "out_of_range")
}

pub fn number(text: &str) -> Result<Datum, Code> {
    exact(text).ok_or("wrong_type")?;
    let number: f64 = text.parse().map_err(|_| "wrong_type")?;
    Some(number).filter(|number| number.is_finite()).map(Datum::Number).ok_or("out_of_range")
}

pub fn decimal(text: &str, precision: u8, scale: i8) -> Result<Datum, Code> {
    let (digits, power) = exact(text).ok_or("wrong_type")?;
    let unscaled = scaled(&digits, power + i64::from(scale)).ok_or("out_of_range")?;
    let fits = unscaled.magnitude() < BigInt::from(10).pow(u32::from(precision)).magnitude();
    let unscaled = Some(unscaled).filter(|_| fits).ok_or("out_of_range")?;
    Ok(Datum::decimal(i128::try_from(unscaled).expect("38 digits")))
}

/// An instant in RFC 3339.
pub fn written_instant(text: &str) -> Result<Datum, Code> {
    // Digits for digits, with the marks where they stand.
    let shape: String =
        text.chars().map(|each| if each.is_ascii_digit() { '0' } else { each }).collect();
    let (head, rest) = shape.split_at_checked(19).ok_or("wrong_type")?;
    let whole = rest.strip_prefix(".0").map_or(rest, |more| more.trim_start_matches('0'));
    let marked = ["0000-00-00T00:00:00", "0000-00-00t00:00:00", "0000-00-00 00:00:00"];
    if !marked.contains(&head) || !["Z", "z", "+00:00", "-00:00"].contains(&whole) {
        return Err("wrong_type");
    }
    let at = DateTime::parse_from_rfc3339(text).map_err(|_| "out_of_range")?;
    in_years(at.timestamp_micros())
}

fn in_years(micros: Micros) -> Result<Datum, Code> {
    let at = DateTime::from_timestamp_micros(micros).ok_or("out_of_range")?;
    let in_years = (1..=9999).contains(&at.year());
    in_years.then_some(Datum::Timestamp(micros)).ok_or("out_of_range")
}

/// An instant in milliseconds since the epoch.
pub fn counted_instant(text: &str) -> Result<Datum, Code> {
    counted(text, 3)
}

/// An instant since the epoch, in units of so many powers of ten of a microsecond; what is finer is cut off, towards
/// the past.
pub fn counted(text: &str, unit: i64) -> Result<Datum, Code> {
    let (digits, power) = exact(text).ok_or("wrong_type")?;
    let micros = scaled(&digits, power + unit).unwrap_or_else(|| {
        let unit = BigInt::from(10).pow((-power - unit) as u32);
        let below = BigInt::from(i8::from(digits < BigInt::ZERO));
        (digits + &below) / unit - below
    });
    let micros = Micros::try_from(micros).map_err(|_| "out_of_range")?;
    in_years(micros)
}

pub fn date(text: &str) -> Result<Datum, Code> {
    let shape = text.split('-').map(str::len).eq([4, 2, 2])
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
    if !shape {
        return Err("wrong_type");
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let date = date.filter(|date| date.year() > 0).ok_or("out_of_range")?;
    Ok(Datum::Date(date.signed_duration_since(NaiveDate::default()).num_days() as i32))
}

/// A value that stands as text of its own, as in CSV; lists and `json` are JSON there, too.
pub fn of_text(data_type: &Type, text: &str) -> Result<Value, Code> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    Ok(Value::Plain(match data_type {
        Type::Text => Datum::Text(text.into()),
        Type::Integer => integer(text)?,
        Type::Number => number(text)?,
        Type::Decimal(precision, scale) => decimal(text, *precision, *scale)?,
        Type::Boolean => Datum::Boolean(match text.to_ascii_lowercase().as_str() {
            "true" | "1" => true,
            "false" | "0" => false,
            _ => return Err("wrong_type"),
        }),
        Type::Timestamp if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            counted_instant(text)?
        }
        Type::Timestamp => written_instant(text)?,
        Type::Date => date(text)?,
        Type::Json | Type::List(_) => {
            return super::json::value(data_type, text)?.ok_or("wrong_type");
        }
    }))
}

/// A number as `digits × 10^power`.
pub fn exact(text: &str) -> Option<(BigInt, i64)> {
    let (mantissa, power) = match text.split_once(['e', 'E']) {
        Some((mantissa, power)) => (mantissa, power.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: BigInt = format!("{whole}{fraction}").parse().ok()?;
    Some((digits, power - fraction.len() as i64))
}

/// `digits × 10^power` if that is whole.
fn scaled(digits: &BigInt, power: i64) -> Option<BigInt> {
    if *digits == BigInt::ZERO {
        return Some(BigInt::ZERO);
    }
    // Beyond any number of the language, and slow.
    let unit = BigInt::from(10).pow(power.unsigned_abs().min(1_000) as u32);
    if power >= 0 {
        return Some(digits * unit);
    }
    (digits % &unit == BigInt::ZERO).then(|| digits / unit)
}
