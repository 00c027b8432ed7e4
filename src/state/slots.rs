//! State of people by slot: each person who is known on a worker has a number there, and what later
//! stages hold of them lies in pages at that number. Nothing is hashed, and no key is held again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A person's number on their worker, as long as there is such a person.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

/// Which slots are free. Of a person who is gone in a tick the slot is not given to another in the same
/// one: whoever hears of both could not tell which came first.
#[derive(Debug, Default)]
pub struct FreeSlots {
    /// The least is given first, so that pages at the end become free.
    free: BinaryHeap<Reverse<u32>>,
    /// Slots of people who are gone in the tick at hand.
    leaving: Vec<u32>,
    /// Slots that were ever given.
    all: u32,
}

impl FreeSlots {
    pub fn take(&mut self) -> Slot {
        let Reverse(slot) = self.free.pop().unwrap_or_else(|| {
            self.all += 1;
            Reverse(self.all - 1)
        });
        Slot(slot)
    }

    pub fn leave(&mut self, slot: Slot) {
        self.leaving.push(slot.0);
    }

    pub fn end_tick(&mut self) {
        self.free.extend(self.leaving.drain(..).map(Reverse));
        // Nobody is there: all slots are free, and need not be listed.
        if self.free.len() == self.all as usize {
            *self = FreeSlots::default();
        }
    }
}

const PAGE: usize = 1_024;

/// What is held of people, by slot.
pub struct Slots<T> {
    /// A page without anybody is `None`.
    pages: Vec<Option<Page<T>>>,
    number: usize,
}

struct Page<T> {
    slots: Box<[Option<T>]>,
    number: usize,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Slots { pages: Vec::new(), number: 0 }
    }
}

impl<T> Slots<T> {
    pub fn len(&self) -> usize {
        self.number
    }

    pub fn get(&self, Slot(slot): Slot) -> Option<&T> {
        let page = self.pages.get(slot as usize / PAGE)?.as_ref()?;
        page.slots[slot as usize % PAGE].as_ref()
    }

    pub fn get_mut(&mut self, Slot(slot): Slot) -> Option<&mut T> {
        let page = self.pages.get_mut(slot as usize / PAGE)?.as_mut()?;
        page.slots[slot as usize % PAGE].as_mut()
    }

    /// Reads a slot that is about to be used: see `state::batch::apply_prefetched`.
    pub fn prefetch(&self, slot: Slot) -> usize {
        usize::from(self.get(slot).is_some())
    }

    /// Returns what was there before.
    pub fn insert(&mut self, Slot(slot): Slot, value: T) -> Option<T> {
        let (number, slot) = (slot as usize / PAGE, slot as usize % PAGE);
        if self.pages.len() <= number {
            self.pages.resize_with(number + 1, || None);
        }
        let page = self.pages[number].get_or_insert_with(|| Page {
            slots: std::iter::repeat_with(|| None).take(PAGE).collect(),
            number: 0,
        });
        let before = page.slots[slot].replace(value);
        page.number += usize::from(before.is_none());
        self.number += usize::from(before.is_none());
        before
    }

    /// Returns what was there. A page that nobody is left on is given back.
    pub fn remove(&mut self, Slot(slot): Slot) -> Option<T> {
        let of_page = self.pages.get_mut(slot as usize / PAGE)?;
        let page = of_page.as_mut()?;
        let before = page.slots[slot as usize % PAGE].take()?;
        page.number -= 1;
        self.number -= 1;
        if page.number == 0 {
            *of_page = None;
            while self.pages.last().is_some_and(Option::is_none) {
                self.pages.pop();
            }
        }
        Some(before)
    }

    pub fn iter(&self) -> impl Iterator<Item = (Slot, &T)> {
        let pages = self.pages.iter().enumerate();
        let pages = pages.filter_map(|(number, page)| Some((number, page.as_ref()?)));
        pages.flat_map(|(number, page)| {
            let slots = page.slots.iter().enumerate();
            slots.filter_map(move |(slot, value)| {
                Some((Slot((number * PAGE + slot) as u32), value.as_ref()?))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn they_are_a_map_of_those_who_are_there(
            changes in prop::collection::vec((0..5_000u32, any::<Option<u8>>()), 1..300),
        ) {
            let mut slots = Slots::default();
            let mut known: BTreeMap<u32, u8> = BTreeMap::new();
            for (slot, value) in changes {
                let (before, expected) = match value {
                    Some(value) => (slots.insert(Slot(slot), value), known.insert(slot, value)),
                    None => (slots.remove(Slot(slot)), known.remove(&slot)),
                };
                prop_assert_eq!(before, expected);
                prop_assert_eq!(slots.get(Slot(slot)), known.get(&slot));
                prop_assert_eq!(slots.len(), known.len());
            }
            prop_assert!(slots.iter().map(|(Slot(slot), value)| (slot, *value)).eq(known.clone()));
            for slot in known.keys() {
                slots.remove(Slot(*slot));
            }
            prop_assert!(slots.pages.is_empty());
        }

        #[test]
        fn no_two_have_one_slot_and_one_that_is_left_is_free_from_the_next_tick_on(
            ticks in prop::collection::vec((0..8usize, prop::collection::vec(0..20usize, 0..8)), 1..40),
        ) {
            let mut free = FreeSlots::default();
            let (mut taken, mut most): (Vec<Slot>, usize) = (Vec::new(), 0);
            for (come, go) in ticks {
                let mut left = Vec::new();
                for index in go {
                    if !taken.is_empty() {
                        left.push(taken.swap_remove(index % taken.len()));
                    }
                }
                left.iter().for_each(|slot| free.leave(*slot));
                most = most.max(taken.len() + left.len() + come);
                for _ in 0..come {
                    let slot = free.take();
                    prop_assert!(!taken.contains(&slot) && !left.contains(&slot));
                    prop_assert!((slot.0 as usize) < most, "one that was left is given first");
                    taken.push(slot);
                }
                free.end_tick();
            }
        }
    }
}
