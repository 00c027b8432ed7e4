//! What is told of keys, by whom it concerns, and who publishes them.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_128;

use super::json::write_text;
use crate::flow::Diff;
use crate::plan::{Plan, Publish};
use crate::profile::Belonging;
use crate::row::{IdentifierHash, Reject};
use crate::time::Micros;

/// One record of a changelog.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Record {
    /// Index into `Plan::outputs`.
    pub output: u16,
    pub key: String,
    /// JSON; `None` is a tombstone.
    pub value: Option<String>,
    /// Of a tombstone: the person who has become of this one.
    pub merged_into: Option<String>,
}

/// Indexes into `Plan::outputs`.
pub type Outputs = SmallVec<[u16; 4]>;

/// What is known of a key's value by someone who held it before a tick or holds it after. A digest
/// stands for a value; of all messages of a tick about a key, at most one says what was and at most
/// one what is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    Profile {
        route: u64,
        output: u16,
        person: IdentifierHash,
        before: Option<Digest>,
        after: Option<Value>,
    },
    Segment {
        route: u64,
        output: u16,
        segment: u16,
        person: IdentifierHash,
        before: bool,
        after: bool,
    },
    /// That one source alone knows a person.
    SingleSource {
        route: u64,
        output: u16,
        person: IdentifierHash,
        before: Option<u16>,
        after: Option<u16>,
    },
    /// For the outputs of one way of routing: whose an identifier is, or was.
    Belonging {
        route: u64,
        outputs: Outputs,
        belonging: Belonging,
        diff: Diff,
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
        before: Option<Digest>,
        after: Option<Value>,
    },
    /// The reading of `now()`, for the worker of this index.
    Now(u64, Micros),
}

/// 128 bits of a text's XXH3 hash, which takes a tenth of a cryptographic one's time. It tells a value of a key
/// from the one before: whoever made the two collide would keep back a change of what they themselves said.
/// Aligned to 8 bytes, as one is kept for everyone.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(C, packed(8))]
pub struct Digest(pub u128);

impl Digest {
    pub fn of(text: &str) -> Self {
        Digest(xxh3_128(text.as_bytes()))
    }
}

/// A value: its JSON less `at` and the closing brace, and the digest of that.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Value {
    pub digest: Digest,
    pub json: String,
}

impl Value {
    pub fn new(json: String) -> Self {
        Value { digest: Digest::of(&json), json }
    }
}

impl Message {
    pub fn route(&self) -> u64 {
        match self {
            Message::Profile { route, .. }
            | Message::Segment { route, .. }
            | Message::SingleSource { route, .. }
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
    identities: [Option<Outputs>; 2],
}

impl Router {
    pub fn new(plan: &Plan, local: u64) -> Self {
        let to_file: Vec<bool> =
            plan.outputs.iter().map(|output| output.target.is_local()).collect();
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

pub fn belonging_messages(
    router: &Router,
    belonging: Belonging,
    diff: Diff,
) -> impl Iterator<Item = Message> + use<> {
    let hash = belonging.identifier.0 as u64;
    let message = |kind: usize, route: u64| {
        let outputs = router.identities[kind].clone()?;
        Some(Message::Belonging { route, outputs, belonging: belonging.clone(), diff })
    };
    [message(0, hash % router.local), message(1, hash)].into_iter().flatten()
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
