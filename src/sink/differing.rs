//! What outputs lack, or have too much, where it is not known what they were told: who sees all records is told it, too.
//!
//! Outputs are compared by the threads that write them, each when its time has come. It is told at once when all have
//! found it, and has a tick of its own, behind all that is replayed and before whatever happens next.
//!
//! Each of several processes finds it for the outputs that it writes. Who sees all records is in the first one: others
//! send what they have found there, in parts.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::catalog::{Catalog, CatalogNames};
use super::record::Record;

/// So many records are sent at once.
const PART: usize = 4_096;

/// Records by which an output differed from what it should hold, with the names that they speak of.
#[derive(Clone)]
pub struct DifferingRecords {
    pub records: Vec<Record>,
    pub names: Arc<Catalog>,
}

/// Hears what outputs differ by.
type Told = Box<dyn FnOnce(Vec<DifferingRecords>) + Send>;

/// What the outputs of a process differ by.
#[derive(Clone, Default)]
pub struct OutputsDifference(Arc<Mutex<FoundDifference>>);

#[derive(Default)]
struct FoundDifference {
    /// How many have yet to find it.
    awaited: usize,
    found: Vec<DifferingRecords>,
    /// Who is told.
    told: Option<Told>,
}

impl OutputsDifference {
    /// Somebody compares what an output holds, and says later what it comes to.
    pub fn is_awaited(&self) {
        self.0.lock().expect("no one panics with it").awaited += 1;
    }

    /// One of those who were awaited has found it, and says it if anybody is told.
    pub fn found(&self, found: impl FnOnce() -> Vec<DifferingRecords>) {
        let mut difference = self.0.lock().expect("no one panics with it");
        if difference.told.is_some() {
            difference.found.extend(found());
        }
        difference.awaited -= 1;
        difference.hand_out();
    }

    /// Who is told once all have found it: said before any has.
    pub fn is_told_to(&self, told: impl FnOnce(Vec<DifferingRecords>) + Send + 'static) {
        let mut difference = self.0.lock().expect("no one panics with it");
        difference.told = Some(Box::new(told));
        difference.hand_out();
    }
}

impl FoundDifference {
    fn hand_out(&mut self) {
        if self.awaited > 0 {
            return;
        }
        // Who is told ends with the run, and is not held beyond.
        if let Some(told) = self.told.take() {
            told(std::mem::take(&mut self.found));
        }
    }
}

/// A part of what the outputs of another process differ by.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DifferencePart {
    records: Vec<Record>,
    names: CatalogNames,
    /// Whether that was all.
    pub is_last: bool,
}

impl DifferencePart {
    /// What it says, where these are the definition's names.
    pub fn received(self, names: &Catalog) -> DifferingRecords {
        let mut names = names.clone();
        names.learn(&self.names);
        DifferingRecords { records: self.records, names: Arc::new(names) }
    }
}

/// What the outputs of a process that is not the first one differ by, from when it is found until it is sent.
#[derive(Clone, Default)]
pub struct UnsentDifference(Arc<Mutex<Option<Vec<DifferingRecords>>>>);

impl UnsentDifference {
    pub fn find(&self, found: Vec<DifferingRecords>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
    }

    /// All parts of it, once it is found; it is sent once.
    pub fn take(&self, names: impl FnOnce() -> Catalog) -> Vec<DifferencePart> {
        let Some(found) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Vec::new();
        };
        let mut parts = Vec::new();
        for DifferingRecords { mut records, names } in found {
            while !records.is_empty() {
                let rest = records.split_off(records.len().min(PART));
                let names = names.names();
                parts.push(DifferencePart { records, names, is_last: false });
                records = rest;
            }
        }
        // That there is nothing is told, too.
        if parts.is_empty() {
            let (records, names) = (Vec::new(), names().names());
            parts.push(DifferencePart { records, names, is_last: false });
        }
        parts.last_mut().expect("there is one").is_last = true;
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::IdentifierHash;
    use crate::sink::record::{RecordBody, RecordKey};

    #[test]
    fn what_is_found_is_sent_once_in_parts_with_its_names_and_so_is_that_there_is_nothing() {
        let mut names = Catalog::default();
        names.outputs.learn("people");
        let unsent = UnsentDifference::default();
        assert!(unsent.take(|| names.clone()).is_empty(), "nothing is known");
        unsent.find(Vec::new());
        let nothing = unsent.take(|| names.clone());
        assert!(nothing.len() == 1 && nothing[0].is_last && nothing[0].records.is_empty());
        assert!(unsent.take(|| names.clone()).is_empty(), "it is sent once");

        let record = |number: usize| Record {
            output: 0,
            key: RecordKey::Member { segment: 0, person: IdentifierHash(number as u128) },
            body: RecordBody::Gone { merged_into: None },
        };
        let mut known = names.clone();
        known.segments.learn("former");
        let all: Vec<Record> = (0..2 * PART + 1).map(record).collect();
        let found = |records: &[Record]| DifferingRecords {
            records: records.to_vec(),
            names: Arc::new(known.clone()),
        };
        unsent.find(vec![found(&[]), found(&all[..1]), found(&all[1..])]);
        let parts = unsent.take(|| names.clone());
        let is_last: Vec<bool> = parts.iter().map(|part| part.is_last).collect();
        assert_eq!(is_last, [false, false, true]);
        let received: Vec<_> = parts.into_iter().map(|part| part.received(&names)).collect();
        assert!(received.iter().all(|of| of.names.segments.name(0) == "former"));
        let records: Vec<Record> = received.into_iter().flat_map(|of| of.records).collect();
        assert_eq!(records, all);
    }
}
