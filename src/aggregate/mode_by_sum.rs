//! `mode(x, sum(y))`.

use super::function::{AggregateFunction, AskedSums, CallForm, Called, Kept};
use super::sum;
use super::summed::{summed, typed};

pub struct ModeBySum;

impl AggregateFunction for ModeBySum {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["mode"],
            form: CallForm::BySum,
            meaning: "The value with the greatest sum of y, of equal sums the least. Rows that lack x or y are passed \
                      over; null where there is no room for one of the sums.",
            types: |pair| typed(pair, sum::types, |value, _| value.clone()),
        })
    }

    fn kept(&self) -> Kept {
        summed(sum::Sum.kept(), sum::types, AskedSums::Greatest(1), |mut sums| {
            sums.pop().map(|(value, _)| value.clone())
        })
    }
}
