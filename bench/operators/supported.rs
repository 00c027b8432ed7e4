//! Rows that carry an account and one of its devices, each pair by several: what links them, while rows come and go.

use std::path::Path;
use std::time::Duration;

use differential_dataflow::input::Input;
use differential_dataflow::operators::ThresholdTotal;
use selfsame::internals::flow::{Diff, Saving};
use selfsame::internals::identity::{Link, LinkState, support};
use selfsame::internals::metrics::SharedCounts;
use selfsame::internals::plan::Plan;
use selfsame::internals::row::{Body, Carried, Identifier, IdentifierHash, StandingRow};

use super::{Drawn, measured, number_of_changes};

const DEVICES: u64 = 200_000;

/// Two types of identifiers, with a further line for the less trusted one.
pub fn plan(of_devices: &str) -> Plan {
    let text = format!(
        "sources:\n  rows: {{files: rows.ndjson, kind: events, fields: {{a: text, b: text}}}}\n\
         identity:\n  account: {{from: {{rows: a}}}}\n  device: {{from: {{rows: b}}{of_devices}}}\n\
         outputs:\n  profiles: {{files: profiles.ndjson}}\n"
    );
    selfsame::internals::definition::parse(&text, Path::new("operators.yaml"), &|_| None)
        .unwrap_or_else(|wrong| panic!("{wrong}"))
}

pub fn identifier(kind: u8, number: u64) -> Identifier {
    let (name, text) = (["account", "device"][usize::from(kind)], format!("{number:08}"));
    Identifier { hash: IdentifierHash::of(name, &text), kind, text: text.into() }
}

/// Three rows come for each that goes.
fn changes() -> Vec<(StandingRow, Diff)> {
    let (mut drawn, mut there) = (Drawn::seeded(), Vec::new());
    let mut changes = Vec::with_capacity(number_of_changes());
    while changes.len() < number_of_changes() {
        if drawn.below(4) == 0 && !there.is_empty() {
            let row = there.swap_remove(drawn.below(there.len() as u64) as usize);
            changes.push((row, -1));
            continue;
        }
        let (device, time) = (drawn.below(DEVICES), changes.len() as i64);
        let body = Body::of(&[identifier(0, device / 2), identifier(1, device)], &[]);
        let row = StandingRow { source: 0, time, body };
        there.push(row.clone());
        changes.push((row, 1));
    }
    changes
}

pub fn number(Link { one, other, state }: &Link) -> u64 {
    let linked = u64::from(state.linked) + 2;
    (one.hash.0 as u64 | 1).wrapping_mul(other.hash.0 as u64 | 1).wrapping_mul(linked)
}

pub fn ours(tick: usize) -> (Duration, u64) {
    let plan = plan("");
    measured(changes(), tick, number, move |rows| {
        let (_, seen_only) = rows.scope().new_collection();
        support(&plan, rows, seen_only, &SharedCounts::default(), &Saving::default()).0
    })
}

pub fn theirs(tick: usize) -> (Duration, u64) {
    measured(changes(), tick, number, |rows| {
        let ends = rows.flat_map(|StandingRow { body, .. }| {
            let mut identifiers = body.identifiers().map(Carried::to_identifier);
            Some((identifiers.next()?, identifiers.next()?))
        });
        let state = LinkState { first_seen: 0, linked: true, same: false, must_not_link: false };
        ends.distinct_total().map(move |(one, other)| Link { one, other, state })
    })
}
