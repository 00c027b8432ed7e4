//! Links of accounts and devices of which some are shared by too many: a link comes, or one goes.

use std::collections::BTreeSet;
use std::time::Duration;

use differential_dataflow::operators::CountTotal;
use selfsame::internals::flow::Diff;
use selfsame::internals::identity::{Link, LinkState, pass_gates};
use selfsame::internals::metrics::SharedCounts;

use super::supported::{identifier, number, plan};
use super::{Drawn, measured, number_of_changes};

const ACCOUNTS: u64 = 200_000;
const DEVICES: u64 = 100_000;
const LIMIT: Diff = 5;

/// Each link changes once a tick at most, as what is counted does. Three come for each that goes.
fn changes(tick: usize) -> Vec<(Link, Diff)> {
    let (mut drawn, mut there, mut ends) = (Drawn::seeded(), Vec::new(), BTreeSet::new());
    let mut touched = BTreeSet::new();
    let state = LinkState { first_seen: 0, linked: true, same: false, must_not_link: false };
    let mut changes: Vec<(Link, Diff)> = Vec::with_capacity(number_of_changes());
    while changes.len() < number_of_changes() {
        if changes.len().is_multiple_of(tick) {
            touched.clear();
        }
        if drawn.below(4) == 0 && !there.is_empty() {
            let index = drawn.below(there.len() as u64) as usize;
            if touched.insert(there[index]) {
                let of = there.swap_remove(index);
                ends.remove(&of);
                changes.push((link(of, state), -1));
            }
            continue;
        }
        let of = (drawn.below(ACCOUNTS), drawn.below(DEVICES));
        if !touched.contains(&of) && ends.insert(of) {
            touched.insert(of);
            there.push(of);
            changes.push((link(of, state), 1));
        }
    }
    changes
}

fn link((account, device): (u64, u64), state: LinkState) -> Link {
    Link { one: identifier(0, account), other: identifier(1, device), state }
}

pub fn ours(tick: usize) -> (Duration, u64) {
    let plan = plan(", shared_after: 5");
    measured(changes(tick), tick, number, move |links| {
        pass_gates(&plan, links, &SharedCounts::default()).0
    })
}

pub fn theirs(tick: usize) -> (Duration, u64) {
    measured(changes(tick), tick, number, |links| {
        let counted = links.clone().map(|link| link.other.hash).count_total();
        let shared = counted.flat_map(|(device, count)| (count > LIMIT).then_some(device));
        let by_device = links.map(|link| (link.other.hash, link));
        by_device.antijoin(shared).map(|(_, link)| link)
    })
}
