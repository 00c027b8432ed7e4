//! `mode(x)`.

use super::function::{
    AggregateFunction, CallForm, Called, Gather, Kept, KeptValues, Travels, Typed,
};
use super::kept::tally::Tally;
use super::room::{NoRoom, Types};
use crate::row::Datum;
use crate::time::Micros;

pub struct Mode;

impl AggregateFunction for Mode {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["mode"],
            form: CallForm::Each,
            meaning: "The most frequent value, of equally frequent ones the least.",
            types: Typed::same,
        })
    }

    fn kept(&self) -> Kept {
        Kept::Values(KeptValues::new::<MostFrequent>(Travels::Rows))
    }
}

#[derive(Debug, Default)]
struct MostFrequent(Tally);

impl Gather for MostFrequent {
    fn add(&mut self, _: Micros, value: &Datum, diff: i64) {
        self.0.add(value, diff);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn value(&self, _: Types<'_>) -> Result<Option<Datum>, NoRoom> {
        Ok(self.0.top(1).pop().map(|(value, _)| value))
    }
}
