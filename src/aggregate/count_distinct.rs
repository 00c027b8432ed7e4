//! `count(distinct x)`.

use arrow::datatypes::DataType;

use super::function::{
    AggregateFunction, CallForm, Called, Gather, Kept, KeptValues, Travels, Typed,
};
use super::room::{NoRoom, Types};
use crate::row::Datum;
use crate::state::few::FewMap;
use crate::time::Micros;

pub struct CountDistinct;

impl AggregateFunction for CountDistinct {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["count"],
            form: CallForm::Distinct,
            meaning: "How many different values there are; 0 for none.",
            types: |argument| Typed::as_it_is(argument, DataType::Int64),
        })
    }

    fn kept(&self) -> Kept {
        let of_nothing = Some(Datum::Integer(0));
        Kept::Values(KeptValues { of_nothing, ..KeptValues::new::<Distinct>(Travels::Presence) })
    }
}

/// Each value with how many of the person's identifiers have it.
#[derive(Debug, Default)]
struct Distinct(FewMap<Datum, i64>);

impl Gather for Distinct {
    fn add(&mut self, _: Micros, value: &Datum, diff: i64) {
        self.0.count(value.clone(), diff);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn value(&self, _: Types<'_>) -> Result<Option<Datum>, NoRoom> {
        Ok(Some(Datum::Integer(self.0.len() as i64)))
    }
}
