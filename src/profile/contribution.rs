//! What identifiers bring to their people.

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};

use super::sums::Words;
use crate::aggregate::kept::partial::Partial;
use crate::row::{Datum, IdentifierHash};
use crate::time::Micros;

/// One thing that an identifier brings to its person. A person is what all contributions to their
/// component come to, each as often as it is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Contribution {
    /// The identifier itself.
    Member(Box<Member>),
    /// A summand of the person's sums, and the identifier's extremes that come or go: two of them are as good as
    /// their sum.
    Sums(Words),
    /// A summand of an aggregate that is a sum, but not one of words.
    Partial { aggregate: u16, partial: Box<Partial> },
    /// A value that the person's aggregate looks at. `time` is 0 where it decides nothing.
    Value { aggregate: u16, time: Micros, value: Datum },
}

/// An identifier of a person. In the order that lists of identifiers have: by type, then text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Member {
    /// Index into `Plan::identifiers`, so the smaller is the more trusted.
    pub kind: u8,
    pub text: ArcStr,
    pub hash: IdentifierHash,
    pub first_seen: Micros,
}
