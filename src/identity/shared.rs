//! `shared_after`: an identifier that too many others of a more trusted type share links nobody.
//!
//! Each end of a link is a gate for it. The gate at the less trusted end counts the links that come in
//! and closes when they are too many; the gate at the more trusted end hears of it when that
//! identifier is itself shared. A link counts while both are open.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::conflicts::{Conflict, ConflictChange};
use super::links::{Bond, LinkChange};
use crate::held::{Holds, give_back};
use crate::row::{Identifier, IdentifierHash};
use crate::spec::plan::Plan;

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
    /// By identifier: how many of each more trusted type it is linked with.
    counts: HashMap<IdentifierHash, Vec<(u8, u32)>>,
    /// Those that are shared, as last told.
    shared: HashMap<IdentifierHash, (u8, u32)>,
}

impl CountingGates {
    pub fn new(limits: Vec<Option<u32>>) -> Self {
        let (gates, counts, shared) = (Gates::default(), HashMap::new(), HashMap::new());
        CountingGates { limits, gates, counts, shared }
    }

    pub fn apply(&mut self, batch: impl IntoIterator<Item = LinkChange>, passed: &mut Vec<Passed>) {
        let mut touched: HashMap<IdentifierHash, Identifier> = HashMap::new();
        for change in batch {
            let LinkChange { one, other, .. } = &change;
            if self.limits[usize::from(other.kind)].is_none() {
                passed.push(Passed::Link(change));
                continue;
            }
            touched.entry(other.hash).or_insert_with(|| other.clone());
            let (kind, is_more_trusted) = (one.kind, one.kind < other.kind);
            let (near, far, now) = (other.hash, one.hash, is_linked(change.bond));
            let before = is_linked(self.gates.change(near, far, change));
            if is_more_trusted && now != before {
                let counts = self.counts.entry(near).or_default();
                match counts.iter_mut().find(|(counted, _)| *counted == kind) {
                    Some((_, count)) if now => *count += 1,
                    Some((_, count)) => *count -= 1,
                    None => counts.push((kind, 1)),
                }
            }
        }
        for (hash, identifier) in touched {
            let limit = self.limits[usize::from(identifier.kind)].expect("only these are counted");
            let counts = self.counts.get(&hash).map(Vec::as_slice).unwrap_or_default();
            let by = counts.iter().filter(|(_, count)| *count > limit).min().copied();
            if counts.iter().all(|(_, count)| *count == 0) {
                self.counts.remove(&hash);
            }
            self.gates.close(hash, by.is_some());
            let before = match by {
                Some(by) => self.shared.insert(hash, by),
                None => self.shared.remove(&hash),
            };
            if before != by {
                passed.push(Passed::Shared(Shared { identifier, before, after: by }));
            }
        }
        self.gates.pass(passed);
    }
}

impl Holds for CountingGates {
    /// Identifiers with links, those that links are counted for, and those that are shared.
    fn held(&self) -> usize {
        self.gates.gates.len() + self.counts.len() + self.shared.len()
    }

    fn give_back(&mut self) {
        self.gates.give_back();
        give_back(&mut self.counts);
        give_back(&mut self.shared);
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

    pub fn apply(&mut self, batch: impl IntoIterator<Item = Passed>, passed: &mut Vec<Passed>) {
        for message in batch {
            match message {
                Passed::Shared(shared) => {
                    self.gates.close(shared.identifier.hash, shared.after.is_some());
                    passed.push(Passed::Shared(shared));
                }
                Passed::Link(change) if self.limits[usize::from(change.one.kind)].is_none() => {
                    passed.push(Passed::Link(change));
                }
                Passed::Link(change) => {
                    self.gates.change(change.one.hash, change.other.hash, change);
                }
            }
        }
        self.gates.pass(passed);
    }
}

impl Holds for ToldGates {
    /// How many identifiers hold links.
    fn held(&self) -> usize {
        self.gates.gates.len()
    }

    fn give_back(&mut self) {
        self.gates.give_back();
    }
}

/// Identifiers that hold their links back while they are closed.
#[derive(Default)]
struct Gates {
    gates: HashMap<IdentifierHash, Gate>,
    /// Of the tick at hand.
    touched: HashMap<IdentifierHash, Touched>,
}

#[derive(Default)]
struct Gate {
    closed: bool,
    /// By the far end.
    links: HashMap<IdentifierHash, LinkChange>,
}

/// What was before the tick.
struct Touched {
    was_closed: bool,
    links: HashMap<IdentifierHash, (LinkChange, Option<Bond>)>,
}

impl Gates {
    fn give_back(&mut self) {
        give_back(&mut self.gates);
    }

    fn touch(&mut self, near: IdentifierHash) -> (&mut Gate, &mut Touched) {
        let gate = self.gates.entry(near).or_default();
        let was_closed = gate.closed;
        let untouched = || Touched { was_closed, links: HashMap::new() };
        (gate, self.touched.entry(near).or_insert_with(untouched))
    }

    /// Changes a link and returns what stood before.
    fn change(
        &mut self,
        near: IdentifierHash,
        far: IdentifierHash,
        change: LinkChange,
    ) -> Option<Bond> {
        let (gate, touched) = self.touch(near);
        let before = match change.bond {
            Some(_) => gate.links.insert(far, change.clone()),
            None => gate.links.remove(&far),
        };
        let before = before.and_then(|before| before.bond);
        touched
            .links
            .entry(far)
            .and_modify(|(now, _)| now.bond = change.bond)
            .or_insert((change, before));
        before
    }

    fn close(&mut self, near: IdentifierHash, closed: bool) {
        let (gate, _) = self.touch(near);
        gate.closed = closed;
    }

    /// Sends on what the tick changed.
    fn pass(&mut self, passed: &mut Vec<Passed>) {
        for (near, Touched { was_closed, links }) in self.touched.drain() {
            let gate = &self.gates[&near];
            let mut pass = |change: &LinkChange, before: Option<Bond>| {
                let bond = through(gate.closed, change.bond);
                if bond != through(was_closed, before) {
                    let LinkChange { one, other, .. } = change.clone();
                    passed.push(Passed::Link(LinkChange { one, other, bond }));
                }
            };
            for (change, before) in links.values() {
                pass(change, *before);
            }
            if gate.closed != was_closed {
                let others = gate.links.iter().filter(|(far, _)| !links.contains_key(*far));
                others.for_each(|(_, change)| pass(change, change.bond));
            }
            if gate.links.is_empty() && !gate.closed {
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
