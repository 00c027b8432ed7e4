//! Sums of doubles that are exact, so that taking a value back leaves precisely what was there.
//!
//! A double is m × 2^e with a 53-bit integer m. The sum is kept as integers by powers of 2^32 (a
//! sparse form of Kulisch's long accumulator): each value adds to one of them, none is ever rounded,
//! and 2^42 values of one size fit before any could overflow. Rounding happens once, when the sum is
//! read: to the nearest double, ties to even.

use num_bigint::{BigInt, Sign};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// Binary digits a limb stands for.
const LIMB: i32 = 32;
/// Places beyond any finite double's, where values that are no numbers are counted.
const NAN: i16 = i16::MAX;
const INFINITY: i16 = i16::MAX - 1;
const NEGATIVE_INFINITY: i16 = i16::MAX - 2;

/// Integers by place: the sum of `limb × 2^(32 × place)`, in the order of places, none of them zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExactSum {
    limbs: SmallVec<[(i16, i128); 1]>,
}

/// What a sum comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Total {
    /// `mantissa × 2^exponent`
    Finite {
        mantissa: BigInt,
        exponent: i32,
    },
    NotFinite(f64),
}

impl ExactSum {
    /// Adds a value `times` times (negative: takes it back).
    pub fn add(&mut self, value: f64, times: i64) {
        let (mantissa, exponent) = decompose(value);
        match exponent {
            Some(exponent) => self.add_scaled(mantissa as i128 * times as i128, exponent),
            None => self.add_limb(not_finite(value), times as i128),
        }
    }

    /// Adds the exact square of a value `times` times.
    pub fn add_square(&mut self, value: f64, times: i64) {
        let (mantissa, Some(exponent)) = decompose(value) else {
            return self.add_limb(not_finite(value * value), times as i128);
        };
        // The square has 106 bits: added in two halves so that a limb keeps its room.
        let square = mantissa as i128 * mantissa as i128;
        let low = square & ((1 << 53) - 1);
        self.add_scaled(low * times as i128, 2 * exponent);
        self.add_scaled((square >> 53) * times as i128, 2 * exponent + 53);
    }

    /// Adds another sum `times` times (-1: takes it back).
    pub fn merge(&mut self, other: &ExactSum, times: i64) {
        for &(place, limb) in &other.limbs {
            self.add_limb(place, limb * times as i128);
        }
    }

    fn add_scaled(&mut self, integer: i128, exponent: i32) {
        let place = exponent.div_euclid(LIMB);
        self.add_limb(place as i16, integer << exponent.rem_euclid(LIMB));
    }

    fn add_limb(&mut self, place: i16, limb: i128) {
        if limb == 0 {
            return;
        }
        match self.limbs.binary_search_by_key(&place, |(place, _)| *place) {
            Err(index) => self.limbs.insert(index, (place, limb)),
            Ok(index) => {
                self.limbs[index].1 += limb;
                if self.limbs[index].1 == 0 {
                    self.limbs.remove(index);
                }
            }
        }
    }

    pub fn total(&self) -> Total {
        let count = |wanted| self.limbs.iter().any(|(place, count)| *place == wanted && *count > 0);
        match (count(NAN), count(INFINITY), count(NEGATIVE_INFINITY)) {
            (false, false, false) => {}
            (false, true, false) => return Total::NotFinite(f64::INFINITY),
            (false, false, true) => return Total::NotFinite(f64::NEG_INFINITY),
            _ => return Total::NotFinite(f64::NAN),
        }
        let lowest = self.limbs.first().map_or(0, |(place, _)| *place);
        let mantissa = self
            .limbs
            .iter()
            .map(|(place, limb)| BigInt::from(*limb) << (LIMB * (*place - lowest) as i32))
            .sum();
        Total::Finite { mantissa, exponent: LIMB * lowest as i32 }
    }

    /// The nearest double.
    pub fn value(&self) -> f64 {
        if let [(place, limb)] = self.limbs.as_slice()
            && *place < NEGATIVE_INFINITY
            && limb.unsigned_abs() < 1 << 53
            && (-30..30).contains(place)
        {
            return *limb as f64 * 2f64.powi(LIMB * *place as i32);
        }
        match self.total() {
            Total::NotFinite(value) => value,
            Total::Finite { mantissa, exponent } => {
                nearest_quotient(&mantissa, &BigInt::from(1), exponent)
            }
        }
    }

    /// The mean of so many values; it has room where these have, whether or not their sum has.
    pub fn mean(&self, count: i64) -> f64 {
        let sum = self.value();
        if sum.is_finite() {
            return sum / count as f64;
        }
        match self.total() {
            Total::NotFinite(value) => value,
            Total::Finite { mantissa, exponent } => {
                nearest_quotient(&mantissa, &BigInt::from(count), exponent)
            }
        }
    }
}

fn not_finite(value: f64) -> i16 {
    if value.is_nan() {
        NAN
    } else if value > 0.0 {
        INFINITY
    } else {
        NEGATIVE_INFINITY
    }
}

