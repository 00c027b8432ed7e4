//! Maps of which most hold few entries, and some very many: the few as a sorted list that takes no
//! more room than they do, the many as a tree, so that one of 100,000 comes or goes cheaply.

use std::collections::BTreeMap;
use std::ops::{Bound, Index};

use serde::{Deserialize, Serialize};
use thin_vec::ThinVec;

use super::list::{List, OneWithin};

/// So many are many …
const MANY: usize = 32;
/// … until there are fewer than this.
const FEW: usize = 16;

/// Apart: a list takes eight bytes, and memory of its own once it holds something.
pub type Apart<K, V> = ThinVec<(K, V)>;

/// One of them within the map: of most keys there are no more.
pub type FewWithin<K, V> = FewMap<K, V, OneWithin<(K, V)>>;

/// A map in the order of its keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "K: Ord + Serialize + serde::de::DeserializeOwned, \
                 V: Serialize + serde::de::DeserializeOwned, \
                 L: Serialize + serde::de::DeserializeOwned")]
pub enum FewMap<K, V, L = Apart<K, V>> {
    Few(L),
    // Boxed, as it is rare.
    Many(Box<BTreeMap<K, V>>),
}

impl<K, V, L: Default> Default for FewMap<K, V, L> {
    fn default() -> Self {
        FewMap::Few(L::default())
    }
}

impl<K: Ord, V, L: List<(K, V)>> FewMap<K, V, L> {
    pub fn len(&self) -> usize {
        match self {
            FewMap::Few(few) => few.len(),
            FewMap::Many(many) => many.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        match self {
            FewMap::Few(few) => Some(&few[find(few, key).ok()?].1),
            FewMap::Many(many) => many.get(key),
        }
    }

    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match self {
            FewMap::Few(few) => {
                let index = find(few, key).ok()?;
                Some(&mut few[index].1)
            }
            FewMap::Many(many) => many.get_mut(key),
        }
    }

    /// Returns what was there before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.make_room();
        match self {
            FewMap::Few(few) => match find(few, &key) {
                Ok(index) => Some(std::mem::replace(&mut few[index].1, value)),
                Err(index) => {
                    few.insert(index, (key, value));
                    None
                }
            },
            FewMap::Many(many) => many.insert(key, value),
        }
    }

    pub fn get_or_insert_with(&mut self, key: K, value: impl FnOnce() -> V) -> &mut V {
        self.make_room();
        match self {
            FewMap::Few(few) => {
                let index = find(few, &key).unwrap_or_else(|index| {
                    few.insert(index, (key, value()));
                    index
                });
                &mut few[index].1
            }
            FewMap::Many(many) => many.entry(key).or_insert_with(value),
        }
    }

    /// Makes many of the few, if another one would be too many for a list.
    fn make_room(&mut self) {
        if let FewMap::Few(few) = self
            && few.len() == MANY
        {
            *self = FewMap::Many(Box::new(std::mem::take(few).into_iter().collect()));
        }
    }

    /// Returns what was there.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        match self {
            FewMap::Few(few) => Some(few.remove(find(few, key).ok()?).1),
            FewMap::Many(many) => {
                let removed = many.remove(key);
                if many.len() < FEW {
                    *self = FewMap::Few(std::mem::take(&mut **many).into_iter().collect());
                }
                removed
            }
        }
    }

    /// Inserts or removes. Returns what was there before.
    pub fn set(&mut self, key: K, value: Option<V>) -> Option<V> {
        match value {
            Some(value) => self.insert(key, value),
            None => self.remove(&key),
        }
    }

    /// Leaves out what does not hold.
    pub fn retain(&mut self, mut holds: impl FnMut(&K, &V) -> bool) {
        match self {
            FewMap::Few(few) => {
                if few.iter().any(|(key, value)| !holds(key, value)) {
                    let all = std::mem::take(few).into_iter();
                    *few = all.filter(|(key, value)| holds(key, value)).collect();
                }
            }
            FewMap::Many(many) => {
                many.retain(|key, value| holds(key, value));
                if many.len() < FEW {
                    *self = FewMap::Few(std::mem::take(&mut **many).into_iter().collect());
                }
            }
        }
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        let (few, many) = match self {
            FewMap::Few(few) => (&**few, None),
            FewMap::Many(many) => (&[][..], Some(many.iter())),
        };
        few.iter().map(|(key, value)| (key, value)).chain(many.into_iter().flatten())
    }

    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// Those from a key on, in order.
    pub fn from<'a>(&'a self, key: &K) -> impl Iterator<Item = (&'a K, &'a V)> + use<'a, K, V, L> {
        let (few, many) = match self {
            FewMap::Few(few) => (&few[find(few, key).unwrap_or_else(|at| at)..], None),
            FewMap::Many(many) => {
                (&[][..], Some(many.range((Bound::Included(key), Bound::Unbounded))))
            }
        };
        few.iter().map(|(key, value)| (key, value)).chain(many.into_iter().flatten())
    }

    /// Those below a key, the greatest first.
    pub fn below<'a>(&'a self, key: &K) -> impl Iterator<Item = (&'a K, &'a V)> + use<'a, K, V, L> {
        let (few, many) = match self {
            FewMap::Few(few) => (&few[..find(few, key).unwrap_or_else(|at| at)], None),
            FewMap::Many(many) => {
                (&[][..], Some(many.range((Bound::Unbounded, Bound::Excluded(key)))))
            }
        };
        few.iter().rev().map(|(key, value)| (key, value)).chain(many.into_iter().flatten().rev())
    }

    /// The first from a key on.
    pub fn first_from(&self, key: &K) -> Option<(&K, &V)> {
        match self {
            FewMap::Few(few) => {
                let (key, value) = few.get(find(few, key).unwrap_or_else(|at| at))?;
                Some((key, value))
            }
            FewMap::Many(many) => many.range((Bound::Included(key), Bound::Unbounded)).next(),
        }
    }

    /// The last below a key.
    pub fn last_below(&self, key: &K) -> Option<(&K, &V)> {
        match self {
            FewMap::Few(few) => {
                let (key, value) = few[..find(few, key).unwrap_or_else(|at| at)].last()?;
                Some((key, value))
            }
            FewMap::Many(many) => many.range((Bound::Unbounded, Bound::Excluded(key))).next_back(),
        }
    }

    pub fn first(&self) -> Option<(&K, &V)> {
        match self {
            FewMap::Few(few) => few.first().map(|(key, value)| (key, value)),
            FewMap::Many(many) => many.first_key_value(),
        }
    }

    pub fn last(&self) -> Option<(&K, &V)> {
        match self {
            FewMap::Few(few) => few.last().map(|(key, value)| (key, value)),
            FewMap::Many(many) => many.last_key_value(),
        }
    }
}

