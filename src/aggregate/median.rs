//! `median(x)`.

use arrow::datatypes::i256;

use super::digits::with_more_digits;
use super::function::{
    AggregateFunction, CallForm, Called, Gather, Kept, KeptValues, Travels, Typed,
};
use super::kept::parts::Parts;
use super::room::{NoRoom, Types, decimal, more_digits, rounded_quotient};
use super::share::ValueShare;
use crate::row::Datum;
use crate::time::Micros;

pub struct Median;

impl AggregateFunction for Median {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["median"],
            form: CallForm::Each,
            meaning: "The value in the middle, or the mean of the two there: of decimals a decimal with \
                      one digit more behind the point, else a number.",
            types: |argument| Typed::of_number(argument, with_more_digits(argument, 1)),
        })
    }

    fn kept(&self) -> Kept {
        Kept::Values(KeptValues::new::<Middle>(Travels::Rows))
    }
}

#[derive(Debug)]
struct Middle(Parts);

impl Default for Middle {
    fn default() -> Self {
        Middle(Parts::new(|count| ValueShare::HALF.between(count).0))
    }
}

impl Gather for Middle {
    fn add(&mut self, _: Micros, value: &Datum, diff: i64) {
        self.0.add(value, diff);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn value(&self, types: Types<'_>) -> Result<Option<Datum>, NoRoom> {
        let Some((middle, next)) = self.0.meet() else { return Ok(None) };
        let is_one = self.0.count() % 2 == 1;
        let other = next.filter(|_| !is_one).unwrap_or(middle);
        mean(middle, other, types).map(Some)
    }
}

/// The mean of two numbers: of integers as the nearest double, of decimals with one digit more where there
/// is room for it, and else rounded, halves away from zero.
fn mean(one: &Datum, other: &Datum, types: Types<'_>) -> Result<Datum, NoRoom> {
    match (one, other) {
        (Datum::Integer(one), Datum::Integer(other)) => {
            let sum = *one as i128 + *other as i128;
            Ok(Datum::Number(sum as f64 / 2.0))
        }
        (Datum::Number(one), Datum::Number(other)) => Ok(Datum::Number(one.midpoint(*other))),
        (Datum::Decimal(one), Datum::Decimal(other)) => {
            let sum = i256::from_i128(one.get()).wrapping_add(i256::from_i128(other.get()));
            let sum = sum.wrapping_mul(more_digits(types));
            decimal(rounded_quotient(sum, i256::from_i128(2)), types)
        }
        (one, other) => unreachable!("the plan takes no mean of {one:?} and {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::DataType;

    fn median_of(values: &[Datum], argument: DataType, output: DataType) -> Option<Datum> {
        let mut middle = Middle::default();
        values.iter().for_each(|value| middle.add(0, value, 1));
        middle.value(Types { argument: Some(&argument), output: &output }).ok().flatten()
    }

    fn median(values: &[Datum]) -> Option<Datum> {
        median_of(values, DataType::Decimal128(37, 2), DataType::Decimal128(38, 3))
    }

    /// What `select median(x) from (values …) t(x)` gives in DuckDB 2.0.0. (Of decimals it drops
    /// the digit that we keep: 1.275 is its 1.27.)
    #[test]
    fn medians_are_those_of_duckdb() {
        let integers = [1, 2, 10, 7].map(Datum::Integer);
        assert_eq!(median(&integers), Some(Datum::Number(4.5)));
        let large = [i64::MAX, i64::MAX - 2].map(Datum::Integer);
        assert_eq!(median(&large), Some(Datum::Number(9.223372036854776e18)));
        let numbers = [0.1, 0.2, 0.4, 1e300].map(Datum::Number);
        assert_eq!(median(&numbers), Some(Datum::Number(0.30000000000000004)));
        let decimals = [125, 130, -400, 9_999].map(Datum::decimal);
        assert_eq!(median(&decimals), Some(Datum::decimal(1_275)));
        let too_large = [10i128.pow(38) - 1; 2].map(Datum::decimal);
        assert_eq!(median(&too_large), None);
        let wide = DataType::Decimal128(38, 10);
        let of_wide = |values: &[Datum]| median_of(values, wide.clone(), wide.clone());
        assert_eq!(of_wide(&too_large), Some(too_large[0].clone()));
        assert_eq!(of_wide(&[-3, -4].map(Datum::decimal)), Some(Datum::decimal(-4)));
    }
}
