//! Values in order, each as often as it is held: what extremes need where values can be taken back.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::partial::Partial;
use crate::row::Datum;
use crate::spec::plan::Function;
use crate::time::Micros;

/// A multiset in the order of (time, value). Where time decides nothing it is 0.
#[derive(Clone, Debug, Default)]
pub struct Ordered {
    items: BTreeMap<(Micros, Datum), u32>,
}

impl Ordered {
    /// Takes a value in `diff` times, or back. Rows of a tick come in any order, so a count may be
    /// below zero (here: wrapped) for a moment.
    pub fn add(&mut self, time: Micros, value: Datum, diff: i64) {
        match self.items.entry((time, value)) {
            Entry::Vacant(vacant) => {
                vacant.insert(0u32.wrapping_add_signed(diff as i32));
            }
            Entry::Occupied(mut count) => {
                *count.get_mut() = count.get().wrapping_add_signed(diff as i32);
                if *count.get() == 0 {
                    count.remove();
                }
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// What the function looks for among them; `None` if there is nothing.
    pub fn leading(&self, function: Function) -> Option<Partial> {
        let ((time, value), _) = match function {
            Function::Min | Function::First => self.items.first_key_value()?,
            _ => self.items.last_key_value()?,
        };
        Some(match function {
            Function::Min | Function::Max => Partial::Value(value.clone()),
            _ => Partial::Timed(*time, value.clone()),
        })
    }
}
