//! Offsets of a batch's lists, without one number for each.
//!
//! Where every key has one value, the offsets of values are 0, 1, 2, …; where all updates of a batch are of one
//! tick and one difference, differential writes them down once, and the offsets are 0, 1, 1, 1, …. Both are
//! what a merged batch mostly holds: such a run is told by three numbers. What does not fit is listed.

use differential_dataflow::trace::implementations::{BatchContainer, OffsetList};
use serde::{Deserialize, Serialize};
use timely::container::PushInto;

/// Offsets that rise by one step from 0 on, then stand still, and then are as they are.
#[derive(Serialize, Deserialize)]
pub struct Strides {
    step: usize,
    /// How many there are of 0, `step`, twice `step`, ….
    rising: usize,
    /// How often the last of them comes again.
    standing: usize,
    rest: OffsetList,
}

impl Strides {
    fn new() -> Self {
        Strides { step: 0, rising: 0, standing: 0, rest: OffsetList::with_capacity(0) }
    }

    fn push(&mut self, offset: usize) {
        let regular = self.rising + self.standing;
        if self.rest.len() > 0 {
            self.rest.push(offset);
        } else if regular > 0 && offset == (self.rising - 1) * self.step {
            self.standing += 1;
        } else if self.standing == 0 && self.rising == 1 {
            (self.step, self.rising) = (offset, 2);
        } else if self.standing == 0 && offset == self.rising * self.step {
            self.rising += 1;
        } else {
            self.rest.push(offset);
        }
    }
}

impl BatchContainer for Strides {
    type Owned = usize;
    type ReadItem<'a> = usize;

    fn into_owned(item: usize) -> usize {
        item
    }

    fn push_ref(&mut self, item: usize) {
        self.push(item);
    }

    fn push_own(&mut self, item: &usize) {
        self.push(*item);
    }

    fn clear(&mut self) {
        *self = Strides::new();
    }

    fn with_capacity(_: usize) -> Self {
        Strides::new()
    }

    fn merge_capacity(_: &Self, _: &Self) -> Self {
        Strides::new()
    }

    fn reborrow<'b, 'a: 'b>(item: usize) -> usize {
        item
    }

    fn index(&self, index: usize) -> usize {
        let regular = self.rising + self.standing;
        if index < self.rising {
            index * self.step
        } else if index < regular {
            (self.rising - 1) * self.step
        } else {
            self.rest.index(index - regular)
        }
    }

    fn len(&self) -> usize {
        self.rising + self.standing + self.rest.len()
    }
}

impl PushInto<usize> for Strides {
    fn push_into(&mut self, item: usize) {
        self.push(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn strides(offsets: &[usize]) -> Strides {
        let mut strides = Strides::with_capacity(offsets.len());
        offsets.iter().for_each(|offset| strides.push_ref(*offset));
        strides
    }

    proptest! {
        #[test]
        fn whatever_is_pushed_is_there(
            steps in prop::collection::vec(prop_oneof![Just(1usize), Just(0), 0..5usize], 0..60),
            first in prop_oneof![4 => Just(0usize), 1 => 0..3usize],
        ) {
            let mut offsets = vec![first];
            steps.iter().for_each(|step| offsets.push(offsets[offsets.len() - 1] + step));
            let strides = strides(&offsets);
            prop_assert_eq!(strides.len(), offsets.len());
            let read: Vec<usize> = (0..strides.len()).map(|index| strides.index(index)).collect();
            prop_assert_eq!(read, offsets);
        }
    }

    #[test]
    fn regular_offsets_are_not_listed() {
        let one_each: Vec<usize> = (0..1_000).collect();
        let one_for_all: Vec<usize> = std::iter::once(0).chain([1; 999]).collect();
        for offsets in [one_each, one_for_all] {
            assert_eq!(strides(&offsets).rest.len(), 0);
        }
    }
}
