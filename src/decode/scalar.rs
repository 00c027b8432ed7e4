//! Text to single values, exactly: no integer, decimal or instant passes through a double.
//!
//! JSON's numbers and CSV's cells both end here, so that a value means the same in either.

use chrono::{DateTime, Datelike, NaiveDate};

use crate::time::Micros;

/// Why a text is no value of the wanted type.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub code: &'static str,
    pub message: String,
    /// Where within the value, after the field's path: `[2]` for a list's third item.
    pub within: String,
}

impl Fault {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Fault { code, message: message.into(), within: String::new() }
    }

    pub fn wrong_type(message: impl Into<String>) -> Self {
        Fault::new("wrong_type", message)
    }

    pub fn out_of_range(message: impl Into<String>) -> Self {
        Fault::new("out_of_range", message)
    }
}

/// The beginning of what was found, for a message.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A decimal number as written, `digits × 10^exponent` with neither leading nor trailing zeros.
struct Written {
    negative: bool,
    /// `None`: more digits than any decimal holds.
    digits: Option<u128>,
    count: i64,
    exponent: i64,
}

/// Reads `-12.50e3` and its like; `None` if the text is no such number.
fn written(text: &str) -> Option<Written> {
    let bytes = text.as_bytes();
    let (negative, bytes) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, bytes),
    };
    let (mut digits, mut count, mut exponent) = (Some(0u128), 0i64, 0i64);
    // Zeros wait until a digit follows: trailing ones only move the exponent.
    let mut zeros = 0i64;
    let (mut seen, mut fraction) = (false, false);
    let mut rest = bytes;
    while let [byte, after @ ..] = rest {
        match byte {
            b'0'..=b'9' => {
                seen = true;
                exponent -= i64::from(fraction);
                if *byte == b'0' {
                    zeros += i64::from(count > 0);
                } else {
                    for _ in 0..zeros.min(40) {
                        digits = digits.and_then(|digits| digits.checked_mul(10));
                    }
                    digits = digits
                        .and_then(|digits| digits.checked_mul(10))
                        .and_then(|digits| digits.checked_add(u128::from(byte - b'0')));
                    count += zeros + 1;
                    zeros = 0;
                }
            }
            b'.' if !fraction => fraction = true,
            b'e' | b'E' if seen => {
                exponent = exponent.saturating_add(written_exponent(after)?);
                break;
            }
            _ => return None,
        }
        rest = after;
    }
    if !seen {
        return None;
    }
    if count == 0 {
        return Some(Written { negative, digits: Some(0), count: 0, exponent: 0 });
    }
    Some(Written { negative, digits, count, exponent: exponent.saturating_add(zeros) })
}

