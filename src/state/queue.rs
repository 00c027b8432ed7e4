//! What waits for an instant: a queue of buckets beside the dataflow.
//!
//! An update dated in the future and put into an arrangement is touched at every tick until its time
//! comes. Here it is touched twice: when it is filed under its minute, and when that minute comes up
//! and is put in order.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

use crate::time::{MINUTE, Micros};

/// Entries by the instant at which they are due. Every entry in `near` is due before any in `far`.
#[derive(Debug)]
pub struct BucketQueue<E> {
    near: BinaryHeap<DueEntry<E>>,
    /// Entries below this instant are in `near`.
    horizon: Micros,
    far: BTreeMap<i64, Bucket<E>>,
    number: usize,
}

#[derive(Debug)]
struct Bucket<E> {
    earliest: Micros,
    entries: Vec<(Micros, E)>,
}

#[derive(Debug)]
struct DueEntry<E> {
    at: Micros,
    entry: E,
}

impl<E> Default for BucketQueue<E> {
    fn default() -> Self {
        let (near, far) = (BinaryHeap::new(), BTreeMap::new());
        BucketQueue { near, horizon: Micros::MIN, far, number: 0 }
    }
}

impl<E> BucketQueue<E> {
    /// All entries that wait.
    pub fn len(&self) -> usize {
        self.number
    }

    /// About how many bytes they take where they lie, as if no more room were kept.
    pub fn bytes(&self) -> usize {
        self.number * std::mem::size_of::<(Micros, E)>()
    }

    pub fn is_empty(&self) -> bool {
        self.number == 0
    }

    /// All entries with their instants, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Micros, &E)> {
        let near = self.near.iter().map(|due| (due.at, &due.entry));
        let far = self.far.values().flat_map(|bucket| &bucket.entries);
        near.chain(far.map(|(at, entry)| (*at, entry)))
    }

    pub fn push(&mut self, at: Micros, entry: E) {
        self.number += 1;
        if at < self.horizon {
            self.near.push(DueEntry { at, entry });
            return;
        }
        let bucket = self
            .far
            .entry(at.div_euclid(MINUTE))
            .or_insert_with(|| Bucket { earliest: at, entries: Vec::new() });
        bucket.earliest = bucket.earliest.min(at);
        bucket.entries.push((at, entry));
    }

    /// Takes the entries that are due at `now`, in the order of their instants.
    pub fn take_due(&mut self, now: Micros, mut take: impl FnMut(Micros, E)) {
        loop {
            while self.near.peek().is_some_and(|due| due.at <= now) {
                let due = self.near.pop().expect("just peeked");
                self.number -= 1;
                take(due.at, due.entry);
            }
            match self.far.first_entry() {
                Some(bucket) if self.near.is_empty() && bucket.get().earliest <= now => {
                    let (minute, bucket) = bucket.remove_entry();
                    self.horizon = minute.saturating_add(1).saturating_mul(MINUTE);
                    self.near.extend(
                        bucket.entries.into_iter().map(|(at, entry)| DueEntry { at, entry }),
                    );
                }
                _ => break,
            }
        }
        // The room of a crowded minute is not kept.
        if self.near.is_empty() {
            self.near.shrink_to_fit();
        }
    }

    /// The instant at which the next entry is due.
    pub fn next(&self) -> Option<Micros> {
        match self.near.peek() {
            Some(due) => Some(due.at),
            None => self.far.values().next().map(|bucket| bucket.earliest),
        }
    }
}

impl<E> FromIterator<(Micros, E)> for BucketQueue<E> {
    fn from_iter<I: IntoIterator<Item = (Micros, E)>>(entries: I) -> Self {
        let mut queue = BucketQueue::default();
        entries.into_iter().for_each(|(at, entry)| queue.push(at, entry));
        queue
    }
}

/// The earliest first.
impl<E> Ord for DueEntry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}
impl<E> PartialOrd for DueEntry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<E> PartialEq for DueEntry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}
impl<E> Eq for DueEntry<E> {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn entries_come_out_at_their_instants_whatever_the_order_they_went_in(
            steps in prop::collection::vec((0..30 * MINUTE, 0..3 * MINUTE), 0..200)
        ) {
            let mut queue = BucketQueue::default();
            let mut waiting: Vec<Micros> = Vec::new();
            let mut now = 0;
            for (at, pass) in steps {
                queue.push(at, at);
                waiting.push(at);
                now += pass;
                let mut taken = Vec::new();
                queue.take_due(now, |at, entry| {
                    assert_eq!(at, entry);
                    taken.push(at);
                });
                let mut due: Vec<_> = waiting.iter().copied().filter(|at| *at <= now).collect();
                due.sort();
                waiting.retain(|at| *at > now);
                prop_assert_eq!(taken, due);
                prop_assert_eq!(queue.next(), waiting.iter().min().copied());
                prop_assert_eq!(queue.len(), waiting.len());
            }
        }
    }
}
