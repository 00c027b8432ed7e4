//! Sums in flat blocks of words: what an identifier's rows, or a person's, come to in all aggregates that can
//! be added up and taken back word by word.
//!
//! Aggregates over the same sources share a *block*, since a row that brings something to one of them
//! mostly does to the others. A block is a run of words whose meaning is the plan's: its number, its
//! narrow lanes (counts, 64 bits), its wide lanes (sums, 128 bits in two words). Blocks without any row
//! are left out. An identifier's own blocks go on with its extremes, which are no sums; they travel behind all
//! blocks (`extremes`).
//!
//! In differential's terms, with `whose` as whom identifiers belong to:
//!
//! ```text
//! rows.explode(|row| (row.identifier, (1, row.value))).join(whose).map(|(_, person)| person).count_total()
//! ```
//!
//! which joins and counts one wide difference an identifier; ours does so in ticks of few rows too, and with what is no
//! group beside it (`identifiers`, `people`).
//!
//! Two lists of blocks add up lane by lane, wrapping, so that what is taken back leaves what was there: they are an
//! abelian group. They travel as the data of updates, as often as the update's difference says, not as the difference
//! itself.

use std::ops::Range;

use arrow::datatypes::i256;
use thin_vec::ThinVec;

use super::place::{Block, LanePlace, ordered, sources_of};
use super::word::to_word;
use crate::aggregate::kept::partial::Partial;
use crate::aggregate::{Extreme, Kept};
use crate::flow::Diff;
use crate::plan::Plan;
use crate::row::Datum;
use crate::time::Micros;

/// Blocks in the order of their numbers.
pub type Words = ThinVec<u64>;

/// In what travels, stands behind the last block where extremes follow: no block has this number.
pub const EXTREMES: u64 = u64::MAX;

/// What the blocks of a plan look like.
#[derive(Debug)]
pub struct Layout {
    /// By aggregate: what is kept of its values, and where.
    kept: Vec<Kept>,
    places: Vec<LanePlace>,
    /// The aggregates that are extremes of words.
    extremes: Vec<u16>,
    /// By aggregate, those of them whose values are kept as this one's, itself among them.
    sharing: Vec<Vec<u16>>,
    blocks: Vec<Block>,
}

/// Whether blocks carry the extremes of their identifier.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// An identifier's own.
    Own,
    /// What travels to a person, and what the person holds.
    Summed,
}

impl Layout {
    pub fn new(plan: &Plan) -> Self {
        let mut sources: Vec<Vec<u16>> = Vec::new();
        let mut blocks: Vec<Block> = Vec::new();
        let mut places = Vec::with_capacity(plan.aggregates.len());
        let kept = plan.aggregates.iter().map(|aggregate| aggregate.function.kept());
        let kept: Vec<Kept> = kept.collect();
        for (number, (aggregate, kept)) in plan.aggregates.iter().zip(&kept).enumerate() {
            if let Some(place) = ordered(plan, number as u16, kept, &places) {
                places.push(place);
                continue;
            }
            let fed_by = sources_of(plan, number as u16);
            let known = sources.iter().position(|known| *known == fed_by);
            let index = known.unwrap_or(blocks.len());
            let mut block = known.map_or_else(Block::default, |index| blocks[index]);
            let place = block.place(index as u16, aggregate, kept);
            if place != LanePlace::Apart {
                if known.is_none() {
                    sources.push(fed_by);
                    blocks.push(block);
                } else {
                    blocks[index] = block;
                }
            }
            places.push(place);
        }
        let is_extreme = |place: &LanePlace| {
            matches!(place, LanePlace::Extreme { .. } | LanePlace::Ordered { .. })
        };
        let numbered = (0u16..).zip(&places);
        let extremes = numbered.filter(|(_, place)| is_extreme(place)).map(|(number, _)| number);
        let extremes: Vec<u16> = extremes.collect();
        let shares = |of: usize| {
            let values = |number: &u16| match places[usize::from(*number)] {
                LanePlace::Ordered { values_of, .. } => usize::from(values_of) == of,
                _ => false,
            };
            extremes.iter().copied().filter(values).collect()
        };
        let sharing = (0..places.len()).map(shares).collect();
        Layout { extremes, sharing, kept, places, blocks }
    }

    /// The aggregates of which an identifier keeps extremes as words.
    pub fn extremes(&self) -> impl Iterator<Item = u16> {
        self.extremes.iter().copied()
    }

    /// The aggregates whose values are kept in order as those of this one.
    #[inline]
    pub fn sharing(&self, aggregate: u16) -> &[u16] {
        &self.sharing[usize::from(aggregate)]
    }

