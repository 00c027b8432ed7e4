//! `var(x)`: the variance of the sample.

use arrow::datatypes::DataType;
use num_bigint::BigInt;

use super::function::{AggregateFunction, CallForm, Called, Kept, Typed};
use super::kept::exact::{Total, nearest_quotient};
use super::kept::partial::Moments;
use super::room::finite;

pub struct Variance;

impl AggregateFunction for Variance {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["var", "var_samp"],
            form: CallForm::Each,
            meaning: "The variance of the sample, as a number; null for fewer than two values.",
            types,
        })
    }

    fn kept(&self) -> Kept {
        Kept::Moments(|moments| variance(moments).map(finite).transpose())
    }
}

pub fn types(argument: &DataType) -> Result<Typed, &'static str> {
    let of_numbers = Typed::of_number(argument, DataType::Float64)?;
    Ok(Typed { argument: DataType::Float64, ..of_numbers })
}

/// (Σx² - (Σx)² / n) / (n - 1), computed without error and rounded once.
pub fn variance(Moments { count, sum, squares }: &Moments) -> Option<f64> {
    if *count < 2 {
        return None;
    }
    let (
        Total::Finite { mantissa: sum, exponent: sum_exponent },
        Total::Finite { mantissa: squares, exponent: squares_exponent },
    ) = (sum.total(), squares.total())
    else {
        return Some(f64::NAN);
    };
    let count = BigInt::from(*count);
    let square = &sum * &sum;
    let exponent = squares_exponent.min(2 * sum_exponent);
    let squares = (&count * squares) << (squares_exponent - exponent);
    let square = square << (2 * sum_exponent - exponent);
    let denominator = &count * (&count - BigInt::from(1));
    Some(nearest_quotient(&(squares - square), &denominator, exponent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Datum;

    fn of(values: &[f64]) -> Option<f64> {
        let mut moments = Moments::default();
        values.iter().for_each(|value| moments.add(&Datum::Number(*value), 1));
        variance(&moments)
    }

    /// NIST's "NumAcc3" and "NumAcc4" of its Statistical Reference Datasets: the certified standard
    /// deviation of both is 0.1.
    #[test]
    fn nist_reference_data_gives_its_certified_deviation() {
        for (first, low, high) in
            [(1000000.2, 1000000.1, 1000000.3), (10000000.2, 10000000.1, 10000000.3)]
        {
            let mut values = vec![first];
            for _ in 0..500 {
                values.extend([low, high]);
            }
            let deviation = of(&values).expect("more than two values").sqrt();
            assert!((deviation - 0.1).abs() < 1e-8, "{deviation}");
        }
        assert_eq!(of(&[1.0]), None);
        assert_eq!(of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), Some(32.0 / 7.0));
    }
}
