//! Text to numbers, exactly: no integer or decimal passes through a double.
//!
//! JSON's numbers and CSV's cells both end here, so that a value means the same in either.

/// Why a text is no value of the wanted type.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ScalarFault {
    pub code: &'static str,
    pub message: String,
    /// Where within the value, after the field's path: `[2]` for a list's third item.
    pub within: String,
}

impl ScalarFault {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        ScalarFault { code, message: message.into(), within: String::new() }
    }

    pub fn wrong_type(message: impl Into<String>) -> Self {
        ScalarFault::new("wrong_type", message)
    }

    pub fn out_of_range(message: impl Into<String>) -> Self {
        ScalarFault::new("out_of_range", message)
    }
}

/// The beginning of what was found, for a message.
pub(super) fn beginning(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The beginning of what was found; in quotes where nobody would see it otherwise, or see where it ends.
pub(super) fn shown(text: &str) -> String {
    match text.is_empty() || text.trim() != text {
        true => format!("'{}'", beginning(text)),
        false => beginning(text),
    }
}

/// A decimal number as written, `digits × 10^exponent` with neither leading nor trailing zeros.
pub(super) struct Written {
    pub negative: bool,
    /// `None`: more digits than any decimal holds.
    digits: Option<u128>,
    count: i64,
    pub exponent: i64,
}

/// Reads `-12.50e3` and its like; `None` if the text is no such number.
pub(super) fn written(text: &str) -> Option<Written> {
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
pub(super) fn scaled(written: &Written, power: i64) -> Option<i128> {
    let factor = 10i128.checked_pow(u32::try_from(power).ok()?)?;
    let size = i128::try_from(written.digits?).ok()?.checked_mul(factor)?;
    Some(if written.negative { -size } else { size })
}

/// A whole number of 64 bits; `12.0` and `1e3` are whole.
pub(super) fn integer(text: &str) -> Result<i64, ScalarFault> {
    if let Ok(integer) = text.parse() {
        return Ok(integer);
    }
    let written = written(text).ok_or_else(|| {
        ScalarFault::wrong_type(format!("expected an integer, found {}", shown(text)))
    })?;
    if written.exponent < 0 {
        let message = format!("expected an integer, found {}, which has a fraction", shown(text));
        return Err(ScalarFault::wrong_type(message));
    }
    scaled(&written, written.exponent).and_then(|whole| i64::try_from(whole).ok()).ok_or_else(
        || {
            ScalarFault::out_of_range(format!(
                "{} is beyond the range of 64-bit integers",
                shown(text)
            ))
        },
    )
}

/// A finite double; there is one zero.
pub(super) fn number(text: &str) -> Result<f64, ScalarFault> {
    let number: f64 = text.parse().map_err(|_| {
        ScalarFault::wrong_type(format!("expected a number, found {}", shown(text)))
    })?;
    if number.is_finite() {
        return Ok(number + 0.0);
    }
    let message = if text.bytes().any(|byte| byte.is_ascii_digit()) {
        format!("{} is beyond the range of doubles (about ±1.8e308)", shown(text))
    } else {
        format!("{} is not a finite number", shown(text))
    };
    Err(ScalarFault::out_of_range(message))
}

/// Digits that a number of 64 bits holds, whichever they are.
const SHORT: usize = 18;

/// The unscaled value of a number that is written as most are: with few digits, none too fine. `None` for any other.
fn short_decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let bytes = text.as_bytes();
    let (negative, bytes) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    if bytes.len() > SHORT {
        return None;
    }
    let (mut digits, mut number, mut point) = (0u64, 0usize, None);
    for (place, byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                digits = digits * 10 + u64::from(byte - b'0');
                number += 1;
            }
            b'.' if point.is_none() => point = Some(place),
            _ => return None,
        }
    }
    let fraction = point.map_or(0, |point| bytes.len() - 1 - point);
    let power = usize::try_from(scale).ok()?.checked_sub(fraction)?;
    if number == 0 || number + power > SHORT {
        return None;
    }
    let unscaled = digits * 10u64.pow(power as u32);
    let fits = usize::from(precision) > SHORT || unscaled < 10u64.pow(precision.into());
    let unscaled = i128::from(unscaled);
    fits.then_some(if negative { -unscaled } else { unscaled })
}

