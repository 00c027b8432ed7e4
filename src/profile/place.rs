//! Where in blocks of words aggregates are kept: see `sums`.

use std::sync::Arc;

use arrow::datatypes::DataType;

use super::word::fits_a_word;
use crate::aggregate::{Extreme, Kept};
use crate::plan::{Aggregate, AggregateInput, Expression, Plan};

/// Where in a block an aggregate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LanePlace {
    /// One narrow lane.
    Count { block: u16, lane: u16 },
    /// A narrow lane for the number of values and a wide one for their sum.
    Sum { block: u16, lane: u16, sum: u16 },
    /// Two narrow lanes: how many values are true, and how many are not.
    Truths { block: u16, lane: u16 },
    /// The extreme of values that are never taken back: `bit` of the block's word of those that are there,
    /// and the value's word; before it the time's where that decides.
    Extreme { block: u16, bit: u16, word: u16, of: Extreme },
    /// The extreme of values that may be taken back, in no block: an identifier keeps them all, in order, those of
    /// several aggregates that are given the same once, as those of `values_of`.
    Ordered { of: Extreme, values_of: u16 },
    /// In no block, nor in order.
    Apart,
}

/// The words of one block: its number, narrow lanes, wide lanes; and of an identifier's own its extremes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Block {
    pub narrow: usize,
    pub wide: usize,
    /// With the word that says which of them are there; 0 where there are none.
    extremes: usize,
    number_of_extremes: usize,
}

impl Block {
    /// Words of the block's number and its sums.
    pub fn summed(&self) -> usize {
        1 + self.narrow + 2 * self.wide
    }

    pub fn all(&self) -> usize {
        self.summed() + self.extremes
    }
}

/// How many extremes one word has bits for.
const MOST_EXTREMES: usize = 64;

impl Block {
    /// The place of one more aggregate, for which room is made.
    pub fn place(&mut self, block: u16, aggregate: &Aggregate, kept: &Kept) -> LanePlace {
        let lane = self.narrow as u16;
        match kept {
            // Its rows come to the person, with their sessions.
            _ if aggregate.sessions.is_some() => LanePlace::Apart,
            Kept::Count => {
                self.narrow += 1;
                LanePlace::Count { block, lane }
            }
            Kept::Sum(_) if fits_two_words(argument(aggregate)) => {
                let sum = self.wide as u16;
                (self.narrow, self.wide) = (self.narrow + 1, self.wide + 1);
                LanePlace::Sum { block, lane, sum }
            }
            Kept::Truths(_) => {
                self.narrow += 2;
                LanePlace::Truths { block, lane }
            }
            Kept::Extreme(extreme)
                if !aggregate.retracts
                    && fits_a_word(argument(aggregate))
                    && self.number_of_extremes < MOST_EXTREMES =>
            {
                let bit = self.number_of_extremes as u16;
                self.number_of_extremes += 1;
                // The first word says which of them are there.
                let word = self.extremes.max(1) + usize::from(extreme.by_time);
                self.extremes = word + 1;
                LanePlace::Extreme { block, bit, word: word as u16, of: *extreme }
            }
            Kept::Sum(_) | Kept::Moments(_) | Kept::ByKey(_) => LanePlace::Apart,
            Kept::Extreme(_) => LanePlace::Apart,
            Kept::Newest(_) | Kept::Values(_) | Kept::Rows => LanePlace::Apart,
        }
    }

    /// Where a wide lane begins in the block.
    pub fn wide_lane(&self, lane: u16) -> usize {
        1 + self.narrow + 2 * usize::from(lane)
    }
}

/// The place of an aggregate whose values are kept in order, as words; `before` are the places of those before it.
pub fn ordered(plan: &Plan, number: u16, kept: &Kept, before: &[LanePlace]) -> Option<LanePlace> {
    let aggregate = &plan.aggregates[usize::from(number)];
    let Kept::Extreme(of) = kept else { return None };
    // Rows that come with their sessions come to the person.
    if !aggregate.retracts || aggregate.sessions.is_some() || !fits_a_word(argument(aggregate)) {
        return None;
    }
    let has_the_same = |other: &u16| {
        let place = before[usize::from(*other)];
        matches!(place, LanePlace::Ordered { of: Extreme { by_time, .. }, .. } if by_time == of.by_time)
            && is_given_the_same(plan, number, *other)
    };
    let values_of = (0..number).find(has_the_same).unwrap_or(number);
    Some(LanePlace::Ordered { of: *of, values_of })
}

/// Whether each row gives two aggregates the same, and as long.
fn is_given_the_same(plan: &Plan, one: u16, other: u16) -> bool {
    let window = |number: u16| plan.aggregates[usize::from(number)].window.is_some();
    let physical = |of: &Option<Expression>| of.as_ref().map(|of| Arc::clone(of.physical()));
    let same_inputs = |inputs: &[AggregateInput]| {
        let given = |number| {
            let of = inputs.iter().filter(move |input| input.aggregate == number);
            of.map(|AggregateInput { condition, argument, .. }| [condition, argument].map(physical))
        };
        given(one).eq(given(other))
    };
    let mut sources = plan.sources.iter();
    !window(one)
        && !window(other)
        && sources.all(|source| {
            let joined = source.joined.iter().all(|joined| same_inputs(&joined.inputs));
            joined && same_inputs(&source.inputs)
        })
}

/// The sources whose rows an aggregate takes.
pub fn sources_of(plan: &Plan, number: u16) -> Vec<u16> {
    let takes = |source: &crate::plan::Source| {
        let joined = source.joined.iter().flat_map(|joined| &joined.inputs);
        source.inputs.iter().chain(joined).any(|input| input.aggregate == number)
    };
    let sources = plan.sources.iter().enumerate();
    sources.filter(|(_, source)| takes(source)).map(|(index, _)| index as u16).collect()
}

pub fn argument(aggregate: &Aggregate) -> &DataType {
    aggregate.argument.as_ref().expect("an aggregate that looks at values has an argument")
}

/// Whether no sum of values, however many there are, needs more than 128 bits.
fn fits_two_words(data_type: &DataType) -> bool {
    /// 10^28 < 2^94, which leaves room for 2^33 values; 2^63 leaves it for as many as can be counted.
    const DIGITS: u8 = 28;
    match data_type {
        DataType::Int64 => true,
        DataType::Decimal128(precision, _) => *precision <= DIGITS,
        _ => false,
    }
}
