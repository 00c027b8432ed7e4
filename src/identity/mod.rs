//! Who is the same person: identifiers and links that standing rows support, and their components.
//!
//! ```text
//! rows → carried links → supported links → gates (shared_after) → links that may count
//! links ─→ ends found (directory) → joins → clusters, at their owners → belongs
//!               └─────── moved, before the next tick ──────┘
//! ```
//!
//! Links tie identifiers into clusters; a cluster lies whole on one worker and finds its people there:
//! itself, unless it breaks a guard. Between the collection of links and the collection of whom identifiers
//! belong to is an operator of ours, since labels that travel one link a round (differential's `propagate`)
//! take far longer (`bench/identity`). Its steps within a tick:
//!
//! 1. *First ends*, at the worker of a link's more trusted end: [`directory`] says in which cluster it is.
//! 2. *Second ends*, at the worker of the other end: likewise.
//! 3. *Joins*, at one worker: which clusters the links join, and which of them stays ([`joins`]).
//! 4. *Clusters*, at their owners: those that do not stay send what they hold ([`Components::send`]).
//! 5. *Clusters*, at those that stay: links change, guards are looked at, people are told
//!    ([`Components::apply`]).
//! 6. *Directory*, at the worker of each identifier that moved: it learns where that is now.
//!
//! Invariant: step 1 of a tick waits at a barrier until step 6 of all ticks before is done, or a link would
//! be looked for where its cluster no longer is.

mod admission;
mod changes;
mod cluster;
mod components;
mod conflicts;
mod directory;
mod graph;
mod guarded;
mod guards;
#[cfg(test)]
mod histories;
mod joins;
mod links;
mod outcome;
mod shared;
mod sighting;
mod statement;
#[cfg(test)]
mod tests;
pub mod whole;

use std::cell::RefCell;
use std::rc::Rc;

use crate::flow::{
    AsCollection, Barrier, Collection, Concat, Due, Emit, Exchange, KeyedState, Saving, Update,
    WholeTick, behind_barrier, keeping_whole, keyed, keyed_in, parted, pass_barrier, whole_ticks,
};
use crate::metrics::SharedCounts;
use crate::plan::{Plan, Publish};
use crate::row::{IdentifierHash, StandingRow};

pub use changes::LinkChange;
pub use cluster::Component;
pub use conflicts::Conflict;
pub use guards::{Detail, Guards, Refusal};
pub use links::{LINKS, Link, LinkState, named_links};
pub use shared::SharedIdentifier;
pub use sighting::{Sighted, Sighting, seen};

use components::{Arrival, Components};
use conflicts::Statements;
use directory::{Directory, Found, Moved};
use joins::{Joins, Order};
use links::{NamedLink, Supported, SupportedLinks};
use outcome::Outcome;
use shared::{CountingGates, NotifiedGates, Passed};
use statement::Statement;

/// What comes out of this stage.
pub struct Identified<'scope> {
    /// The components of identifiers that are linked: one that is absent is a component by itself.
    pub belongs: Collection<'scope, (IdentifierHash, Component)>,
    /// `None` where the definition does not publish them.
    pub conflicts: Option<Collection<'scope, Conflict>>,
}

/// `seen_only` are rows that never stood: they say when they saw what they carry.
pub fn identify<'scope>(
    plan: &Plan,
    rows: Collection<'scope, StandingRow>,
    seen_only: Collection<'scope, StandingRow>,
    counts: &SharedCounts,
    saving: &Saving<'scope>,
) -> Identified<'scope> {
    let (links, statements) = support(plan, rows, seen_only, counts, saving);
    let (links, shared) = pass_gates(plan, links, counts);
    let (belongs, withheld) = connect(Guards::new(plan), links, counts);
    let conflicts = plan.publishes(Publish::Conflicts).then(|| {
        let statements =
            keyed(statements, None, "Statements", counts, Due::default(), Statements::new(plan));
        let shared = shared.map(|shared| shared.map(Conflict::Shared));
        withheld.concatenate(shared.into_iter().chain([statements]))
    });
    Identified { belongs, conflicts }
}

/// Links that rows support, and what sources say by them.
pub fn support<'scope>(
    plan: &Plan,
    rows: Collection<'scope, StandingRow>,
    seen_only: Collection<'scope, StandingRow>,
    counts: &SharedCounts,
    saving: &Saving<'scope>,
) -> (Collection<'scope, Link>, Collection<'scope, (IdentifierHash, Statement)>) {
    let (ordered, publishes) = (Guards::new(plan).exist(), plan.publishes(Publish::Conflicts));
    let mut carried = rows.flat_map(|row| links::carried_links(row, true));
    if ordered {
        carried = carried.concat(seen_only.flat_map(|row| links::carried_links(row, false)));
    }
    let name = LINKS;
    if let Some(saved) = saving.put_back(name, |link: NamedLink| link.carried()) {
        carried = carried.concat(saved);
    }
    let links = SupportedLinks::new(ordered, publishes);
    let links = Rc::new(RefCell::new(KeyedState::new(links)));
    let kept = Rc::clone(&links);
    saving.keep(name, move |entries| links::save(&kept.borrow(), entries));
    let supported = keyed_in(carried, None, name, counts, Due::default(), links);
    parted(supported, |supported| match supported {
        Supported::Link(link) => Ok(link),
        Supported::Statement(statement) => Err((statement.about.hash, statement)),
    })
}

