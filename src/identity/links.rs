//! Links between identifiers, counted by the rows that stand and carry them; and which sources say so.
//!
//! When a link was first seen only ever falls, is kept when the link goes, and has nothing to do with
//! decisions, like an identifier's; where nothing asks for it (no `at_most`, no decisions) a link that
//! goes is forgotten.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::conflicts::Statement;
use crate::batch::{Batch, look_ahead};
use crate::decode::admit::RowChange;
use crate::few::FewWithin;
use crate::held::{Holds, drained};
use crate::row::{Identifier, IdentifierHash, Verdict};
use crate::table::{Entry, Table};
use crate::time::Micros;

/// Two identifiers, in their own order: the more trusted one first.
pub(super) type Pair = (IdentifierHash, IdentifierHash);

/// What stands between two identifiers.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bond {
    /// The earliest time of any valid row that ever carried the link; of a link that only decisions
    /// carry, `Micros::MAX`.
    pub first_seen: Micros,
    /// A row that stands links them, or someone decided that they are the same person's.
    pub linked: bool,
    /// Someone decided so.
    pub same: bool,
    /// Someone decided that they are different people's.
    pub apart: bool,
}

impl Bond {
    pub fn is_nothing(&self) -> bool {
        !self.linked && !self.apart
    }
}

/// What stands between two identifiers after a tick in which that changed; `None` for nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkChange {
    pub one: Identifier,
    pub other: Identifier,
    pub bond: Option<Bond>,
}

/// What a tick's rows change.
#[derive(Clone, Debug)]
pub(super) enum Told {
    Link(LinkChange),
    Statement(Statement),
}

/// One row's word for a link.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CarriedLink {
    source: u16,
    one: Identifier,
    other: Identifier,
    verdict: Verdict,
    time: Micros,
    diff: i8,
}

impl CarriedLink {
    pub fn route(&self) -> u64 {
        (self.one.hash.0 ^ self.other.hash.0) as u64
    }
}

/// A row links its most trusted identifier with each of the others.
pub(super) fn links(row: RowChange) -> impl Iterator<Item = CarriedLink> {
    let (time, RowChange { source, diff, body, .. }) = (row.seen(), row);
    (1..body.identifiers.len()).map(move |other| CarriedLink {
        source,
        one: body.identifiers[0].clone(),
        other: body.identifiers[other].clone(),
        verdict: body.verdict,
        time,
        diff,
    })
}

/// The rows that stand, by what they say.
struct Support {
    /// By source.
    rows: FewWithin<u16, i32, 1>,
    same: i32,
    different: i32,
    first_seen: Micros,
}

impl Support {
    fn bond(&self) -> Option<Bond> {
        let bond = Bond {
            first_seen: self.first_seen,
            linked: self.same > 0 || self.rows.values().sum::<i32>() > 0,
            same: self.same > 0,
            apart: self.different > 0,
        };
        (!bond.is_nothing()).then_some(bond)
    }
}

/// One worker's share of the links.
pub(super) struct SupportedLinks {
    /// Whether it matters when a link was first seen.
    ordered: bool,
    /// Whether it matters which sources say so.
    states: bool,
    support: Table<Pair, Support>,
    /// Of the tick at hand: what stood before it.
    touched: HashMap<Pair, Option<Bond>>,
    /// Of the tick at hand: links of sources that began or ceased to say so, and whether they did before.
    said: HashMap<(Pair, u16), (Identifier, Identifier, bool)>,
}

impl SupportedLinks {
    pub fn new(ordered: bool, states: bool) -> Self {
        let (support, touched, said) = (Table::default(), HashMap::new(), HashMap::new());
        SupportedLinks { ordered, states, support, touched, said }
    }

    /// Counts a tick's rows, and tells what changed by them.
    pub fn apply(&mut self, batch: Batch<CarriedLink>, told: &mut Batch<Told>) {
        let mut links = Vec::new();
        let look = |links: &Self, CarriedLink { one, other, .. }: &CarriedLink| {
            links.support.look(&(one.hash, other.hash))
        };
        look_ahead(batch, self, &[look], |support, carried| links.extend(support.count(carried)));
        for (one, other) in links {
            let pair = (one.hash, other.hash);
            let bond = match self.support.entry(pair) {
                Entry::Occupied(known) if !self.ordered && known.get().is_forgotten() => {
                    known.remove();
                    None
                }
                Entry::Occupied(known) => known.get().bond(),
                Entry::Vacant(_) => None,
            };
            if self.touched[&pair] != bond {
                told.push(Told::Link(LinkChange { one, other, bond }));
            }
        }
        self.touched.clear();
        for ((pair, source), (about, says, before)) in drained(&mut self.said) {
            let stands = self.support.get(&pair).is_some_and(|support| support.says(source));
            if stands != before {
                told.push(Told::Statement(Statement { about, source, says, stands }));
            }
        }
    }

    /// Counts a row's word. Returns the ends of the link where that is the first to change it in the
    /// tick.
    fn count(&mut self, carried: CarriedLink) -> Option<(Identifier, Identifier)> {
        let CarriedLink { source, one, other, verdict, time, diff } = carried;
        // Only the order of admission asks when a link was first seen.
        let first_seen = if self.ordered { time } else { 0 };
        if diff == 0 && !self.ordered {
            return None;
        }
        let pair = (one.hash, other.hash);
        let support = match self.support.entry(pair) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let rows = FewWithin::default();
                new.insert(Support { rows, same: 0, different: 0, first_seen })
            }
        };
        let before = support.bond();
        match verdict {
            Verdict::Together => {
                let (before, after) = support.rows.count(source, diff.into());
                if self.states && (before > 0) != (after > 0) {
                    let said = || (one.clone(), other.clone(), before > 0);
                    self.said.entry((pair, source)).or_insert_with(said);
                }
            }
            Verdict::Same => support.same += i32::from(diff),
            Verdict::Different => support.different += i32::from(diff),
        }
        support.first_seen = support.first_seen.min(first_seen);
        if before != support.bond() && self.touched.try_insert(pair, before).is_ok() {
            return Some((one, other));
        }
        if !self.ordered && support.is_forgotten() {
            self.support.remove(&pair);
        }
        None
    }
}

impl Holds for SupportedLinks {
    /// How many links there are; where it matters when one was first seen, have ever been.
    fn held(&self) -> usize {
        self.support.len()
    }

    fn give_back(&mut self) {
        self.support.give_back();
    }
}

impl Support {
    fn is_forgotten(&self) -> bool {
        self.rows.is_empty() && self.same == 0 && self.different == 0
    }

    fn says(&self, source: u16) -> bool {
        self.rows.get(&source).is_some_and(|rows| *rows > 0)
    }
}
