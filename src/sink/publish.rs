//! From changes to the records of changelogs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::json::write_text;
use crate::metrics::SharedCounts;
use crate::profile::Belonging;
use crate::row::{IdentifierHash, Reject};
use crate::spec::plan::{Plan, Publish, Target};
use crate::time::{Micros, rfc3339};

/// One record of a changelog.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// Index into `Plan::outputs`.
    pub output: u16,
    pub key: String,
    /// JSON; `None` is a tombstone.
    pub value: Option<String>,
    /// Of a tombstone: the person who has become of this one.
    pub merged_into: Option<String>,
}

/// What is known of a key's value by someone who held it before a tick or holds it after. A digest
/// stands for a value; of all messages of a tick about a key, at most one says what was and at most
/// one what is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    Profile {
        route: u64,
        output: u16,
        person: u128,
        before: Option<u128>,
        after: Option<Value>,
    },
    Segment {
        route: u64,
        output: u16,
        segment: u16,
        person: u128,
        before: bool,
        after: bool,
    },
    /// For the outputs of one way of routing.
    Belonging {
        route: u64,
        outputs: Vec<u16>,
        belonging: Belonging,
    },
    Reject {
        route: u64,
        output: u16,
        source: u16,
        value: String,
    },
    /// Any other key's.
    Entry {
        route: u64,
        output: u16,
        key: String,
        before: Option<u128>,
        after: Option<Value>,
    },
    /// The reading of `now()`, for the worker of this index.
    Now(u64, Micros),
}

/// A value: its JSON less `at` and the closing brace, and the digest of that.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Value {
    pub digest: u128,
    pub json: String,
}

impl Value {
    pub fn new(json: String) -> Self {
        let hash = blake3::hash(json.as_bytes());
        let first: [u8; 16] = hash.as_bytes()[..16].try_into().expect("16 of 32 bytes");
        Value { digest: u128::from_le_bytes(first), json }
    }
}

impl Message {
    pub fn route(&self) -> u64 {
        match self {
            Message::Profile { route, .. }
            | Message::Segment { route, .. }
            | Message::Belonging { route, .. }
            | Message::Reject { route, .. }
            | Message::Entry { route, .. }
            | Message::Now(route, _) => *route,
        }
    }
}

/// Which worker publishes a key: of a file, one of the first process; of a topic, any.
#[derive(Clone)]
pub struct Router {
    to_file: Vec<bool>,
    local: u64,
    /// Outputs of identities with a file and with a topic; `None` where nothing of that kind needs
    /// to know whom identifiers belong to.
    identities: [Option<Vec<u16>>; 2],
}

impl Router {
    pub fn new(plan: &Plan, local: u64) -> Self {
        let to_file: Vec<bool> = plan
            .outputs
            .iter()
            .map(|output| matches!(output.target, Target::File { .. }))
            .collect();
        // Profiles' tombstones say whom a person was merged into, which their identifier tells.
        let identities = [true, false].map(|file| {
            let of_kind =
                || plan.outputs.iter().enumerate().filter(|(index, _)| to_file[*index] == file);
            let wanted = of_kind().any(|(_, output)| {
                matches!(output.publish, Publish::Identities | Publish::Profiles)
            });
            let outputs = of_kind().filter(|(_, output)| output.publish == Publish::Identities);
            wanted.then(|| outputs.map(|(index, _)| index as u16).collect())
        });
        Router { to_file, local, identities }
    }

    pub fn route(&self, output: u16, hash: u128) -> u64 {
        if self.to_file[output as usize] { hash as u64 % self.local } else { hash as u64 }
    }
}

pub fn belonging_messages(router: &Router, belonging: Belonging) -> Vec<Message> {
    let hash = belonging.identifier.0 as u64;
    let message = |(file, outputs): (usize, &Option<Vec<u16>>)| {
        let route = if file == 0 { hash % router.local } else { hash };
        let outputs = outputs.clone()?;
        Some(Message::Belonging { route, outputs, belonging: belonging.clone() })
    };
    router.identities.iter().enumerate().filter_map(message).collect()
}

pub fn reject_messages(plan: &Plan, router: &Router, reject: &Reject) -> Vec<Message> {
    let outputs = plan.outputs.iter().enumerate();
    let outputs = outputs.filter(|(_, output)| output.publish == Publish::Rejects);
    let message = |(output, _): (usize, _)| Message::Reject {
        route: router.route(output as u16, reject.source as u128),
        output: output as u16,
        source: reject.source,
        value: reject_json(plan, reject),
    };
    outputs.map(message).collect()
}

/// `{"source","position","reasons","raw"` without `at` and the closing brace.
fn reject_json(plan: &Plan, reject: &Reject) -> String {
    let mut json = String::from("{\"source\":");
    write_text(&plan.sources[reject.source as usize].name, &mut json);
    let reasons = serde_json::to_string(&reject.reasons).expect("text");
    write!(json, ",\"position\":{},\"reasons\":{reasons},\"raw\":", reject.position)
        .expect("to a string");
    write_text(&String::from_utf8_lossy(&reject.raw), &mut json);
    json
}

/// One worker's share of the keys.
pub struct Publisher {
    plan: Arc<Plan>,
    now: Micros,
    counts: SharedCounts,
}

