//! The conflicts that stand, newest first, in bounded memory, for people who look at what is wrong.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use crate::sink::{Record, RecordBody, RecordKey};

/// Conflicts that are held: where more stand, the latest ones.
const HELD: usize = 10_000;

/// The conflicts that stand, by when they were last told.
#[derive(Default)]
pub struct StandingConflicts(Mutex<HeldConflicts>);

#[derive(Default)]
struct HeldConflicts {
    by_number: BTreeMap<u64, Arc<Record>>,
    numbers: HashMap<RecordKey, u64>,
    /// The number of the one that was told last.
    last: u64,
    /// Some were let go for want of room.
    has_let_go: bool,
}

/// Some of the conflicts that stand, each with its number, which names its place among all.
#[derive(Debug, PartialEq)]
pub struct ConflictPage {
    pub conflicts: Vec<(u64, Arc<Record>)>,
    /// How many are held, and whether these are all that stand.
    pub held: usize,
    pub are_all: bool,
    /// Whether there are more behind these.
    pub more: bool,
}

impl StandingConflicts {
    /// Brings in the records of a tick. `output` is the one whose records count: another may tell the same.
    pub fn note(&self, output: u16, records: &[Record]) {
        let mut told = records.iter().filter(|record| record.output == output).peekable();
        if told.peek().is_none() {
            return;
        }
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.for_each(|record| held.note(record));
    }

    /// Those of which this is true, older than the one of a number: so many at most.
    pub fn page(
        &self,
        older: Option<u64>,
        most: usize,
        holds: impl Fn(&RecordKey) -> bool,
    ) -> ConflictPage {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let range = held.by_number.range(..older.unwrap_or(u64::MAX)).rev();
        let mut found = range.filter(|(_, record)| holds(&record.key));
        let conflicts = found.by_ref().take(most);
        let conflicts = conflicts.map(|(number, record)| (*number, Arc::clone(record))).collect();
        let more = found.next().is_some();
        ConflictPage { conflicts, held: held.by_number.len(), are_all: !held.has_let_go, more }
    }
}

impl HeldConflicts {
    fn note(&mut self, record: &Record) {
        if let Some(number) = self.numbers.remove(&record.key) {
            self.by_number.remove(&number);
        }
        if matches!(record.body, RecordBody::Gone { .. }) {
            return;
        }
        self.last += 1;
        self.numbers.insert(record.key.clone(), self.last);
        self.by_number.insert(self.last, Arc::new(record.clone()));
        if self.by_number.len() > HELD
            && let Some((_, oldest)) = self.by_number.pop_first()
        {
            self.numbers.remove(&oldest.key);
            self.has_let_go = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::IdentifierHash;
    use crate::sink::RecordValue;

    fn key(person: usize) -> RecordKey {
        RecordKey::SingleSource(IdentifierHash(person as u128))
    }

    fn record(output: u16, person: usize, stands: bool) -> Record {
        let body = match stands {
            true => RecordBody::Is { value: RecordValue::SingleSource(0), at: 0 },
            false => RecordBody::Gone { merged_into: None },
        };
        Record { output, key: key(person), body }
    }

    #[test]
    fn what_is_resolved_goes_what_is_told_again_is_new_and_what_had_no_room_is_said_to_miss() {
        let conflicts = StandingConflicts::default();
        let told: Vec<Record> = (0..5).map(|person| record(3, person, true)).collect();
        conflicts.note(3, &told);
        conflicts.note(3, &[record(3, 1, false), record(4, 2, false), record(3, 0, true)]);
        let keys = |page: &ConflictPage| -> Vec<RecordKey> {
            page.conflicts.iter().map(|(_, record)| record.key.clone()).collect()
        };
        let first = conflicts.page(None, 2, |_| true);
        assert_eq!((keys(&first), first.held, first.more), (vec![key(0), key(4)], 4, true));
        let next = conflicts.page(Some(first.conflicts[1].0), 2, |_| true);
        assert_eq!((keys(&next), next.more, next.are_all), (vec![key(3), key(2)], false, true));
        assert_eq!(keys(&conflicts.page(None, 9, |of| *of == key(3))), vec![key(3)]);
        let told: Vec<Record> = (10..=HELD + 10).map(|person| record(3, person, true)).collect();
        conflicts.note(3, &told);
        let page = conflicts.page(None, 1, |_| true);
        assert_eq!((keys(&page), page.held, page.are_all), (vec![key(HELD + 10)], HELD, false));
    }
}
