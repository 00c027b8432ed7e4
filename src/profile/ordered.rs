//! Values in order, each as often as it is held: what extremes need where values can be taken back.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::aggregate::{End, Extreme, Kept};
use crate::row::Datum;
use crate::state::few::FewMap;
use crate::time::Micros;

/// A multiset in the order of (time, value). Where time decides nothing it is 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ordered {
    items: FewMap<(Micros, Datum), u32>,
}

impl Ordered {
    /// Takes a value in `diff` times, or back.
    pub fn add(&mut self, time: Micros, value: Datum, diff: i64) {
        self.items.count((time, value), diff);
    }

    /// Forgets all but the newest so many: of values that are never taken back.
    pub fn keep_newest(&mut self, number: usize) {
        // A row whose joined columns change goes and comes again at once, what it says for itself too:
        // for that moment a value that was forgotten is held less often than never.
        let held: i64 = self.items.values().map(|count| i64::from(*count as i32)).sum();
        for _ in number as i64..held {
            let Some((oldest, _)) = self.items.first() else { return };
            let oldest = oldest.clone();
            self.items.count(oldest, -1);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The values that lead: one, or the newest so many with the newest first.
    pub fn leading(&self, kept: &Kept) -> SmallVec<[(Micros, Datum); 1]> {
        match kept {
            Kept::Extreme(Extreme { end: End::Least, .. }) => {
                self.items.first().map(|(item, _)| item.clone()).into_iter().collect()
            }
            Kept::Extreme(Extreme { end: End::Greatest, .. }) => {
                self.items.last().map(|(item, _)| item.clone()).into_iter().collect()
            }
            Kept::Newest(number) => {
                let newest = self.items.iter().rev();
                let each = newest.flat_map(|(item, count)| (0..*count).map(|_| item.clone()));
                each.take(usize::from(*number)).collect()
            }
            other => unreachable!("{other:?} have no leading value"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_was_forgotten_goes_and_comes_again() {
        let mut values = Ordered::default();
        let mut take = |value: i64, diff| {
            values.add(value, Datum::Integer(value), diff);
            values.keep_newest(2);
            values.leading(&Kept::Newest(2))
        };
        take(1, 1);
        take(2, 1);
        let newest = take(3, 1);
        for forgotten_or_not in [1, 2, 3] {
            take(forgotten_or_not, -1);
            assert_eq!(take(forgotten_or_not, 1), newest);
        }
    }
}
