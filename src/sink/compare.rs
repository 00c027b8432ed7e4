//! What an output holds, compared with what is to hold: where it is not known what was sent, the difference is.
//!
//! The output is read back once. The records of the ticks that are replayed are not sent: of each key the last one
//! counts. When the last of these ticks is reached, what is left is sent: values that differ, keys that are missing,
//! and tombstones of keys that are there though nothing holds of them. Two values are equal if they are but for their
//! instant `at`, which tells when something began to hold. That somebody left a segment says of a key that nothing
//! holds, as a tombstone does.
//!
//! In a log each record stands for itself: a record that is not in it as often as it is replayed is added, and none
//! is taken back. Of a log whose beginning was deleted, what is older than the rest is taken for told.
//!
//! In memory, for each key, are the key, 16 bytes of what the output holds of it, and its record, where that differs
//! as yet.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::catalog::Catalog;
use super::encoder::{EncodedMessage, MessageEncoder};
use super::formats::message_encoder;
use super::record::{Record, RecordBody, RecordKey, RecordValue, SegmentChange};
use crate::time::Micros;

/// What tells one value from all others.
type ValueHash = [u8; 16];

/// The hash of what is not to be taken for any value.
const UNLIKE_ANY: ValueHash = [0xff; 16];

/// The comparison of one output.
pub struct Comparison {
    output: u16,
    is_log: bool,
    hasher: ValueHasher,
    /// Names of the definition, and those that were found besides.
    catalog: Catalog,
    keys: HashMap<RecordKey, ComparedKey>,
    /// How often a log has a record.
    log: HashMap<ValueHash, u64>,
    /// Records that a log has not.
    missing: Vec<Record>,
    /// What is older is not in the log any more.
    since: Option<Micros>,
    oldest: Micros,
    latest: Micros,
}

#[derive(Default)]
struct ComparedKey {
    /// What the output holds.
    held: Option<ValueHash>,
    said: Said,
}

/// What the replay said of a key last.
#[derive(Default)]
enum Said {
    /// Nothing, or that nothing holds.
    #[default]
    Nothing,
    /// What the output holds.
    Same,
    Other(Box<Record>),
    /// That nothing holds, with a record of its own.
    Gone(Box<Record>),
}

impl Comparison {
    pub fn new(output: u16, is_log: bool, catalog: &Catalog) -> Self {
        Comparison {
            output,
            is_log,
            hasher: ValueHasher::new(catalog),
            catalog: catalog.clone(),
            keys: HashMap::new(),
            log: HashMap::new(),
            missing: Vec::new(),
            since: None,
            oldest: Micros::MAX,
            latest: Micros::MIN,
        }
    }

    /// The output holds a record; they come in order.
    pub fn hold(&mut self, mut record: Record, catalog: &Catalog) {
        if let RecordBody::Is { at, .. } = record.body {
            (self.oldest, self.latest) = (self.oldest.min(at), self.latest.max(at));
        }
        let holds = is_something(&record);
        let hash = self.hasher.hash(&mut record, catalog, self.is_log);
        if self.is_log {
            *self.log.entry(hash).or_default() += 1;
        } else if holds {
            self.keys.entry(record.key).or_default().held = Some(hash);
        } else {
            self.keys.remove(&record.key);
        }
    }

    /// The output holds something else of a key, which is no record: what is to hold of the key is sent, or that nothing does.
    pub fn hold_another(&mut self, key: RecordKey) {
        self.keys.entry(key).or_default().held = Some(UNLIKE_ANY);
    }

    /// All that it holds was told. What was deleted from a log's beginning was told before.
    pub fn end(&mut self, catalog: Catalog, has_lost_its_beginning: bool) {
        self.catalog = catalog;
        self.since = has_lost_its_beginning.then_some(self.oldest);
    }

    /// Whatever the output holds of a key, what is to hold of it is sent.
    pub fn distrust(&mut self, key: &RecordKey) {
        if let Some(compared) = self.keys.get_mut(key) {
            compared.held = Some(UNLIKE_ANY);
        }
    }