    /// What is kept of an aggregate's values.
    #[inline]
    pub fn kept(&self, aggregate: u16) -> &Kept {
        &self.kept[usize::from(aggregate)]
    }

    #[inline]
    pub fn place(&self, aggregate: u16) -> LanePlace {
        self.places[usize::from(aggregate)]
    }

    #[inline]
    fn words(&self, number: u64, form: Form) -> usize {
        let block = &self.blocks[number as usize];
        match form {
            Form::Own => block.all(),
            Form::Summed => block.summed(),
        }
    }

    /// Where a block begins, or where it would.
    #[inline]
    fn find(&self, words: &[u64], block: u16, form: Form) -> Result<usize, usize> {
        let mut at = 0;
        while let Some(number) = words.get(at) {
            if *number >= u64::from(block) {
                return if *number == u64::from(block) { Ok(at) } else { Err(at) };
            }
            at += self.words(*number, form);
        }
        Err(at)
    }

    #[inline]
    fn find_or_insert(&self, words: &mut Words, block: u16, form: Form) -> usize {
        self.find(words, block, form).unwrap_or_else(|at| {
            let length = self.words(block.into(), form);
            // Mostly there will be no other.
            words.reserve_exact(length);
            let tail = words.len() - at;
            words.resize(words.len() + length, 0);
            words.copy_within(at..at + tail, at + length);
            words[at..at + length].fill(0);
            words[at] = block.into();
            at
        })
    }

    /// Takes a value in `diff` times.
    pub fn add(&self, place: LanePlace, value: &Datum, diff: Diff, sums: &mut Words) {
        let (LanePlace::Count { block, lane }
        | LanePlace::Sum { block, lane, .. }
        | LanePlace::Truths { block, lane }) = place
        else {
            unreachable!("no sum")
        };
        let at = self.find_or_insert(sums, block, Form::Summed);
        let of = &self.blocks[usize::from(block)];
        let words = &mut sums[at..at + of.summed()];
        match place {
            LanePlace::Truths { .. } if *value != Datum::Boolean(true) => {
                count(words, lane + 1, diff)
            }
            _ => count(words, lane, diff),
        }
        if let LanePlace::Sum { sum, .. } = place {
            let value = match value {
                Datum::Integer(value) => i128::from(*value),
                Datum::Decimal(value) => value.get(),
                other => unreachable!("the plan adds up no {other:?}"),
            };
            let wide = of.wide_lane(sum);
            let more = value.wrapping_mul(diff as i128);
            write_wide(words, wide, read_wide(words, wide).wrapping_add(more));
        }
    }

    /// Compares a value that is never taken back with the leading one of an identifier.
    #[inline]
    pub fn lead(&self, place: LanePlace, time: Micros, value: &Datum, own: &mut Words) {
        let LanePlace::Extreme { block, bit, word, of: Extreme { end, by_time } } = place else {
            unreachable!("no extreme")
        };
        let at = self.find_or_insert(own, block, Form::Own);
        let words = &mut own[at + self.blocks[usize::from(block)].summed()..];
        let next = (if by_time { time } else { 0 }, to_word(value));
        let word = usize::from(word);
        if words[0] >> bit & 1 == 1 {
            let known = (if by_time { words[word - 1] as i64 } else { 0 }, words[word] as i64);
            if !end.leads(&next, &known) {
                return;
            }
        }
        words[0] |= 1 << bit;
        if by_time {
            words[word - 1] = next.0 as u64;
        }
        words[word] = next.1 as u64;
    }

    /// The leading value of an identifier as a word, with its time where that decides and 0 elsewhere.
    #[inline]
    pub fn leading(&self, place: LanePlace, own: &[u64]) -> Option<(Micros, i64)> {
        let LanePlace::Extreme { block, bit, word, of } = place else { unreachable!("no extreme") };
        let at = self.find(own, block, Form::Own).ok()?;
        let words = &own[at + self.blocks[usize::from(block)].summed()..];
        let word = usize::from(word);
        (words[0] >> bit & 1 == 1).then(|| {
            let time = if of.by_time { words[word - 1] as i64 } else { 0 };
            (time, words[word] as i64)
        })
    }

    /// The sums of an identifier's own blocks, as they travel.
    pub fn summed(&self, own: &Words) -> Words {
        let mut summed = Words::new();
        for range in self.blocks_of(own, Form::Own) {
            let block = &self.blocks[own[range.start] as usize];
            let words = &own[range.start..range.start + block.summed()];
            if words[1..].iter().any(|word| *word != 0) {
                summed.extend_from_slice(words);
            }
        }
        summed
    }

