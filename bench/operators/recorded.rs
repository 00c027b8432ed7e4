//! What outputs say of 200,000 identifiers, whose each of them is: they get other owners all the time, and some have none.

use std::time::Duration;

use differential_dataflow::AsCollection;
use selfsame::internals::flow::{Diff, Due, keyed};
use selfsame::internals::metrics::SharedCounts;
use selfsame::internals::row::IdentifierHash;
use selfsame::internals::sink::{
    NamedIdentifier, OutputStatement, Publisher, RecordBody, RecordKey, RecordValue, Router,
};
use timely::dataflow::operators::vec::Filter;

use super::{Drawn, measured, number_of_changes};

const IDENTIFIERS: u64 = 200_000;

/// An identifier and its owner.
type Owned = (u64, u64);

/// A key, and its value, or nothing where none holds any more.
type Told = (RecordKey, Option<IdentifierHash>);

fn changes() -> Vec<(Owned, Diff)> {
    let (mut drawn, mut owners) = (Drawn::seeded(), vec![None; IDENTIFIERS as usize]);
    let mut changes = Vec::with_capacity(number_of_changes() + 1);
    while changes.len() < number_of_changes() {
        let of = drawn.below(IDENTIFIERS);
        let owner = (drawn.below(8) > 0).then_some(changes.len() as u64);
        let before = std::mem::replace(&mut owners[of as usize], owner);
        changes.extend(before.map(|before| ((of, before), -1)));
        changes.extend(owner.map(|owner| ((of, owner), 1)));
    }
    changes
}

fn key(of: u64) -> RecordKey {
    RecordKey::Identifier(NamedIdentifier { kind: 0, text: format!("{of:08}").into() })
}

fn number((key, owner): &Told) -> u64 {
    let RecordKey::Identifier(named) = key else { unreachable!("of identifiers alone") };
    let of: u64 = named.text.parse().expect("a number");
    (of + 1).wrapping_mul(owner.map_or(7, |owner| owner.0 as u64 + 11))
}

pub fn ours(tick: usize) -> (Duration, u64) {
    measured(changes(), tick, number, |owned| {
        let router = Router::new(&super::supported::plan(""), 1);
        let statements = owned.map(move |(of, owner)| {
            let value = RecordValue::Identity(IdentifierHash(owner.into()));
            let statement = OutputStatement { output: Some(0), key: key(of), value };
            (router.subject(0, IdentifierHash(of.into())), statement)
        });
        let (counts, publisher) = (SharedCounts::default(), Publisher::default());
        let records = keyed(statements, None, "Publish", &counts, Due::default(), publisher);
        records.map(|record| match record.body {
            RecordBody::Is { value: RecordValue::Identity(owner), .. } => (record.key, Some(owner)),
            _ => (record.key, None),
        })
    })
}

pub fn theirs(tick: usize) -> (Duration, u64) {
    measured(changes(), tick, number, |owned| {
        let said = owned.map(|(of, owner)| (key(of), IdentifierHash(owner.into())));
        let keys = said.clone().map(|(key, _)| key).consolidate();
        let gone = keys.inner.filter(|(_, _, diff)| *diff < 0).as_collection().negate();
        let is = said.consolidate().inner.filter(|(_, _, diff)| *diff > 0).as_collection();
        is.map(|(key, owner)| (key, Some(owner))).concat(gone.map(|key| (key, None)))
    })
}
