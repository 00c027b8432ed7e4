//! `shared_after`: an identifier that too many others of a more trusted type share links nobody.
//!
//! In differential's terms, with `links` as (less trusted end, more trusted end):
//!
//! ```text
//! shared = links.map(|(other, one)| (other, one.kind)).count_total().filter(|count| count > limit)
//! open   = links.antijoin(shared, by the less trusted end).antijoin(shared, by the more trusted end)
//! open + (links − open).filter(|link| a decision keeps the two apart)
//! ```
//!
//! Here each end of a link is a *gate* for it. The gate at the less trusted end counts the links that come
//! in and closes when they are too many; the gate at the more trusted end hears of it when that identifier
//! is itself shared. A link counts while both are open. Decisions to keep two apart pass always.

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};

use super::links::{Link, LinkState};
use crate::flow::{Diff, Emit, Keep, Keyed};
use crate::plan::Plan;
use crate::row::{Identifier, IdentifierHash};
use crate::state::few::{FewMap, FewWithin};

/// An identifier that is linked with too many of a more trusted type, and how many these are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SharedIdentifier {
    pub identifier: Identifier,
    pub by: u8,
    pub count: u32,
}

impl SharedIdentifier {
    /// What the guard is called in definitions, outputs and answers.
    pub const RULE: &str = "shared_after";

    /// Why none of its links count, in words.
    pub fn reason(&self, plan: &Plan) -> String {
        let SharedIdentifier { identifier, by, count } = self;
        let limit = plan.identifiers[usize::from(identifier.kind)].shared_after.unwrap_or_default();
        format!(
            "{} is linked with {count} identifiers of type {}, more than shared_after: {limit} lets it",
            plan.spoken(identifier),
            plan.identifiers[usize::from(*by)].name,
        )
    }
}

/// What the gates at less trusted ends send on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Passed {
    Link(Link),
    Shared(SharedIdentifier),
}

/// By type: `shared_after`.
pub(super) fn limits(plan: &Plan) -> Option<Vec<Option<u32>>> {
    let limits: Vec<_> = plan.identifiers.iter().map(|of| of.shared_after).collect();
    limits.iter().any(Option::is_some).then_some(limits)
}

/// An identifier that holds its links back while it is closed.
#[derive(Default)]
pub(super) struct Gate {
    closed: bool,
    links: FewWithin<IdentifierHash, Far>,
}

/// The far end of a link, and what stands.
struct Far {
    kind: u8,
    text: ArcStr,
    state: LinkState,
}

/// Which end of a link: the more trusted one, or the other.
#[derive(Clone, Copy)]
enum LinkEnd {
    One,
    Other,
}

/// Gates at one end of links: the changes of the one at hand, until it is known whether it turns.
struct Gates {
    end: LinkEnd,
    changes: Vec<(Link, Diff)>,
}

impl Gates {
    fn at(end: LinkEnd) -> Self {
        Gates { end, changes: Vec::new() }
    }

    /// Takes a change of a link in.
    fn apply(&mut self, gate: &mut Gate, link: &Link, diff: Diff) {
        let far = if let LinkEnd::One = self.end { &link.other } else { &link.one };
        gate.change(far, link.state, diff);
        self.changes.push((link.clone(), diff));
    }

    /// Closes the gate or opens it, and emits what becomes of links by that.
    fn flush(
        &mut self,
        gate: &mut Gate,
        near: impl Fn() -> Identifier,
        turn: GateTurn,
        emit: impl FnMut(Link, Diff),
    ) -> Keep {
        gate.closed = turn.is_closed;
        gate.pass(near, self.end, turn.was_closed, &self.changes, emit);
        self.changes.clear();
        Keep::unless(gate.is_nothing())
    }
}

/// What a tick does to a gate.
struct GateTurn {
    was_closed: bool,
    is_closed: bool,
}

impl Gate {
    /// Takes a change of a link in: what went and what came in its place arrive in any order.
    fn change(&mut self, far: &Identifier, state: LinkState, diff: Diff) {
        let known = self.links.get(&far.hash).map(|known| known.state);
        if diff > 0 {
            let Identifier { hash, kind, text } = far;
            self.links.insert(*hash, Far { kind: *kind, text: text.clone(), state });
        } else if known == Some(state) {
            self.links.remove(&far.hash);
        }
    }

