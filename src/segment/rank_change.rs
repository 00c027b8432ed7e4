//! Changes of what is ranked, on their way between the workers that have people and the one that has a rank.

use super::borders::RankedValue;
use crate::row::{Datum, IdentifierHash};

/// A person's value by which a rank goes has changed; `None` is null, or no such person.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    pub person: IdentifierHash,
    /// Index into `Plan::ranks`.
    pub rank: u16,
    pub before: Option<Datum>,
    pub after: Option<Datum>,
}

impl Ranked {
    /// What it does to the population of the rank.
    pub fn changes(self) -> impl Iterator<Item = RankedValue> {
        let Ranked { rank, before, after, .. } = self;
        let before = before.map(|value| RankedValue { rank, value, diff: -1 });
        before.into_iter().chain(after.map(|value| RankedValue { rank, value, diff: 1 }))
    }
}
