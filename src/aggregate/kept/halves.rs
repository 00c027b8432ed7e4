//! Values in two halves, a lower and an upper one, that meet at the median.
//!
//! No value of the lower half is greater than one of the upper. The lower half has as many values as
//! the upper, or one more.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::row::Datum;

#[derive(Debug, Default)]
pub struct Halves {
    lower: Half,
    upper: Half,
}

#[derive(Debug, Default)]
struct Half {
    counts: BTreeMap<Datum, u64>,
    values: u64,
}

impl Halves {
    /// Takes a value in `diff` times, or back as often: then it is there so often.
    pub fn add(&mut self, value: &Datum, diff: i64) {
        let times = diff.unsigned_abs();
        let least_above = self.upper.counts.first_key_value();
        let is_above = least_above.is_some_and(|(least, _)| value >= least);
        if diff > 0 {
            let half = if is_above { &mut self.upper } else { &mut self.lower };
            half.put(value.clone(), times);
        } else {
            // A value may lie on both sides of the middle.
            let rest = times - self.upper.take(value, times);
            self.lower.take(value, rest);
        }
        self.balance();
    }

    fn balance(&mut self) {
        while self.lower.values > self.upper.values + 1 {
            let surplus = (self.lower.values - self.upper.values) / 2;
            let Some((greatest, _)) = self.lower.counts.last_key_value() else { return };
            let greatest = greatest.clone();
            let moved = self.lower.take(&greatest, surplus);
            self.upper.put(greatest, moved);
        }
        while self.upper.values > self.lower.values {
            let surplus = (self.upper.values - self.lower.values).div_ceil(2);
            let Some((least, _)) = self.upper.counts.first_key_value() else { return };
            let least = least.clone();
            let moved = self.upper.take(&least, surplus);
            self.lower.put(least, moved);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.lower.values == 0
    }

    /// The two values in the middle; of an odd number of values the one, twice.
    pub fn middle(&self) -> Option<(&Datum, &Datum)> {
        let (lower, _) = self.lower.counts.last_key_value()?;
        if self.lower.values > self.upper.values {
            return Some((lower, lower));
        }
        let (upper, _) = self.upper.counts.first_key_value()?;
        Some((lower, upper))
    }
}

impl Half {
    fn put(&mut self, value: Datum, times: u64) {
        *self.counts.entry(value).or_insert(0) += times;
        self.values += times;
    }

    /// Takes a value out so often, or as often as it is there; tells how often.
    fn take(&mut self, value: &Datum, times: u64) -> u64 {
        let Entry::Occupied(mut count) = self.counts.entry(value.clone()) else { return 0 };
        let taken = times.min(*count.get());
        *count.get_mut() -= taken;
        if *count.get() == 0 {
            count.remove();
        }
        self.values -= taken;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_halves_meet_in_the_middle_whatever_comes_and_goes(
            changes in prop::collection::vec((0..8i64, 1..20i64, any::<bool>()), 1..60)
        ) {
            let mut halves = Halves::default();
            let mut values: Vec<i64> = Vec::new();
            for (value, times, comes) in changes {
                let there = values.iter().filter(|known| **known == value).count() as i64;
                let diff = if comes { times } else { -times.min(there) };
                halves.add(&Datum::Integer(value), diff);
                values.retain(|known| *known != value);
                values.extend((0..there + diff).map(|_| value));
                values.sort();
                let at = |index: usize| Datum::Integer(values[index]);
                match values.len() {
                    0 => prop_assert_eq!(halves.middle(), None),
                    n => {
                        let (lower, upper) = (at((n - 1) / 2), at(n / 2));
                        prop_assert_eq!(halves.middle(), Some((&lower, &upper)));
                    }
                }
                prop_assert_eq!(halves.is_empty(), values.is_empty());
            }
        }
    }
}
