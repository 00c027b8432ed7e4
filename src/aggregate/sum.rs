//! `sum(x)`: exact, whatever is added and taken back.

use arrow::datatypes::DataType;

use super::digits::DIGITS;
use super::function::{AggregateFunction, CallForm, Called, Kept, Typed};
use super::kept::partial::Added;
use super::room::{NoRoom, Types, finite, whole};
use crate::row::Datum;

pub struct Sum;

impl AggregateFunction for Sum {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["sum"],
            form: CallForm::Each,
            meaning: "The sum, of the values' type, a decimal with up to ten digits more; null where it \
                      has no room there.",
            types,
        })
    }

    fn kept(&self) -> Kept {
        Kept::Sum(value)
    }
}

pub fn types(argument: &DataType) -> Result<Typed, &'static str> {
    let output = match argument {
        // Ten thousand million values of a type come to no more.
        DataType::Decimal128(digits, behind) => {
            DataType::Decimal128(digits.saturating_add(10).min(DIGITS), *behind)
        }
        other => other.clone(),
    };
    Typed::of_number(argument, output)
}

pub fn value(added: Added<'_>, types: Types<'_>) -> Result<Datum, NoRoom> {
    match added {
        Added::Numbers { sum, .. } => finite(sum.value()),
        Added::Whole { sum, .. } => whole(sum, types),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Function;
    use super::super::kept::partial::Partial;
    use super::*;

    /// Aggregates of this type, of so many decimals: taken in, put together, and taken back.
    fn of_decimals(
        values: &[i128],
        function: Function,
        output: &DataType,
    ) -> Result<Datum, NoRoom> {
        let types = Types { argument: Some(&DataType::Decimal128(38, 10)), output };
        let one = |values: &[i128]| {
            let mut partial = Partial::of_numbers(types.argument);
            values.iter().for_each(|value| partial.add(&Datum::decimal(*value), 1));
            partial
        };
        let (first, rest) = values.split_at(values.len() / 2);
        let mut all = one(first);
        all.merge(&one(rest), 1);
        let found = function.kept().value(&all, types);
        values.iter().for_each(|value| all.add(&Datum::decimal(*value), -1));
        assert_eq!(all, all.nothing());
        found.map(|found| found.expect("there are values"))
    }

    #[test]
    fn sums_of_decimals_have_room_on_the_way_and_never_wrap() {
        let wide = DataType::Decimal128(38, 10);
        let most = 10i128.pow(38) - 1;
        let sum = |values: &[i128]| of_decimals(values, Function::Sum, &wide);
        // Four times nine tenths of it would be a sum of 38 digits again, were it to wrap at 128 bits.
        assert_eq!(sum(&[most / 10 * 9; 4]), Err(NoRoom));
        assert_eq!(sum(&[most, most, -most, -most, 7]), Ok(Datum::decimal(7)));
        assert_eq!(sum(&[most, 1]), Err(NoRoom));
        let average = |values: &[i128]| of_decimals(values, Function::Avg, &wide);
        assert_eq!(average(&[most; 1_000]), Ok(Datum::decimal(most)));
        assert_eq!(average(&[-3, -4]), Ok(Datum::decimal(-4)));
        let more = DataType::Decimal128(38, 14);
        assert_eq!(of_decimals(&[1, 1, 0], Function::Avg, &more), Ok(Datum::decimal(6_667)));
        assert_eq!(of_decimals(&[most], Function::Avg, &more), Err(NoRoom));
    }
}
