//! `shared_after`: an identifier that too many others of a more trusted type share links nobody.
//!
//! Each end of a link is a gate for it. The gate at the less trusted end counts the links that come in
//! and closes when they are too many; the gate at the more trusted end hears of it when that
//! identifier is itself shared. A link counts while both are open.

use arcstr::ArcStr;
use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};

use super::conflicts::{Conflict, ConflictChange};
use super::links::{Bond, LinkChange};
use crate::batch::{Batch, look_ahead};
use crate::few::{FewMap, FewWithin};
use crate::held::Holds;
use crate::row::{Identifier, IdentifierHash};
use crate::spec::plan::Plan;
use crate::table::Table;

/// An identifier began or ceased to be shared, or the number of those who share it changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Shared {
    pub identifier: Identifier,
    /// The more trusted type of which it was linked with too many, and with how many; `None`: it was
    /// not shared.
    before: Option<(u8, u32)>,
    pub after: Option<(u8, u32)>,
}

impl Shared {
    pub fn conflicts(self) -> impl Iterator<Item = ConflictChange> {
        let change = move |by: Option<(u8, u32)>, diff| {
            let ((by, count), identifier) = (by?, self.identifier.clone());
            Some(ConflictChange { conflict: Conflict::Shared { identifier, by, count }, diff })
        };
        change(self.before, -1).into_iter().chain(change(self.after, 1))
    }
}

/// What the gates send on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Passed {
    Link(LinkChange),
    Shared(Shared),
}

impl Passed {
    /// By the more trusted end of a link, which may be the identifier that is shared.
    pub fn route(&self) -> u64 {
        match self {
            Passed::Link(change) => change.one.hash.0 as u64,
            Passed::Shared(shared) => shared.identifier.hash.0 as u64,
        }
    }
}

/// By type: `shared_after`.
pub(super) fn limits(plan: &Plan) -> Option<Vec<Option<u32>>> {
    let limits: Vec<_> = plan.identifiers.iter().map(|of| of.shared_after).collect();
    limits.iter().any(Option::is_some).then_some(limits)
}

/// One worker's share of the gates at less trusted ends.
pub(super) struct CountingGates {
    limits: Vec<Option<u32>>,
    gates: Gates,
    /// How many of each more trusted type an identifier is linked with, where it might be too many:
    /// one of fewer links than its type's limit is not shared, whatever they are.
    counts: Table<IdentifierHash, FewMap<u8, u32>>,
    /// Those that are shared, as last told.
    shared: Table<IdentifierHash, (u8, u32)>,
}

impl CountingGates {
    pub fn new(limits: Vec<Option<u32>>) -> Self {
        let (gates, counts, shared) = (Gates::default(), Table::default(), Table::default());
        CountingGates { limits, gates, counts, shared }
    }

    /// A tick changes a link once.
    pub fn apply(&mut self, batch: Batch<LinkChange>, passed: &mut Batch<Passed>) {
        let mut touched: HashMap<IdentifierHash, Identifier> = HashMap::new();
        let mut changes = Vec::new();
        let look =
            |gates: &Self, LinkChange { other, .. }: &LinkChange| gates.gates.look(&other.hash);
        look_ahead(batch, self, &[look], |gates, change| {
            let LinkChange { one, other, bond } = &change;
            if gates.limits[usize::from(other.kind)].is_none() {
                passed.push(Passed::Link(change));
                return;
            }
            touched.entry(other.hash).or_insert_with(|| other.clone());
            let (kind, is_more_trusted) = (one.kind, one.kind < other.kind);
            let (near, now) = (other.hash, is_linked(*bond));
            let before = gates.gates.change(near, one, *bond);
            if is_more_trusted && now != is_linked(before) {
                gates.count(other, kind, if now { 1 } else { -1 });
            }
            changes.push((change, before));
        });
        let mut turned = HashMap::new();
        for (hash, identifier) in touched {
            let limit = self.limits[usize::from(identifier.kind)].expect("only these are counted");
            let counts = self.counts.get(&hash);
            let over = |(kind, count): (&u8, &u32)| (*count > limit).then_some((*kind, *count));
            let by = counts.and_then(|counts| counts.iter().find_map(over));
            // Not as soon as they are too few: they may be enough again with the next one.
            if counts.is_some() && self.gates.links(hash).len() <= limit as usize / 2 {
                self.counts.remove(&hash);
            }
            if self.gates.close(hash, by.is_some()) {
                turned.insert(hash, identifier.clone());
            }
            let before = match by {
                Some(by) => self.shared.insert(hash, by),
                None => self.shared.remove(&hash),
            };
            if before != by {
                passed.push(Passed::Shared(Shared { identifier, before, after: by }));
            }
        }
        self.gates.pass(changes, turned, End::Other, passed);
    }

    /// Counts a link with one more, or less, of a more trusted type.
    fn count(&mut self, near: &Identifier, kind: u8, diff: i64) {
        let limit = self.limits[usize::from(near.kind)].expect("only these are counted") as usize;
        let links = self.gates.links(near.hash);
        if let Some(counts) = self.counts.get_mut(&near.hash) {
            counts.count(kind, diff);
        } else if links.len() > limit {
            let mut counts = FewMap::default();
            let counted = links.values().filter(|far| far.bond.linked && far.kind < near.kind);
            for far in counted {
                counts.count(far.kind, 1);
            }
            self.counts.insert(near.hash, counts);
        }
    }
}

impl Holds for CountingGates {
    /// Identifiers with links, those whose links are counted, and those that are shared.
    fn held(&self) -> usize {
        self.gates.held() + self.counts.len() + self.shared.len()
    }

    fn give_back(&mut self) {
        self.gates.give_back();
        self.counts.give_back();
        self.shared.give_back();
    }
}