impl Publisher {
    pub fn new(plan: Arc<Plan>, counts: SharedCounts) -> Self {
        Publisher { plan, now: 0, counts }
    }

    pub fn publish(&mut self, batch: Vec<Message>, records: &mut Vec<Record>) {
        let first = records.len();
        let mut profiles: BTreeMap<(u16, u128), (Option<u128>, Option<Value>)> = BTreeMap::new();
        let mut segments: BTreeMap<(u16, u16, u128), (bool, bool)> = BTreeMap::new();
        let mut belongings: HashMap<IdentifierHash, (Vec<u16>, Belonging)> = HashMap::new();
        let mut rejects = Vec::new();
        let mut entries: BTreeMap<(u16, String), (Option<u128>, Option<Value>)> = BTreeMap::new();
        for message in batch {
            match message {
                Message::Now(_, now) => self.now = self.now.max(now),
                Message::Profile { output, person, before, after, .. } => {
                    let key = profiles.entry((output, person)).or_default();
                    key.0 = key.0.or(before);
                    key.1 = key.1.take().or(after);
                }
                Message::Segment { output, segment, person, before, after, .. } => {
                    let key = segments.entry((output, segment, person)).or_default();
                    key.0 |= before;
                    key.1 |= after;
                }
                Message::Belonging { outputs, belonging, .. } => {
                    use hashbrown::hash_map::Entry;
                    match belongings.entry(belonging.identifier) {
                        Entry::Vacant(vacant) => drop(vacant.insert((outputs, belonging))),
                        Entry::Occupied(mut known) => {
                            let (known_outputs, known) = known.get_mut();
                            known.before = known.before.or(belonging.before);
                            known.after = known.after.or(belonging.after);
                            known_outputs.extend(outputs);
                            known_outputs.sort_unstable();
                            known_outputs.dedup();
                        }
                    }
                }
                Message::Reject { output, source, value, .. } => {
                    rejects.push((output, source, value))
                }
                Message::Entry { output, key, before, after, .. } => {
                    let entry = entries.entry((output, key)).or_default();
                    entry.0 = entry.0.or(before);
                    entry.1 = entry.1.take().or(after);
                }
            }
        }
        let at = format!(",\"at\":\"{}\"}}", rfc3339(self.now));
        for ((output, person), (before, after)) in profiles {
            let person = IdentifierHash(person);
            let (value, merged_into) = match (before, after) {
                (before, Some(value)) if before != Some(value.digest) => {
                    (Some(value.json + &at), None)
                }
                (Some(_), None) => {
                    // Whose the identifier is that this person was named after. A person who is
                    // still there, but no longer in this output, is not merged into anyone.
                    let namesake = belongings.get(&person);
                    let into = namesake.and_then(|(_, namesake)| namesake.after);
                    (None, into.filter(|into| *into != person).map(IdentifierHash::person_id))
                }
                _ => continue,
            };
            if merged_into.is_some()
                && self.plan.outputs[output as usize].publish == Publish::Profiles
                && self.first_profiles_output() == Some(output)
            {
                self.counts.borrow_mut().merges += 1;
            }
            records.push(Record { output, key: person.person_id(), value, merged_into });
        }
        for ((output, segment, person), (before, after)) in segments {
            if before == after {
                continue;
            }
            let name = &self.plan.segments[segment as usize].name;
            let person = IdentifierHash(person).person_id();
            let change = if after { "entered" } else { "left" };
            let mut value = String::from("{\"segment\":");
            write_text(name, &mut value);
            write!(value, ",\"person\":\"{person}\",\"change\":\"{change}\"{at}")
                .expect("to a string");
            let key = format!("{name}/{person}");
            records.push(Record { output, key, value: Some(value), merged_into: None });
        }
        for (outputs, belonging) in belongings.into_values() {
            if belonging.before == belonging.after {
                continue;
            }
            let kind = &self.plan.identifiers[belonging.kind as usize].name;
            let key = format!("{kind}:{}", belonging.text);
            let value = belonging.after.map(|person| {
                let mut json = String::from("{\"type\":");
                write_text(kind, &mut json);
                json.push_str(",\"value\":");
                write_text(&belonging.text, &mut json);
                write!(json, ",\"person\":\"{}\"{at}", person.person_id()).expect("to a string");
                json
            });
            for output in outputs {
                let (key, value) = (key.clone(), value.clone());
                records.push(Record { output, key, value, merged_into: None });
            }
        }
        for (output, source, value) in rejects {
            let key = self.plan.sources[source as usize].name.clone();
            records.push(Record { output, key, value: Some(value + &at), merged_into: None });
        }
        for ((output, key), (before, after)) in entries {
            if before != after.as_ref().map(|value| value.digest) {
                let value = after.map(|value| value.json + &at);
                records.push(Record { output, key, value, merged_into: None });
            }
        }
        let mut counts = self.counts.borrow_mut();
        for record in &records[first..] {
            counts.outputs[record.output as usize] += 1;
        }
    }

    /// Merges are counted where every person is published, so that no variant counts them again.
    fn first_profiles_output(&self) -> Option<u16> {
        let is_whole = |output: &crate::spec::plan::Output| {
            output.publish == Publish::Profiles && output.condition.is_none()
        };
        self.plan.outputs.iter().position(is_whole).map(|output| output as u16)
    }
}
