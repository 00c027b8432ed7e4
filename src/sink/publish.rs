//! From what a tick's messages say to the records of changelogs: what ends a tick as it began is not
//! sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use arcstr::ArcStr;
use hashbrown::HashMap;

use super::json::write_text;
use super::message::{Digest, Message, Outputs, Record, Value};
use crate::flow::Diff;
use crate::metrics::SharedCounts;
use crate::plan::Plan;
use crate::profile::Belonging;
use crate::row::IdentifierHash;
use crate::state::batch::Batch;
use crate::state::held::drained;
use crate::time::{Micros, rfc3339};

/// What a value was before the tick and is after it, as far as messages say.
type Turn = (Option<Digest>, Option<Value>);

/// Takes in what one more message knows of a value.
fn learn(turn: &mut Turn, before: Option<Digest>, after: Option<Value>) {
    turn.0 = turn.0.or(before);
    turn.1 = turn.1.take().or(after);
}

/// An identifier, and whose it was before the tick and is after it.
struct Whose {
    kind: u8,
    text: ArcStr,
    before: Option<IdentifierHash>,
    after: Option<IdentifierHash>,
}

/// All that messages of a tick say, by key.
#[derive(Default)]
struct Changes {
    profiles: HashMap<(u16, IdentifierHash), Turn>,
    segments: BTreeMap<(u16, u16, IdentifierHash), (bool, bool)>,
    single_sources: HashMap<(u16, IdentifierHash), (Option<u16>, Option<u16>)>,
    belongings: HashMap<IdentifierHash, (Outputs, Whose)>,
    rejects: Vec<(u16, u16, String)>,
    entries: HashMap<(u16, String), Turn>,
    now: Micros,
}

impl Changes {
    fn learn(&mut self, message: Message) {
        match message {
            Message::Now(_, now) => self.now = self.now.max(now),
            Message::Profile { output, person, before, after, .. } => {
                learn(self.profiles.entry((output, person)).or_default(), before, after);
            }
            Message::Segment { output, segment, person, before, after, .. } => {
                let turn = self.segments.entry((output, segment, person)).or_default();
                turn.0 |= before;
                turn.1 |= after;
            }
            Message::SingleSource { output, person, before, after, .. } => {
                let turn = self.single_sources.entry((output, person)).or_default();
                turn.0 = turn.0.or(before);
                turn.1 = turn.1.or(after);
            }
            Message::Belonging { outputs, belonging, diff, .. } => {
                self.learn_whose(outputs, belonging, diff);
            }
            Message::Reject { output, source, value, .. } => {
                self.rejects.push((output, source, value))
            }
            Message::Entry { output, key, before, after, .. } => {
                learn(self.entries.entry((output, key)).or_default(), before, after);
            }
        }
    }

    fn learn_whose(&mut self, outputs: Outputs, belonging: Belonging, diff: Diff) {
        let Belonging { identifier, kind, text, person } = belonging;
        let known = self.belongings.entry(identifier);
        let nobodys = || (Outputs::new(), Whose { kind, text, before: None, after: None });
        let (known_outputs, whose) = known.or_insert_with(nobodys);
        match diff {
            1.. => whose.after = Some(person),
            _ => whose.before = Some(person),
        }
        for output in outputs {
            if !known_outputs.contains(&output) {
                known_outputs.push(output);
            }
        }
    }
}

/// One worker's share of the keys.
pub struct Publisher {
    plan: Arc<Plan>,
    now: Micros,
    /// Of the tick at hand; kept for the room that they have.
    changes: Changes,
    counts: SharedCounts,
}

impl Publisher {
    pub fn new(plan: Arc<Plan>, counts: SharedCounts) -> Self {
        Publisher { plan, now: 0, changes: Changes::default(), counts }
    }

