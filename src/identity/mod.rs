//! Who is the same person: identifiers and links that standing rows support, and their components.
//!
//! ```text
//! row changes ─┬→ carried by identifier → known identifiers → named
//!              └→ carried by link → supported links → gates (shared_after) → links that may count
//! links ─→ ends found (directory) → joins → clusters, at their owners → belongs
//!               └─────── moved, before the next tick ──────┘
//! ```
//!
//! Links tie identifiers into clusters; a cluster lies whole on one worker and finds its people there:
//! itself, unless it breaks a guard. Only two things of a cluster are known elsewhere: where each
//! identifier is (the directory), and which clusters a tick joins (decided in one place, kept
//! nowhere). The directory has to know what a tick moved before it is asked for the next one, so ticks
//! pass through here one after the other.

mod cluster;
mod components;
mod conflicts;
mod directory;
mod graph;
mod guards;
#[cfg(test)]
mod histories;
mod joins;
mod known;
mod links;
mod shared;
pub mod whole;

use std::cell::RefCell;
use std::rc::Rc;

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};

use crate::decode::admit::RowChange;
use crate::flow::{
    Concat, Exchange, Map, Stream, Turns, bring_about, in_tick_order, in_turn, keeping, parted,
};
use crate::metrics::SharedCounts;
use crate::row::{IdentifierHash, Verdict};
use crate::spec::plan::{Plan, Publish};
use crate::time::Micros;

pub use cluster::Component;
pub use conflicts::{Conflict, ConflictChange};
pub use guards::Rule;
pub use links::{Bond, LinkChange};

use components::{Arrival, Components, Outcome};
use conflicts::{Statement, Statements};
use directory::{Directory, Found, Moved};
use guards::Guards;
use joins::{Joins, Order};
use known::{Carried, KnownIdentifiers};
use links::{CarriedLink, SupportedLinks, Told};
use shared::{CountingGates, Passed, Shared, ToldGates};

/// What is known of an identifier after a tick in which that changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Named {
    pub hash: IdentifierHash,
    pub kind: u8,
    pub text: ArcStr,
    /// The earliest time of any valid row that ever carried it; of one that only decisions name,
    /// `Micros::MAX`.
    pub first_seen: Micros,
    /// Whether a row that stands carries it.
    pub known: bool,
}

impl RowChange {
    /// When the row saw what it carries. A decision sees nothing: it is about what other rows carry.
    fn seen(&self) -> Micros {
        match self.body.verdict {
            Verdict::Together => self.time,
            Verdict::Same | Verdict::Different => Micros::MAX,
        }
    }
}

/// Whose an identifier is after a tick in which that changed. One that was never told of is alone.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Belongs {
    pub identifier: IdentifierHash,
    pub component: Component,
}

/// What this stage finds out.
pub struct Identified<'scope> {
    /// Identifiers as they become known, are forgotten or turn out to be older.
    pub named: Stream<'scope, Named>,
    pub belongs: Stream<'scope, Belongs>,
    /// `None` where the definition does not publish them.
    pub conflicts: Option<Stream<'scope, ConflictChange>>,
}

pub fn identify<'scope>(
    plan: &Plan,
    rows: Stream<'scope, RowChange>,
    counts: &SharedCounts,
) -> Identified<'scope> {
    let guards = Guards::new(plan);
    let publishes = plan.publishes(Publish::Conflicts);
    let named = keeping(
        rows.clone().flat_map(known::carried),
        Exchange::new(|carried: &Carried| carried.identifier.hash.0 as u64),
        "Known identifiers",
        counts,
        KnownIdentifiers::default(),
        KnownIdentifiers::apply,
    );
    let links = keeping(
        rows.flat_map(links::links),
        Exchange::new(CarriedLink::route),
        "Supported links",
        counts,
        SupportedLinks::new(guards.exist(), publishes),
        SupportedLinks::apply,
    );
    let (links, statements) = parted(links, |told| match told {
        Told::Link(change) => Ok(change),
        Told::Statement(statement) => Err(statement),
    });
    let (links, shared) = pass_gates(plan, links, counts);
    let (belongs, withheld) = connect(guards, links, counts);
    let conflicts = publishes.then(|| {
        let disagreements = keeping(
            statements,
            Exchange::new(Statement::route),
            "Statements",
            counts,
            Statements::new(plan),
            Statements::apply,
        );
        withheld.concat(shared.flat_map(Shared::conflicts)).concat(disagreements)
    });
    Identified { named, belongs, conflicts }
}

