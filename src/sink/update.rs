//! What outputs hold, as a collection: that a value holds of a key of an output, +1, or held, −1.
//!
//! It is consolidated by tick where all that concerns a subject meets (`publish`); what differs then is a record.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::catalog::Catalog;
use super::record::{NamedIdentifier, RecordKey, RecordValue, SegmentChange};
use crate::flow::Update;
use crate::plan::{Plan, Publish};
use crate::profile::Belonging;
use crate::row::IdentifierHash;

/// That a value holds of a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutputStatement {
    /// Index into `Plan::outputs`. `None`: it is for no output, but tombstones of the subject look at it.
    pub output: Option<u16>,
    pub key: RecordKey,
    pub value: RecordValue,
}

impl OutputStatement {
    /// Takes it out of where it is, and leaves one that is meant for nobody.
    pub fn take(&mut self) -> Self {
        let nobodys = OutputStatement {
            output: None,
            key: RecordKey::Source(0),
            value: RecordValue::Segment(SegmentChange::Left),
        };
        std::mem::replace(self, nobodys)
    }
}

/// Whose statements are consolidated together, on the worker that publishes them.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OutputSubject {
    pub route: u64,
    /// A person's id has the bits of the identifier that it was named after: what concerns the two meets,
    /// so that a person's tombstone can say whose that identifier is now.
    hash: IdentifierHash,
}

/// A record less its instant, with who publishes it.
pub type UndatedRecord = (OutputSubject, (u16, RecordKey, RecordValue));

/// A change of the collection.
pub type StatementChange = Update<(OutputSubject, OutputStatement)>;

/// Which worker publishes a key: of a local target, one of the first process; of a topic, any.
#[derive(Clone)]
pub struct Router {
    is_local: Vec<bool>,
    local: u64,
    /// Outputs of identities with a local target and with a topic; `None` where nothing of that kind needs
    /// to know whom identifiers belong to.
    identities: [Option<SmallVec<[u16; 4]>>; 2],
}

impl Router {
    pub fn new(plan: &Plan, local: u64) -> Self {
        let is_local: Vec<bool> =
            plan.outputs.iter().map(|output| output.target.is_local()).collect();
        // Profiles' tombstones say whom a person was merged into, which their identifier tells.
        let identities = [true, false].map(|local| {
            let of_kind =
                || plan.outputs.iter().enumerate().filter(|(index, _)| is_local[*index] == local);
            let wanted = of_kind().any(|(_, output)| {
                matches!(output.publish, Publish::Identities | Publish::Profiles)
            });
            let outputs = of_kind().filter(|(_, output)| output.publish == Publish::Identities);
            wanted.then(|| outputs.map(|(index, _)| index as u16).collect())
        });
        Router { is_local, local, identities }
    }

    pub fn subject(&self, output: u16, hash: IdentifierHash) -> OutputSubject {
        self.of_kind(self.is_local[usize::from(output)], hash)
    }

    /// How the records of a key are routed, which its subject decided.
    pub fn route(&self, output: u16, key: &RecordKey, names: &Catalog) -> u64 {
        let of = |NamedIdentifier { kind, text }: &NamedIdentifier| {
            IdentifierHash::of(names.identifiers.name(*kind), text)
        };
        let hash = match key {
            RecordKey::Person(person)
            | RecordKey::Member { person, .. }
            | RecordKey::SingleSource(person) => *person,
            RecordKey::Identifier(identifier) | RecordKey::Shared(identifier) => of(identifier),
            RecordKey::Withheld(ends) => of(&ends[0]),
            RecordKey::Disagreement(of_sources) => of(&of_sources.identifier),
            RecordKey::Source(number) | RecordKey::Output(number) => {
                IdentifierHash(u128::from(*number))
            }
        };
        self.subject(output, hash).route
    }

    fn of_kind(&self, is_local: bool, hash: IdentifierHash) -> OutputSubject {
        let bits = hash.0 as u64;
        OutputSubject { route: if is_local { bits % self.local } else { bits }, hash }
    }

    /// That an identifier belongs to a person, to all whom it concerns.
    pub fn belonging(
        &self,
        belonging: &Belonging,
    ) -> impl Iterator<Item = (OutputSubject, OutputStatement)> + use<> {
        let Belonging { identifier, kind, text, person } = belonging;
        let (person, named) =
            (*person, NamedIdentifier { kind: u16::from(*kind), text: text.clone() });
        let statement = move |output| OutputStatement {
            output,
            key: RecordKey::Identifier(named.clone()),
            value: RecordValue::Identity(person),
        };
        let kinds = [true, false].map(|local| {
            let outputs = self.identities[usize::from(!local)].clone();
            let subject = self.of_kind(local, *identifier);
            outputs.map(|outputs| (subject, outputs))
        });
        kinds.into_iter().flatten().flat_map(move |(subject, outputs)| {
            let nobodys = outputs.is_empty().then_some(None);
            let outputs: SmallVec<[Option<u16>; 4]> =
                outputs.into_iter().map(Some).chain(nobodys).collect();
            let statement = statement.clone();
            outputs.into_iter().map(move |output| (subject, statement(output)))
        })
    }
}
