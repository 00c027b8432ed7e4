//! What a person holds where the values themselves have to be known, or where rows come with their sessions.

use super::aggregate::AggregateState;
use crate::aggregate::{Gather, Kept, NoRoom};
use crate::plan::Aggregate;
use crate::row::Datum;
use crate::time::Micros;

#[derive(Debug)]
pub enum Gathered {
    /// What the identifiers hold together, as the function keeps it.
    Values(Box<dyn Gather>),
    /// What rows that come with their sessions add up to: they are nobody's but the person's.
    State(AggregateState),
}

impl Gathered {
    /// The state for an aggregate whose values travel, or whose rows come with their sessions.
    pub fn new(aggregate: &Aggregate, kept: &Kept) -> Self {
        match kept {
            Kept::Values(values) => Gathered::Values((values.gather)(aggregate.types())),
            _ => Gathered::State(AggregateState::new(aggregate, kept).at_person(kept)),
        }
    }

    /// Takes a value in `diff` times, or back: never more often than it is there.
    pub fn add(
        &mut self,
        aggregate: &Aggregate,
        kept: &Kept,
        time: Micros,
        value: &Datum,
        diff: i64,
    ) {
        match self {
            Gathered::Values(values) => values.add(time, value, diff),
            Gathered::State(aggregate_state) => {
                aggregate_state.add(aggregate, kept, value, time, diff);
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Gathered::Values(values) => values.is_empty(),
            Gathered::State(aggregate_state) => aggregate_state.is_empty(),
        }
    }

    /// The aggregate's value; `None` is null.
    pub fn value(&self, aggregate: &Aggregate, kept: &Kept) -> Result<Option<Datum>, NoRoom> {
        match self {
            Gathered::Values(values) => values.value(aggregate.types()),
            Gathered::State(aggregate_state) => aggregate_state.value(aggregate, kept),
        }
    }
}
