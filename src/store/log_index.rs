//! Which rows of a log carry whom: kept in memory for as long as the log is there, and read on from where it ended when it
//! is asked for again (`log_indexing`). Nothing of it is written anywhere: a log becomes columnar files soon, which have their own.
//!
//! A block is some rows of one source in one frame. Two keys that agree in 40 bits of their hash cost a block that is read
//! in vain, and nothing else.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::time::Tick;

/// The bits of a word that number a block.
const BLOCK: u32 = 24;

/// The indexes of a folder's logs.
#[derive(Clone, Debug, Default)]
pub struct LogIndexes(Arc<Mutex<BTreeMap<PathBuf, SharedLogIndex>>>);

/// The index of a log, which whoever asks reads on.
type SharedLogIndex = Arc<Mutex<LogIndex>>;

impl LogIndexes {
    /// Those of some logs, of which there are no others.
    pub fn of<'a>(&self, logs: impl Iterator<Item = &'a PathBuf>) -> Vec<SharedLogIndex> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *known);
        let kept = logs.map(|path| {
            let index = before.remove(path).unwrap_or_default();
            known.insert(path.clone(), Arc::clone(&index));
            index
        });
        kept.collect()
    }
}

/// Where whose rows are in a log, as far as it was read.
#[derive(Debug, Default)]
pub struct LogIndex {
    /// What says which keys rows have.
    pub meaning: String,
    /// Behind the last frame that was read.
    pub end: u64,
    pub blocks: Vec<LogBlock>,
    pub keys: KeyRuns,
}

/// Some rows of a source.
#[derive(Clone, Copy, Debug)]
pub struct LogBlock {
    pub tick: Tick,
    /// Where the frame begins.
    pub at: u64,
    /// Which of its streams.
    pub stream: u32,
    /// The first row, and how many.
    pub first: u32,
    pub rows: u32,
}

impl LogIndex {
    /// The blocks among whose rows those with a key are, by their numbers.
    pub fn with_key(&self, hash: u64) -> Vec<usize> {
        self.keys.of(hash)
    }
}

/// The least word of a hash.
fn first_word(hash: u64) -> u64 {
    hash >> BLOCK << BLOCK
}

/// Words, each 40 bits of a hash and the number of a block, in runs that are in order: few, each longer than the next.
#[derive(Debug, Default)]
pub struct KeyRuns(Vec<Vec<u64>>);

impl KeyRuns {
    /// Adds keys, each with the number of a block.
    pub fn add(&mut self, keys: impl IntoIterator<Item = (u64, usize)>) {
        let word = |(hash, block): (u64, usize)| first_word(hash) | block as u64;
        let mut words: Vec<u64> = keys.into_iter().map(word).collect();
        words.sort_unstable();
        words.dedup();
        if words.is_empty() {
            return;
        }
        self.0.push(words);
        while let [.., before, last] = &mut self.0[..]
            && before.len() < 2 * last.len()
        {
            before.append(last);
            before.sort();
            self.0.pop();
        }
    }

    fn of(&self, hash: u64) -> Vec<usize> {
        let least = first_word(hash);
        let most = least | ((1 << BLOCK) - 1);
        let mut found = Vec::new();
        for run in &self.0 {
            let begin = run.partition_point(|word| *word < least);
            let words = run[begin..].iter().take_while(|word| **word <= most);
            found.extend(words.map(|word| (word - least) as usize));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_block_of_a_key_is_told_however_its_words_came(
            came in prop::collection::vec(
                prop::collection::vec((0_u64..40, 0_u64..100_000), 0..200), 0..20,
            ),
        ) {
            // As few keys as are asked for, far apart.
            let hash = |key: u64| key.wrapping_mul(0x9e37_79b9_7f4a_7c15) | (1 << 63);
            let mut runs = KeyRuns::default();
            let mut all: BTreeSet<(u64, usize)> = BTreeSet::new();
            for words in came {
                all.extend(words.iter().map(|(key, block)| (*key, *block as usize)));
                runs.add(words.iter().map(|(key, block)| (hash(*key), *block as usize)));
                prop_assert!(runs.0.windows(2).all(|of| of[0].len() >= 2 * of[1].len()));
            }
            for key in 0..41 {
                let told: BTreeSet<usize> = runs.of(hash(key)).into_iter().collect();
                let of_key = all.iter().filter(|(of, _)| *of == key).map(|(_, block)| *block);
                prop_assert_eq!(told, of_key.collect::<BTreeSet<usize>>());
            }
        }
    }
}