    /// Adds sums so many times to others.
    #[inline]
    pub fn merge(&self, sums: &mut Words, more: &[u64], times: Diff) {
        if sums.is_empty() && times == 1 {
            sums.reserve_exact(more.len());
            sums.extend_from_slice(more);
        } else {
            self.merge_into(sums, Form::Summed, more, times);
        }
    }

    /// Adds sums to an identifier's own.
    #[inline]
    pub fn merge_own(&self, own: &mut Words, more: &[u64]) {
        self.merge_into(own, Form::Own, more, 1);
    }

    fn merge_into(&self, sums: &mut Words, form: Form, more: &[u64], times: Diff) {
        for range in self.blocks_of(more, Form::Summed) {
            let more = &more[range];
            let block = self.blocks[more[0] as usize];
            let at = self.find_or_insert(sums, more[0] as u16, form);
            let words = &mut sums[at..at + block.summed()];
            for lane in 1..=block.narrow {
                let more = (more[lane] as i64).wrapping_mul(times as i64);
                words[lane] = (words[lane] as i64).wrapping_add(more) as u64;
            }
            for lane in 0..block.wide {
                let wide = block.wide_lane(lane as u16);
                let more = read_wide(more, wide).wrapping_mul(times as i128);
                write_wide(words, wide, read_wide(words, wide).wrapping_add(more));
            }
        }
    }

    /// Leaves out the blocks that come to nothing.
    #[inline]
    pub fn prune_summed(&self, sums: &mut Words) {
        self.prune(sums, Form::Summed);
    }

    #[inline]
    pub fn prune_own(&self, own: &mut Words) {
        self.prune(own, Form::Own);
    }

    fn prune(&self, words: &mut Words, form: Form) {
        let is_nothing =
            |range: &Range<usize>| words[range.start + 1..range.end].iter().all(|w| *w == 0);
        let nothing: Vec<_> = self.blocks_of(words, form).filter(is_nothing).collect();
        for range in nothing.into_iter().rev() {
            words.drain(range);
        }
    }

    /// What travels: the blocks, and the extremes behind them.
    pub fn parts<'a>(&self, words: &'a [u64]) -> (&'a [u64], &'a [u64]) {
        let end = self.blocks_of(words, Form::Summed).last().map_or(0, |last| last.end);
        (&words[..end], words.get(end + 1..).unwrap_or_default())
    }

    fn blocks_of<'a>(&'a self, words: &'a [u64], form: Form) -> impl Iterator<Item = Range<usize>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let number = *words.get(at).filter(|number| **number != EXTREMES)?;
            let range = at..at + self.words(number, form);
            at = range.end;
            Some(range)
        })
    }

    /// What the sums of a person, or of what travels, come to for an aggregate; `None` for no row.
    #[inline]
    pub fn partial(&self, place: LanePlace, sums: &[u64]) -> Option<Partial> {
        let (LanePlace::Count { block, .. }
        | LanePlace::Sum { block, .. }
        | LanePlace::Truths { block, .. }) = place
        else {
            return None;
        };
        let at = self.find(sums, block, Form::Summed).ok()?;
        let of = &self.blocks[usize::from(block)];
        let words = &sums[at..at + of.summed()];
        let narrow = |lane: u16| words[1 + usize::from(lane)] as i64;
        let partial = match place {
            LanePlace::Count { lane, .. } => Partial::Count(narrow(lane)),
            LanePlace::Sum { lane, sum, .. } => {
                let sum = read_wide(words, of.wide_lane(sum));
                Partial::of_sum(narrow(lane), i256::from_i128(sum))
            }
            LanePlace::Truths { lane, .. } => {
                Partial::Truths { yes: narrow(lane), no: narrow(lane + 1) }
            }
            LanePlace::Extreme { .. } | LanePlace::Ordered { .. } | LanePlace::Apart => {
                unreachable!("sorted out above")
            }
        };
        (!partial.is_nothing()).then_some(partial)
    }
}

fn count(words: &mut [u64], lane: u16, diff: Diff) {
    let word = &mut words[1 + usize::from(lane)];
    *word = (*word as i64).wrapping_add(diff as i64) as u64;
}

fn read_wide(words: &[u64], at: usize) -> i128 {
    (u128::from(words[at]) | u128::from(words[at + 1]) << 64) as i128
}

fn write_wide(words: &mut [u64], at: usize, value: i128) {
    words[at] = value as u64;
    words[at + 1] = (value as u128 >> 64) as u64;
}

#[cfg(test)]
mod tests;
