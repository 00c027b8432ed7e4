//! What a changelog says, typed: what holds of a key of an output from an instant on.
//!
//! Names (of types, segments, sources, outputs) are numbers here; the changelog's
//! [`Catalog`](super::Catalog) tells which. No part of a record is text of a format: formats are [`Encoder`](super::Encoder)s.

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};

use super::profile::PackedProfile;
use crate::identity::Detail;
use crate::row::{IdentifierHash, RawPosition};
use crate::time::Micros;

/// One record of a changelog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub output: u16,
    pub key: RecordKey,
    pub body: RecordBody,
}

/// What is said of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordBody {
    /// This holds; `at` is what `now()` was.
    Is { value: RecordValue, at: Micros },
    /// A tombstone: nothing holds any more.
    Gone {
        /// In a profile's tombstone, the person who has become of this one.
        merged_into: Option<IdentifierHash>,
    },
}

/// An identifier by its type and its normalised text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NamedIdentifier {
    pub kind: u16,
    pub text: ArcStr,
}

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RecordKey {
    /// The person of a profile.
    Person(IdentifierHash),
    /// A segment and the person who entered or left it.
    Member { segment: u16, person: IdentifierHash },
    /// The identifier of an identity.
    Identifier(NamedIdentifier),
    /// A row of this source, in rejects.
    Source(u16),
    /// A record of another output, in rejects.
    Output(u16),
    /// A link that does not count, in conflicts.
    Withheld(Box<[NamedIdentifier; 2]>),
    /// An identifier that links nobody, in conflicts.
    Shared(NamedIdentifier),
    /// Sources that name different identifiers, in conflicts.
    Disagreement(Box<DisagreementKey>),
    /// A person whom one source alone knows, in conflicts.
    SingleSource(IdentifierHash),
}

/// Which sources disagree, and about what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DisagreementKey {
    pub identifier: NamedIdentifier,
    /// The type of identifiers that they disagree about.
    pub kind: u16,
    pub source: u16,
    pub other_source: u16,
}

/// What holds of a key. Which of these it is, the key decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordValue {
    Profile(PackedProfile),
    Segment(SegmentChange),
    /// Whose the identifier is.
    Identity(IdentifierHash),
    Withheld(Box<WithheldLink>),
    /// It is linked with so many of a more trusted type.
    Shared {
        by: u16,
        count: u32,
    },
    /// What the one source says, and what the other one does, each sorted.
    Disagreement(Box<[Vec<ArcStr>; 2]>),
    /// The source that knows the person.
    SingleSource(u16),
    Reject(Box<RejectedInput>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SegmentChange {
    Entered,
    Left,
}

/// Why a link does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithheldLink {
    /// The guard's name, such as `at_most`.
    pub rule: ArcStr,
    /// What the guard tells of it, by name.
    pub details: Vec<(ArcStr, Detail)>,
}

/// What was set aside, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedInput {
    /// Where it stood.
    pub position: RawPosition,
    pub reasons: Vec<RejectReason>,
    /// Its first bytes.
    pub raw: String,
}

/// One reason for it; see [`row::RejectReason`](crate::row::Reason).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectReason {
    pub code: String,
    pub path: String,
    pub message: String,
}

impl RecordKey {
    /// The person whom it is about, if it names one.
    pub fn person(&self) -> Option<IdentifierHash> {
        match self {
            RecordKey::Person(person)
            | RecordKey::Member { person, .. }
            | RecordKey::SingleSource(person) => Some(*person),
            _ => None,
        }
    }
}

impl Record {
    /// About how many bytes it takes.
    pub fn held(&self) -> usize {
        let texts = |texts: &[ArcStr]| texts.iter().map(|text| text.len()).sum::<usize>();
        let key = match &self.key {
            RecordKey::Identifier(named) | RecordKey::Shared(named) => named.text.len(),
            RecordKey::Withheld(ends) => ends.iter().map(|named| named.text.len()).sum(),
            RecordKey::Disagreement(of) => of.identifier.text.len(),
            _ => 0,
        };
        let value = match self.value() {
            Some(RecordValue::Profile(profile)) => profile.len(),
            Some(RecordValue::Withheld(link)) => size_of_val(&*link.details),
            Some(RecordValue::Disagreement(said)) => said.iter().map(|said| texts(said)).sum(),
            Some(RecordValue::Reject(rejected)) => {
                let reasons = rejected.reasons.iter();
                let reasons = reasons.map(|of| of.path.len() + of.message.len());
                rejected.raw.len() + reasons.sum::<usize>()
            }
            _ => 0,
        };
        size_of::<Record>() + key + value
    }

    pub fn value(&self) -> Option<&RecordValue> {
        match &self.body {
            RecordBody::Is { value, .. } => Some(value),
            RecordBody::Gone { .. } => None,
        }
    }
}
