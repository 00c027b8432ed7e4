//! What the rows of one identifier come to, for one aggregate that is in no block of sums.
//!
//! An [`AggregateState`] takes rows in and back. What it *brings* is all that its person needs of it: a sum,
//! or the leading values. Where the person needs all values they *travel*, as they come and go, because
//! the same value may be held by several identifiers.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::ordered::Ordered;
use crate::aggregate::kept::partial::Partial;
use crate::aggregate::{Extreme, Kept, NoRoom, Travels};
use crate::plan::Aggregate;
use crate::row::Datum;
use crate::state::few::FewMap;
use crate::time::Micros;

/// The rows of one identifier, for one aggregate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AggregateState {
    /// Nothing but what values add up to is kept.
    Sum(Partial),
    /// The extreme of values that are never taken back.
    Leading(Option<(Micros, Datum)>),
    /// Extremes of values that may be taken back, and the newest values.
    Ordered(Ordered),
    /// Values that travel, each with how many rows have it.
    Values(FewMap<Datum, u32>),
    /// Likewise, with the times of the rows.
    Dated(FewMap<(Micros, Datum), u32>),
}

/// The leading values that an identifier brings to its person's aggregate: of most aggregates one.
pub type Brought = SmallVec<[(Micros, Datum); 1]>;

impl AggregateState {
    pub fn new(aggregate: &Aggregate, kept: &Kept) -> Self {
        if let Some(nothing) = kept.nothing(aggregate.argument.as_ref()) {
            return AggregateState::Sum(nothing);
        }
        match kept {
            Kept::Extreme(_) if !aggregate.retracts => AggregateState::Leading(None),
            Kept::Extreme(_) | Kept::Newest(_) => AggregateState::Ordered(Ordered::default()),
            Kept::Values(values) if !values.with_times => AggregateState::Values(FewMap::default()),
            Kept::Values(_) | Kept::Rows => AggregateState::Dated(FewMap::default()),
            other => unreachable!("{other:?} is added up"),
        }
    }

    /// The same while there is nothing of it, where the rows are a person's of their own.
    pub fn at_person(self, kept: &Kept) -> Self {
        match self {
            AggregateState::Sum(nothing) => AggregateState::Sum(kept.at_person(nothing)),
            state => state,
        }
    }

    /// Takes a value in (`diff` 1) or back (-1). Returns how often it travels by that, or travels
    /// back.
    pub fn add(
        &mut self,
        aggregate: &Aggregate,
        kept: &Kept,
        value: &Datum,
        time: Micros,
        diff: i64,
    ) -> i64 {
        let came = match self {
            AggregateState::Sum(sum) => {
                sum.add(value, diff);
                return 0;
            }
            AggregateState::Leading(leading) => {
                lead(kept, leading, time, value);
                return 0;
            }
            AggregateState::Ordered(values) => {
                values.add(if kept.is_by_time() { time } else { 0 }, value.clone(), diff);
                if let Kept::Newest(number) = kept
                    && !aggregate.retracts
                {
                    values.keep_newest(usize::from(*number));
                }
                return 0;
            }
            AggregateState::Values(values) => presence(values.count(value.clone(), diff)),
            AggregateState::Dated(values) => presence(values.count((time, value.clone()), diff)),
        };
        if kept.travels() == Some(Travels::Rows) { diff } else { came }
    }

    /// Whether no row is left in it.
    pub fn is_empty(&self) -> bool {
        match self {
            AggregateState::Sum(partial) => partial.is_nothing(),
            AggregateState::Leading(leading) => leading.is_none(),
            AggregateState::Ordered(values) => values.is_empty(),
            AggregateState::Values(values) => values.is_empty(),
            AggregateState::Dated(values) => values.is_empty(),
        }
    }

    /// What values add up to, where that is brought.
    pub fn sum(&self) -> Option<&Partial> {
        match self {
            AggregateState::Sum(partial) => Some(partial),
            _ => None,
        }
    }

    pub fn brings(&self, kept: &Kept) -> Brought {
        match self {
            AggregateState::Leading(leading) => leading.iter().cloned().collect(),
            AggregateState::Ordered(values) => values.leading(kept),
            AggregateState::Sum(_) | AggregateState::Values(_) | AggregateState::Dated(_) => {
                Brought::new()
            }
        }
    }

    /// What the rows come to, where they alone are the person's; `None` is null.
    pub fn value(&self, aggregate: &Aggregate, kept: &Kept) -> Result<Option<Datum>, NoRoom> {
        if let Some(sum) = self.sum().filter(|sum| !sum.is_nothing()) {
            return kept.value(sum, aggregate.types());
        }
        let brought = self.brings(kept);
        let is_none = brought.is_empty();
        let mut values = brought.into_iter().map(|(_, value)| value);
        Ok(match kept {
            _ if is_none => None,
            Kept::Newest(_) => Some(Datum::List(values.collect())),
            _ => values.next(),
        })
    }

    /// The values that travelled, each as often as it did; undated ones at 0.
    pub fn travelled(&self, kept: &Kept, mut each: impl FnMut(Micros, &Datum, i64)) {
        let rows = kept.travels() == Some(Travels::Rows);
        let times = |count: u32| if rows { count as i64 } else { 1 };
        match self {
            AggregateState::Sum(_) | AggregateState::Leading(_) | AggregateState::Ordered(_) => {}
            AggregateState::Values(values) => {
                values.iter().for_each(|(value, count)| each(0, value, times(*count)));
            }
            AggregateState::Dated(values) => {
                values.iter().for_each(|((time, value), count)| each(*time, value, times(*count)));
            }
        }
    }
}

/// Compares a value that is never taken back with the one that leads.
fn lead(kept: &Kept, leading: &mut Option<(Micros, Datum)>, time: Micros, value: &Datum) {
    let Kept::Extreme(Extreme { end, by_time }) = kept else {
        unreachable!("{kept:?} has no leading value")
    };
    let time = if *by_time { time } else { 0 };
    let leads = leading
        .as_ref()
        .is_none_or(|(known_time, known)| end.leads(&(time, value), &(*known_time, known)));
    if leads {
        *leading = Some((time, value.clone()));
    }
}

/// Whether a value came (1) or went (-1) as its count changed.
fn presence((before, after): (u32, u32)) -> i64 {
    (after > 0) as i64 - (before > 0) as i64
}
