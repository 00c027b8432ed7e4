//! Values in two parts, a lower and an upper one, that meet at a place of their order, such as the median.
//!
//! No value of the lower part is greater than one of the upper. The last value of the lower part is the one at the
//! place, which moves by no more than one as a value comes or goes: so each costs no walk over the others.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::row::Datum;

/// At which place, from 0, so many values meet.
type MeetingPlace = Box<dyn Fn(u64) -> u64 + Send + Sync>;

pub struct Parts {
    lower: OrderedPart,
    upper: OrderedPart,
    place: MeetingPlace,
}

#[derive(Debug, Default)]
struct OrderedPart {
    counts: BTreeMap<Datum, u64>,
    values: u64,
}

impl Parts {
    pub fn new(place: impl Fn(u64) -> u64 + Send + Sync + 'static) -> Self {
        Parts {
            lower: OrderedPart::default(),
            upper: OrderedPart::default(),
            place: Box::new(place),
        }
    }

    /// Takes a value in `diff` times, or back as often: then it is there so often.
    pub fn add(&mut self, value: &Datum, diff: i64) {
        let times = diff.unsigned_abs();
        let least_above = self.upper.counts.first_key_value();
        let greatest_below = self.lower.counts.last_key_value();
        let is_above = least_above.is_some_and(|(least, _)| value >= least)
            || greatest_below.is_some_and(|(greatest, _)| value > greatest);
        if diff > 0 {
            let part = if is_above { &mut self.upper } else { &mut self.lower };
            part.put(value.clone(), times);
        } else {
            // A value may lie on both sides of the place.
            let rest = times - self.upper.take(value, times);
            self.lower.take(value, rest);
        }
        self.balance();
    }

    fn balance(&mut self) {
        let wanted = match self.count() {
            0 => return,
            count => (self.place)(count) + 1,
        };
        while self.lower.values > wanted {
            let surplus = self.lower.values - wanted;
            let Some((greatest, _)) = self.lower.counts.last_key_value() else { return };
            let greatest = greatest.clone();
            let moved = self.lower.take(&greatest, surplus);
            self.upper.put(greatest, moved);
        }
        while self.lower.values < wanted {
            let missing = wanted - self.lower.values;
            let Some((least, _)) = self.upper.counts.first_key_value() else { return };
            let least = least.clone();
            let moved = self.upper.take(&least, missing);
            self.lower.put(least, moved);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.lower.values + self.upper.values
    }

    /// The value at the place, and the next one, if there is one.
    pub fn meet(&self) -> Option<(&Datum, Option<&Datum>)> {
        let (lower, _) = self.lower.counts.last_key_value()?;
        Some((lower, self.upper.counts.first_key_value().map(|(upper, _)| upper)))
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries([&self.lower, &self.upper]).finish()
    }
}

impl OrderedPart {
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
    use crate::aggregate::ValueShare;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_parts_meet_at_their_place_whatever_comes_and_goes(
            changes in prop::collection::vec((0..8i64, 1..20i64, any::<bool>()), 1..60),
            share in 0..=1_000i128,
            is_first in any::<bool>(),
        ) {
            let share = ValueShare::new(share, 3).expect("a share");
            let place = move |count: u64| match is_first {
                true => share.first(count),
                false => share.between(count).0,
            };
            let mut parts = Parts::new(place);
            let mut values: Vec<i64> = Vec::new();
            for (value, times, comes) in changes {
                let there = values.iter().filter(|known| **known == value).count() as i64;
                let diff = if comes { times } else { -times.min(there) };
                parts.add(&Datum::Integer(value), diff);
                values.retain(|known| *known != value);
                values.extend((0..there + diff).map(|_| value));
                values.sort();
                let at = |place: usize| values.get(place).map(|value| Datum::Integer(*value));
                match values.len() {
                    0 => prop_assert_eq!(parts.meet(), None),
                    count => {
                        let place = place(count as u64) as usize;
                        let (one, next) = (at(place).expect("within"), at(place + 1));
                        prop_assert_eq!(parts.meet(), Some((&one, next.as_ref())));
                    }
                }
                prop_assert_eq!(parts.count(), values.len() as u64);
                prop_assert_eq!(parts.is_empty(), values.is_empty());
            }
        }
    }
}