fn written_exponent(bytes: &[u8]) -> Option<i64> {
    let (sign, digits) = match bytes {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        _ => (1, bytes),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = digits
        .iter()
        .fold(0i64, |size, digit| size.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    Some(sign * size)
}

/// `digits × 10^power` with its sign, if it fits.
fn scaled(written: &Written, power: i64) -> Option<i128> {
    let factor = 10i128.checked_pow(u32::try_from(power).ok()?)?;
    let size = i128::try_from(written.digits?).ok()?.checked_mul(factor)?;
    Some(if written.negative { -size } else { size })
}

/// A whole number of 64 bits; `12.0` and `1e3` are whole.
pub(super) fn integer(text: &str) -> Result<i64, Fault> {
    if let Ok(integer) = text.parse() {
        return Ok(integer);
    }
    let written = written(text)
        .ok_or_else(|| Fault::wrong_type(format!("expected an integer, found {}", shown(text))))?;
    if written.exponent < 0 {
        let message = format!("expected an integer, found {}, which has a fraction", shown(text));
        return Err(Fault::wrong_type(message));
    }
    scaled(&written, written.exponent).and_then(|whole| i64::try_from(whole).ok()).ok_or_else(
        || Fault::out_of_range(format!("{} is beyond the range of 64-bit integers", shown(text))),
    )
}

/// A finite double.
pub(super) fn number(text: &str) -> Result<f64, Fault> {
    let number: f64 = text
        .parse()
        .map_err(|_| Fault::wrong_type(format!("expected a number, found {}", shown(text))))?;
    if number.is_finite() {
        return Ok(number);
    }
    let message = if text.bytes().any(|byte| byte.is_ascii_digit()) {
        format!("{} is beyond the range of doubles (about ±1.8e308)", shown(text))
    } else {
        format!("{} is not a finite number", shown(text))
    };
    Err(Fault::out_of_range(message))
}

/// The unscaled value of a `decimal(precision, scale)`, with no digit lost.
pub(super) fn decimal(text: &str, precision: u8, scale: i8) -> Result<i128, Fault> {
    let written = written(text).ok_or_else(|| {
        let not_finite = text.parse::<f64>().is_ok();
        let message = if not_finite { "is not a finite number" } else { "is not a number" };
        let code = if not_finite { "out_of_range" } else { "wrong_type" };
        Fault::new(
            code,
            format!("expected a decimal({precision},{scale}): {} {message}", shown(text)),
        )
    })?;
    let power = written.exponent.saturating_add(i64::from(scale));
    if written.count == 0 {
        return Ok(0);
    }
    if power < 0 {
        let places = -written.exponent;
        return Err(Fault::out_of_range(format!(
            "{} has {places} fraction digits, decimal({precision},{scale}) has room for {scale}",
            shown(text)
        )));
    }
    let fits = written.count.saturating_add(power) <= i64::from(precision);
    scaled(&written, power).filter(|_| fits).ok_or_else(|| {
        let whole = i64::from(precision) - i64::from(scale);
        Fault::out_of_range(format!(
            "{} is too large: decimal({precision},{scale}) has room for {whole} digits before the point",
            shown(text)
        ))
    })
}

/// An instant in RFC 3339. What is finer than a microsecond is cut off.
pub(super) fn rfc3339(text: &str) -> Result<Micros, Fault> {
    if let Some(instant) = plain_utc(text.as_bytes()) {
        return Ok(instant);
    }
    match DateTime::parse_from_rfc3339(text) {
        Ok(at) => Ok(at.timestamp_micros()),
        Err(_) => Err(Fault::wrong_type(format!(
            "expected a timestamp such as 2025-07-05T12:00:00Z, found {}",
            shown(text)
        ))),
    }
}

/// `YYYY-MM-DDTHH:MM:SS[.fraction]Z`, the form that nearly every row has, several times faster than
/// the general parser; `None` leaves the decision to that.
fn plain_utc(text: &[u8]) -> Option<Micros> {
    let (head, tail) = text.split_at_checked(19)?;
    let two = |at: usize| -> Option<u32> {
        let (tens, ones) = (head[at].wrapping_sub(b'0'), head[at + 1].wrapping_sub(b'0'));
        (tens < 10 && ones < 10).then(|| u32::from(tens) * 10 + u32::from(ones))
    };
    let marks = head[4] == b'-' && head[7] == b'-' && head[10] == b'T';
    if !marks || head[13] != b':' || head[16] != b':' {
        return None;
    }
    let (year, month, day) = (two(0)? * 100 + two(2)?, two(5)?, two(8)?);
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction = match tail {
        b"Z" => 0,
        [b'.', digits @ .., b'Z'] if (1..=6).contains(&digits.len()) => {
            let mut micros = 0;
            for place in 0..6 {
                let digit = digits.get(place).map_or(0, |byte| byte.wrapping_sub(b'0'));
                if digit > 9 {
                    return None;
                }
                micros = micros * 10 + i64::from(digit);
            }
            micros
        }
        _ => return None,
    };
    let days = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    let seconds =
        i64::from(days_since_epoch(days)) * 86_400 + i64::from(hour * 3_600 + minute * 60 + second);
    Some(seconds * 1_000_000 + fraction)
}

/// An instant in milliseconds since the epoch. What is finer than a microsecond is cut off.
pub(super) fn epoch_millis(text: &str) -> Result<Micros, Fault> {
    let written = written(text).ok_or_else(|| {
        Fault::wrong_type(format!(
            "expected a timestamp (RFC 3339, or milliseconds since the epoch), found {}",
            shown(text)
        ))
    })?;
    let power = written.exponent.saturating_add(3);
    let micros = if power >= 0 {
        scaled(&written, power)
    } else {
        let divisor = u32::try_from(-power).ok().and_then(|power| 10i128.checked_pow(power));
        match divisor {
            Some(divisor) => scaled(&written, 0).map(|digits| digits.div_euclid(divisor)),
            None => Some(if written.negative { -1 } else { 0 }),
        }
    };
    micros
        .and_then(|micros| Micros::try_from(micros).ok())
        .filter(|micros| in_years(*micros))
        .ok_or_else(|| {
            Fault::out_of_range(format!(
                "{} milliseconds since the epoch lie outside of the years 1 to 9999",
                shown(text)
            ))
        })
}

/// Whether an instant lies in the years that RFC 3339 can write.
pub(super) fn in_years(instant: Micros) -> bool {
    DateTime::from_timestamp_micros(instant).is_some_and(|at| (1..=9999).contains(&at.year()))
}

/// `YYYY-MM-DD`, as days since the epoch.
pub(super) fn date(text: &str) -> Result<i32, Fault> {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !shape {
        let message = format!("expected a date such as 2025-07-05, found {}", shown(text));
        return Err(Fault::wrong_type(message));
    }
    let parts = (text[..4].parse(), text[5..7].parse(), text[8..].parse());
    let (Ok(year), Ok(month), Ok(day)) = parts else { unreachable!("digits, as just seen") };
    NaiveDate::from_ymd_opt(year, month, day)
        .map(days_since_epoch)
        .ok_or_else(|| Fault::out_of_range(format!("there is no day {text} in the calendar")))
}

fn days_since_epoch(date: NaiveDate) -> i32 {
    const EPOCH: i32 = 719_163;
    date.num_days_from_ce() - EPOCH
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code<T: std::fmt::Debug>(result: Result<T, Fault>) -> &'static str {
        result.expect_err("a fault").code
    }

    #[test]
    fn whole_numbers_are_integers_however_they_are_written() {
        for (text, value) in [
            ("0", 0),
            ("-0", 0),
            ("12", 12),
            ("12.0", 12),
            ("1200e-2", 12),
            ("1.5e1", 15),
            ("0.00", 0),
            ("0e999999999999999999999", 0),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
            ("-9223372036854775808.000", i64::MIN),
            ("100200000000000000", 100_200_000_000_000_000),
        ] {
            assert_eq!(integer(text), Ok(value), "{text}");
        }
        for text in
            ["", "-", ".", "abc", "1e", "1e+", "--1", "1.2.3", "0x10", "12.5", "1e-1", "NaN"]
        {
            assert_eq!(code(integer(text)), "wrong_type", "{text}");
        }
        for text in ["9223372036854775808", "1e30", "1e999999999999999999999", "-1e19"] {
            assert_eq!(code(integer(text)), "out_of_range", "{text}");
        }
    }

    #[test]
    fn decimals_keep_every_digit_or_are_refused() {
        for (text, value) in [
            ("0.1", 10),
            ("-0.10", -10),
            ("1e2", 100_00),
            ("12.5e-1", 1_25),
            ("0.0000000000000000000000000000000000000000000000", 0),
            ("9999999999.99", 9_999_999_999_99),
            ("9999999999.99000", 9_999_999_999_99),
            ("001.50", 1_50),
            (".5", 50),
            ("5.", 500),
        ] {
            assert_eq!(decimal(text, 12, 2), Ok(value), "{text}");
        }
        let fault = decimal("1.005", 12, 2).expect_err("too fine");
        assert_eq!(fault.code, "out_of_range");
        assert_eq!(fault.message, "1.005 has 3 fraction digits, decimal(12,2) has room for 2");
        for text in ["10000000000", "1e10", "1e400", "1e-400", "NaN", "-Infinity"] {
            assert_eq!(code(decimal(text, 12, 2)), "out_of_range", "{text}");
        }
        assert_eq!(code(decimal("12,50", 12, 2)), "wrong_type");
        let most = "9".repeat(38);
        assert_eq!(decimal(&most, 38, 0), Ok(10i128.pow(38) - 1));
        assert_eq!(code(decimal(&"9".repeat(39), 38, 0)), "out_of_range");
        assert_eq!(code(decimal(&"1".repeat(5000), 38, 0)), "out_of_range");
    }

    #[test]
    fn numbers_are_finite() {
        assert_eq!(number("1e308"), Ok(1e308));
        assert_eq!(number("0.1"), Ok(0.1));
        for text in ["NaN", "Infinity", "-inf", "1e309", "-1e999"] {
            assert_eq!(code(number(text)), "out_of_range", "{text}");
        }
        assert_eq!(code(number("1,5")), "wrong_type");
    }

    #[test]
    fn instants_are_microseconds() {
        for (text, value) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2025-07-05T00:00:00Z", 1_751_673_600_000_000),
            ("2025-07-05T00:00:00.5Z", 1_751_673_600_500_000),
            ("2025-07-05T02:00:00.123456+02:00", 1_751_673_600_123_456),
            ("2025-07-05T00:00:00.123456789Z", 1_751_673_600_123_456),
            ("1969-12-31T23:59:59.999999Z", -1),
        ] {
            assert_eq!(rfc3339(text), Ok(value), "{text}");
        }
        for text in
            ["2025-07-05", "2025-07-05T00:00:00", "2025-02-30T00:00:00Z", "yesterday", "", "20é5"]
        {
            assert_eq!(code(rfc3339(text)), "wrong_type", "{text}");
        }
        for (text, value) in [
            ("1751673600000", 1_751_673_600_000_000),
            ("1751673600000.5", 1_751_673_600_000_500),
            ("1751673600000.0005", 1_751_673_600_000_000),
            ("1.7516736e12", 1_751_673_600_000_000),
            ("-0.0001", -1),
            ("0", 0),
        ] {
            assert_eq!(epoch_millis(text), Ok(value), "{text}");
        }
        assert_eq!(code(epoch_millis("1751673600000000")), "out_of_range");
        assert_eq!(code(epoch_millis("1e300")), "out_of_range");
    }

    #[test]
    fn dates_are_days_of_the_calendar() {
        assert_eq!(date("1970-01-02"), Ok(1));
        assert_eq!(date("2024-02-29"), Ok(19_782));
        assert_eq!(code(date("2025-02-29")), "out_of_range");
        for text in ["2025-7-5", "20250705", "2025-07-05T00:00:00Z", "2025-0é-05"] {
            assert_eq!(code(date(text)), "wrong_type", "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_fast_way_to_read_an_instant_agrees_with_the_general_one(
            micros in -62_135_596_800_000_000i64..253_402_300_799_999_999,
            digits in 0usize..=6,
        ) {
            let at = DateTime::from_timestamp_micros(micros).expect("in range");
            let text = match digits {
                0 => at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
                _ => {
                    let long = at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string();
                    format!("{}Z", &long[..20 + digits])
                }
            };
            let general = DateTime::parse_from_rfc3339(&text).expect("RFC 3339").timestamp_micros();
            prop_assert_eq!(plain_utc(text.as_bytes()), Some(general));
        }

        #[test]
        fn a_printed_decimal_is_read_back(unscaled in -(10i128.pow(20))..10i128.pow(20), scale in 0i8..10) {
            let sign = if unscaled < 0 { "-" } else { "" };
            let digits = format!("{:0width$}", unscaled.abs(), width = scale as usize + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
            prop_assert_eq!(decimal(&format!("{sign}{whole}.{fraction}0"), 38, scale), Ok(unscaled));
            prop_assert_eq!(decimal(&format!("{sign}{digits}e-{scale}"), 38, scale), Ok(unscaled));
        }

        #[test]
        fn no_text_makes_a_reader_panic(text in "\\PC*|[-+0-9.eE]{0,60}") {
            let _ = (integer(&text), number(&text), decimal(&text, 38, 10), rfc3339(&text));
            let _ = (epoch_millis(&text), date(&text), decimal(&text, 5, -2));
        }
    }
}
