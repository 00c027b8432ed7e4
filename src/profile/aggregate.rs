//! Accounts: what the rows of one identifier come to, for one aggregate that is in no block of sums.
//!
//! An [`Account`] takes rows in and back. What it *brings* is all that its person needs of it: a summand,
//! or the leading values. Where the person needs all values they *travel*, as they come and go, because
//! the same value may be held by several identifiers.

use smallvec::SmallVec;

use super::ordered::Ordered;
use super::partial::Partial;
use crate::plan::{Aggregate, Function};
use crate::row::Datum;
use crate::state::few::FewMap;
use crate::time::Micros;

/// The rows of one identifier, for one aggregate.
#[derive(Clone, Debug)]
pub enum Account {
    /// Nothing but what they come to is kept: sums, and extremes of values that are never taken back.
    Sum(Partial),
    /// Extremes of values that may be taken back, and the newest values.
    Ordered(Ordered),
    /// Values that travel, each with how many rows have it.
    Values(FewMap<Datum, u32>),
    /// Likewise, with the times of the rows.
    Dated(FewMap<(Micros, Datum), u32>),
}

/// What an identifier brings to its person's aggregate beside its sums.
#[derive(Clone, Debug, PartialEq)]
pub enum Brought {
    /// The leading values: of most aggregates one.
    Values(SmallVec<[(Micros, Datum); 1]>),
    Summand(Partial),
}

/// What of an aggregate's values travels to the person.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Travels {
    /// None: a partial does.
    Nothing,
    /// That the identifier has a value, however many of its rows do.
    Presence,
    /// Each row's value.
    Rows,
}

fn travels(function: Function) -> Travels {
    match function {
        Function::CountDistinct
        | Function::SumDistinct
        | Function::Distinct
        | Function::Funnel { .. } => Travels::Presence,
        Function::Mode | Function::Median | Function::Top(_) | Function::Timeline => Travels::Rows,
        _ => Travels::Nothing,
    }
}

impl Account {
    pub fn new(aggregate: &Aggregate) -> Self {
        match aggregate.function {
            _ if is_dated(aggregate) => Account::Dated(FewMap::default()),
            function if travels(function) != Travels::Nothing => Account::Values(FewMap::default()),
            Function::Recent(_) => Account::Ordered(Ordered::default()),
            Function::Min | Function::Max | Function::First | Function::Last
                if aggregate.retracts =>
            {
                Account::Ordered(Ordered::default())
            }
            _ => Account::Sum(Partial::nothing(aggregate)),
        }
    }

    /// Takes a value in (`diff` 1) or back (-1). Returns how often it travels by that, or travels
    /// back.
    pub fn add(&mut self, aggregate: &Aggregate, value: &Datum, time: Micros, diff: i64) -> i64 {
        let function = aggregate.function;
        match self {
            Account::Sum(sum) => sum.add(function, value.clone(), time, diff),
            Account::Ordered(values) => {
                let time = match function {
                    Function::Min | Function::Max => 0,
                    _ => time,
                };
                values.add(time, value.clone(), diff);
                if let Function::Recent(number) = function
                    && !aggregate.retracts
                {
                    values.keep_newest(number as usize);
                }
            }
            Account::Values(values) => {
                let came = presence(values.count(value.clone(), diff));
                return if travels(function) == Travels::Rows { diff } else { came };
            }
            Account::Dated(values) => {
                let came = presence(values.count((time, value.clone()), diff));
                return if travels(function) == Travels::Rows { diff } else { came };
            }
        }
        0
    }

    /// Whether no row is left in it.
    pub fn is_empty(&self) -> bool {
        match self {
            Account::Sum(partial) => partial.is_nothing(),
            Account::Ordered(values) => values.is_empty(),
            Account::Values(values) => values.is_empty(),
            Account::Dated(values) => values.is_empty(),
        }
    }

    /// What the rows come to, where they alone are the person's.
    pub fn partial(&self, aggregate: &Aggregate) -> Option<Partial> {
        match self {
            Account::Sum(partial) => (!partial.is_nothing()).then(|| partial.clone()),
            Account::Ordered(values) => values.leading(aggregate.function),
            Account::Values(_) | Account::Dated(_) => None,
        }
    }

    pub fn brings(&self, aggregate: &Aggregate) -> Brought {
        match self.partial(aggregate) {
            None => Brought::Values(SmallVec::new()),
            Some(Partial::Value(value)) => Brought::Values(SmallVec::from_buf([(0, value)])),
            Some(Partial::Timed(time, value)) => {
                Brought::Values(SmallVec::from_buf([(time, value)]))
            }
            Some(Partial::Recent(values)) => Brought::Values(values.iter().cloned().collect()),
            Some(sum) => Brought::Summand(sum),
        }
    }

    /// The values that travelled, each as often as it did; undated ones at 0.
    pub fn travelled(&self, aggregate: &Aggregate, mut each: impl FnMut(Micros, &Datum, i64)) {
        let rows = travels(aggregate.function) == Travels::Rows;
        let times = |count: u32| if rows { count as i64 } else { 1 };
        match self {
            Account::Sum(_) | Account::Ordered(_) => {}
            Account::Values(values) => {
                values.iter().for_each(|(value, count)| each(0, value, times(*count)));
            }
            Account::Dated(values) => {
                values.iter().for_each(|((time, value), count)| each(*time, value, times(*count)));
            }
        }
    }
}

/// Whether an identifier's values travel to the person.
pub fn has_travelling_values(aggregate: &Aggregate) -> bool {
    travels(aggregate.function) != Travels::Nothing
}

/// Whether the times of rows travel with their values.
pub fn is_dated(aggregate: &Aggregate) -> bool {
    matches!(aggregate.function, Function::Timeline | Function::Funnel { .. })
}

/// Whether a value came (1) or went (-1) as its count changed.
fn presence((before, after): (u32, u32)) -> i64 {
    (after > 0) as i64 - (before > 0) as i64
}
