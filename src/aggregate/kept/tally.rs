//! Values by how often they occur: what `mode` and `top` look at.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::row::Datum;
use crate::state::few::FewMap;

/// From more values than this on, an index by count is kept, so that one change costs what it
/// changes …
const MANY: usize = 32;
/// … until there are fewer than this.
const FEW: usize = 16;

#[derive(Debug, Default)]
pub struct Tally {
    counts: FewMap<Datum, i64>,
    /// Most frequent first, of equally frequent ones the least first.
    ranked: Option<BTreeSet<(Reverse<i64>, Datum)>>,
}

impl Tally {
    pub fn add(&mut self, value: &Datum, diff: i64) {
        let (before, after) = self.counts.count(value.clone(), diff);
        if let Some(ranked) = &mut self.ranked {
            ranked.remove(&(Reverse(before), value.clone()));
            if after != 0 {
                ranked.insert((Reverse(after), value.clone()));
            }
        }
        match (&self.ranked, self.counts.len()) {
            (None, MANY..) => self.ranked = Some(self.counts.iter().map(rank).collect()),
            (Some(_), ..FEW) => self.ranked = None,
            _ => {}
        }
    }

    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The most frequent values, with their counts.
    pub fn top(&self, number: usize) -> Vec<(Datum, i64)> {
        let unrank = |(Reverse(count), value)| (value, count);
        if let Some(ranked) = &self.ranked {
            return ranked.iter().take(number).cloned().map(unrank).collect();
        }
        let mut ranked: Vec<_> = self.counts.iter().map(rank).collect();
        ranked.sort_unstable();
        ranked.truncate(number);
        ranked.into_iter().map(unrank).collect()
    }
}

fn rank((value, count): (&Datum, &i64)) -> (Reverse<i64>, Datum) {
    (Reverse(*count), value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_most_frequent_lead_with_an_index_and_without(
            changes in prop::collection::vec((0..50i64, 1..4i64, any::<bool>()), 1..300),
            number in 1..40usize,
        ) {
            let mut tally = Tally::default();
            let mut counts = [0i64; 50];
            // The second half takes back what the first brought.
            let back = changes.iter().map(|(value, times, comes)| (*value, *times, !comes));
            for (value, times, comes) in changes.iter().copied().chain(back) {
                let count = &mut counts[value as usize];
                let diff = if comes { times } else { -times.min(*count) };
                if diff == 0 {
                    continue;
                }
                *count += diff;
                tally.add(&Datum::Integer(value), diff);
                let mut expected: Vec<(i64, i64)> = (0..50).zip(counts).collect();
                expected.retain(|(_, count)| *count > 0);
                prop_assert_eq!(tally.is_empty(), expected.is_empty());
                expected.sort_by_key(|(value, count)| (-count, *value));
                expected.truncate(number);
                let expected: Vec<_> =
                    expected.into_iter().map(|(value, count)| (Datum::Integer(value), count)).collect();
                prop_assert_eq!(tally.top(number), expected);
            }
        }
    }
}
