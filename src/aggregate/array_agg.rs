//! `array_agg(distinct x)`.

use super::function::{
    AggregateFunction, CallForm, Called, Gather, Kept, KeptValues, MOST_VALUES, Travels, Typed,
    list_of,
};
use super::room::{NoRoom, Types};
use crate::row::Datum;
use crate::state::few::FewMap;
use crate::time::Micros;

pub struct ArrayAgg;

impl AggregateFunction for ArrayAgg {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["array_agg"],
            form: CallForm::Distinct,
            meaning: "The different values, sorted: the first 1,000.",
            types: |argument| Typed::as_it_is(argument, list_of(argument.clone())),
        })
    }

    fn kept(&self) -> Kept {
        Kept::Values(KeptValues::new::<Sorted>(Travels::Presence))
    }
}

/// Each value with how many of the person's identifiers have it.
#[derive(Debug, Default)]
struct Sorted(FewMap<Datum, i64>);

impl Gather for Sorted {
    fn add(&mut self, _: Micros, value: &Datum, diff: i64) {
        self.0.count(value.clone(), diff);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn value(&self, _: Types<'_>) -> Result<Option<Datum>, NoRoom> {
        let first = self.0.keys().take(usize::from(MOST_VALUES)).cloned();
        Ok(Some(Datum::List(first.collect())))
    }
}
