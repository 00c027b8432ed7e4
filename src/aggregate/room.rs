//! Sums and means of numbers, which have room in their types or are told to have none.

use arrow::datatypes::{DataType, i256};

use crate::row::Datum;

/// The types of an aggregate in a plan: what a function is given and what it is to give.
#[derive(Clone, Copy, Debug)]
pub struct Types<'a> {
    /// `None` where it looks at no values.
    pub argument: Option<&'a DataType>,
    pub output: &'a DataType,
}

/// What an aggregate comes to has more digits than its type.
#[derive(Debug, PartialEq)]
pub struct NoRoom;

/// A double that is finite.
pub fn finite(value: f64) -> Result<Datum, NoRoom> {
    if value.is_finite() { Ok(Datum::Number(value)) } else { Err(NoRoom) }
}

/// A sum of integers or unscaled decimals, in the type of the result.
pub fn whole(sum: i256, types: Types<'_>) -> Result<Datum, NoRoom> {
    match types.output {
        DataType::Int64 => {
            let sum = sum.to_i128().and_then(|sum| i64::try_from(sum).ok());
            sum.map(Datum::Integer).ok_or(NoRoom)
        }
        _ => decimal(sum, types),
    }
}

/// By what a decimal is multiplied to have the digits behind the point that the result has.
pub fn more_digits(types: Types<'_>) -> i256 {
    let behind = |of: &DataType| match of {
        DataType::Decimal128(_, behind) => i32::from(*behind),
        other => unreachable!("{other} is no decimal"),
    };
    let more = behind(types.output) - behind(types.argument.expect("it looks at values"));
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

/// A decimal by its unscaled value, unless it has more digits than the type of the result.
pub fn decimal(unscaled: i256, types: Types<'_>) -> Result<Datum, NoRoom> {
    let DataType::Decimal128(digits, _) = types.output else {
        unreachable!("{} is no decimal", types.output)
    };
    let value = unscaled.to_i128().filter(|it| it.unsigned_abs() < 10u128.pow((*digits).into()));
    value.map(Datum::decimal).ok_or(NoRoom)
}
