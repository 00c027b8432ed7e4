//! Texts and doubles to decimals, by their digits: as they stand in rows, `-12.50` and `1.25e3`.
//!
//! A double has the fewest digits that tell it from all others: those that outputs show. Where two such numbers are
//! as near to it, it is the even one (151030068328757.125 is shown as …57.12). To multiply it by a power of ten and
//! round would make other digits of it, of 4503599627370498 the decimal 4503599627370497.92.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion_common::{Result, exec_err};
use num_bigint::BigInt;

use crate::aggregate::digits::DIGITS;

/// Texts or doubles as decimals of a type, whose last digit is rounded, halves away from zero. What is no number,
/// or has no room, is an error, or null.
pub fn decimals(values: &ArrayRef, output: &DataType, or_null: bool) -> Result<ArrayRef> {
    let DataType::Decimal128(digits, behind) = *output else {
        unreachable!("what a text becomes is a decimal")
    };
    let texts = cast(values, &DataType::Utf8)?;
    let mut values = Vec::with_capacity(texts.len());
    for text in texts.as_string::<i32>() {
        let Some(text) = text else {
            values.push(None);
            continue;
        };
        match decimal(text.trim(), digits, behind) {
            Ok(value) => values.push(Some(value)),
            Err(_) if or_null => values.push(None),
            Err(DecimalFault::NoNumber) => return exec_err!("'{text}' is no decimal"),
            Err(DecimalFault::NoRoom) => {
                return exec_err!("'{text}' has no room in decimal({digits},{behind})");
            }
        }
    }
    let values = Decimal128Array::from(values).with_precision_and_scale(digits, behind)?;
    Ok(Arc::new(values))
}

#[derive(Debug, PartialEq)]
enum DecimalFault {
    NoNumber,
    NoRoom,
}

/// The unscaled value of a text.
fn decimal(text: &str, digits: u8, behind: i8) -> Result<i128, DecimalFault> {
    let (negative, size) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    let (size, exponent) = match size.split_once(['e', 'E']) {
        Some((size, exponent)) => (size, written_exponent(exponent)?),
        None => (size, 0),
    };
    let (whole, fraction) = size.split_once('.').unwrap_or((size, ""));
    let all = [whole, fraction].concat();
    if all.is_empty() || !all.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(DecimalFault::NoNumber);
    }
    let all = all.trim_start_matches('0');
    // Digits up to the last that counts, and those behind it.
    let kept = (all.len() as i64 - fraction.len() as i64)
        .saturating_add(exponent)
        .saturating_add(i64::from(behind));
    if all.is_empty() || kept < 0 {
        return Ok(0);
    }
    if kept > i64::from(digits.min(DIGITS)) {
        return Err(DecimalFault::NoRoom);
    }
    let (kept, cut) = (kept as usize, all.as_bytes().get(kept as usize));
    let zeros = "0".repeat(kept.saturating_sub(all.len()));
    let kept = &all[..kept.min(all.len())];
    let mut value = BigInt::from(0);
    if !kept.is_empty() {
        value = format!("{kept}{zeros}").parse().map_err(|_| DecimalFault::NoNumber)?;
    }
    if cut.is_some_and(|digit| *digit >= b'5') {
        value += 1;
    }
    let value = i128::try_from(value).map_err(|_| DecimalFault::NoRoom)?;
    match value < 10i128.pow(u32::from(digits)) {
        true => Ok(if negative { -value } else { value }),
        false => Err(DecimalFault::NoRoom),
    }
}

fn written_exponent(text: &str) -> Result<i64, DecimalFault> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(DecimalFault::NoNumber);
    }
    // One that is longer leads beyond all digits, as these do.
    Ok(text.parse().unwrap_or(if text.starts_with('-') { -1_000_000_000 } else { 1_000_000_000 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_is_what_its_digits_say_and_the_last_is_rounded() {
        for (text, value) in [
            ("1e2", 10_000),
            ("12.5E-1", 125),
            ("+.5", 50),
            ("5.", 500),
            ("-0.005", -1),
            ("0.0049999", 0),
            ("1.005", 101),
            ("9999999999.99", 999_999_999_999),
            ("0e99999999999999999999", 0),
            ("7e-99999999999999999999", 0),
            ("0.00000000000000000000000000000000000000000000009", 0),
            ("00000000000000000000000000000000000000000000000001", 100),
        ] {
            assert_eq!(decimal(text, 12, 2), Ok(value), "{text}");
        }
        for text in ["", "-", ".", "e5", "1e", "1e+", "--1", "1,5", "NaN", "1_0", "0x1", "1e5.0"] {
            assert_eq!(decimal(text, 12, 2), Err(DecimalFault::NoNumber), "{text}");
        }
        for text in ["1e10", "9999999999.995", "-1e99999999999999999999"] {
            assert_eq!(decimal(text, 12, 2), Err(DecimalFault::NoRoom), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_double_is_what_its_digits_say(value in proptest::num::f64::NORMAL, whole in any::<i32>()) {
            // What lies between two texts that are as short is the half of a digit.
            let between = 2f64.powi(47) + f64::from(whole) / 8.0;
            for value in [value, f64::from(whole) / 1_000.0, value % 1e15, between] {
                let doubles: ArrayRef = Arc::new(arrow::array::Float64Array::from(vec![value]));
                let read = decimals(&doubles, &DataType::Decimal128(38, 2), true).expect("or null");
                let read = read.as_primitive::<arrow::datatypes::Decimal128Type>();
                let read = read.is_valid(0).then(|| read.value(0));
                // Another library writes the numbers of outputs.
                let shown = serde_json::Number::from_f64(value).expect("it is finite").to_string();
                prop_assert_eq!(read, decimal(&shown, 38, 2).ok());
            }
        }

        #[test]
        fn a_decimal_that_is_written_is_read_however_its_point_is_moved(
            value in -(10i128.pow(37))..10i128.pow(37), moved in 0..30i32,
        ) {
            let text = format!("{value}e-{moved}");
            let shown = BigInt::from(value.unsigned_abs()) * 10;
            let scaled = (shown / BigInt::from(10).pow(moved as u32) + 5) / 10;
            let scaled = i128::try_from(scaled).expect("it is smaller") * value.signum();
            prop_assert_eq!(decimal(&text, 38, 0), Ok(scaled));
        }
    }
}
