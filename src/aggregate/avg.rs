//! `avg(x)`: the mean, rounded once.

use arrow::datatypes::{DataType, i256};

use super::digits::with_more_digits;
use super::function::{AggregateFunction, CallForm, Called, Kept, Typed};
use super::kept::partial::Added;
use super::room::{NoRoom, Types, decimal, finite, more_digits, rounded_quotient};
use crate::row::Datum;

pub struct Avg;

impl AggregateFunction for Avg {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["avg", "mean"],
            form: CallForm::Each,
            meaning: "The mean: of decimals a decimal with four digits more behind the point, the last \
                      rounded half away from zero; else a number.",
            types: |argument| Typed::of_number(argument, with_more_digits(argument, 4)),
        })
    }

    fn kept(&self) -> Kept {
        Kept::Sum(value)
    }
}

fn value(added: Added<'_>, types: Types<'_>) -> Result<Datum, NoRoom> {
    match added {
        Added::Numbers { count, sum } => finite(sum.mean(count)),
        Added::Whole { count, sum } if types.output == &DataType::Float64 => {
            let sum = sum.to_i128().ok_or(NoRoom)?;
            Ok(Datum::Number(sum as f64 / count as f64))
        }
        Added::Whole { count, sum } => {
            let scaled = sum.checked_mul(more_digits(types)).ok_or(NoRoom)?;
            decimal(rounded_quotient(scaled, i256::from_i128(count.into())), types)
        }
    }
}