    /// A record that is to be compared, where no later one of its key comes.
    pub fn replay(&mut self, mut record: Record) {
        let at = match record.body {
            RecordBody::Is { at, .. } => Some(at),
            RecordBody::Gone { .. } => None,
        };
        self.latest = at.map_or(self.latest, |at| self.latest.max(at));
        if self.is_log {
            self.replay_in_log(record, at);
            return;
        }
        if !is_something(&record) {
            match self.keys.get_mut(&record.key) {
                Some(key) if key.held.is_some() => key.said = Said::Gone(Box::new(record)),
                Some(_) => drop(self.keys.remove(&record.key)),
                None => {}
            }
            return;
        }
        let hash = self.hasher.hash(&mut record, &self.catalog, self.is_log);
        let key = self.keys.entry(record.key.clone()).or_default();
        key.said = match key.held == Some(hash) {
            true => Said::Same,
            false => Said::Other(Box::new(record)),
        };
    }

    fn replay_in_log(&mut self, mut record: Record, at: Option<Micros>) {
        if at.is_some_and(|at| self.since.is_some_and(|since| at < since)) {
            return;
        }
        let hash = self.hasher.hash(&mut record, &self.catalog, self.is_log);
        match self.log.get_mut(&hash) {
            Some(times @ 1..) => *times -= 1,
            _ => self.missing.push(record),
        }
    }

    /// What a log holds that was not replayed.
    pub fn left_over(&mut self) -> LeftOver {
        let mut records = std::mem::take(&mut self.log);
        records.retain(|_, times| *times > 0);
        LeftOver { hasher: ValueHasher::new(&self.catalog), catalog: self.catalog.clone(), records }
    }

    /// What is to be sent, with the names that it speaks of.
    pub fn difference(self) -> (Vec<Record>, Catalog) {
        let Comparison { output, catalog, keys, missing, latest, .. } = self;
        let mut records = missing;
        for (key, compared) in keys {
            match compared.said {
                Said::Same => {}
                Said::Other(record) | Said::Gone(record) => records.push(*record),
                Said::Nothing if compared.held.is_some() => {
                    let body = match &key {
                        RecordKey::Member { .. } => {
                            let value = RecordValue::Segment(SegmentChange::Left);
                            RecordBody::Is { value, at: latest }
                        }
                        _ => RecordBody::Gone { merged_into: None },
                    };
                    records.push(Record { output, key, body });
                }
                Said::Nothing => {}
            }
        }
        (records, catalog)
    }
}

/// Records that a log holds though nothing that was replayed says them. Where a data folder of earlier was put back, the
/// sources are read again from there on, and say them then.
pub struct LeftOver {
    hasher: ValueHasher,
    catalog: Catalog,
    records: HashMap<ValueHash, u64>,
}

impl LeftOver {
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether the log has a record, which is counted off.
    pub fn has(&mut self, record: &mut Record) -> bool {
        if self.is_empty() {
            return false;
        }
        let Entry::Occupied(mut found) =
            self.records.entry(self.hasher.hash(record, &self.catalog, true))
        else {
            return false;
        };
        *found.get_mut() -= 1;
        if *found.get() == 0 {
            found.remove();
        }
        true
    }

    /// The same of a record of this output that is encoded.
    pub fn has_message(&mut self, output: u16, message: &EncodedMessage) -> bool {
        if self.is_empty() {
            return false;
        }
        let record = self.hasher.encoder.decode(output, message, &mut self.catalog);
        record.is_ok_and(|mut record| self.has(&mut record))
    }
}

/// Tells values apart.
struct ValueHasher {
    encoder: Box<dyn MessageEncoder>,
    message: EncodedMessage,
}

impl ValueHasher {
    fn new(catalog: &Catalog) -> Self {
        ValueHasher { encoder: message_encoder(catalog), message: EncodedMessage::default() }
    }

    /// What a record says but for its instant; with its key, where records of all keys are compared.
    fn hash(&mut self, record: &mut Record, catalog: &Catalog, with_key: bool) -> ValueHash {
        let told = match &mut record.body {
            RecordBody::Is { at, .. } => std::mem::take(at),
            RecordBody::Gone { .. } => 0,
        };
        self.encoder.encode(record, catalog, &mut self.message);
        if let RecordBody::Is { at, .. } = &mut record.body {
            *at = told;
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.message.value.as_deref().unwrap_or_default());
        if with_key {
            hasher.update(self.message.key.as_bytes());
        }
        hasher.finalize().as_bytes()[..16].try_into().expect("16 of 32 bytes")
    }
}

