//! The state of an operator, by key: a hash map that grows a part at a time.
//!
//! A hash map doubles, and moves all that it holds, in the middle of a tick. The maps of most operators
//! are about equally long, so they do it at once, and a row that arrives just then waits for seconds.
//! Here a map is many small ones of different sizes, no two of which double together.

use std::hash::{BuildHasher, Hash};
use std::ops::Index;

use hashbrown::DefaultHashBuilder;
use hashbrown::hash_table::{self, HashTable};

use super::entries::is_roomy;

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
    parts: [HashTable<(K, V)>; PARTS],
    hasher: DefaultHashBuilder,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        let parts = [(); PARTS].map(|()| HashTable::new());
        Table { parts, hasher: DefaultHashBuilder::default() }
    }
}

/// The part of a hash: told by bits that place nothing within a part.
fn part(hash: u64) -> usize {
    let slot = (hash >> 40) as usize % SLOTS;
    usize::from(PART_OF[slot])
}

impl<K: Eq + Hash, V> Table<K, V> {
    pub fn len(&self) -> usize {
        self.parts.iter().map(HashTable::len).sum()
    }

    /// The bytes of the slots that there are, used or not.
    pub fn room(&self) -> usize {
        self.parts.iter().map(HashTable::allocation_size).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(HashTable::is_empty)
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        self.get_hashed(self.hash(key), key)
    }

    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let hash = self.hasher.hash_one(key);
        let entry = self.parts[part(hash)].find_mut(hash, |(known, _)| known == key)?;
        Some(&mut entry.1)
    }

    /// What tells keys apart within the table: computed once for a key that is looked up several times.
    pub fn hash(&self, key: &K) -> u64 {
        self.hasher.hash_one(key)
    }

    /// About where in memory a key of this hash lies: whoever takes many keys in this order goes through the
    /// table from one end to the other.
    pub fn place(&self, hash: u64) -> u64 {
        let part = part(hash);
        let slots = self.parts[part].num_buckets() as u64;
        (part as u64) << 48 | hash & slots.saturating_sub(1)
    }

    /// As [`Table::get`], of a key whose hash is known.
    pub fn get_hashed(&self, hash: u64, key: &K) -> Option<&V> {
        let entry = self.parts[part(hash)].find(hash, |(known, _)| known == key)?;
        Some(&entry.1)
    }

    /// Reads a key that is about to be used: see `state::batch::apply_prefetched`.
    pub fn prefetch(&self, key: &K) -> usize {
        usize::from(self.contains_key(key))
    }

    pub fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Returns what was there before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.entry(key) {
            Entry::Occupied(mut known) => Some(std::mem::replace(known.get_mut(), value)),
            Entry::Vacant(vacant) => {
                vacant.insert(value);
                None
            }
        }
    }

    /// Returns what was there.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let hash = self.hasher.hash_one(key);
        let entry = self.parts[part(hash)].find_entry(hash, |(known, _)| known == key).ok()?;
        let ((_, value), _) = entry.remove();
        Some(value)
    }

    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        self.entry_hashed(self.hash(&key), key)
    }

    /// As [`Table::entry`], of a key whose hash is known.
    pub fn entry_hashed(&mut self, hash: u64, key: K) -> Entry<'_, K, V> {
        let hasher = &self.hasher;
        let part = &mut self.parts[part(hash)];
        let entry = part.entry(hash, |(known, _)| *known == key, |(key, _)| hasher.hash_one(key));
        match entry {
            hash_table::Entry::Occupied(entry) => Entry::Occupied(Occupied(entry)),
            hash_table::Entry::Vacant(entry) => Entry::Vacant(Vacant { key, entry }),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.parts.iter().flatten().map(|(key, value)| (key, value))
    }

    /// Gives back most of its room once it has far more than it needs.
    pub fn give_back(&mut self) {
        let room = self.parts.iter().map(HashTable::capacity).sum();
        if is_roomy(room, self.len()) {
            let hasher = &self.hasher;
            for part in &mut self.parts {
                part.shrink_to(2 * part.len(), |(key, _)| hasher.hash_one(key));
            }
        }
    }
}

impl<K: Eq + Hash, V> Index<&K> for Table<K, V> {
    type Output = V;

    fn index(&self, key: &K) -> &V {
        self.get(key).expect("the table has the key")
    }
}

/// A key's place.
pub enum Entry<'table, K, V> {
    Occupied(Occupied<'table, K, V>),
    Vacant(Vacant<'table, K, V>),
}

impl<'table, K, V> Entry<'table, K, V> {
    pub fn or_insert_with(self, value: impl FnOnce() -> V) -> &'table mut V {
        match self {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) => vacant.insert(value()),
        }
    }

    pub fn or_default(self) -> &'table mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// The place, filled with the default where it was vacant.
    pub fn occupied_or_default(self) -> Occupied<'table, K, V>
    where
        V: Default,
    {
        match self {
            Entry::Occupied(known) => known,
            Entry::Vacant(Vacant { key, entry }) => Occupied(entry.insert((key, V::default()))),
        }
    }
}

pub struct Occupied<'table, K, V>(hash_table::OccupiedEntry<'table, (K, V)>);

impl<'table, K, V> Occupied<'table, K, V> {
    pub fn get(&self) -> &V {
        &self.0.get().1
    }

    pub fn get_mut(&mut self) -> &mut V {
        &mut self.0.get_mut().1
    }

    pub fn into_mut(self) -> &'table mut V {
        &mut self.0.into_mut().1
    }

    pub fn remove(self) -> V {
        let ((_, value), _) = self.0.remove();
        value
    }
}

pub struct Vacant<'table, K, V> {
    key: K,
    entry: hash_table::VacantEntry<'table, (K, V)>,
}

impl<'table, K, V> Vacant<'table, K, V> {
    pub fn insert(self, value: V) -> &'table mut V {
        &mut self.entry.insert((self.key, value)).into_mut().1
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
            let part = part(table.hasher.hash_one(number));
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
        assert!(table.parts.iter().map(HashTable::capacity).sum::<usize>() < 1_000);
    }
}
