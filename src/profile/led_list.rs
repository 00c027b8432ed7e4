//! Values of one word, of several aggregates, in order and each as often as it is there: all that a person's
//! identifiers bring, or the values of an identifier that may be taken back, every one of which leads once those
//! before it are gone.

use serde::{Deserialize, Serialize};

use super::extremes::Led;
use crate::aggregate::{End, Extreme};
use crate::state::few::{Countable, FewMap};
use crate::time::Micros;

/// Several are held for each identifier: so those without a time, which most are, take no room for one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LedList {
    /// Those whose time is 0.
    timeless: FewMap<Timeless, Times>,
    /// All others; `None` for none.
    dated: Option<Box<FewMap<Led, u32>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(C, packed(2))]
struct Timeless {
    aggregate: u16,
    word: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[repr(C, packed(2))]
struct Times(u32);

impl Countable for Times {
    #[inline]
    fn plus(self, diff: i64) -> Self {
        Times(self.0.plus(diff))
    }
}

impl LedList {
    /// Counts one so many times more, or less.
    #[inline]
    pub fn count(&mut self, led: Led, diff: i64) {
        let Led { aggregate, time, word } = led;
        if time == 0 {
            self.timeless.count(Timeless { aggregate, word }, diff);
            return;
        }
        let dated = self.dated.get_or_insert_default();
        dated.count(led, diff);
        self.dated.take_if(|dated| dated.is_empty());
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.timeless.is_empty() && self.dated.is_none()
    }

    /// Reads what is about to be used: see `state::batch::apply_prefetched`.
    #[inline]
    pub fn prefetch(&self) -> usize {
        self.timeless.len()
    }

    /// About how many bytes lie elsewhere.
    pub fn held(&self) -> usize {
        let dated = self.dated.as_ref().map_or(0, |dated| dated.len());
        self.timeless.len() * size_of::<(Timeless, Times)>() + dated * size_of::<(Led, u32)>()
    }

    /// The one that leads in an aggregate.
    #[inline]
    pub fn leading(&self, aggregate: u16, Extreme { end, .. }: Extreme) -> Option<Led> {
        let least = |aggregate| Timeless { aggregate, word: i64::MIN };
        let timeless = match end {
            End::Least => self.timeless.first_from(&least(aggregate)),
            End::Greatest => self.timeless.last_below(&least(aggregate + 1)),
        };
        let timeless = timeless.filter(|(of, _)| of.aggregate == aggregate);
        let timeless = timeless.map(|(of, _)| Led { aggregate, time: 0, word: of.word });
        let Some(dated) = &self.dated else { return timeless };
        let least = |aggregate| Led { aggregate, time: Micros::MIN, word: i64::MIN };
        let dated = match end {
            End::Least => dated.first_from(&least(aggregate)),
            End::Greatest => dated.last_below(&least(aggregate + 1)),
        };
        let dated = dated.map(|(led, _)| *led).filter(|led| led.aggregate == aggregate);
        match (timeless, dated) {
            (Some(one), Some(other)) if end.leads(&one, &other) => Some(one),
            (one, other) => other.or(one),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::extremes::tests::led;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_outermost_leads_as_often_as_it_is_there(
            brought in prop::collection::vec((led(), 1..3i32), 0..60),
        ) {
            let mut held = LedList::default();
            let mut known: Vec<Led> = Vec::new();
            let comes = brought.iter().map(|(led, times)| (*led, *times));
            let goes = brought.iter().map(|(led, times)| (*led, -times));
            for (led, times) in comes.chain(goes) {
                held.count(led, times.into());
                for _ in 0..times {
                    known.push(led);
                }
                for _ in times..0 {
                    let place = known.iter().position(|of| *of == led).expect("it came");
                    known.remove(place);
                }
                for aggregate in 0..4 {
                    let of = known.iter().copied().filter(|led| led.aggregate == aggregate);
                    for (end, expected) in
                        [(End::Least, of.clone().min()), (End::Greatest, of.max())]
                    {
                        let found = held.leading(aggregate, Extreme { end, by_time: true });
                        prop_assert_eq!(found, expected);
                    }
                }
                prop_assert_eq!(held.is_empty(), known.is_empty());
            }
            prop_assert!(held.is_empty() && held.dated.is_none());
            prop_assert_eq!(size_of::<(Timeless, Times)>(), 14);
        }
    }
}
