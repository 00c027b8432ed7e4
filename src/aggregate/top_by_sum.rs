//! `top(x, n, sum(y))`.

use arrow::datatypes::{DataType, Field, Fields};

use super::function::{AggregateFunction, CallForm, Called, Kept, list_of};
use super::sum;
use super::summed::{greatest, summed, typed};
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
        let number = usize::from(self.0);
        summed(sum::Sum.kept(), sum::types, usize::MAX, move |sums| {
            let top = greatest(sums, number).into_iter();
            let top = top.map(|(value, sum)| Datum::Struct([Some(value), Some(sum)].into()));
            Some(Datum::List(top.collect()))
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
