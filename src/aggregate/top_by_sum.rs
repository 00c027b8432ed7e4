//! `top(x, n, sum(y))`.

use arrow::datatypes::{DataType, Field, Fields};

use super::function::{AggregateFunction, AskedSums, CallForm, Called, Kept, list_of};
use super::sum;
use super::summed::{summed, typed};
use crate::row::Datum;

pub struct TopBySum(pub u16);

impl AggregateFunction for TopBySum {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["top"],
            form: CallForm::NumberBySum,
            meaning: "The n values with the greatest sums of y, as a list of {value, sum}, the greatest first; of \
                      equal sums the smaller value first. Rows that lack x or y are passed over; null where there \
                      is no room for one of the sums.",
            types: |pair| typed(pair, sum::types, |value, sum| list_of(with_sum(value, sum))),
        })
    }

    fn kept(&self) -> Kept {
        let asked = AskedSums::Greatest(usize::from(self.0));
        summed(sum::Sum.kept(), sum::types, asked, |sums| {
            let each = |(value, sum): (&Datum, Datum)| {
                Datum::Struct([Some(value.clone()), Some(sum)].into())
            };
            Some(Datum::List(sums.into_iter().map(each).collect()))
        })
    }
}

/// What is said of a value.
pub fn with_sum(value: &DataType, sum: DataType) -> DataType {
    DataType::Struct(Fields::from(vec![
        Field::new("value", value.clone(), true),
        Field::new("sum", sum, true),
    ]))
}