/// The unscaled value of a `decimal(precision, scale)`, with no digit lost.
pub(super) fn decimal(text: &str, precision: u8, scale: i8) -> Result<i128, ScalarFault> {
    short_decimal(text, precision, scale).map_or_else(|| long_decimal(text, precision, scale), Ok)
}

fn long_decimal(text: &str, precision: u8, scale: i8) -> Result<i128, ScalarFault> {
    let written = written(text).ok_or_else(|| {
        let not_finite = text.parse::<f64>().is_ok();
        let message = if not_finite { "is not a finite number" } else { "is not a number" };
        let code = if not_finite { "out_of_range" } else { "wrong_type" };
        ScalarFault::new(
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
        return Err(ScalarFault::out_of_range(format!(
            "{} has {places} fraction digits, decimal({precision},{scale}) has room for {scale}",
            shown(text)
        )));
    }
    let fits = written.count.saturating_add(power) <= i64::from(precision);
    scaled(&written, power).filter(|_| fits).ok_or_else(|| {
        let whole = i64::from(precision) - i64::from(scale);
        ScalarFault::out_of_range(format!(
            "{} is too large: decimal({precision},{scale}) has room for {whole} digits before the point",
            shown(text)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code<T: std::fmt::Debug>(result: Result<T, ScalarFault>) -> &'static str {
        result.expect_err("a fault").code
    }

    #[test]
    fn what_was_found_is_seen_in_a_message() {
        let message = |text| integer(text).expect_err("a fault").message;
        assert_eq!(message("x"), "expected an integer, found x");
        assert_eq!(message(""), "expected an integer, found ''");
        assert_eq!(message(" 7"), "expected an integer, found ' 7'");
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
            ("1e2", 10_000),
            ("12.5e-1", 125),
            ("0.0000000000000000000000000000000000000000000000", 0),
            ("9999999999.99", 999_999_999_999),
            ("9999999999.99000", 999_999_999_999),
            ("001.50", 150),
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
        assert_eq!(number("-0.0").map(f64::to_bits), Ok(0));
        for text in ["NaN", "Infinity", "-inf", "1e309", "-1e999"] {
            assert_eq!(code(number(text)), "out_of_range", "{text}");
        }
        assert_eq!(code(number("1,5")), "wrong_type");
    }

    proptest! {
        #[test]
        fn a_printed_decimal_is_read_back(unscaled in -(10i128.pow(20))..10i128.pow(20), scale in 0i8..10) {
            let sign = if unscaled < 0 { "-" } else { "" };
            let digits = format!("{:0width$}", unscaled.abs(), width = scale as usize + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
            prop_assert_eq!(decimal(&format!("{sign}{whole}.{fraction}0"), 38, scale), Ok(unscaled));
            prop_assert_eq!(decimal(&format!("{sign}{digits}e-{scale}"), 38, scale), Ok(unscaled));
        }

        #[test]
        fn a_short_decimal_is_what_a_long_one_is(
            text in "-?[0-9]{0,12}[.]?[0-9]{0,12}|-?0{0,9}[1-9]{0,3}[.]?[0-9]{0,3}|[-+0-9.e]{0,9}", precision in 1u8..=38,
            scale in -3i8..20,
        ) {
            if let Some(short) = short_decimal(&text, precision, scale) {
                prop_assert_eq!(long_decimal(&text, precision, scale), Ok(short), "{}", text);
            }
        }

        #[test]
        fn no_text_makes_a_reader_panic(text in "\\PC*|[-+0-9.eE]{0,60}") {
            let _ = (integer(&text), number(&text), decimal(&text, 38, 10), decimal(&text, 5, -2));
        }
    }
}