    /// Emits what becomes of a tick's changes of links, and of all others where the gate turned.
    fn pass(
        &self,
        near: impl Fn() -> Identifier,
        end: LinkEnd,
        was_closed: bool,
        changes: &[(Link, Diff)],
        mut emit: impl FnMut(Link, Diff),
    ) {
        for (link, diff) in changes {
            let closed = if *diff > 0 { self.closed } else { was_closed };
            if let Some(state) = through(closed, link.state) {
                emit(Link { state, ..link.clone() }, *diff);
            }
        }
        if self.closed == was_closed {
            return;
        }
        let far =
            |link: &Link| if let LinkEnd::One = end { link.other.hash } else { link.one.hash };
        let came = changes.iter().filter(|(_, diff)| *diff > 0);
        let mut came: Vec<IdentifierHash> = came.map(|(link, _)| far(link)).collect();
        came.sort_unstable();
        for (hash, far) in self.links.iter() {
            let (before, after) = (through(was_closed, far.state), through(self.closed, far.state));
            if before == after || came.binary_search(hash).is_ok() {
                continue;
            }
            let far = Identifier { hash: *hash, kind: far.kind, text: far.text.clone() };
            let (one, other) = match end {
                LinkEnd::One => (near(), far),
                LinkEnd::Other => (far, near()),
            };
            for (state, diff) in [(before, -1), (after, 1)] {
                if let Some(state) = state {
                    emit(Link { one: one.clone(), other: other.clone(), state }, diff);
                }
            }
        }
    }

    fn is_nothing(&self) -> bool {
        self.links.is_empty() && !self.closed
    }
}

/// What a gate lets through.
fn through(closed: bool, state: LinkState) -> Option<LinkState> {
    let state = if closed { LinkState { linked: false, same: false, ..state } } else { state };
    (!state.is_nothing()).then_some(state)
}

/// The gates at less trusted ends.
pub(super) struct CountingGates {
    limits: Vec<Option<u32>>,
    gates: Gates,
}

/// A gate that counts.
#[derive(Default)]
pub(super) struct Counting {
    gate: Gate,
    /// Apart, since few have many links.
    many: Option<Box<ManyLinks>>,
}

/// What is kept of an identifier that has many links.
#[derive(Default)]
struct ManyLinks {
    /// How many of each more trusted type it is linked with, where it might be too many: one of fewer
    /// links than its type's limit is not shared, whatever they are.
    counts: Option<FewMap<u8, u32>>,
    /// While it is shared, the type and the number last told.
    shared: Option<(u8, u32)>,
}

impl CountingGates {
    pub fn new(limits: Vec<Option<u32>>) -> Self {
        CountingGates { limits, gates: Gates::at(LinkEnd::Other) }
    }
}

impl Counting {
    fn counts(&mut self) -> Option<&mut FewMap<u8, u32>> {
        self.many.as_mut()?.counts.as_mut()
    }

    /// Says whether it is shared, and forgets what only one of many links has.
    fn set_shared(&mut self, shared: Option<(u8, u32)>) {
        if let Some(many) = &mut self.many {
            many.shared = shared;
            self.many.take_if(|many| many.shared.is_none() && many.counts.is_none());
        }
    }

    /// The first of the more trusted types with which it is linked too often, and how often.
    fn recount(&mut self, kind: u8, limit: u32) -> Option<(u8, u32)> {
        let few = self.gate.links.len() <= limit as usize;
        if few {
            // Not as soon as they are too few: they may be enough again with the next one.
            if self.gate.links.len() <= limit as usize / 2
                && let Some(many) = &mut self.many
            {
                many.counts = None;
            }
            return None;
        }
        let counts = self.many.get_or_insert_default().counts.get_or_insert_with(|| {
            let mut counts = FewMap::default();
            let counted =
                self.gate.links.values().filter(|far| far.state.linked && far.kind < kind);
            counted.for_each(|far| {
                counts.count(far.kind, 1);
            });
            counts
        });
        counts.iter().find(|(_, count)| **count > limit).map(|(kind, count)| (*kind, *count))
    }
}