/// Holds the links of shared identifiers back.
fn pass_gates<'scope>(
    plan: &Plan,
    links: Stream<'scope, LinkChange>,
    counts: &SharedCounts,
) -> (Stream<'scope, LinkChange>, Stream<'scope, Shared>) {
    let Some(limits) = shared::limits(plan) else {
        return (links.clone(), links.flat_map(|_| None));
    };
    let counted = keeping(
        links,
        Exchange::new(|change: &LinkChange| change.other.hash.0 as u64),
        "Counting gates",
        counts,
        CountingGates::new(limits.clone()),
        CountingGates::apply,
    );
    let passed = keeping(
        counted,
        Exchange::new(Passed::route),
        "Told gates",
        counts,
        ToldGates::new(limits),
        ToldGates::apply,
    );
    parted(passed, |passed| match passed {
        Passed::Link(change) => Ok(change),
        Passed::Shared(shared) => Err(shared),
    })
}

/// Ties identifiers into clusters and finds the people in them.
fn connect<'scope>(
    guards: Guards,
    links: Stream<'scope, LinkChange>,
    counts: &SharedCounts,
) -> (Stream<'scope, Belongs>, Stream<'scope, ConflictChange>) {
    let scope = links.scope();
    let (directory, turns) = (Directory::default(), Turns::default());
    let first = {
        let directory = directory.clone();
        in_turn(
            links,
            Exchange::new(|change: &LinkChange| change.one.hash.0 as u64),
            "First ends",
            &turns,
            move |_, batch, found| directory.find_first(batch, found),
        )
    };
    let found = {
        let directory = directory.clone();
        in_tick_order(
            first,
            Exchange::new(|found: &Found| found.change.other.hash.0 as u64),
            "Second ends",
            move |_, batch, found| directory.find_second(batch, found),
        )
    };
    let (within, across) = parted(found, joins::within);
    let mut joins = Joins::new(scope.peers());
    let orders = in_tick_order(across, Exchange::new(|_| 0), "Joins", move |_, batch, orders| {
        joins.decide(batch, orders)
    });
    let components = Rc::new(RefCell::new(Components::new(guards, scope.index())));
    // Counted under one name, since either operator changes what both hold.
    let arrivals = keeping(
        orders.concat(within),
        Exchange::new(Order::route),
        "Clusters",
        counts,
        Rc::clone(&components),
        |components, batch, arrivals| components.borrow_mut().send(batch, arrivals),
    );
    let outcomes = keeping(
        arrivals,
        Exchange::new(Arrival::route),
        "Clusters",
        counts,
        components,
        |components, batch, outcomes| components.borrow_mut().apply(batch, outcomes),
    );
    let (moved, told) = parted(outcomes, |outcome| match outcome {
        Outcome::Moved(moved) => Ok(moved),
        Outcome::Belongs(identifier, component) => Err(Ok(Belongs { identifier, component })),
        Outcome::Conflict(change) => Err(Err(change)),
    });
    let by_identifier = Exchange::new(|moved: &Moved| moved.identifier.0 as u64);
    let counts = Rc::clone(counts);
    bring_about(moved, by_identifier, "Directory", &turns, move |moved| {
        directory.update(moved);
        counts.borrow_mut().hold("Directory", directory.held());
    });
    parted(told, |told| told)
}