fn is_linked(bond: Option<Bond>) -> bool {
    bond.is_some_and(|bond| bond.linked)
}

/// One worker's share of the gates at more trusted ends.
pub(super) struct ToldGates {
    limits: Vec<Option<u32>>,
    gates: Gates,
}

impl ToldGates {
    pub fn new(limits: Vec<Option<u32>>) -> Self {
        ToldGates { limits, gates: Gates::default() }
    }

    /// A tick changes a link once.
    pub fn apply(&mut self, batch: Batch<Passed>, passed: &mut Batch<Passed>) {
        let (mut changes, mut turned) = (Vec::new(), HashMap::new());
        let look = |gates: &Self, message: &Passed| match message {
            Passed::Link(change) => gates.gates.look(&change.one.hash),
            Passed::Shared(_) => 0,
        };
        look_ahead(batch, self, &[look], |gates, message| match message {
            Passed::Shared(shared) => {
                let identifier = shared.identifier.clone();
                if gates.gates.close(identifier.hash, shared.after.is_some()) {
                    turned.insert(identifier.hash, identifier);
                }
                passed.push(Passed::Shared(shared));
            }
            Passed::Link(change) if gates.limits[usize::from(change.one.kind)].is_none() => {
                passed.push(Passed::Link(change));
            }
            Passed::Link(change) => {
                let before = gates.gates.change(change.one.hash, &change.other, change.bond);
                changes.push((change, before));
            }
        });
        self.gates.pass(changes, turned, End::One, passed);
    }
}

impl Holds for ToldGates {
    /// How many identifiers hold links.
    fn held(&self) -> usize {
        self.gates.held()
    }

    fn give_back(&mut self) {
        self.gates.give_back();
    }
}

/// Of a link: the more trusted end, or the other.
#[derive(Clone, Copy)]
enum End {
    One,
    Other,
}

/// Identifiers that hold their links back while they are closed.
#[derive(Default)]
struct Gates {
    gates: Table<IdentifierHash, Gate>,
}

#[derive(Default)]
struct Gate {
    closed: bool,
    links: Links,
}

type Links = FewWithin<IdentifierHash, Far, 1>;

/// The far end of a link, and what stands.
struct Far {
    kind: u8,
    text: ArcStr,
    bond: Bond,
}

impl Holds for Gates {
    /// Identifiers that have links, or are closed.
    fn held(&self) -> usize {
        self.gates.len()
    }

    fn give_back(&mut self) {
        self.gates.give_back();
    }
}

impl Gates {
    fn look(&self, near: &IdentifierHash) -> usize {
        self.gates.get(near).map_or(0, |gate| gate.links.len())
    }

    fn links(&self, near: IdentifierHash) -> &Links {
        &self.gates[&near].links
    }

    /// Changes a link and returns what stood before.
    fn change(
        &mut self,
        near: IdentifierHash,
        far: &Identifier,
        bond: Option<Bond>,
    ) -> Option<Bond> {
        let Identifier { hash, kind, text } = far;
        let stands = bond.map(|bond| Far { kind: *kind, text: ArcStr::clone(text), bond });
        let before = self.gates.entry(near).or_default().links.set(*hash, stands);
        before.map(|before| before.bond)
    }

    /// Whether that turns the gate.
    fn close(&mut self, near: IdentifierHash, closed: bool) -> bool {
        let gate = self.gates.entry(near).or_default();
        std::mem::replace(&mut gate.closed, closed) != closed
    }

    /// Sends on what a tick changed: links, with what stood before, and gates that turned. The gates
    /// are at this end of their links.
    fn pass(
        &mut self,
        changes: Vec<(LinkChange, Option<Bond>)>,
        turned: HashMap<IdentifierHash, Identifier>,
        end: End,
        passed: &mut Batch<Passed>,
    ) {
        // Near and far ends of links of gates that turned.
        let mut changed: HashSet<(IdentifierHash, IdentifierHash)> = HashSet::new();
        let mut touched: Vec<IdentifierHash> = turned.keys().copied().collect();
        for (mut change, before) in changes {
            let (near, far) = match end {
                End::One => (change.one.hash, change.other.hash),
                End::Other => (change.other.hash, change.one.hash),
            };
            let closed = self.gates[&near].closed;
            let has_turned = turned.contains_key(&near);
            if has_turned {
                changed.insert((near, far));
            }
            if change.bond.is_none() {
                touched.push(near);
            }
            change.bond = through(closed, change.bond);
            if change.bond != through(closed != has_turned, before) {
                passed.push(Passed::Link(change));
            }
        }
        for identifier in turned.into_values() {
            let Gate { closed, links } = &self.gates[&identifier.hash];
            for (hash, far) in links.iter() {
                let bond = through(*closed, Some(far.bond));
                if changed.contains(&(identifier.hash, *hash))
                    || bond == through(!*closed, Some(far.bond))
                {
                    continue;
                }
                let far =
                    Identifier { hash: *hash, kind: far.kind, text: ArcStr::clone(&far.text) };
                let near = identifier.clone();
                let (one, other) = match end {
                    End::One => (near, far),
                    End::Other => (far, near),
                };
                passed.push(Passed::Link(LinkChange { one, other, bond }));
            }
        }
        for near in touched {
            if self.gates.get(&near).is_some_and(|gate| gate.links.is_empty() && !gate.closed) {
                self.gates.remove(&near);
            }
        }
    }
}

/// What a gate lets through: decisions to keep two apart always.
fn through(closed: bool, bond: Option<Bond>) -> Option<Bond> {
    let bond = bond?;
    let bond = if closed { Bond { linked: false, same: false, ..bond } } else { bond };
    (!bond.is_nothing()).then_some(bond)
}
