//! State of people by seat: each person who is known on a worker has a number there, and what later
//! stages hold of them lies in pages at that number. Nothing is hashed, and no key is held again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A person's number on their worker, as long as there is such a person.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seat(pub u32);

/// Which seats are free. Of a person who is gone in a tick the seat is not given to another in the same
/// one: whoever hears of both could not tell which came first.
#[derive(Debug, Default)]
pub struct FreeSeats {
    /// The least is given first, so that pages at the end become free.
    free: BinaryHeap<Reverse<u32>>,
    /// Of people who are gone in the tick at hand.
    leaving: Vec<u32>,
    /// Seats that were ever given.
    all: u32,
}

impl FreeSeats {
    pub fn take(&mut self) -> Seat {
        let Reverse(seat) = self.free.pop().unwrap_or_else(|| {
            self.all += 1;
            Reverse(self.all - 1)
        });
        Seat(seat)
    }

    pub fn leave(&mut self, seat: Seat) {
        self.leaving.push(seat.0);
    }

    pub fn end_tick(&mut self) {
        self.free.extend(self.leaving.drain(..).map(Reverse));
        // Nobody is there: all seats are free, and need not be listed.
        if self.free.len() == self.all as usize {
            *self = FreeSeats::default();
        }
    }
}

const PAGE: usize = 1_024;

/// What is held of people, by seat.
pub struct Seats<T> {
    /// A page without anybody is `None`.
    pages: Vec<Option<Page<T>>>,
    number: usize,
}

struct Page<T> {
    seats: Box<[Option<T>]>,
    number: usize,
}

impl<T> Default for Seats<T> {
    fn default() -> Self {
        Seats { pages: Vec::new(), number: 0 }
    }
}

impl<T> Seats<T> {
    pub fn len(&self) -> usize {
        self.number
    }

    pub fn get(&self, Seat(seat): Seat) -> Option<&T> {
        let page = self.pages.get(seat as usize / PAGE)?.as_ref()?;
        page.seats[seat as usize % PAGE].as_ref()
    }

    pub fn get_mut(&mut self, Seat(seat): Seat) -> Option<&mut T> {
        let page = self.pages.get_mut(seat as usize / PAGE)?.as_mut()?;
        page.seats[seat as usize % PAGE].as_mut()
    }

    /// Reads a seat that is about to be used: see `state::batch::look_ahead`.
    pub fn look(&self, seat: Seat) -> usize {
        usize::from(self.get(seat).is_some())
    }

    /// Returns what was there before.
    pub fn insert(&mut self, Seat(seat): Seat, value: T) -> Option<T> {
        let (number, seat) = (seat as usize / PAGE, seat as usize % PAGE);
        if self.pages.len() <= number {
            self.pages.resize_with(number + 1, || None);
        }
        let page = self.pages[number].get_or_insert_with(|| Page {
            seats: std::iter::repeat_with(|| None).take(PAGE).collect(),
            number: 0,
        });
        let before = page.seats[seat].replace(value);
        page.number += usize::from(before.is_none());
        self.number += usize::from(before.is_none());
        before
    }

    /// Returns what was there. A page that nobody is left on is given back.
    pub fn remove(&mut self, Seat(seat): Seat) -> Option<T> {
        let of_page = self.pages.get_mut(seat as usize / PAGE)?;
        let page = of_page.as_mut()?;
        let before = page.seats[seat as usize % PAGE].take()?;
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

    pub fn iter(&self) -> impl Iterator<Item = (Seat, &T)> {
        let pages = self.pages.iter().enumerate();
        let pages = pages.filter_map(|(number, page)| Some((number, page.as_ref()?)));
        pages.flat_map(|(number, page)| {
            let seats = page.seats.iter().enumerate();
            seats.filter_map(move |(seat, value)| {
                Some((Seat((number * PAGE + seat) as u32), value.as_ref()?))
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
            let mut seats = Seats::default();
            let mut known: BTreeMap<u32, u8> = BTreeMap::new();
            for (seat, value) in changes {
                let (before, expected) = match value {
                    Some(value) => (seats.insert(Seat(seat), value), known.insert(seat, value)),
                    None => (seats.remove(Seat(seat)), known.remove(&seat)),
                };
                prop_assert_eq!(before, expected);
                prop_assert_eq!(seats.get(Seat(seat)), known.get(&seat));
                prop_assert_eq!(seats.len(), known.len());
            }
            prop_assert!(seats.iter().map(|(Seat(seat), value)| (seat, *value)).eq(known.clone()));
            for seat in known.keys() {
                seats.remove(Seat(*seat));
            }
            prop_assert!(seats.pages.is_empty());
        }

        #[test]
        fn no_two_have_one_seat_and_one_that_is_left_is_free_from_the_next_tick_on(
            ticks in prop::collection::vec((0..8usize, prop::collection::vec(0..20usize, 0..8)), 1..40),
        ) {
            let mut free = FreeSeats::default();
            let (mut taken, mut most): (Vec<Seat>, usize) = (Vec::new(), 0);
            for (come, go) in ticks {
                let mut left = Vec::new();
                for index in go {
                    if !taken.is_empty() {
                        left.push(taken.swap_remove(index % taken.len()));
                    }
                }
                left.iter().for_each(|seat| free.leave(*seat));
                most = most.max(taken.len() + left.len() + come);
                for _ in 0..come {
                    let seat = free.take();
                    prop_assert!(!taken.contains(&seat) && !left.contains(&seat));
                    prop_assert!((seat.0 as usize) < most, "one that was left is given first");
                    taken.push(seat);
                }
                free.end_tick();
            }
        }
    }
}