/// Whether something holds of the key.
fn is_something(record: &Record) -> bool {
    record.value().is_some_and(|value| *value != RecordValue::Segment(SegmentChange::Left))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::row::IdentifierHash;
    use crate::sink::record::{NamedIdentifier, RejectReason, RejectedInput};

    fn catalog() -> Catalog {
        let mut catalog = Catalog::default();
        catalog.outputs.learn("out");
        catalog.identifiers.learn("user");
        catalog.segments.learn("some");
        catalog.sources.learn("web");
        catalog
    }

    /// A record of one of a few keys, with one of a few values, or that nothing holds.
    fn changes() -> impl Strategy<Value = Vec<Record>> {
        let record = (any::<bool>(), 0..6u128, 0..4u128, 0..1_000i64).prop_map(
            |(is_member, key, value, at)| match (is_member, value) {
                (true, _) => {
                    let change = [SegmentChange::Entered, SegmentChange::Left][value as usize % 2];
                    let person = IdentifierHash(key);
                    let body = RecordBody::Is { value: RecordValue::Segment(change), at };
                    Record { output: 0, key: RecordKey::Member { segment: 0, person }, body }
                }
                (false, value) => {
                    let named = NamedIdentifier { kind: 0, text: format!("u{key}").into() };
                    let body = match value {
                        0 => RecordBody::Gone { merged_into: None },
                        _ => {
                            let value = RecordValue::Identity(IdentifierHash(value));
                            RecordBody::Is { value, at }
                        }
                    };
                    Record { output: 0, key: RecordKey::Identifier(named), body }
                }
            },
        );
        prop::collection::vec(record, 0..40)
    }

    /// What holds in the end, less instants.
    fn holding(records: &[Record]) -> BTreeMap<RecordKey, RecordValue> {
        let mut holding = BTreeMap::new();
        for record in records {
            match record.value().filter(|_| is_something(record)) {
                Some(value) => drop(holding.insert(record.key.clone(), value.clone())),
                None => drop(holding.remove(&record.key)),
            }
        }
        holding
    }

    fn compared(is_log: bool, held: &[Record], replayed: &[Record]) -> Vec<Record> {
        let catalog = catalog();
        let mut comparison = Comparison::new(0, is_log, &catalog);
        held.iter().for_each(|record| comparison.hold(record.clone(), &catalog));
        comparison.end(catalog, false);
        replayed.iter().for_each(|record| comparison.replay(record.clone()));
        comparison.difference().0
    }

    proptest! {
        #[test]
        fn the_difference_makes_of_what_is_held_what_holds_and_says_nothing_else(
            held in changes(), replayed in changes(),
        ) {
            let difference = compared(false, &held, &replayed);
            let (before, expected) = (holding(&held), holding(&replayed));
            prop_assert_eq!(holding(&[&held[..], &difference].concat()), expected.clone());
            let differ = before.keys().chain(expected.keys());
            let differ: std::collections::BTreeSet<&RecordKey> =
                differ.filter(|key| before.get(key) != expected.get(key)).collect();
            prop_assert_eq!(difference.len(), differ.len());
        }

        #[test]
        fn a_log_gets_what_it_lacks_as_often_as_it_lacks_it(
            held in prop::collection::vec(0..5u8, 0..20), replayed in prop::collection::vec(0..5u8, 0..20),
        ) {
            let rejects = |of: &[u8]| of.iter().map(|of| reject(*of)).collect::<Vec<_>>();
            let difference = compared(true, &rejects(&held), &rejects(&replayed));
            for of in 0..5 {
                let count = |of_all: &[u8]| of_all.iter().filter(|other| **other == of).count();
                let lacking = count(&replayed).saturating_sub(count(&held));
                let found = difference.iter().filter(|record| **record == reject(of)).count();
                prop_assert_eq!(found, lacking);
            }
        }
    }

    fn reject(of: u8) -> Record {
        let key = of.to_string();
        let position = crate::row::RawPosition::Key { topic: None, key };
        let (code, message) = ("malformed".to_owned(), String::new());
        let reasons = vec![RejectReason { code, path: String::new(), message }];
        let rejected = RejectedInput { position, reasons, raw: String::new() };
        let value = RecordValue::Reject(Box::new(rejected));
        Record { output: 0, key: RecordKey::Source(0), body: RecordBody::Is { value, at: 1 } }
    }
}
