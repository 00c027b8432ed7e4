//! The state of an operator, by key: an index that grows a part at a time, and the states side by side.
//!
//! A hash map leaves a third of its room empty so that a key is found at once. What is kept of a key takes many
//! times what it takes to say where that is: so only the latter lies in hash maps, and the states lie side by side
//! without gaps ([`Dense`]). What is in a map says more of a key's hash than the map asks for, so that a state is
//! hardly ever looked at in vain, and none when the map grows.
//!
//! A hash map doubles, and moves all that it holds, in the middle of a tick. The maps of most operators
//! are about equally long, so they do it at once, and a row that arrives just then waits.
//! Here a map is many small ones of different sizes, no two of which double together.

use std::hash::{BuildHasher, Hash};
use std::ops::Index;

use hashbrown::DefaultHashBuilder;
use hashbrown::hash_table::{HashTable, OccupiedEntry};

use super::dense::Dense;
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
    parts: [HashTable<Indexed>; PARTS],
    entries: Dense<(K, V)>,
    hasher: DefaultHashBuilder,
}

/// Where an entry is, and half of its key's hash.
#[derive(Clone, Copy)]
struct Indexed {
    half: u32,
    place: u32,
}

impl Indexed {
    /// What maps take for the hash.
    fn hash(&self) -> u64 {
        spread(self.half)
    }
}

/// A hash of which half is told. Maps look at the lowest bits and the highest seven.
#[inline]
pub fn spread(half: u32) -> u64 {
    u64::from(half) << 32 | u64::from(half)
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        let parts = [(); PARTS].map(|()| HashTable::new());
        Table { parts, entries: Dense::default(), hasher: DefaultHashBuilder::default() }
    }
}

/// The part of a hash: told by bits that place nothing within a part.
fn part(hash: u64) -> usize {
    let slot = (hash >> 40) as usize % SLOTS;
    usize::from(PART_OF[slot])
}