impl Keyed for CountingGates {
    type Key = IdentifierHash;
    type Value = Link;
    type State = Counting;
    type Face = bool;
    type Output = Passed;

    fn route(key: &IdentifierHash) -> u64 {
        key.0 as u64
    }

    fn prefetch(counting: &Counting) -> usize {
        counting.gate.links.len()
    }

    fn face(&self, _: &IdentifierHash, counting: &Counting) -> bool {
        counting.gate.closed
    }

    fn apply(&mut self, _: &IdentifierHash, counting: &mut Counting, link: &mut Link, diff: Diff) {
        let counts = link.state.linked && link.one.kind < link.other.kind;
        if let Some(known) = counting.counts().filter(|_| counts) {
            known.count(link.one.kind, diff as i64);
        }
        self.gates.apply(&mut counting.gate, link, diff);
    }

    fn flush(
        &mut self,
        _: &IdentifierHash,
        counting: &mut Counting,
        was_closed: bool,
        out: &mut Emit<Passed>,
    ) -> Keep {
        let identifier = self.gates.changes[0].0.other.clone();
        let limit = self.limits[usize::from(identifier.kind)].expect("only these are counted");
        let shared = counting.recount(identifier.kind, limit);
        let before = counting.many.as_ref().and_then(|many| many.shared);
        if before != shared {
            for (shared, diff) in [(before, -1), (shared, 1)] {
                if let Some((by, count)) = shared {
                    let identifier = identifier.clone();
                    out.push(Passed::Shared(SharedIdentifier { identifier, by, count }), diff);
                }
            }
        }
        counting.set_shared(shared);
        let turn = GateTurn { was_closed, is_closed: shared.is_some() };
        self.gates.flush(
            &mut counting.gate,
            || identifier.clone(),
            turn,
            |link, diff| {
                out.push(Passed::Link(link), diff);
            },
        )
    }
}

/// The gates at more trusted ends.
pub(super) struct NotifiedGates {
    gates: Gates,
    /// The gate at hand, where something is said of it.
    shared: Option<Identifier>,
}

impl Default for NotifiedGates {
    fn default() -> Self {
        NotifiedGates { gates: Gates::at(LinkEnd::One), shared: None }
    }
}

/// A gate that is notified when its identifier is shared.
#[derive(Default)]
pub(super) struct NotifiedGate {
    gate: Gate,
    /// How often it is said to be shared: within a tick twice, when only the number changes.
    shared: i32,
}

impl Keyed for NotifiedGates {
    type Key = IdentifierHash;
    type Value = Passed;
    type State = NotifiedGate;
    type Face = bool;
    type Output = Link;

    fn route(key: &IdentifierHash) -> u64 {
        key.0 as u64
    }

    fn prefetch(notified: &NotifiedGate) -> usize {
        notified.gate.links.len()
    }

    fn face(&self, _: &IdentifierHash, notified: &NotifiedGate) -> bool {
        notified.gate.closed
    }

    fn apply(
        &mut self,
        _: &IdentifierHash,
        notified: &mut NotifiedGate,
        passed: &mut Passed,
        diff: Diff,
    ) {
        match passed {
            Passed::Link(link) => self.gates.apply(&mut notified.gate, link, diff),
            Passed::Shared(shared) => {
                notified.shared += diff as i32;
                self.shared.get_or_insert_with(|| shared.identifier.clone());
            }
        }
    }

    fn flush(
        &mut self,
        _: &IdentifierHash,
        notified: &mut NotifiedGate,
        was_closed: bool,
        out: &mut Emit<Link>,
    ) -> Keep {
        let shared = self.shared.take();
        let near = || shared.clone().expect("it was said to be shared, or no longer");
        let turn = GateTurn { was_closed, is_closed: notified.shared > 0 };
        self.gates.flush(&mut notified.gate, near, turn, |link, diff| out.push(link, diff))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_has_no_gaps() {
        assert_eq!(size_of::<(IdentifierHash, Counting)>(), 72);
    }
}
