//! `mode(x)`.

use super::function::{AggregateFunction, Called, Form, Gather, Kept, Travels, Typed, Values};
use super::kept::tally::Tally;
use super::room::{NoRoom, Types};
use crate::row::Datum;
use crate::time::Micros;

pub struct Mode;

impl AggregateFunction for Mode {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &["mode"],
            form: Form::Each,
            meaning: "The most frequent value, of equally frequent ones the least.",
            types: Typed::same,
        })
    }

    fn kept(&self) -> Kept {
        Kept::Values(Values::new::<MostFrequent>(Travels::Rows))
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
