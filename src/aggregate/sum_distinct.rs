//! `sum(distinct x)`: each different value once, however many rows have it.

use super::function::{AggregateFunction, CallForm, Called, Gather, Kept, KeptValues, Travels};
use super::kept::partial::Partial;
use super::room::{NoRoom, Types};
use super::sum;
use crate::row::Datum;
use crate::state::few::FewMap;
use crate::time::Micros;

pub struct SumDistinct;

impl AggregateFunction for SumDistinct {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["sum"],
            form: CallForm::Distinct,
            meaning: "The sum of the different values, each once; of the type of the sum.",
            types: sum::types,
        })
    }

    fn kept(&self) -> Kept {
        Kept::Values(KeptValues::gathered(Travels::Presence, |types| {
            let (values, sum) = (FewMap::default(), Partial::of_numbers(types.argument));
            Box::new(DistinctSum { values, sum })
        }))
    }
}

/// Each value with how many of the person's identifiers have it, and the values' sum, so that one that
/// comes or goes costs no walk over the others.
#[derive(Debug)]
struct DistinctSum {
    values: FewMap<Datum, i64>,
    sum: Partial,
}

impl Gather for DistinctSum {
    fn add(&mut self, _: Micros, value: &Datum, diff: i64) {
        let (before, after) = self.values.count(value.clone(), diff);
        let times = i64::from(after > 0) - i64::from(before > 0);
        if times != 0 {
            self.sum.add(value, times);
        }
    }

    fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    fn value(&self, types: Types<'_>) -> Result<Option<Datum>, NoRoom> {
        sum::value(self.sum.added(), types).map(Some)
    }
}
