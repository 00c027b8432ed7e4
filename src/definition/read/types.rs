//! Types and default values as the definition writes them.

use crate::plan::Type;
use crate::row::Datum;
use crate::time::{read_date, read_rfc3339};

pub const TYPES: &str =
    "text, integer, number, decimal(p,s), boolean, timestamp, date, json, or a list such as [text]";

pub fn parse_type(text: &str) -> Result<Type, String> {
    let text = text.trim();
    let known = [
        ("text", Type::Text),
        ("integer", Type::Integer),
        ("number", Type::Number),
        ("boolean", Type::Boolean),
        ("timestamp", Type::Timestamp),
        ("date", Type::Date),
        ("json", Type::Json),
    ];
    if let Some((_, found)) = known.iter().find(|(name, _)| *name == text) {
        return Ok(found.clone());
    }
    if let Some(item) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        if item.starts_with('[') {
            return Err("a list of lists is no type: take it as json".to_owned());
        }
        return match parse_type(item)? {
            Type::List(_) => Err("a list of lists is no type of the language".to_owned()),
            item => Ok(Type::List(Box::new(item))),
        };
    }
    if let Some(digits) = text.strip_prefix("decimal") {
        let digits = digits.trim().strip_prefix('(').and_then(|digits| digits.strip_suffix(')'));
        let digits = digits.and_then(|digits| digits.split_once(','));
        let parsed = digits.and_then(|(precision, scale)| {
            Some((precision.trim().parse().ok()?, scale.trim().parse().ok()?))
        });
        return match parsed {
            Some((precision @ 1..=38, scale)) if (0..=precision as i8).contains(&scale) => {
                Ok(Type::Decimal(precision, scale))
            }
            _ => Err(format!(
                "'{text}' is no decimal: decimal(p,s) has p digits, at most 38, s of them after \
                 the point"
            )),
        };
    }
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    let others = [
        ("string", "text"),
        ("varchar", "text"),
        ("int", "integer"),
        ("bigint", "integer"),
        ("long", "integer"),
        ("double", "number"),
        ("float", "number"),
        ("bool", "boolean"),
        ("datetime", "timestamp"),
        ("numeric", "decimal(p,s)"),
    ];
    let other = others.iter().find(|(other, _)| text.eq_ignore_ascii_case(other));
    Err(match other {
        Some((_, ours)) => format!("unknown type '{text}': did you mean '{ours}'?"),
        None => match crate::definition::file::diagnostic::suggest(text, &names) {
            hint if hint.starts_with("did") => format!("unknown type '{text}': {hint}"),
            _ => format!("unknown type '{text}': there are {TYPES}"),
        },
    })
}

/// A default value of a type.
pub fn parse_default(text: &str, data_type: &Type) -> Result<Datum, String> {
    let wrong = |wanted: &str| format!("default '{text}' is no {wanted}");
    Ok(match data_type {
        Type::Text | Type::Json => Datum::Text(text.into()),
        Type::Integer => Datum::Integer(text.parse().map_err(|_| wrong("integer of 64 bits"))?),
        Type::Number => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Datum::Number(number),
            _ => return Err(wrong("number")),
        },
        Type::Boolean => Datum::Boolean(text.parse().map_err(|_| wrong("boolean: true or false"))?),
        Type::Decimal(precision, scale) => {
            let whole = i16::from(*precision) - i16::from(*scale);
            let wanted = format!(
                "decimal({precision},{scale}), which has room for {whole} digits before the point \
                 and {scale} after it"
            );
            Datum::decimal(parse_decimal(text, *precision, *scale).ok_or_else(|| wrong(&wanted))?)
        }
        Type::Timestamp => Datum::Timestamp(
            read_rfc3339(text).map_err(|_| wrong("timestamp as in 2025-07-05T00:00:00Z"))?,
        ),
        Type::Date => {
            Datum::Date(read_date(text).map_err(|_| wrong("date as in 2025-07-05"))? as i32)
        }
        Type::List(_) => return Err("a list takes no default".to_owned()),
    })
}

fn parse_decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = scale as usize;
    if digits.is_empty() || fraction.len() > scale {
        return None;
    }
    let all = format!("{whole}{fraction:0<scale$}");
    if !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: i128 = all.parse().ok()?;
    let fits = value < 10i128.pow(u32::from(precision));
    fits.then_some(if negative { -value } else { value })
}
