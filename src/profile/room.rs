//! Sums and means of numbers, which have room in their types or are told to have none.

use arrow::datatypes::{DataType, i256};

use crate::plan::{Aggregate, Function};
use crate::row::Datum;

/// What an aggregate comes to has more digits than its type.
#[derive(Debug, PartialEq)]
pub struct NoRoom;

/// The sum or the average of integers or unscaled decimals.
pub fn of_integers(aggregate: &Aggregate, count: i64, sum: i256) -> Result<Datum, NoRoom> {
    let whole = || sum.to_i128().ok_or(NoRoom);
    match (aggregate.function, &aggregate.output) {
        (Function::Sum | Function::SumDistinct, DataType::Int64) => {
            i64::try_from(whole()?).map(Datum::Integer).map_err(|_| NoRoom)
        }
        (Function::Sum | Function::SumDistinct, _) => decimal(sum, aggregate),
        (_, DataType::Float64) => Ok(Datum::Number(whole()? as f64 / count as f64)),
        // The average has more digits than its argument, the last rounded half away from zero.
        _ => {
            let scaled = sum.checked_mul(more_digits(aggregate)).ok_or(NoRoom)?;
            decimal(rounded_quotient(scaled, i256::from_i128(count.into())), aggregate)
        }
    }
}

/// A double that is finite.
pub fn finite(value: f64) -> Result<Datum, NoRoom> {
    if value.is_finite() { Ok(Datum::Number(value)) } else { Err(NoRoom) }
}

/// By what a decimal is multiplied to have the digits behind the point that its aggregate has.
pub fn more_digits(aggregate: &Aggregate) -> i256 {
    let behind = |of: &DataType| match of {
        DataType::Decimal128(_, behind) => i32::from(*behind),
        other => unreachable!("{other} is no decimal"),
    };
    let argument = aggregate.argument.as_ref().expect("it has one");
    let more = behind(&aggregate.output) - behind(argument);
    i256::from_i128(10i128.pow(u32::try_from(more).expect("none of its digits go")))
}

/// Rounded to the nearest, halves away from zero; the divisor is positive.
pub fn rounded_quotient(of: i256, by: i256) -> i256 {
    let (quotient, rest) = (of.wrapping_div(by), of.wrapping_rem(by).wrapping_abs());
    match rest.wrapping_add(rest) >= by {
        true => quotient.wrapping_add(of.signum()),
        false => quotient,
    }
}

/// A decimal by its unscaled value, unless it has more digits than the aggregate's type.
pub fn decimal(unscaled: i256, aggregate: &Aggregate) -> Result<Datum, NoRoom> {
    let DataType::Decimal128(digits, _) = aggregate.output else {
        unreachable!("{} is no decimal", aggregate.output)
    };
    let value = unscaled.to_i128().filter(|it| it.unsigned_abs() < 10u128.pow(digits.into()));
    value.map(Datum::decimal).ok_or(NoRoom)
}