impl<K: Ord, V, L: List<(K, V)>> Index<&K> for FewMap<K, V, L> {
    type Output = V;

    fn index(&self, key: &K) -> &V {
        self.get(key).expect("the map has the key")
    }
}

fn find<K: Ord, V>(few: &[(K, V)], key: &K) -> Result<usize, usize> {
    few.binary_search_by(|(known, _)| known.cmp(key))
}

/// What counts.
pub trait Countable: Copy + Default + PartialEq {
    /// What comes and what goes in a tick arrives in any order: below zero for a moment is well (of
    /// unsigned numbers: wrapped).
    fn plus(self, diff: i64) -> Self;
}

impl Countable for i64 {
    fn plus(self, diff: i64) -> Self {
        self + diff
    }
}

impl Countable for i32 {
    fn plus(self, diff: i64) -> Self {
        self + diff as i32
    }
}

impl Countable for u32 {
    fn plus(self, diff: i64) -> Self {
        self.wrapping_add_signed(diff as i32)
    }
}

impl<K: Ord, V: Countable, L: List<(K, V)>> FewMap<K, V, L> {
    /// Counts a key so many times more, or less; what comes to nothing is left out. Returns the count
    /// before and after.
    pub fn count(&mut self, key: K, diff: i64) -> (V, V) {
        let Some(count) = self.get_mut(&key) else {
            let after = V::default().plus(diff);
            if after != V::default() {
                self.insert(key, after);
            }
            return (V::default(), after);
        };
        let before = *count;
        *count = before.plus(diff);
        let after = *count;
        if after == V::default() {
            self.remove(&key);
        }
        (before, after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_map_with_few_entries_and_with_many(
            changes in prop::collection::vec((0..80u8, -1..2i64), 1..300),
            taken_back in any::<bool>(),
        ) {
            let mut few: FewWithin<u8, i64> = FewMap::default();
            let mut known: BTreeMap<u8, i64> = BTreeMap::new();
            let back = changes.iter().rev().map(|(key, diff)| (*key, -diff));
            let back: Vec<_> = if taken_back { back.collect() } else { Vec::new() };
            for (key, diff) in changes.iter().copied().chain(back) {
                let before = known.get(&key).copied().unwrap_or(0);
                known.insert(key, before + diff);
                known.retain(|_, count| *count != 0);
                prop_assert_eq!(few.count(key, diff), (before, before + diff));
                prop_assert_eq!(few.len(), known.len());
                prop_assert_eq!(few.get(&key), known.get(&key));
                prop_assert_eq!(few.first(), known.first_key_value());
                prop_assert_eq!(few.last(), known.last_key_value());
                prop_assert!(few.iter().eq(known.iter()));
                prop_assert!(few.iter().rev().eq(known.iter().rev()));
                prop_assert_eq!(few.first_from(&key), known.range(key..).next());
                prop_assert_eq!(few.last_below(&key), known.range(..key).next_back());
            }
            prop_assert!(!taken_back || matches!(few, FewMap::Few(none) if none.is_empty()));
        }

        #[test]
        fn what_is_set_replaces_what_was_there(
            changes in prop::collection::vec((0..50u8, any::<Option<u8>>()), 1..200),
        ) {
            let mut few: FewMap<u8, u8> = FewMap::default();
            let mut known: BTreeMap<u8, u8> = BTreeMap::new();
            for (key, value) in changes {
                let before = match value {
                    Some(value) => known.insert(key, value),
                    None => known.remove(&key),
                };
                prop_assert_eq!(few.set(key, value), before);
                prop_assert!(few.iter().eq(known.iter()));
            }
        }
    }
}
