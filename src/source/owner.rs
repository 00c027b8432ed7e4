//! Which worker reads which partitions.

/// A worker among all, and a topic's place among all topics: who owns a partition follows from these
/// and its number alone, however many partitions there are or come to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub worker: usize,
    pub workers: usize,
    pub place: usize,
}

impl Owner {
    /// Those of so many partitions that are the worker's.
    pub fn owned(self, partitions: i32) -> impl Iterator<Item = i32> {
        let is_owned =
            move |number: &i32| (*number as usize + self.place) % self.workers == self.worker;
        (0..partitions).filter(is_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_partition_has_one_owner_and_keeps_it_however_many_are_added(
            workers in 1usize..9, place in 0usize..5, few in 0i32..40, added in 0i32..40,
        ) {
            let mut owned = Vec::new();
            for worker in 0..workers {
                let owner = Owner { worker, workers, place };
                let all: Vec<i32> = owner.owned(few + added).collect();
                let before = all.iter().copied().filter(|number| *number < few);
                prop_assert_eq!(owner.owned(few).collect::<Vec<_>>(), before.collect::<Vec<_>>());
                owned.extend(all);
            }
            owned.sort_unstable();
            prop_assert_eq!(owned, (0..few + added).collect::<Vec<_>>());
        }
    }
}
