//! What a tick changes of one identifier, until what follows from it is told.

use smallvec::SmallVec;

use super::aggregate::Brought;
use super::extremes::Led;
use super::sums::Words;
use crate::aggregate::kept::partial::Partial;
use crate::flow::Diff;
use crate::row::Datum;
use crate::time::Micros;

/// What a tick changed of the identifier at hand.
#[derive(Default)]
pub struct Changed {
    pub sums: Words,
    /// Values that travel.
    pub values: Vec<((u16, Micros, Datum), Diff)>,
    /// What led in these aggregates before, of those that are extremes of words.
    pub led: SmallVec<[(u16, Option<Led>); 8]>,
    /// What values that came, less those that went, add up to: of a sum with many keys only those that changed.
    pub summed: SmallVec<[(u16, Partial); 8]>,
    /// What was brought to these aggregates before.
    pub brought: SmallVec<[(u16, Brought); 8]>,
    /// Whether something was taken back: else nothing can have come to nothing.
    pub takes_back: bool,
}

impl Changed {
    /// Adds a value that came, or went, to an aggregate whose values add up to `sum`.
    pub fn add(&mut self, number: u16, sum: &Partial, value: &Datum, diff: Diff) {
        let noted = self.summed.iter().position(|(noted, _)| *noted == number);
        let noted = noted.unwrap_or_else(|| {
            self.summed.push((number, sum.nothing()));
            self.summed.len() - 1
        });
        self.summed[noted].1.add(value, diff as i64);
    }

    /// Notes what was brought to an aggregate, before the tick's first change of it.
    pub fn note(&mut self, number: u16, brought: impl FnOnce() -> Brought) {
        if !self.brought.iter().any(|(noted, _)| *noted == number) {
            self.brought.push((number, brought()));
        }
    }

    pub fn clear(&mut self) {
        self.sums.clear();
        self.led.clear();
        self.values.clear();
        self.summed.clear();
        self.brought.clear();
        self.takes_back = false;
    }
}
