//! What does not fit: links withheld, identifiers shared, sources that disagree.

use arcstr::ArcStr;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::guards::Rule;
use crate::batch::{Batch, look_ahead};
use crate::few::{FewMap, FewWithin};
use crate::held::Holds;
use crate::row::{Identifier, IdentifierHash};
use crate::spec::plan::{Kind, Plan};
use crate::table::Table;

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

/// A source began (`stands`) or ceased to say of an identifier that another one is the same person's: some
/// row of it has the two, the first one as its most trusted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Statement {
    pub about: Identifier,
    pub source: u16,
    pub says: Identifier,
    pub stands: bool,
}

impl Statement {
    pub fn route(&self) -> u64 {
        self.about.hash.0 as u64
    }
}

/// A type, a source, and an identifier of the type that its rows name.
type Word = (u8, u16, IdentifierHash);

/// What sources say of one identifier.
#[derive(Default)]
struct Said {
    /// By type and source, the identifiers that its rows name.
    words: FewWithin<Word, ArcStr, 1>,
    /// How many identifiers of a type each source names.
    named: FewWithin<(u8, u16), u32, 2>,
    /// How many identifiers of a type two sources both name, the lesser source first.
    in_common: FewMap<(u8, u16, u16), u32>,
}

/// One worker's share of what sources say.
pub(super) struct Statements {
    /// By source: whether it holds records, which mean to be right.
    records: Vec<bool>,
    said: Table<IdentifierHash, Said>,
    /// Those that there are, as last told.
    told: Table<IdentifierHash, Vec<Conflict>>,
}

impl Statements {
    pub fn new(plan: &Plan) -> Self {
        let records = plan.sources.iter().map(|source| source.kind == Kind::Records).collect();
        Statements { records, said: Table::default(), told: Table::default() }
    }

    pub fn apply(&mut self, batch: Batch<Statement>, changes: &mut Batch<ConflictChange>) {
        let mut touched: HashMap<IdentifierHash, Identifier> = HashMap::new();
        let look = |statements: &Self, Statement { about, .. }: &Statement| {
            statements.said.get(&about.hash).map_or(0, |said| said.words.len() + said.named.len())
        };
        look_ahead(
            batch,
            self,
            &[look],
            |statements, Statement { about, source, says, stands }| {
                let said = statements.said.entry(about.hash).or_default();
                said.set(&says, source, statements.records.len() as u16, stands);
                touched.insert(about.hash, about);
            },
        );
        for (hash, about) in touched {
            let said = &self.said[&hash];
            let after = said.disagreements(&self.records, &about);
            if said.words.is_empty() {
                self.said.remove(&hash);
            }
            let before = match after.is_empty() {
                true => self.told.remove(&hash),
                false => self.told.insert(hash, after.clone()),
            };
            let before = before.unwrap_or_default();
            let gone = before.iter().filter(|conflict| !after.contains(conflict));
            changes.extend(gone.map(|gone| ConflictChange { conflict: gone.clone(), diff: -1 }));
            let new = after.iter().filter(|conflict| !before.contains(conflict));
            changes.extend(new.map(|new| ConflictChange { conflict: new.clone(), diff: 1 }));
        }
    }
}

impl Holds for Statements {
    /// About how many identifiers something is said, and what is told of.
    fn held(&self) -> usize {
        self.said.len() + self.told.len()
    }

    fn give_back(&mut self) {
        self.said.give_back();
        self.told.give_back();
    }
}

impl Said {
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
    fn disagreements(&self, records: &[bool], about: &Identifier) -> Vec<Conflict> {
        let mut found = Vec::new();
        let named: Vec<(u8, u16)> = self.named.keys().copied().collect();
        for (kind, source) in named.iter().filter(|(_, source)| records[usize::from(*source)]) {
            for (_, other) in named.iter().filter(|(of, other)| of == kind && other != source) {
                // Of two sources of records the first tells.
                let told = records[usize::from(*other)] && other < source;
                let pair = (*kind, *source.min(other), *source.max(other));
                if told || self.in_common.get(&pair).is_some() {
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
