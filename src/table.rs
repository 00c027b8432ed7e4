//! The state of an operator, by key: a hash map that grows a part at a time.
//!
//! A hash map doubles, and moves all that it holds, in the middle of a tick. The maps of most operators
//! are about equally long, so they do it at once, and a row that arrives just then waits for seconds.
//! Here a map is many small ones of different sizes, no two of which double together.

use std::hash::{BuildHasher, Hash};
use std::ops::Index;

use hashbrown::hash_map::Entry;
use hashbrown::{DefaultHashBuilder, HashMap};

use crate::held::is_roomy;

const PARTS: usize = 32;
const SLOTS: usize = 1_024;

/// The part of each slot. A part has 2^(1/PARTS) times the slots of the one before, so that from one
/// doubling to the next all parts double, one after the other.
const PART_OF: [u8; SLOTS] = {
    const RATIO: f64 = 1.021_897_148_654_116_7;
    let mut parts = [0; SLOTS];
    let (mut part, mut slot, mut end) = (0, 0, RATIO);
    while slot < SLOTS {
        while part < PARTS - 1 && slot as f64 >= (end - 1.0) * SLOTS as f64 {
            part += 1;
            end *= RATIO;
        }
        parts[slot] = part as u8;
        slot += 1;
    }
    parts
};

pub struct Table<K, V> {
    parts: [HashMap<K, V>; PARTS],
    hasher: DefaultHashBuilder,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        let parts = [(); PARTS].map(|()| HashMap::new());
        Table { parts, hasher: DefaultHashBuilder::default() }
    }
}

impl<K: Eq + Hash, V> Table<K, V> {
    fn part(&self, key: &K) -> usize {
        let slot = self.hasher.hash_one(key) >> (u64::BITS - SLOTS.trailing_zeros());
        usize::from(PART_OF[slot as usize])
    }

    pub fn len(&self) -> usize {
        self.parts.iter().map(HashMap::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(HashMap::is_empty)
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        self.parts[self.part(key)].get(key)
    }

    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.parts[self.part(key)].get_mut(key)
    }

    pub fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Returns what was there before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.parts[self.part(&key)].insert(key, value)
    }

    /// Returns what was there.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.parts[self.part(key)].remove(key)
    }

    pub fn entry(&mut self, key: K) -> Entry<'_, K, V, DefaultHashBuilder> {
        self.parts[self.part(&key)].entry(key)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.parts.iter().flatten()
    }

    /// Gives back most of its room once it has far more than it needs.
    pub fn give_back(&mut self) {
        let room = self.parts.iter().map(HashMap::capacity).sum();
        if is_roomy(room, self.len()) {
            self.parts.iter_mut().for_each(|part| part.shrink_to(2 * part.len()));
        }
    }
}

impl<K: Eq + Hash, V> Index<&K> for Table<K, V> {
    type Output = V;

    fn index(&self, key: &K) -> &V {
        self.get(key).expect("the table has the key")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_one_after_the_other() {
        let mut table = Table::default();
        let mut grown = [0; PARTS];
        let mut most = 0;
        let (mut room, mut moved) = ([0; PARTS], 0);
        for number in 0..1_000_000u64 {
            table.insert(number, ());
            if number % 1_000 == 0 {
                most = most.max(moved);
                moved = 0;
            }
            let part = table.part(&number);
            if table.parts[part].capacity() != room[part] {
                room[part] = table.parts[part].capacity();
                moved += table.parts[part].len();
                grown[part] += 1;
            }
        }
        assert_eq!(table.len(), 1_000_000);
        assert!((0..1_000_000).all(|number| table.contains_key(&number)));
        assert!(grown.iter().all(|grown| *grown > 10), "{grown:?}");
        // One map moves half a million at once.
        assert!(most < 130_000, "{most}");
    }

    #[test]
    fn what_goes_gives_its_room_back() {
        let mut table = Table::default();
        (0..1_000_000u64).for_each(|number| assert!(table.insert(number, number).is_none()));
        assert!((0..1_000_000).all(|number| table.remove(&number) == Some(number)));
        assert!(table.is_empty() && table.iter().next().is_none());
        table.give_back();
        assert!(table.parts.iter().map(HashMap::capacity).sum::<usize>() < 1_000);
    }
}
