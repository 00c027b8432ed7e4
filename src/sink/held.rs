//! Records of a run that is built beside the one that writes the outputs: of each key the last one is held, until the
//! outputs are handed over.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex};

use super::receipt::Receipt;
use super::record::{Record, RecordBody, RecordKey};
use super::target::Target;
use crate::plan::{Plan, Publish};
use crate::time::Tick;

/// What each output would hold.
#[derive(Clone)]
pub struct HeldRecords(Arc<[Mutex<HeldOutput>]>);

enum HeldOutput {
    /// Only what is last said of a key counts.
    Keys(BTreeMap<RecordKey, RecordBody>),
    Log(Vec<Record>),
}

/// One output's.
struct HoldingTarget {
    all: HeldRecords,
    output: usize,
}

impl HeldRecords {
    pub fn new(plan: &Plan) -> Self {
        let held = plan.outputs.iter().map(|output| match output.publish {
            Publish::Rejects => Mutex::new(HeldOutput::Log(Vec::new())),
            _ => Mutex::new(HeldOutput::Keys(BTreeMap::new())),
        });
        HeldRecords(held.collect())
    }

    pub fn targets(&self) -> Vec<Option<Box<dyn Target>>> {
        let target = |output| HoldingTarget { all: self.clone(), output };
        (0..self.0.len()).map(|output| Some(Box::new(target(output)) as Box<dyn Target>)).collect()
    }

    /// Those of an output, which are held no more.
    pub fn take(&self, output: usize) -> Vec<Record> {
        let mut held = self.0[output].lock().expect("no one panics with it");
        match &mut *held {
            HeldOutput::Log(records) => std::mem::take(records),
            HeldOutput::Keys(bodies) => {
                let bodies = std::mem::take(bodies).into_iter();
                bodies.map(|(key, body)| Record { output: output as u16, key, body }).collect()
            }
        }
    }
}

impl HeldOutput {
    fn hold(&mut self, record: Record) {
        match self {
            HeldOutput::Log(records) => records.push(record),
            HeldOutput::Keys(bodies) => match bodies.entry(record.key) {
                Entry::Occupied(mut known) => *known.get_mut() = record.body,
                Entry::Vacant(new) => drop(new.insert(record.body)),
            },
        }
    }
}

impl Target for HoldingTarget {
    fn send(&self, _: Tick, records: Vec<Record>, _: Receipt) {
        let mut held = self.all.0[self.output].lock().expect("no one panics with it");
        records.into_iter().for_each(|record| held.hold(record));
    }

    /// Nothing is sent before it is handed over.
    fn counts_sent(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::RecordValue;
    use super::*;
    use crate::row::IdentifierHash;

    #[test]
    fn of_a_key_what_is_said_last_is_held() {
        let key = |person| RecordKey::Person(IdentifierHash(person));
        let is = |of| RecordBody::Is { value: RecordValue::Identity(IdentifierHash(of)), at: 0 };
        let mut held = HeldOutput::Keys(BTreeMap::new());
        for (person, of) in [(1, 10), (2, 20), (1, 11)] {
            held.hold(Record { output: 0, key: key(person), body: is(of) });
        }
        held.hold(Record { output: 0, key: key(2), body: RecordBody::Gone { merged_into: None } });
        let held = HeldRecords(Arc::new([Mutex::new(held)]));
        let records = held.take(0);
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].body, is(11));
        assert_eq!(records[1].body, RecordBody::Gone { merged_into: None });
        assert!(held.take(0).is_empty());
    }
}
