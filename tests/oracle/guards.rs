//! The guards: which links count, and which are withheld.

use std::collections::{BTreeMap, BTreeSet};

use selfsame::spec::plan::Plan;

use super::people::{FirstSeen, Link, join};
use super::rows::{Identifier, Said, Saying};

/// What the rows that stand say of pairs of identifiers.
pub struct Links {
    /// All links, and whether someone decided on one.
    all: BTreeMap<Link, bool>,
    /// Pairs that someone decided to keep apart.
    apart: BTreeSet<Link>,
    shared: BTreeSet<Identifier>,
}

impl Links {
    pub fn new(plan: &Plan, standing: &[&Said]) -> Self {
        let mut links =
            Links { all: BTreeMap::new(), apart: BTreeSet::new(), shared: BTreeSet::new() };
        for said in standing {
            for link in said.links() {
                *links.all.entry(link).or_default() |= said.saying == Saying::Same;
            }
            if said.saying == Saying::Different {
                links.apart.insert((said.identifiers[0].clone(), said.identifiers[1].clone()));
            }
        }
        links.shared = shared(plan, links.all.keys());
        links
    }

    /// Those of which no end is shared.
    pub fn counting(&self) -> impl Iterator<Item = &Link> {
        let is_shared = |identifier: &Identifier| self.shared.contains(identifier);
        self.all.keys().filter(move |(one, other)| !is_shared(one) && !is_shared(other))
    }
}

/// Identifiers that are linked with too many distinct ones of one more trusted type.
fn shared<'a>(plan: &Plan, links: impl Iterator<Item = &'a Link>) -> BTreeSet<Identifier> {
    let mut by: BTreeMap<(&Identifier, usize), BTreeSet<&Identifier>> = BTreeMap::new();
    for (one, other) in links.filter(|(one, other)| one.0 < other.0) {
        by.entry((other, one.0)).or_default().insert(one);
    }
    let too_many = |kind: usize, count: usize| {
        plan.identifiers[kind].shared_after.is_some_and(|most| count > most as usize)
    };
    let shared = by.into_iter().filter(|((other, _), ones)| too_many(other.0, ones.len()));
    shared.map(|((other, _), _)| other.clone()).collect()
}

/// Whether a person may not have all of these.
pub fn is_broken(plan: &Plan, links: &Links, identifiers: &BTreeSet<Identifier>) -> bool {
    let has_too_many = plan.identifiers.iter().enumerate().any(|(kind, of)| {
        let count = identifiers.iter().filter(|identifier| identifier.0 == kind).count();
        of.at_most.is_some_and(|most| count > most as usize)
    });
    let has_both = |(one, other): &Link| identifiers.contains(one) && identifiers.contains(other);
    has_too_many || links.apart.iter().any(has_both)
}

/// The people of a component whose links are admitted one by one.
pub fn admit(
    plan: &Plan,
    links: &Links,
    component: BTreeSet<Identifier>,
    first_seen: &FirstSeen,
) -> Vec<BTreeSet<Identifier>> {
    let mut admitted: Vec<&Link> =
        links.counting().filter(|(one, _)| component.contains(one)).collect();
    admitted.sort_by_key(|link| {
        let (one, other) = link;
        // Decisions are the most trusted.
        (!links.all[link], one.0, other.0, first_seen.links[link], *link)
    });
    let mut people: Vec<BTreeSet<Identifier>> =
        component.into_iter().map(|identifier| [identifier].into()).collect();
    for (one, other) in admitted {
        let of = |identifier| people.iter().find(|person| person.contains(identifier));
        let (Some(first), Some(second)) = (of(one), of(other)) else {
            unreachable!("all are there")
        };
        let both = first.union(second).cloned().collect();
        if !is_broken(plan, links, &both) {
            join(&mut people, one, other);
        }
    }
    people
}