/// Holds the links of shared identifiers back. Where nothing limits them, there are none.
pub fn pass_gates<'scope>(
    plan: &Plan,
    links: Collection<'scope, Link>,
    counts: &SharedCounts,
) -> (Collection<'scope, Link>, Option<Collection<'scope, SharedIdentifier>>) {
    let Some(limits) = shared::limits(plan) else { return (links, None) };
    let is_limited: Rc<[bool]> = limits.iter().map(Option::is_some).collect();
    let at_other = Rc::clone(&is_limited);
    let (gated, free) = parted(links, move |link| match at_other[usize::from(link.other.kind)] {
        true => Ok((link.other.hash, link)),
        false => Err(link),
    });
    let gates = CountingGates::new(limits);
    let counted = keyed(gated, None, "Counting gates", counts, Due::default(), gates);
    let (counted, shared) = parted(counted, |passed| match passed {
        Passed::Link(link) => Ok(link),
        Passed::Shared(shared) => Err(shared),
    });
    let (gated, free) =
        parted(counted.concat(free), move |link| match is_limited[usize::from(link.one.kind)] {
            true => Ok((link.one.hash, Passed::Link(link))),
            false => Err(link),
        });
    let notices = shared.clone().map(|shared| (shared.identifier.hash, Passed::Shared(shared)));
    let gates = NotifiedGates::default();
    let passed =
        keyed(gated.concat(notices), None, "Notified gates", counts, Due::default(), gates);
    (passed.concat(free), Some(shared))
}

/// Ties identifiers into clusters and finds the people in them: the steps are those of the module.
///
/// Without guards, and with the least identifier for the name of a component, it is differential's:
///
/// ```text
/// edges = links.map(|link| (link.one, link.other)), concatenated with the same the other way round
/// propagate(edges, edges.map(|(one, _)| (one, one)).distinct_total())
/// ```
fn connect<'scope>(
    guards: Guards,
    links: Collection<'scope, Link>,
    counts: &SharedCounts,
) -> (Collection<'scope, (IdentifierHash, Component)>, Collection<'scope, Conflict>) {
    let scope = links.inner.scope();
    let (directory, barrier) = (Directory::default(), Barrier::default());
    let first = {
        let directory = directory.clone();
        behind_barrier(
            links.inner,
            Exchange::new(|(link, _, _): &Update<Link>| link.one.hash.0 as u64),
            None,
            "First ends",
            &barrier,
            move |whole, found| directory.find_first(changes::changes(whole.data), found),
        )
    };
    let found = {
        let directory = directory.clone();
        whole_ticks(
            first,
            Exchange::new(|found: &Found| found.change.other.hash.0 as u64),
            None,
            "Second ends",
            move |whole, found| directory.find_second(whole.data, found),
        )
    };
    let (within, across) = crate::flow::parted_stream(found, joins::within);
    let mut joins = Joins::new(scope.peers());
    let orders = whole_ticks(across, Exchange::new(|_| 0), None, "Joins", move |whole, orders| {
        joins.decide(whole.data, orders)
    });
    let components = Rc::new(RefCell::new(Components::new(guards, scope.index())));
    // Counted under one name, since either operator changes what both hold.
    let arrivals = keeping_whole(
        orders.concat(within),
        Exchange::new(Order::route),
        "Clusters",
        counts,
        Rc::clone(&components),
        |components, WholeTick { data, .. }, arrivals| components.borrow_mut().send(data, arrivals),
    );
    let outcomes =
        keeping_whole(arrivals, Exchange::new(Arrival::route), "Clusters", counts, components, {
            let counts = Rc::clone(counts);
            move |components, WholeTick { tick, data, .. }, outcomes| {
                let mut out = Emit::at(tick);
                let mut components = components.borrow_mut();
                components.apply(data, &mut out);
                let mut counts = counts.borrow_mut();
                (counts.joined, counts.parted) = (components.joined, components.parted);
                *outcomes = out.into_updates();
            }
        });
    let (moved, outputs) = parted(outcomes.as_collection(), |outcome| match outcome {
        Outcome::Moved(moved) => Ok(moved),
        Outcome::Belongs(identifier, component) => Err(Ok((identifier, component))),
        Outcome::Conflict(conflict) => Err(Err(conflict)),
    });
    let by_identifier = Exchange::new(|(moved, _, _): &Update<Moved>| moved.identifier.0 as u64);
    let counts = Rc::clone(counts);
    pass_barrier(moved.inner, by_identifier, "Directory", &barrier, move |moved| {
        directory.update(moved.map(|(moved, _, _)| moved));
        let mut counts = counts.borrow_mut();
        counts.note_entries("Directory", directory.entries());
        counts.note_bytes("Directory", directory.bytes());
    });
    parted(outputs, |outputs| outputs)
}
