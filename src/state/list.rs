//! Lists of few items, which take no more room than these do.

use std::iter::Chain;
use std::ops::{Deref, DerefMut};
use std::option;

use serde::{Deserialize, Serialize};
use thin_vec::{self, ThinVec};

pub trait List<T>:
    Default + DerefMut<Target = [T]> + FromIterator<T> + IntoIterator<Item = T>
{
    fn insert(&mut self, index: usize, item: T);
    fn remove(&mut self, index: usize) -> T;
}

impl<T> List<T> for ThinVec<T> {
    fn insert(&mut self, index: usize, item: T) {
        if self.len() == self.capacity() {
            // Most stay as short as they are.
            self.reserve_exact(1 + self.len() / 2);
        }
        self.insert(index, item);
    }

    fn remove(&mut self, index: usize) -> T {
        self.remove(index)
    }
}

/// One item lies within, several lie apart. What it is of them takes no room where items have values to spare.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum OneWithin<T> {
    #[default]
    None,
    One(T),
    /// Two at least.
    Several(ThinVec<T>),
}

impl<T> Deref for OneWithin<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            OneWithin::None => &[],
            OneWithin::One(item) => std::slice::from_ref(item),
            OneWithin::Several(items) => items,
        }
    }
}

impl<T> DerefMut for OneWithin<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            OneWithin::None => &mut [],
            OneWithin::One(item) => std::slice::from_mut(item),
            OneWithin::Several(items) => items,
        }
    }
}

impl<T> From<ThinVec<T>> for OneWithin<T> {
    fn from(mut items: ThinVec<T>) -> Self {
        match items.len() {
            0 | 1 => items.pop().map_or(OneWithin::None, OneWithin::One),
            _ => OneWithin::Several(items),
        }
    }
}

impl<T> FromIterator<T> for OneWithin<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        items.into_iter().collect::<ThinVec<T>>().into()
    }
}

impl<T> IntoIterator for OneWithin<T> {
    type Item = T;
    type IntoIter = Chain<option::IntoIter<T>, thin_vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, several) = match self {
            OneWithin::None => (None, ThinVec::new()),
            OneWithin::One(item) => (Some(item), ThinVec::new()),
            OneWithin::Several(items) => (None, items),
        };
        one.into_iter().chain(several)
    }
}

impl<T> List<T> for OneWithin<T> {
    fn insert(&mut self, index: usize, item: T) {
        *self = match std::mem::take(self) {
            OneWithin::None => OneWithin::One(item),
            OneWithin::One(first) => {
                let mut items = ThinVec::with_capacity(2);
                items.push(first);
                items.insert(index, item);
                OneWithin::Several(items)
            }
            OneWithin::Several(mut items) => {
                List::insert(&mut items, index, item);
                OneWithin::Several(items)
            }
        };
    }

    fn remove(&mut self, index: usize) -> T {
        match std::mem::take(self) {
            OneWithin::None => unreachable!("there is one to take out"),
            OneWithin::One(item) => item,
            OneWithin::Several(mut items) => {
                let item = items.remove(index);
                *self = items.into();
                item
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_holds_what_a_list_holds(
            changes in prop::collection::vec((any::<bool>(), any::<u8>()), 0..60),
        ) {
            let (mut items, mut known) = (OneWithin::default(), Vec::new());
            for (number, (comes, index)) in changes.into_iter().enumerate() {
                let index = usize::from(index);
                if comes || known.is_empty() {
                    let index = index % (known.len() + 1);
                    items.insert(index, number);
                    known.insert(index, number);
                } else {
                    let index = index % known.len();
                    prop_assert_eq!(List::remove(&mut items, index), known.remove(index));
                }
                prop_assert_eq!(&*items, &*known);
                items.iter_mut().chain(&mut known).for_each(|item| *item += 1);
                prop_assert!(items.clone().into_iter().eq(known.iter().copied()));
                prop_assert_eq!(&known.iter().copied().collect::<OneWithin<_>>(), &items);
                prop_assert_eq!(matches!(items, OneWithin::Several(_)), known.len() > 1);
            }
        }
    }
}
