//! Doubles as the rationals that they are: nothing is rounded but the result, once.
//!
//! A finite double is a whole number of 2^-1074. A multiple of that is written out in decimal, with
//! all its digits, and read back by the standard library, which rounds to the nearest double.

use num_bigint::{BigInt, Sign};

/// The smallest positive double is 2 to the power of minus this.
const PLACES: u32 = 1_074;

/// In units of 2^-1074.
fn units(value: f64) -> BigInt {
    let bits = value.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as u32;
    let fraction = bits & ((1 << 52) - 1);
    let size = match exponent {
        0 => BigInt::from(fraction),
        _ => BigInt::from(fraction | 1 << 52) << (exponent - 1),
    };
    if value.is_sign_negative() { -size } else { size }
}

/// `numerator / denominator × 2^-places`, to the nearest double.
fn nearest(numerator: &BigInt, denominator: &BigInt, places: u32) -> f64 {
    // 2^-n = 5^n × 10^-n
    let decimal = numerator * BigInt::from(5).pow(places);
    let (whole, rest) = (&decimal / denominator, &decimal % denominator);
    // That there is more behind the last digit decides what would be a tie.
    let more = u8::from(rest.sign() != Sign::NoSign);
    let sign = if decimal.sign() == Sign::Minus { "-" } else { "" };
    let digits = format!("{sign}{}{more}e-{}", whole.magnitude(), places + 1);
    digits.parse().expect("a number")
}

/// What a sum with values that are not finite comes to.
fn not_finite(values: &[f64]) -> Option<f64> {
    let some = |wanted: f64| values.contains(&wanted);
    if values.iter().all(|value| value.is_finite()) {
        None
    } else if values.iter().any(|value| value.is_nan())
        || some(f64::INFINITY) && some(f64::NEG_INFINITY)
    {
        Some(f64::NAN)
    } else {
        Some(if some(f64::INFINITY) { f64::INFINITY } else { f64::NEG_INFINITY })
    }
}

pub fn sum(values: &[f64]) -> f64 {
    not_finite(values).unwrap_or_else(|| {
        nearest(&values.iter().map(|value| units(*value)).sum(), &BigInt::from(1), PLACES)
    })
}

pub fn mean(values: &[f64]) -> f64 {
    not_finite(values).unwrap_or_else(|| {
        nearest(
            &values.iter().map(|value| units(*value)).sum(),
            &BigInt::from(values.len()),
            PLACES,
        )
    })
}

/// The variance of the sample: Σ(x - mean)² / (n - 1), which is (n Σx² - (Σx)²) / (n (n - 1)).
pub fn variance(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    if not_finite(values).is_some() {
        return Some(f64::NAN);
    }
    let count = BigInt::from(values.len());
    let units: Vec<BigInt> = values.iter().map(|value| units(*value)).collect();
    let sum: BigInt = units.iter().sum();
    let squares: BigInt = units.iter().map(|value| value * value).sum();
    let numerator = &count * squares - &sum * &sum;
    Some(nearest(&numerator, &(&count * (&count - 1)), 2 * PLACES))
}

#[test]
fn sums_are_rounded_once() {
    assert_eq!(sum(&[0.1; 10]), 1.0);
    assert_eq!(sum(&[1e308, 1.5, -1e308]), 1.5);
    assert_eq!(sum(&[5e-324, -0.0]), 5e-324);
    assert_eq!(sum(&[1.0, f64::EPSILON / 2.0, 5e-324]), 1.0 + f64::EPSILON);
    assert_eq!(sum(&[f64::INFINITY, 1.0]), f64::INFINITY);
    assert_eq!(variance(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), Some(32.0 / 7.0));
    assert_eq!(variance(&[1.0]), None);
}
