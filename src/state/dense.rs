//! Many values side by side, each at a number below how many there are.
//!
//! They lie in chunks: one list would be copied as it grows. When one goes, the last one takes its place.

/// How many values a chunk has. The first one grows to that: most lists in tests, and some in use, are short.
const CHUNK: usize = 1 << BITS;
const BITS: u32 = 10;

pub struct Dense<T> {
    chunks: Vec<Vec<T>>,
}

impl<T> Default for Dense<T> {
    fn default() -> Self {
        Dense { chunks: Vec::new() }
    }
}

impl<T> Dense<T> {
    pub fn len(&self) -> usize {
        match self.chunks.split_last() {
            Some((last, full)) => full.len() * CHUNK + last.len(),
            None => 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The bytes of what there is room for.
    pub fn room(&self) -> usize {
        let values: usize = self.chunks.iter().map(Vec::capacity).sum();
        values * size_of::<T>()
    }

    pub fn get(&self, place: u32) -> Option<&T> {
        self.chunks.get(chunk(place))?.get(within(place))
    }

    pub fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        self.chunks.get_mut(chunk(place))?.get_mut(within(place))
    }

    /// Returns where it is.
    pub fn push(&mut self, value: T) -> u32 {
        let place = u32::try_from(self.len()).expect("fewer than four billion values");
        match self.chunks.last_mut().filter(|last| last.len() < CHUNK) {
            Some(last) => last.push(value),
            None => {
                let mut chunk = Vec::with_capacity(if place == 0 { 1 } else { CHUNK });
                chunk.push(value);
                self.chunks.push(chunk);
            }
        }
        place
    }

    /// Takes one out, and puts the last one in its place.
    pub fn swap_remove(&mut self, place: u32) -> T {
        let last = self.chunks.last_mut().and_then(Vec::pop).expect("there is one to take out");
        if self.chunks.last().is_some_and(Vec::is_empty) {
            self.chunks.pop();
        }
        match self.get_mut(place) {
            Some(taken) => std::mem::replace(taken, last),
            None => last,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }
}

fn chunk(place: u32) -> usize {
    (place >> BITS) as usize
}

fn within(place: u32) -> usize {
    place as usize % CHUNK
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_holds_what_a_list_holds(changes in prop::collection::vec(any::<(bool, u16)>(), 0..60)) {
            let (mut dense, mut list) = (Dense::default(), Vec::new());
            // Across the borders of chunks as well.
            for number in 0..2 * CHUNK as u32 - 20 {
                prop_assert_eq!(dense.push(number), number);
                list.push(number);
            }
            for (index, (comes, place)) in changes.into_iter().enumerate() {
                if comes || place % 4 == 0 {
                    prop_assert_eq!(dense.push(index as u32) as usize, list.len());
                    list.push(index as u32);
                } else if !list.is_empty() {
                    let place = usize::from(place) % list.len();
                    prop_assert_eq!(dense.swap_remove(place as u32), list.swap_remove(place));
                }
                prop_assert_eq!(dense.len(), list.len());
            }
            prop_assert!(dense.iter().eq(&list));
            prop_assert!(dense.get(list.len() as u32).is_none());
            while let Some(last) = list.len().checked_sub(1) {
                prop_assert_eq!(dense.get(last as u32), list.get(last));
                prop_assert_eq!(dense.swap_remove(0), list.swap_remove(0));
            }
            prop_assert!(dense.is_empty());
        }
    }
}
