//! The sum of different values, each once however many rows have it.

use super::partial::Partial;
use super::room::NoRoom;
use crate::plan::{Aggregate, Function};
use crate::row::Datum;
use crate::state::few::FewMap;

/// Values with how often each is held, and their sum, so that one that comes or goes costs no walk over
/// the others.
#[derive(Debug)]
pub struct DistinctSum {
    values: FewMap<Datum, i64>,
    sum: Partial,
}

impl DistinctSum {
    pub fn new(aggregate: &Aggregate) -> Self {
        DistinctSum { values: FewMap::default(), sum: Partial::nothing(aggregate) }
    }

    pub fn add(&mut self, value: &Datum, diff: i64) {
        let (before, after) = self.values.count(value.clone(), diff);
        let times = i64::from(after > 0) - i64::from(before > 0);
        if times != 0 {
            self.sum.add(Function::Sum, value.clone(), 0, times);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The sum; `None` is null.
    pub fn value(&self, aggregate: &Aggregate) -> Result<Option<Datum>, NoRoom> {
        self.sum.finish(aggregate)
    }
}
