//! People who are to be evaluated: as they were, and as they are.

use arrow::array::RecordBatch;

use crate::flow::{Diff, PackedList};
use crate::profile::PersonRow;
use crate::row::IdentifierHash;

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
    /// How many people there are on either side or both.
    people: usize,
}

impl ChangedRows {
    fn last(&self) -> Option<&IdentifierHash> {
        self.was.ids.last().max(self.is.ids.last())
    }

    fn contains(&self, id: &IdentifierHash) -> bool {
        self.was.contains(id) || self.is.contains(id)
    }
}

/// Changed rows in groups, each in the order of ids.
#[derive(Default)]
pub struct Groups(Vec<ChangedRows>);

impl Groups {
    /// Takes in a change; those of a person come one after the other, people in the order of ids.
    pub fn push(&mut self, id: IdentifierHash, row: &[u8], diff: Diff) {
        let is_another = |group: &ChangedRows| group.last() != Some(&id);
        if self.0.last().is_none_or(|group| group.people == GROUP && is_another(group)) {
            self.0.push(ChangedRows::default());
        }
        let group = self.0.last_mut().expect("there is one");
        group.people += usize::from(group.last() != Some(&id));
        match diff {
            1 => group.is.push(id, row),
            -1 => group.was.push(id, row),
            other => unreachable!("a person has one row, not {other} more"),
        }
    }

    pub fn contains(&self, id: &IdentifierHash) -> bool {
        let group = self.0.partition_point(|group| group.last() < Some(id));
        self.0.get(group).is_some_and(|group| group.contains(id))
    }

    pub fn into_groups(self) -> impl Iterator<Item = ChangedRows> {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_person_is_in_one_group_and_everyone_is_found(
            people in prop::collection::btree_map(0..9_000u128, 1..4u8, 0..3_000),
        ) {
            let mut groups = Groups::default();
            for (id, sides) in &people {
                let (id, row) = (IdentifierHash(*id), [*sides]);
                if sides & 1 > 0 {
                    groups.push(id, &row, -1);
                }
                if sides & 2 > 0 {
                    groups.push(id, &row, 1);
                }
            }
            for id in (0..9_000).step_by(7) {
                prop_assert_eq!(groups.contains(&IdentifierHash(id)), people.contains_key(&id));
            }
            let mut found = Vec::new();
            for group in groups.into_groups() {
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
