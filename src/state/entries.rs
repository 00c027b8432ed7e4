//! The size of the state that operators keep from tick to tick, and that it takes no more memory than it needs.
//!
//! When all that came has been taken back, an operator holds nothing but what it has to remember for
//! ever, and has given back the room that everything took.

use std::cell::RefCell;
use std::hash::Hash;
use std::rc::Rc;

use hashbrown::HashMap;

/// The size of the state of an operator.
pub trait StateSize {
    /// How many entries the state has.
    fn entries(&self) -> usize;

    /// About how many bytes it takes: at least the room of its tables.
    fn bytes(&self) -> usize;

    /// Gives back the memory of entries that are gone, where that is not done as they go.
    fn give_back(&mut self) {}
}

impl<S: StateSize> StateSize for Rc<RefCell<S>> {
    fn entries(&self) -> usize {
        self.borrow().entries()
    }

    fn bytes(&self) -> usize {
        self.borrow().bytes()
    }

    fn give_back(&mut self) {
        self.borrow_mut().give_back();
    }
}

/// At which ticks it is looked how many bytes an operator's state takes, which costs more than to count its entries: when
/// these are an eighth more or fewer than at the last look, and every 256 ticks.
#[derive(Default)]
pub struct LookTimes {
    ticks: u64,
    /// At the last look.
    entries: usize,
}

impl LookTimes {
    pub fn is_next(&mut self, entries: usize) -> bool {
        let is_next =
            self.ticks.is_multiple_of(256) || entries.abs_diff(self.entries) > self.entries / 8;
        self.ticks += 1;
        if is_next {
            self.entries = entries;
        }
        is_next
    }
}

/// How many entries are looked at for what they hold outside of their table.
const SAMPLE: usize = 64;

/// What all entries of a table hold outside of it, by a sample of them: they lie by their hashes, so that those that come
/// first are any.
pub fn held_by_sample<'a, T: 'a>(
    entries: impl Iterator<Item = &'a T>,
    all: usize,
    held: impl Fn(&T) -> usize,
) -> usize {
    let sample: Vec<usize> = entries.take(SAMPLE).map(held).collect();
    match sample.len() {
        0 => 0,
        number => (sample.iter().sum::<usize>() as f64 * all as f64 / number as f64) as usize,
    }
}

/// Below this much room there is nothing to give back.
const LITTLE_ROOM: usize = 1_024;

/// Whether something has far more room than it needs.
pub fn is_roomy(capacity: usize, needed: usize) -> bool {
    capacity > LITTLE_ROOM && needed < capacity / 8
}

/// What a map holds of the tick at hand. It keeps its room for the next one, but not far more than
/// this one needed: a map keeps what it grew to, and the most that ever was is not what there is.
pub fn drained<K: Eq + Hash, V>(map: &mut HashMap<K, V>) -> impl Iterator<Item = (K, V)> {
    if is_roomy(map.capacity(), map.len()) {
        map.shrink_to(2 * map.len());
    }
    map.drain()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_looked_at_when_entries_are_an_eighth_more_or_fewer_and_now_and_again() {
        let mut looks = LookTimes::default();
        let seen = [0, 1, 1, 800, 900, 901, 800, 788, 789, 0, 0];
        let looked = seen.map(|entries| looks.is_next(entries));
        let expected = [true, true, false, true, false, true, false, true, false, true, false];
        assert_eq!(looked, expected);
        let number = (seen.len()..512).filter(|_| looks.is_next(0)).count();
        assert_eq!(number, 1);
    }
}
