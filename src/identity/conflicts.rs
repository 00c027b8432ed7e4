//! What does not fit: links withheld, identifiers shared, sources that disagree.

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};
use thin_vec::ThinVec;

use super::guards::Refusal;
use super::shared::SharedIdentifier;
use super::statement::Statement;
use crate::flow::{Diff, Emit, Keep, Keyed};
use crate::plan::{Kind, Plan};
use crate::row::{Identifier, IdentifierHash};
use crate::state::few::{FewMap, FewWithin};

/// Something that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Conflict {
    /// A link does not count.
    Withheld { one: Identifier, other: Identifier, refusal: Refusal },
    /// An identifier is linked with too many of a more trusted type.
    Shared(SharedIdentifier),
    /// Records of a source tie an identifier to some of a type, rows of another source to others.
    Disagreement {
        identifier: Identifier,
        /// The type that they disagree about.
        kind: u8,
        source: u16,
        says: Vec<Identifier>,
        other_source: u16,
        other_says: Vec<Identifier>,
    },
}

/// A type, a source, and an identifier of the type that its rows name.
type Word = (u8, u16, IdentifierHash);

/// What sources say of one identifier.
#[derive(Default)]
pub(super) struct SourceStatements {
    /// By type and source, the identifiers that its rows name.
    words: FewWithin<Word, ArcStr>,
    /// How many identifiers of a type each source names.
    named: FewWithin<(u8, u16), u32>,
    /// How many identifiers of a type two sources both name, the lesser source first.
    in_common: FewMap<(u8, u16, u16), u32>,
    /// The disagreements, as last emitted.
    emitted: ThinVec<Conflict>,
}

/// Where sources disagree.
pub(super) struct Statements {
    /// By source: whether it holds records, which mean to be right.
    records: Vec<bool>,
    /// The identifier that the statements at hand are about.
    about: Option<Identifier>,
}

impl Statements {
    pub fn new(plan: &Plan) -> Self {
        let records = plan.sources.iter().map(|source| source.kind == Kind::Records).collect();
        Statements { records, about: None }
    }
}

impl Keyed for Statements {
    type Key = IdentifierHash;
    type Value = Statement;
    type State = SourceStatements;
    type Face = ();
    type Output = Conflict;

    fn route(key: &IdentifierHash) -> u64 {
        key.0 as u64
    }

    fn prefetch(statements: &SourceStatements) -> usize {
        statements.words.len() + statements.named.len()
    }

    fn face(&self, _: &IdentifierHash, _: &SourceStatements) {}

    fn apply(
        &mut self,
        _: &IdentifierHash,
        statements: &mut SourceStatements,
        statement: &mut Statement,
        diff: Diff,
    ) {
        let Statement { about, source, says } = statement;
        statements.set(says, *source, self.records.len() as u16, diff > 0);
        self.about.get_or_insert_with(|| about.clone());
    }

    fn flush(
        &mut self,
        _: &IdentifierHash,
        statements: &mut SourceStatements,
        (): (),
        out: &mut Emit<Conflict>,
    ) -> Keep {
        let about = self.about.take().expect("something was said about it");
        let after = statements.disagreements(&self.records, &about);
        let before = std::mem::replace(&mut statements.emitted, after);
        let gone = before.iter().filter(|conflict| !statements.emitted.contains(conflict));
        gone.for_each(|conflict| out.push(conflict.clone(), -1));
        let new = statements.emitted.iter().filter(|conflict| !before.contains(conflict));
        new.for_each(|conflict| out.push(conflict.clone(), 1));
        Keep::unless(statements.words.is_empty())
    }
}

impl SourceStatements {
    /// Notes whether a source names an identifier.
    fn set(&mut self, identifier: &Identifier, source: u16, sources: u16, stands: bool) {
        let Identifier { hash, kind, text } = identifier;
        self.words.set((*kind, source, *hash), stands.then(|| text.clone()));
        let one = if stands { 1 } else { -1 };
        self.named.count((*kind, source), one);
        for other in (0..sources).filter(|other| *other != source) {
            if self.names(*kind, other, *hash) {
                let pair = (*kind, source.min(other), source.max(other));
                self.in_common.count(pair, one);
            }
        }
    }

    fn names(&self, kind: u8, source: u16, hash: IdentifierHash) -> bool {
        self.words.get(&(kind, source, hash)).is_some()
    }

    /// Where a source of records and another one name identifiers of one type, but none in common.
    fn disagreements(&self, records: &[bool], about: &Identifier) -> ThinVec<Conflict> {
        let mut found = ThinVec::new();
        let named: Vec<(u8, u16)> = self.named.keys().copied().collect();
        for (kind, source) in named.iter().filter(|(_, source)| records[usize::from(*source)]) {
            for (_, other) in named.iter().filter(|(of, other)| of == kind && other != source) {
                // The first of two sources of records tells.
                let is_emitted = records[usize::from(*other)] && other < source;
                let pair = (*kind, *source.min(other), *source.max(other));
                if is_emitted || self.in_common.get(&pair).is_some() {
                    continue;
                }
                found.push(Conflict::Disagreement {
                    identifier: about.clone(),
                    kind: *kind,
                    source: *source,
                    says: self.all_named(*kind, *source),
                    other_source: *other,
                    other_says: self.all_named(*kind, *other),
                });
            }
        }
        found
    }

    fn all_named(&self, kind: u8, source: u16) -> Vec<Identifier> {
        let named = self.words.iter().filter(|((of, by, _), _)| (*of, *by) == (kind, source));
        let mut named: Vec<Identifier> = named
            .map(|((_, _, hash), text)| Identifier { hash: *hash, kind, text: text.clone() })
            .collect();
        named.sort_unstable();
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sources_say_has_no_gaps() {
        assert_eq!(size_of::<(IdentifierHash, SourceStatements)>(), 96);
    }
}