impl<K: Eq + Hash, V> Table<K, V> {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The bytes of the slots and the entries that there is room for, used or not.
    pub fn room(&self) -> usize {
        let slots: usize = self.parts.iter().map(HashTable::allocation_size).sum();
        slots + self.entries.room()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        let place = self.find(self.hash(key), key)?;
        Some(&self.entries.get(place)?.1)
    }

    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.find(self.hash(key), key)?;
        Some(self.value_mut(place))
    }

    /// What tells keys apart within the table: computed once for a key that is looked up several times.
    pub fn hash(&self, key: &K) -> u64 {
        self.hasher.hash_one(key)
    }

    /// Where a key of this hash probably is, if it is anywhere: it is so only by half of the hash. The entry is not
    /// looked at, so that others can be asked for before it has come from memory.
    pub fn likely_place(&self, hash: u64) -> Option<u32> {
        let half = hash as u32;
        let indexed = self.parts[part(hash)].find(spread(half), |indexed| indexed.half == half)?;
        Some(indexed.place)
    }

    /// What is at a place.
    pub fn at(&self, place: u32) -> Option<&(K, V)> {
        self.entries.get(place)
    }

    /// Where a key is that is likely to be at this place.
    pub fn place(&self, hash: u64, key: &K, likely: Option<u32>) -> Option<u32> {
        let is_there = self.entries.get(likely?).is_some_and(|(known, _)| known == key);
        if is_there { likely } else { self.find(hash, key) }
    }

    /// The value of a key that is at this place.
    pub fn value_mut(&mut self, place: u32) -> &mut V {
        &mut self.entries.get_mut(place).expect("an entry is where the index says").1
    }

    fn find(&self, hash: u64, key: &K) -> Option<u32> {
        let half = hash as u32;
        let is_key = |indexed: &Indexed| {
            indexed.half == half
                && self.entries.get(indexed.place).is_some_and(|(known, _)| known == key)
        };
        Some(self.parts[part(hash)].find(spread(half), is_key)?.place)
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

    /// Adds a key that is not there yet. Returns its place.
    pub fn insert_new(&mut self, hash: u64, key: K, value: V) -> u32 {
        let place = self.entries.push((key, value));
        let indexed = Indexed { half: hash as u32, place };
        self.parts[part(hash)].insert_unique(indexed.hash(), indexed, Indexed::hash);
        place
    }

    /// Returns what was there.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.find(self.hash(key), key)?;
        Some(self.remove_at(place))
    }

    /// Takes out what is at a place. What is at the last place is there then.
    pub fn remove_at(&mut self, place: u32) -> V {
        let last = self.entries.len() as u32 - 1;
        self.indexed(place).remove();
        if place < last {
            self.indexed(last).get_mut().place = place;
        }
        self.entries.swap_remove(place).1
    }

    /// What the index says of an entry.
    fn indexed(&mut self, place: u32) -> OccupiedEntry<'_, Indexed> {
        let (key, _) = self.entries.get(place).expect("there is an entry at the place");
        let hash = self.hasher.hash_one(key);
        let found = self.parts[part(hash)]
            .find_entry(spread(hash as u32), |indexed| indexed.place == place);
        found.unwrap_or_else(|_| unreachable!("an entry is in the index"))
    }

    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        let hash = self.hash(&key);
        match self.find(hash, &key) {
            Some(place) => Entry::Occupied(Occupied { table: self, place }),
            None => Entry::Vacant(Vacant { table: self, hash, key }),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    /// Gives back most of its room once it has far more than it needs.
    pub fn give_back(&mut self) {
        let room = self.parts.iter().map(HashTable::capacity).sum();
        if is_roomy(room, self.len()) {
            for part in &mut self.parts {
                part.shrink_to(2 * part.len(), Indexed::hash);
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

impl<'table, K: Eq + Hash, V> Entry<'table, K, V> {
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
}

pub struct Occupied<'table, K, V> {
    table: &'table mut Table<K, V>,
    place: u32,
}

impl<'table, K: Eq + Hash, V> Occupied<'table, K, V> {
    pub fn get_mut(&mut self) -> &mut V {
        self.table.value_mut(self.place)
    }

    pub fn into_mut(self) -> &'table mut V {
        self.table.value_mut(self.place)
    }
}

pub struct Vacant<'table, K, V> {
    table: &'table mut Table<K, V>,
    hash: u64,
    key: K,
}

impl<'table, K: Eq + Hash, V> Vacant<'table, K, V> {
    pub fn insert(self, value: V) -> &'table mut V {
        let Vacant { table, hash, key } = self;
        let place = table.insert_new(hash, key, value);
        table.value_mut(place)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    /// A key of whose hash little is told: of different keys halves of hashes are the same.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    struct Alike(u16);

    impl Hash for Alike {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            (self.0 % 3).hash(state);
        }
    }

    proptest! {
        #[test]
        fn it_holds_what_a_map_holds(
            changes in prop::collection::vec((0..40u16, prop::option::weighted(0.6, any::<u8>())), 0..200),
        ) {
            let (mut table, mut map) = (Table::default(), BTreeMap::new());
            for (key, value) in changes {
                let key = Alike(key);
                match value.map(u32::from) {
                    Some(value) => prop_assert_eq!(table.insert(key, value), map.insert(key, value)),
                    None => prop_assert_eq!(table.remove(&key), map.remove(&key)),
                }
                let hash = table.hash(&key);
                let place = table.place(hash, &key, table.likely_place(hash));
                let found = place.and_then(|place| table.at(place));
                prop_assert_eq!(found.map(|(_, value)| value), map.get(&key));
                *table.entry(key).or_default() += 1;
                *map.entry(key).or_default() += 1;
                table.give_back();
            }
            prop_assert_eq!(table.len(), map.len());
            let all: BTreeMap<_, _> = table.iter().map(|(key, value)| (*key, *value)).collect();
            prop_assert_eq!(&all, &map);
            prop_assert!(map.iter().all(|(key, value)| table.get(key) == Some(value)));
        }
    }

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
