//! People who are to be evaluated: as they were, and as they are.

use arrow::array::RecordBatch;

use crate::flow::{Diff, PackedList};
use crate::profile::PersonRow;
use crate::row::IdentifierHash;
use crate::time::Micros;

/// How many people are evaluated at once: what is known of them stays in the processor's cache while
/// columns are made of it.
const GROUP: usize = 1_024;

/// Some people's rows, in the order of their ids.
#[derive(Default)]
pub struct PeopleRows {
    ids: Vec<IdentifierHash>,
    rows: PackedList,
}

impl PeopleRows {
    fn push(&mut self, id: IdentifierHash, row: &[u8]) {
        self.ids.push(id);
        self.rows.push(row);
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub fn ids(&self) -> &[IdentifierHash] {
        &self.ids
    }

    pub fn contains(&self, id: &IdentifierHash) -> bool {
        self.ids.binary_search(id).is_ok()
    }

    pub fn row(&self, index: usize) -> PersonRow<'_> {
        PersonRow::new(self.rows.get(index))
    }

    pub fn iter(&self) -> impl Iterator<Item = (IdentifierHash, PersonRow<'_>)> {
        self.ids.iter().copied().zip(self.rows.iter().map(PersonRow::new))
    }
}

/// Some people at a reading of `now()`.
pub struct EvaluatedPeople {
    pub people: PeopleRows,
    /// The columns of `Plan::profile_schema`, a row a person; identifiers only where an expression names
    /// them.
    pub columns: RecordBatch,
}

/// Some people before and after a tick in which something of theirs changed or might have. Of a collection of
/// evaluated people it is what is taken back and what is added. One person's are never in two of a tick.
pub struct Evaluated {
    /// As they were last evaluated.
    pub was: EvaluatedPeople,
    pub is: EvaluatedPeople,
    /// The reading of `now()`.
    pub now: Micros,
}

impl Evaluated {
    /// Everyone, with the places at which they are on either side.
    pub fn people(
        &self,
    ) -> impl Iterator<Item = (IdentifierHash, Option<usize>, Option<usize>)> + use<'_> {
        side_by_side(&self.was.people, &self.is.people)
    }
}

/// Who is on either side or both, in the order of ids, and where.
pub fn side_by_side<'a>(
    one: &'a PeopleRows,
    other: &'a PeopleRows,
) -> impl Iterator<Item = (IdentifierHash, Option<usize>, Option<usize>)> + use<'a> {
    let (mut at, mut other_at) = (0, 0);
    std::iter::from_fn(move || {
        let (next, next_other) = (one.ids.get(at), other.ids.get(other_at));
        let id = *next.into_iter().chain(next_other).min()?;
        let place = (next == Some(&id)).then_some(at);
        let other_place = (next_other == Some(&id)).then_some(other_at);
        at += usize::from(place.is_some());
        other_at += usize::from(other_place.is_some());
        Some((id, place, other_place))
    })
}

/// The rows that a tick takes back and those that it adds, of some people.
#[derive(Default)]
pub struct ChangedRows {
    pub was: PeopleRows,
    pub is: PeopleRows,
}

impl ChangedRows {
    /// The next group of people, each of whom `next` pushes with all that changes of them, in the order of ids; `None`
    /// where there is nobody more.
    pub fn next_group(mut next: impl FnMut(&mut ChangedRows) -> bool) -> Option<Self> {
        let mut group = ChangedRows::default();
        let people = (0..GROUP).take_while(|_| next(&mut group)).count();
        (people > 0).then_some(group)
    }

    pub fn push(&mut self, id: IdentifierHash, row: &[u8], diff: Diff) {
        match diff {
            1 => self.is.push(id, row),
            -1 => self.was.push(id, row),
            other => unreachable!("a person has one row, not {other} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_person_is_in_one_group_and_nobody_is_left_out(
            people in prop::collection::btree_map(0..9_000u128, 1..4u8, 0..3_000),
        ) {
            let mut all = people.iter();
            let mut next = |group: &mut ChangedRows| {
                let Some((id, sides)) = all.next() else { return false };
                let (id, row) = (IdentifierHash(*id), [*sides]);
                if sides & 1 > 0 {
                    group.push(id, &row, -1);
                }
                if sides & 2 > 0 {
                    group.push(id, &row, 1);
                }
                true
            };
            let mut found = Vec::new();
            while let Some(group) = ChangedRows::next_group(&mut next) {
                let mut ids = [group.was.ids(), group.is.ids()].concat();
                ids.sort_unstable();
                ids.dedup();
                prop_assert!(!ids.is_empty() && ids.len() <= GROUP);
                found.extend(ids.into_iter().map(|IdentifierHash(id)| id));
            }
            prop_assert_eq!(found, people.into_keys().collect::<Vec<_>>());
        }
    }
}
