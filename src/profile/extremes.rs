//! Extremes of identifiers in words, as they travel to people and as people hold them.
//!
//! What an identifier's blocks keep of an aggregate's extreme is a value of one word, with its time where that
//! decides. Behind the blocks that travel to a person stand the extremes that come or go with them, so that a
//! row that changes sums and extremes is one contribution. Counted, they are a group as sums are: what comes and
//! goes again leaves nothing. A person holds those of all their identifiers, in order.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::sums::{EXTREMES, Words};
use crate::time::Micros;

/// What leads in an aggregate, of one identifier, or may come to. So many are held that it has no gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(C, packed(4))]
pub struct Led {
    pub aggregate: u16,
    /// 0 where it does not decide.
    pub time: Micros,
    pub word: i64,
}

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

#[cfg(test)]
pub mod tests {
    use super::*;
    use proptest::prelude::*;

    pub fn led() -> impl Strategy<Value = Led> {
        let near = -3..4i64;
        (0..3u16, prop_oneof![Just(0), near.clone()], prop_oneof![4 => near, 1 => any::<i64>()])
            .prop_map(|(aggregate, time, word)| Led { aggregate, time, word })
    }

    proptest! {
        #[test]
        fn what_travels_arrives(
            brought in prop::collection::vec((led(), 1..3i32), 0..40),
        ) {
            let words = travelling(&[], &brought);
            let arrived: Vec<(Led, i32)> = each(words.get(1..).unwrap_or_default()).collect();
            prop_assert_eq!(&arrived, &brought);
        }
    }
}