    /// Makes a tick's records, of which there are none yet.
    pub fn publish(
        &mut self,
        batch: impl IntoIterator<Item = Message>,
        records: &mut Batch<Record>,
    ) {
        let mut changes = std::mem::take(&mut self.changes);
        batch.into_iter().for_each(|message| changes.learn(message));
        self.now = self.now.max(changes.now);
        let at = format!(",\"at\":\"{}\"}}", rfc3339(self.now));

        for ((output, person), turn) in drained(&mut changes.profiles) {
            records.extend(self.profile(output, person, turn, &changes.belongings, &at));
        }
        for ((output, segment, person), (before, after)) in std::mem::take(&mut changes.segments) {
            if before != after {
                records.push(self.segment(output, segment, person, after, &at));
            }
        }
        for ((output, person), (before, after)) in drained(&mut changes.single_sources) {
            if before != after {
                records.push(self.single_source(output, person, after, &at));
            }
        }
        for (_, (outputs, belonging)) in drained(&mut changes.belongings) {
            if belonging.before != belonging.after {
                self.identity(outputs, &belonging, &at, records);
            }
        }
        for (output, source, value) in changes.rejects.drain(..) {
            let key = self.plan.sources[source as usize].name.clone();
            records.push(Record { output, key, value: Some(value + &at), merged_into: None });
        }
        for ((output, key), (before, after)) in drained(&mut changes.entries) {
            if before != after.as_ref().map(|value| value.digest) {
                let value = after.map(|value| value.json + &at);
                records.push(Record { output, key, value, merged_into: None });
            }
        }
        self.changes = changes;
        let mut counts = self.counts.borrow_mut();
        for record in records.iter() {
            counts.outputs[record.output as usize] += 1;
        }
    }

    /// A person's record, if it changed.
    fn profile(
        &self,
        output: u16,
        person: IdentifierHash,
        turn: Turn,
        belongings: &HashMap<IdentifierHash, (Outputs, Whose)>,
        at: &str,
    ) -> Option<Record> {
        let (value, merged_into) = match turn {
            (before, Some(value)) if before != Some(value.digest) => (Some(value.json + at), None),
            (Some(_), None) => {
                // Whose the identifier is that this person was named after. A person who is still
                // there, but no longer in this output, is not merged into anyone.
                let namesake = belongings.get(&person);
                let into = namesake.and_then(|(_, namesake)| namesake.after);
                (None, into.filter(|into| *into != person).map(IdentifierHash::person_id))
            }
            _ => return None,
        };
        Some(Record { output, key: person.person_id(), value, merged_into })
    }

    fn segment(
        &self,
        output: u16,
        segment: u16,
        person: IdentifierHash,
        entered: bool,
        at: &str,
    ) -> Record {
        let name = &self.plan.segments[segment as usize].name;
        let mut key = String::with_capacity(name.len() + 35);
        key.push_str(name);
        key.push('/');
        person.write_person_id(&mut key);
        let mut value = String::with_capacity(name.len() + 80 + at.len());
        value.push_str("{\"segment\":");
        write_text(name, &mut value);
        value.push_str(",\"person\":\"");
        person.write_person_id(&mut value);
        value.push_str("\",\"change\":\"");
        value.push_str(if entered { "entered" } else { "left" });
        value.push('"');
        value.push_str(at);
        Record { output, key, value: Some(value), merged_into: None }
    }

    fn single_source(
        &self,
        output: u16,
        person: IdentifierHash,
        source: Option<u16>,
        at: &str,
    ) -> Record {
        let mut key = String::with_capacity(48);
        key.push_str("single_source/");
        person.write_person_id(&mut key);
        let value = source.map(|source| {
            let name = &self.plan.sources[usize::from(source)].name;
            let mut value = String::with_capacity(name.len() + 96 + at.len());
            value.push_str("{\"conflict\":\"single_source\",\"person\":\"");
            person.write_person_id(&mut value);
            value.push_str("\",\"source\":");
            write_text(name, &mut value);
            value.push_str(at);
            value
        });
        Record { output, key, value, merged_into: None }
    }

    fn identity(&self, outputs: Outputs, belonging: &Whose, at: &str, records: &mut Batch<Record>) {
        let (kind, text) = (&self.plan.identifiers[belonging.kind as usize].name, &belonging.text);
        let key = [kind.as_str(), ":", text].concat();
        let value = belonging.after.map(|person| {
            let mut json = String::with_capacity(kind.len() + text.len() + 80 + at.len());
            json.push_str("{\"type\":");
            write_text(kind, &mut json);
            json.push_str(",\"value\":");
            write_text(text, &mut json);
            json.push_str(",\"person\":\"");
            person.write_person_id(&mut json);
            json.push('"');
            json.push_str(at);
            json
        });
        for output in outputs {
            let (key, value) = (key.clone(), value.clone());
            records.push(Record { output, key, value, merged_into: None });
        }
    }
}
