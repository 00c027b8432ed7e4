//! Values in order, each as often as it is held, and which of them stand at given places.
//!
//! A change costs the logarithm of the number of distinct values and a chunk's length; asking for any
//! number of places costs a pass over the chunks' totals.

use crate::row::Datum;

/// A chunk that grows beyond is split; with a neighbour that fits into half of it, it is merged.
const LARGEST: usize = 512;

#[derive(Debug, Default)]
pub struct OrderStatistics {
    /// In order, none empty.
    chunks: Vec<ValueChunk>,
    number: u64,
}

#[derive(Debug)]
struct ValueChunk {
    /// Rising, with how often each is held: at least once.
    values: Vec<(Datum, u64)>,
    number: u64,
}

impl OrderStatistics {
    /// All of them, each as often as it is held.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Takes a value in `diff` times, or back: no more often than it is held.
    pub fn add(&mut self, value: Datum, diff: i64) {
        let after = self.chunks.partition_point(|chunk| chunk.last() < &value);
        // What is greater than all goes to the last chunk.
        let at = after.min(self.chunks.len().saturating_sub(1));
        let Some(chunk) = self.chunks.get_mut(at) else {
            let number = diff as u64;
            self.chunks.push(ValueChunk { values: vec![(value, number)], number });
            self.number = number;
            return;
        };
        self.number = self.number.wrapping_add_signed(diff);
        chunk.number = chunk.number.wrapping_add_signed(diff);
        match chunk.values.binary_search_by(|(known, _)| known.cmp(&value)) {
            Err(place) => chunk.values.insert(place, (value, diff as u64)),
            Ok(place) => {
                let held = &mut chunk.values[place].1;
                *held = held.wrapping_add_signed(diff);
                if *held == 0 {
                    chunk.values.remove(place);
                }
            }
        }
        self.keep_in_size(at);
    }

    /// The values at the given places, counted from 1, each at least the one before and none beyond
    /// `number`.
    pub fn at(&self, places: impl Iterator<Item = u64>) -> Vec<Datum> {
        let mut chunks = self.chunks.iter();
        let mut values = [].iter();
        // How many values stand before what is left of the chunk, and of all chunks up to it.
        let (mut passed, mut until) = (0, 0);
        let mut found: Option<&(Datum, u64)> = None;
        let mut all = Vec::new();
        for place in places {
            while until < place {
                let chunk = chunks.next().expect("no place is beyond the last value");
                (passed, until) = (until, until + chunk.number);
                values = chunk.values.iter();
                found = None;
            }
            while found.is_none() || passed < place {
                found = values.next();
                passed += found.expect("the chunk holds the place").1;
            }
            all.extend(found.map(|(value, _)| value.clone()));
        }
        all
    }

    fn keep_in_size(&mut self, at: usize) {
        let length = self.chunks[at].values.len();
        if length == 0 {
            self.chunks.remove(at);
        } else if length > LARGEST {
            let chunk = &mut self.chunks[at];
            let values = chunk.values.split_off(length / 2);
            let number = values.iter().map(|(_, held)| held).sum();
            chunk.number -= number;
            self.chunks.insert(at + 1, ValueChunk { values, number });
        } else {
            // Only where one has become small: so the merged one is far from being split again.
            let fits = |chunks: &[ValueChunk]| {
                chunks.iter().map(|chunk| chunk.values.len()).sum::<usize>() <= LARGEST / 2
            };
            let first = at.saturating_sub(1);
            if self.chunks.len() > first + 1 && fits(&self.chunks[first..=first + 1]) {
                let next = self.chunks.remove(first + 1);
                self.chunks[first].values.extend(next.values);
                self.chunks[first].number += next.number;
            }
        }
    }
}

impl ValueChunk {
    fn last(&self) -> &Datum {
        &self.values.last().expect("no chunk is empty").0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn places(number: u64) -> impl Iterator<Item = u64> {
        // Some twice, some left out.
        (1..=number).flat_map(|place| std::iter::repeat_n(place, (place % 3) as usize))
    }

    proptest! {
        #[test]
        fn a_place_is_always_where_sorting_puts_it(
            changes in prop::collection::vec((0i64..2_000, any::<bool>(), 1i64..4), 0..3_000)
        ) {
            let mut held: Vec<i64> = Vec::new();
            let mut statistics = OrderStatistics::default();
            for (step, (value, goes, times)) in changes.into_iter().enumerate() {
                if goes && !held.is_empty() {
                    let value = held.swap_remove(value as usize % held.len());
                    statistics.add(Datum::Integer(value), -1);
                } else {
                    held.extend(std::iter::repeat_n(value, times as usize));
                    statistics.add(Datum::Integer(value), times);
                }
                if step % 500 == 0 {
                    in_order(&statistics, &held);
                }
            }
            in_order(&statistics, &held);
            for value in held.drain(..) {
                statistics.add(Datum::Integer(value), -1);
            }
            prop_assert!(statistics.chunks.is_empty() && statistics.number() == 0);
        }
    }

    fn in_order(statistics: &OrderStatistics, held: &[i64]) {
        let mut sorted = held.to_vec();
        sorted.sort_unstable();
        assert_eq!(statistics.number(), sorted.len() as u64);
        let expected: Vec<Datum> = places(sorted.len() as u64)
            .map(|place| Datum::Integer(sorted[place as usize - 1]))
            .collect();
        assert_eq!(statistics.at(places(statistics.number())), expected);
    }

    #[test]
    fn many_values_are_split_and_few_come_together_again() {
        let mut statistics = OrderStatistics::default();
        for value in 0..100_000 {
            statistics.add(Datum::Integer(value * 7_919 % 100_000), 1);
        }
        let chunks = statistics.chunks.len();
        assert!((100_000 / LARGEST..=3 * 100_000 / LARGEST).contains(&chunks), "{chunks} chunks");
        assert!(statistics.chunks.iter().all(|chunk| chunk.values.len() <= LARGEST));
        for value in (0..100_000).filter(|value| value % 100 != 0) {
            statistics.add(Datum::Integer(value), -1);
        }
        let chunks = statistics.chunks.len();
        assert!(chunks <= 4 * 1_000 / LARGEST + 2, "{chunks} chunks");
    }
}
