//! Values as bytes, and lists of them that lie end to end.
//!
//! A value of an arrangement is mostly short, and there is one for everybody: as an allocation of its own it
//! would take more for its room and its pointers than for what it says. In a batch of differential's only
//! the containers are ours: all of a batch's values are one run of bytes, with the places where they end.

use std::fmt;

use differential_dataflow::trace::implementations::{BatchContainer, OffsetList};
use serde::{Deserialize, Serialize};
use timely::container::PushInto;

/// A value as bytes. Values are equal where their bytes are, and stand in the order of their bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Packed(Box<[u8]>);

impl From<&[u8]> for Packed {
    fn from(bytes: &[u8]) -> Self {
        Packed(bytes.into())
    }
}

impl AsRef<[u8]> for Packed {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq<Packed> for [u8] {
    fn eq(&self, other: &Packed) -> bool {
        *self == *other.0
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", const_hex::encode(&self.0))
    }
}

/// Many values, one behind the other: in blocks of bytes, for the reasons that [`Pieces`](super::Pieces) has.
///
/// A value lies in one block. One that has no room in the last block begins the next one; one that is longer than
/// a block has one of its own, and as many empty ones behind it as it would have filled. So where a value ends
/// tells where it begins: behind the one before, if that ended in the same block.
#[derive(Default, Serialize, Deserialize)]
pub struct PackedList {
    blocks: Vec<Vec<u8>>,
    ends: Ends,
}

/// How many bytes a block has.
const BLOCK: usize = 1 << 16;

/// Where values end: in 32 bits as long as that is enough.
#[derive(Serialize, Deserialize)]
struct Ends(OffsetList);

impl Default for Ends {
    fn default() -> Self {
        Ends(OffsetList::with_capacity(0))
    }
}

impl PackedList {
    pub fn blocks(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.blocks.iter()
    }

    pub fn push(&mut self, value: &[u8]) {
        let filled = self.end_before(self.len());
        let all = self.blocks.len() * BLOCK;
        let is_open = |last: &Vec<u8>| last.len() + all == filled + BLOCK;
        let start = match self.blocks.last_mut().filter(|last| is_open(last)) {
            _ if value.is_empty() => filled,
            Some(last) if last.len() + value.len() <= BLOCK => {
                last.extend_from_slice(value);
                filled
            }
            _ => {
                // The first one grows: many batches are short.
                let room = if all == 0 { value.len() } else { value.len().max(BLOCK) };
                let mut block = Vec::with_capacity(room);
                block.extend_from_slice(value);
                self.blocks.push(block);
                let would_fill = value.len().div_ceil(BLOCK);
                self.blocks.extend((1..would_fill).map(|_| Vec::new()));
                all
            }
        };
        self.ends.0.push(start + value.len());
    }

    /// Where the value before ends.
    fn end_before(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.ends.0.index(before))
    }

    pub fn get(&self, index: usize) -> &[u8] {
        let (before, end) = (self.end_before(index), self.ends.0.index(index));
        if before == end {
            return &[];
        }
        let is_same_block = before / BLOCK == (end - 1) / BLOCK;
        let start = if is_same_block { before } else { before.next_multiple_of(BLOCK) };
        let place = start % BLOCK;
        &self.blocks[start / BLOCK][place..place + end - start]
    }

    pub fn len(&self) -> usize {
        self.ends.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.get(index))
    }
}

impl BatchContainer for PackedList {
    type Owned = Packed;
    type ReadItem<'a> = &'a [u8];

    fn into_owned(item: &[u8]) -> Packed {
        Packed::from(item)
    }

    fn push_ref(&mut self, item: &[u8]) {
        self.push(item);
    }

    fn push_own(&mut self, item: &Packed) {
        self.push(&item.0);
    }

    fn clear(&mut self) {
        self.blocks.clear();
        self.ends.0.clear();
    }

    fn with_capacity(size: usize) -> Self {
        PackedList { blocks: Vec::new(), ends: Ends(OffsetList::with_capacity(size)) }
    }

    fn merge_capacity(one: &Self, other: &Self) -> Self {
        Self::with_capacity(one.len() + other.len())
    }

    fn reborrow<'b, 'a: 'b>(item: &'a [u8]) -> &'b [u8] {
        item
    }

    fn index(&self, index: usize) -> &[u8] {
        self.get(index)
    }

    fn len(&self) -> usize {
        PackedList::len(self)
    }
}

impl PushInto<Packed> for PackedList {
    fn push_into(&mut self, item: Packed) {
        self.push(&item.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_list_gives_back_what_was_pushed(
            values in prop::collection::vec(
                prop_oneof![
                    4 => prop::collection::vec(any::<u8>(), 0..40),
                    2 => (any::<u8>(), BLOCK / 3..BLOCK + 2).prop_map(|(of, number)| vec![of; number]),
                    1 => (any::<u8>(), BLOCK - 1..3 * BLOCK + 2).prop_map(|(of, number)| vec![of; number]),
                ],
                0..50,
            ),
        ) {
            let mut list = PackedList::with_capacity(0);
            for value in &values {
                list.push_into(Packed::from(&value[..]));
            }
            prop_assert_eq!(list.iter().map(<[u8]>::to_vec).collect::<Vec<_>>(), values.clone());
            let mut merged = PackedList::merge_capacity(&list, &list);
            list.iter().for_each(|value| merged.push_ref(value));
            prop_assert_eq!(merged.len(), values.len());
            for (index, value) in values.iter().enumerate() {
                prop_assert_eq!(merged.index(index), &value[..]);
            }
            merged.clear();
            prop_assert!(merged.is_empty());
        }
    }
}
