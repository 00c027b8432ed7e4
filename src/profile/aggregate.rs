//! Accounts: what the rows of one identifier come to, for one aggregate.
//!
//! An [`Account`] takes rows in and back. Its [`Partial`] is all that its person needs of it.
//! `count(distinct)` is apart: its values themselves go to the person, as they come and go, because
//! the same value may be held by several identifiers.

use hashbrown::HashMap;

use super::ordered::Ordered;
use super::partial::Partial;
use crate::row::Datum;
use crate::spec::plan::{Aggregate, Function};
use crate::time::Micros;

/// The rows of one identifier, for one aggregate.
#[derive(Clone, Debug)]
pub enum Account {
    /// Nothing but what they come to is kept: sums, and extremes of values that are never taken back.
    Sum(Partial),
    /// Extremes of values that may be taken back.
    Ordered(Ordered),
    Distinct(HashMap<Datum, u32>),
}

impl Account {
    pub fn new(aggregate: &Aggregate) -> Self {
        match (aggregate.function, aggregate.retracts) {
            (Function::CountDistinct, _) => Account::Distinct(HashMap::new()),
            (Function::Min | Function::Max | Function::First | Function::Last, true) => {
                Account::Ordered(Ordered::default())
            }
            _ => Account::Sum(Partial::nothing(aggregate)),
        }
    }

    /// Takes a value in (`diff` 1) or back (-1). For distinct values, tells whether the value came
    /// (1) or went (-1) by it.
    pub fn add(&mut self, aggregate: &Aggregate, value: Datum, time: Micros, diff: i8) -> i8 {
        match self {
            Account::Sum(sum) => sum.add(aggregate.function, value, time, diff as i64),
            Account::Ordered(values) => match aggregate.function {
                Function::Min | Function::Max => values.add(0, value, diff as i64),
                _ => values.add(time, value, diff as i64),
            },
            Account::Distinct(values) => {
                let count = values.entry(value.clone()).or_insert(0);
                let before = *count;
                *count = count.wrapping_add_signed(diff as i32);
                let after = *count;
                if after == 0 {
                    values.remove(&value);
                }
                return (after > 0) as i8 - (before > 0) as i8;
            }
        }
        0
    }

    /// Whether no row is left in it.
    pub fn is_empty(&self) -> bool {
        match self {
            Account::Sum(partial) => partial.is_nothing(),
            Account::Ordered(values) => values.is_empty(),
            Account::Distinct(values) => values.is_empty(),
        }
    }

    pub fn partial(&self, aggregate: &Aggregate) -> Option<Partial> {
        match self {
            Account::Sum(partial) => (!partial.is_nothing()).then(|| partial.clone()),
            Account::Ordered(values) => values.leading(aggregate.function),
            Account::Distinct(_) => None,
        }
    }
}
