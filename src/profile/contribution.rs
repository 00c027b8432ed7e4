//! What identifiers bring to their people.

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};

use super::aggregate::Brought;
use super::sums::Words;
use crate::aggregate::kept::partial::Partial;
use crate::flow::{Diff, Emit};
use crate::identity::Component;
use crate::row::{Datum, IdentifierHash};
use crate::time::Micros;

/// One thing that an identifier brings to its person. A person is what all contributions to their
/// component come to, each as often as it is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Contribution {
    /// The identifier itself, with its summand of the person's sums, if that comes or goes with it: most of what comes to much
    /// is this.
    Member(Box<(Member, Words)>),
    /// A summand of the person's sums, and the identifier's extremes that come or go: two of them are as good as
    /// their sum.
    Sums(Words),
    /// A summand of an aggregate that is a sum, but not one of words.
    Partial { aggregate: u16, partial: Box<Partial> },
    /// A value that the person's aggregate looks at. `time` is 0 where it decides nothing.
    Value { aggregate: u16, time: Micros, value: Datum },
}

impl Contribution {
    /// Emits what an identifier brings to an aggregate whose values travel.
    pub fn push_brought(
        component: Component,
        aggregate: u16,
        brought: &Brought,
        diff: Diff,
        out: &mut Emit<(Component, Contribution)>,
    ) {
        for (time, value) in brought {
            let (time, value) = (*time, value.clone());
            out.push((component, Contribution::Value { aggregate, time, value }), diff);
        }
    }

    /// Emits a summand, if it is any.
    pub fn push_sum(
        component: Component,
        aggregate: u16,
        sum: &Partial,
        diff: Diff,
        out: &mut Emit<(Component, Contribution)>,
    ) {
        if *sum != sum.nothing() {
            let partial = Box::new(sum.clone());
            out.push((component, Contribution::Partial { aggregate, partial }), diff);
        }
    }
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
