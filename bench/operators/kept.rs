//! How many different values each of 100,000 keys has, and the greatest: values come, and some go again.

use std::collections::BTreeMap;
use std::time::Duration;

use selfsame::internals::flow::{Diff, Due, Emit, Keep, Keyed, keyed};
use selfsame::internals::metrics::SharedCounts;

use super::{Drawn, measured, number_of_changes};

const KEYS: u64 = 100_000;

type Pair = (u64, u64);
/// A key, its greatest value, and how many it has.
type Said = (u64, (u64, usize));

fn changes() -> Vec<(Pair, Diff)> {
    let mut drawn = Drawn::seeded();
    let mut changes: Vec<(Pair, Diff)> = Vec::with_capacity(number_of_changes());
    // Pairs that came and did not go.
    let mut there: Vec<Pair> = Vec::new();
    while changes.len() < number_of_changes() {
        if drawn.below(4) == 0 && !there.is_empty() {
            let pair = there.swap_remove(drawn.below(there.len() as u64) as usize);
            changes.push((pair, -1));
        } else {
            let pair = (drawn.below(KEYS), changes.len() as u64);
            there.push(pair);
            changes.push((pair, 1));
        }
    }
    changes
}

struct Greatest;

impl Keyed for Greatest {
    type Key = u64;
    type Value = u64;
    type State = BTreeMap<u64, Diff>;
    type Face = Option<(u64, usize)>;
    type Output = Said;

    fn route(key: &u64) -> u64 {
        *key
    }

    fn face(&self, _: &u64, values: &Self::State) -> Self::Face {
        values.last_key_value().map(|(greatest, _)| (*greatest, values.len()))
    }

    fn apply(&mut self, _: &u64, values: &mut Self::State, value: &mut u64, diff: Diff) {
        let count = values.entry(*value).or_default();
        *count += diff;
        if *count == 0 {
            values.remove(value);
        }
    }

    fn flush(
        &mut self,
        key: &u64,
        values: &mut Self::State,
        before: Self::Face,
        out: &mut Emit<Said>,
    ) -> Keep {
        let after = self.face(key, values);
        if before != after {
            before.into_iter().for_each(|face| out.push((*key, face), -1));
            after.into_iter().for_each(|face| out.push((*key, face), 1));
        }
        Keep::unless(values.is_empty())
    }
}

fn number((key, (greatest, values)): &Said) -> u64 {
    (key + 1).wrapping_mul(greatest + 3).wrapping_mul(*values as u64 + 7)
}

pub fn ours(tick: usize) -> (Duration, u64) {
    measured(changes(), tick, number, |pairs| {
        keyed(pairs, None, "Greatest", &SharedCounts::default(), Due::default(), Greatest)
    })
}

pub fn theirs(tick: usize) -> (Duration, u64) {
    measured(changes(), tick, number, |pairs| {
        pairs.reduce(|_, values, output| {
            let greatest = values.iter().map(|(value, _)| **value).max();
            output.extend(greatest.map(|greatest| ((greatest, values.len()), 1)));
        })
    })
}
