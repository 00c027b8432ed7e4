//! Who is the same person: identifiers and links that standing rows support, and their components.
//!
//! ```text
//! row changes ─┬→ carried by identifier → known identifiers ─┬→ named
//!              │                                             └→ nodes ┐
//!              └→ carried by link → supported links → edges ──────────┴→ components
//! ```
//!
//! A component is labelled with the least (trust, hash) of its identifiers. That label never changes
//! while its identifier is known, so a row that is merely late moves nothing here; the person's
//! published id, which depends on when its identifiers were first seen, is chosen where the person
//! is put together.

mod known;
mod links;

use std::sync::Arc;

use differential_dataflow::AsCollection;
use differential_dataflow::algorithms::graphs::propagate::propagate;
use serde::{Deserialize, Serialize};

use crate::decode::admit::RowChange;
use crate::flow::{Collection, Exchange, Map, Stream, in_tick_order};
use crate::row::IdentifierHash;
use crate::time::Micros;

use known::{Carried, KnownIdentifiers};
use links::{Link, SupportedLinks};

/// A component's label: the trust of an identifier type in the first 8 bits, then 120 bits of the hash
/// of one of its identifiers. The least of a component's identifiers labels it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Component(pub u128);

impl Component {
    pub fn of(kind: u8, identifier: IdentifierHash) -> Self {
        Component((kind as u128) << 120 | identifier.0 >> 8)
    }
}

/// What is known of an identifier after a tick in which that changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Named {
    pub hash: IdentifierHash,
    pub kind: u8,
    pub text: Arc<str>,
    /// The earliest time of any valid row that ever carried it.
    pub first_seen: Micros,
    /// Whether a row that stands carries it.
    pub known: bool,
    /// Whether `known` is what changed.
    pub turned: bool,
}

/// Identifiers as they become known, are forgotten or turn out to be older; and for each known
/// identifier the component that it is in.
pub fn identify<'scope>(
    rows: Stream<'scope, RowChange>,
) -> (Stream<'scope, Named>, Collection<'scope, (IdentifierHash, Component)>) {
    let carried = rows.clone().flat_map(known::carried);
    let mut identifiers = KnownIdentifiers::default();
    let named = in_tick_order(
        carried,
        Exchange::new(|carried: &Carried| carried.identifier.hash.0 as u64),
        "Known identifiers",
        move |_, batch, named| identifiers.apply(batch, named),
    );

    let mut supported = SupportedLinks::default();
    let edges = in_tick_order(
        rows.flat_map(links::links),
        Exchange::new(|link: &(Link, i8)| (link.0.0.0 ^ link.0.1.0) as u64),
        "Supported links",
        move |tick, batch, edges| {
            supported.apply(batch, |(one, other), diff| {
                edges.push(((one, other), tick, diff));
                edges.push(((other, one), tick, diff));
            })
        },
    )
    .as_collection();

    let nodes = turning(named.clone());
    (named, propagate(edges, nodes))
}

/// Known identifiers, each with the label that it would give a component.
fn turning<'scope>(
    named: Stream<'scope, Named>,
) -> Collection<'scope, (IdentifierHash, Component)> {
    in_tick_order(named, crate::flow::Pipeline, "Nodes", |tick, batch, nodes| {
        for named in batch.into_iter().filter(|named| named.turned) {
            let label = Component::of(named.kind, named.hash);
            nodes.push(((named.hash, label), tick, if named.known { 1 } else { -1 }));
        }
    })
    .as_collection()
}
