//! What does not fit: links withheld, identifiers shared, sources that disagree.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::guards::Rule;
use crate::decode::admit::RowChange;
use crate::held::{Holds, give_back};
use crate::row::{Identifier, IdentifierHash, Verdict};
use crate::spec::plan::{Kind, Plan};

/// Something that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Conflict {
    /// A link does not count.
    Withheld { one: Identifier, other: Identifier, rule: Rule },
    /// An identifier is linked with too many of a more trusted type.
    Shared { identifier: Identifier, by: u8, count: u32 },
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

/// A conflict arose (`diff` 1) or was resolved (-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictChange {
    pub conflict: Conflict,
    pub diff: i8,
}

/// What a row says of its most trusted identifier.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Statement {
    about: Identifier,
    source: u16,
    says: SmallVec<[Identifier; 2]>,
    diff: i8,
}

impl Statement {
    pub fn route(&self) -> u64 {
        self.about.hash.0 as u64
    }

    pub fn of(row: &RowChange) -> Option<Self> {
        let RowChange { source, diff, body, .. } = row;
        let (about, says) = body.identifiers.split_first()?;
        if *diff == 0 || body.verdict != Verdict::Together || says.is_empty() {
            return None;
        }
        Some(Statement {
            about: about.clone(),
            source: *source,
            says: says.iter().cloned().collect(),
            diff: *diff,
        })
    }
}

/// By type and source, the identifiers that its rows name, with how many rows.
type Said = BTreeMap<(u8, u16), BTreeMap<Identifier, i64>>;

/// One worker's share of what sources say.
pub(super) struct Statements {
    /// By source: whether it holds records, which mean to be right.
    records: Vec<bool>,
    said: HashMap<IdentifierHash, Said>,
}

impl Statements {
    pub fn new(plan: &Plan) -> Self {
        let records = plan.sources.iter().map(|source| source.kind == Kind::Records).collect();
        Statements { records, said: HashMap::new() }
    }

    pub fn apply(
        &mut self,
        batch: impl IntoIterator<Item = Statement>,
        changes: &mut Vec<ConflictChange>,
    ) {
        let mut by_identifier: BTreeMap<Identifier, Vec<Statement>> = BTreeMap::new();
        for statement in batch {
            by_identifier.entry(statement.about.clone()).or_default().push(statement);
        }
        for (about, statements) in by_identifier {
            let said = self.said.entry(about.hash).or_default();
            let before = disagreements(&self.records, &about, said);
            for Statement { source, says, diff, .. } in statements {
                for identifier in says {
                    let key = (identifier.kind, source);
                    let rows = said.entry(key).or_default().entry(identifier).or_default();
                    *rows += i64::from(diff);
                }
            }
            said.retain(|_, identifiers| {
                identifiers.retain(|_, rows| *rows != 0);
                !identifiers.is_empty()
            });
            let after = disagreements(&self.records, &about, said);
            if said.is_empty() {
                self.said.remove(&about.hash);
            }
            let gone = before.iter().filter(|conflict| !after.contains(conflict));
            changes.extend(gone.map(|gone| ConflictChange { conflict: gone.clone(), diff: -1 }));
            let new = after.iter().filter(|conflict| !before.contains(conflict));
            changes.extend(new.map(|new| ConflictChange { conflict: new.clone(), diff: 1 }));
        }
    }
}

impl Holds for Statements {
    /// About how many identifiers something is said.
    fn held(&self) -> usize {
        self.said.len()
    }

    fn give_back(&mut self) {
        give_back(&mut self.said);
    }
}

/// Where a source of records and another one name identifiers of one type, but none in common.
fn disagreements(records: &[bool], about: &Identifier, said: &Said) -> Vec<Conflict> {
    let mut found = Vec::new();
    let names = |says: &BTreeMap<Identifier, i64>| -> Vec<Identifier> {
        says.iter()
            .filter(|(_, rows)| **rows > 0)
            .map(|(identifier, _)| identifier.clone())
            .collect()
    };
    for ((kind, source), says) in said.iter().filter(|((_, source), _)| records[*source as usize]) {
        let says = names(says);
        for ((_, other_source), other) in said.range((*kind, 0)..=(*kind, u16::MAX)) {
            // Of two sources of records the first tells.
            let told = records[*other_source as usize] && other_source <= source;
            if told || says.is_empty() || other.is_empty() {
                continue;
            }
            let other_says = names(other);
            if !other_says.is_empty() && !says.iter().any(|one| other_says.contains(one)) {
                found.push(Conflict::Disagreement {
                    identifier: about.clone(),
                    kind: *kind,
                    source: *source,
                    says: says.clone(),
                    other_source: *other_source,
                    other_says,
                });
            }
        }
    }
    found
}
