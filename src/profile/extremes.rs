//! Extremes of identifiers in words, as they travel to people and as people hold them.
//!
//! What an identifier's blocks keep of an aggregate's extreme is a value of one word, with its time where that
//! decides. Behind the blocks that travel to a person stand the extremes that come or go with them, so that a
//! row that changes sums and extremes is one contribution. Counted, they are a group as sums are: what comes and
//! goes again leaves nothing. A person holds those of all their identifiers, in order.

use smallvec::SmallVec;

use super::sums::{EXTREMES, Words};
use crate::aggregate::{End, Extreme};
use crate::state::few::FewMap;
use crate::time::Micros;

/// What leads in an aggregate, of one identifier. One is held for each identifier and extreme, so it has no gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C, packed(4))]
pub struct Led {
    pub aggregate: u16,
    /// 0 where it does not decide.
    pub time: Micros,
    pub word: i64,
}

/// Those of a person, each as often as it is brought.
pub type LedByIdentifiers = FewMap<Led, u32>;

/// Extremes that come and go, each with how often it comes.
pub type ExtremeChanges = SmallVec<[(Led, i32); 8]>;

/// What travels: blocks, and extremes behind them.
pub fn travelling(blocks: &[u64], extremes: &[(Led, i32)]) -> Words {
    let mut words = Words::with_capacity(blocks.len() + 1 + 3 * extremes.len());
    words.extend_from_slice(blocks);
    if !extremes.is_empty() {
        words.push(EXTREMES);
    }
    for (led, times) in extremes.iter().copied() {
        let Led { aggregate, time, word } = led;
        let number_and_times = u64::from(aggregate) | u64::from(times as u32) << 32;
        words.extend_from_slice(&[number_and_times, time as u64, word as u64]);
    }
    words
}

/// The extremes that travel, less the word before them.
pub fn each(words: &[u64]) -> impl Iterator<Item = (Led, i32)> {
    words.chunks_exact(3).map(|words| {
        let (aggregate, times) = (words[0] as u16, (words[0] >> 32) as u32 as i32);
        (Led { aggregate, time: words[1] as i64, word: words[2] as i64 }, times)
    })
}

/// The word of the one that leads in an aggregate among all that a person's identifiers bring.
pub fn leading(brought: &LedByIdentifiers, aggregate: u16, of: Extreme) -> Option<i64> {
    let least = |aggregate| Led { aggregate, time: Micros::MIN, word: i64::MIN };
    let leading = match of.end {
        End::Least => brought.from(&least(aggregate)).next(),
        End::Greatest => brought.below(&least(aggregate + 1)).next(),
    };
    let (leading, _) = leading.filter(|(led, _)| led.aggregate == aggregate)?;
    Some(leading.word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn led() -> impl Strategy<Value = Led> {
        let near = -3..4i64;
        (0..3u16, prop_oneof![Just(0), near.clone()], prop_oneof![4 => near, 1 => any::<i64>()])
            .prop_map(|(aggregate, time, word)| Led { aggregate, time, word })
    }

    proptest! {
        #[test]
        fn what_travels_arrives_and_the_outermost_leads(
            brought in prop::collection::vec((led(), 1..3i32), 0..40),
        ) {
            let words = travelling(&[], &brought);
            let arrived: Vec<(Led, i32)> = each(words.get(1..).unwrap_or_default()).collect();
            prop_assert_eq!(&arrived, &brought);
            let mut held = LedByIdentifiers::default();
            for (led, times) in arrived {
                held.count(led, times.into());
            }
            for aggregate in 0..4 {
                let of = brought.iter().map(|(led, _)| *led).filter(|led| led.aggregate == aggregate);
                let of: Vec<(Micros, i64)> = of.map(|led| (led.time, led.word)).collect();
                for (end, expected) in [
                    (End::Least, of.iter().min()),
                    (End::Greatest, of.iter().max()),
                ] {
                    let found = leading(&held, aggregate, Extreme { end, by_time: true });
                    prop_assert_eq!(found, expected.map(|(_, word)| *word));
                }
            }
            for (led, times) in brought {
                held.count(led, i64::from(-times));
            }
            prop_assert!(held.is_empty());
        }
    }
}
