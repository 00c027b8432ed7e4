//! What most identifiers have few of, and some have very many of: neighbours, and counts by a key.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::row::IdentifierHash;

/// What stands between an identifier and each of its neighbours. Few as a list, many as a map, so
/// that an identifier with 100,000 links can lose one cheaply.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Neighbours<V> {
    Few(SmallVec<[(IdentifierHash, V); 1]>),
    Many(BTreeMap<IdentifierHash, V>),
}

/// How many are many.
const MANY: usize = 32;

impl<V> Default for Neighbours<V> {
    fn default() -> Self {
        Neighbours::Few(SmallVec::new())
    }
}

impl<V> Neighbours<V> {
    /// Returns what stood before.
    pub fn set(&mut self, neighbour: IdentifierHash, value: Option<V>) -> Option<V> {
        let few = match self {
            Neighbours::Many(map) => {
                return match value {
                    Some(value) => map.insert(neighbour, value),
                    None => map.remove(&neighbour),
                };
            }
            Neighbours::Few(few) => few,
        };
        let known = few.iter().position(|(known, _)| *known == neighbour);
        match (known, value) {
            (Some(index), Some(value)) => Some(std::mem::replace(&mut few[index].1, value)),
            (Some(index), None) => Some(few.swap_remove(index).1),
            (None, Some(value)) => {
                few.push((neighbour, value));
                if few.len() > MANY {
                    *self = Neighbours::Many(few.drain(..).collect());
                }
                None
            }
            (None, None) => None,
        }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Neighbours::Few(few) => few.is_empty(),
            Neighbours::Many(map) => map.is_empty(),
        }
    }

    pub fn iter(&self) -> Box<dyn Iterator<Item = (IdentifierHash, &V)> + '_> {
        match self {
            Neighbours::Few(few) => Box::new(few.iter().map(|(one, value)| (*one, value))),
            Neighbours::Many(map) => Box::new(map.iter().map(|(one, value)| (*one, value))),
        }
    }
}

/// Counts by a key; what comes to nothing is left out.
pub(super) type FewCounts<K, const N: usize> = SmallVec<[(K, u32); N]>;

/// One more or one less.
pub(super) fn count<K: PartialEq, const N: usize>(
    counts: &mut FewCounts<K, N>,
    key: K,
    one_more: bool,
) {
    match counts.iter_mut().position(|(known, _)| *known == key) {
        None => counts.push((key, 1)),
        Some(index) if one_more => counts[index].1 += 1,
        Some(index) => {
            counts[index].1 -= 1;
            if counts[index].1 == 0 {
                counts.swap_remove(index);
            }
        }
    }
}