/// A finite value as integer × 2^exponent, with the least exponent that keeps few bits; no exponent
/// for what is not finite.
fn decompose(value: f64) -> (i64, Option<i32>) {
    let bits = value.to_bits();
    let biased = (bits >> 52 & 0x7ff) as i32;
    if biased == 0x7ff {
        return (0, None);
    }
    let fraction = (bits & ((1 << 52) - 1)) as i64;
    let mantissa = if biased == 0 { fraction } else { fraction | 1 << 52 };
    let mantissa = if value.is_sign_negative() { -mantissa } else { mantissa };
    (mantissa, Some(biased.max(1) - 1075))
}

/// The double nearest to `numerator / denominator × 2^exponent`, ties to even; the denominator is
/// positive.
pub fn nearest_quotient(numerator: &BigInt, denominator: &BigInt, exponent: i32) -> f64 {
    if numerator.sign() == Sign::NoSign {
        return 0.0;
    }
    let magnitude = numerator.magnitude();
    let divisor = denominator.magnitude();
    // A quotient of 66 or 67 bits, the last of which is made sticky, rounds once and rightly to the
    // 53 bits of a normal double or the fewer of a subnormal one.
    let shift = 66 - (magnitude.bits() as i64 - divisor.bits() as i64);
    let (dividend, divisor) = match shift {
        0.. => (magnitude << shift, divisor.clone()),
        _ => (magnitude.clone(), divisor << -shift),
    };
    let quotient = &dividend / &divisor;
    let sticky = &quotient * &divisor != dividend;
    let digits: u128 = quotient.try_into().expect("67 bits");
    let rounded = round_to_double(digits, sticky, exponent as i64 - shift);
    if numerator.sign() == Sign::Minus { -rounded } else { rounded }
}

/// `digits × 2^exponent`, and a little more where `sticky`, as the nearest double.
fn round_to_double(digits: u128, sticky: bool, exponent: i64) -> f64 {
    let bits = 128 - digits.leading_zeros() as i64;
    // How many low bits the double has no room for: at 2^-1074 its bits end.
    let surplus = (bits - 53).max(-1074 - exponent);
    if surplus >= 127 {
        return 0.0;
    }
    if surplus <= 0 {
        return digits as f64 * 2f64.powi(exponent as i32);
    }
    let kept = digits >> surplus;
    let rest = digits & ((1 << surplus) - 1);
    let half = 1u128 << (surplus - 1);
    let up = rest > half || (rest == half && (sticky || kept & 1 == 1));
    let kept = (kept + up as u128) as f64;
    let exponent = exponent + surplus;
    // In two steps, because 2^exponent alone may lie outside a double's range; both are exact.
    match exponent {
        ..-1000 => kept * 2f64.powi(-1000) * 2f64.powi((exponent + 1000) as i32),
        1000.. => kept * 2f64.powi(960) * 2f64.powi((exponent - 960).min(1100) as i32),
        _ => kept * 2f64.powi(exponent as i32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum(values: &[f64]) -> ExactSum {
        let mut sum = ExactSum::default();
        values.iter().for_each(|value| sum.add(*value, 1));
        sum
    }

    #[test]
    fn what_doubles_lose_is_kept() {
        assert_eq!(sum(&[1e300, 1.0, -1e300]).value(), 1.0);
        assert_eq!(sum(&[0.1; 10]).value(), 1.0);
        assert_eq!(sum(&[f64::MAX, f64::MAX]).value(), f64::INFINITY);
        assert_eq!(sum(&[5e-324, 5e-324]).value(), 1e-323);
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).value().is_nan());
        assert_eq!(sum(&[1.5, 2.0]).mean(2), 1.75);
        assert!(sum(&[1.5e308; 3]).value().is_infinite());
        assert_eq!(sum(&[1.5e308; 3]).mean(3), 1.5e308);
    }

    proptest! {
        #[test]
        fn one_value_is_itself_and_taking_all_back_leaves_nothing(
            values in prop::collection::vec(any::<f64>(), 1..20)
        ) {
            for value in &values {
                let alone = sum(&[*value]).value();
                prop_assert!(alone == *value || alone.is_nan() && value.is_nan());
            }
            let mut all = sum(&values);
            values.iter().for_each(|value| all.add(*value, -1));
            prop_assert_eq!(all, ExactSum::default());
        }

        #[test]
        fn two_values_add_up_as_the_processor_adds_them(one: f64, other: f64) {
            let expected = one + other;
            let found = sum(&[one, other]).value();
            prop_assert!(found == expected || found.is_nan() && expected.is_nan());
        }

        #[test]
        fn a_quotient_is_rounded_as_the_processor_rounds_it(
            numerator in -(1i64 << 53)..(1i64 << 53), denominator in 1i64..(1i64 << 53)
        ) {
            let found = nearest_quotient(&numerator.into(), &denominator.into(), 0);
            prop_assert_eq!(found, numerator as f64 / denominator as f64);
        }
    }
}
