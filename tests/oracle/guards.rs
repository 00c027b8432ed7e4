//! The guards: which links count, and which are withheld.

use std::collections::{BTreeMap, BTreeSet};

use selfsame::internals::plan::Plan;

use super::people::{FirstSeen, Link, join};
use super::rows::{Identifier, Said, Saying};

/// Why a link does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A person would have too many of this type.
    AtMost(usize),
    /// A person would have too many identifiers in all.
    Size,
    /// It would bring together two that someone decided to keep apart: the first such pair.
    Different(Link),
}

/// What the rows that stand say of pairs of identifiers.
pub struct Links {
    /// All links, and whether someone decided on one.
    all: BTreeMap<Link, bool>,
    /// Pairs that someone decided to keep apart.
    apart: BTreeSet<Link>,
    /// With the most trusted type of which it is linked with too many, and with how many.
    pub shared: BTreeMap<Identifier, (usize, usize)>,
}

impl Links {
    pub fn new(plan: &Plan, standing: &[&Said]) -> Self {
        let mut links =
            Links { all: BTreeMap::new(), apart: BTreeSet::new(), shared: BTreeMap::new() };
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
        let is_shared = |identifier: &Identifier| self.shared.contains_key(identifier);
        self.all.keys().filter(move |(one, other)| !is_shared(one) && !is_shared(other))
    }
}

/// Identifiers that are linked with too many distinct ones of one more trusted type.
fn shared<'a>(
    plan: &Plan,
    links: impl Iterator<Item = &'a Link>,
) -> BTreeMap<Identifier, (usize, usize)> {
    let mut by: BTreeMap<(&Identifier, usize), BTreeSet<&Identifier>> = BTreeMap::new();
    for (one, other) in links.filter(|(one, other)| one.0 < other.0) {
        by.entry((other, one.0)).or_default().insert(one);
    }
    let mut shared = BTreeMap::new();
    for ((other, kind), ones) in by {
        let most = plan.identifiers[other.0].shared_after;
        if most.is_some_and(|most| ones.len() > most as usize) {
            shared.entry(other.clone()).or_insert((kind, ones.len()));
        }
    }
    shared
}

/// Why a person may not have all of these, if there is a reason.
pub fn broken(plan: &Plan, links: &Links, identifiers: &BTreeSet<Identifier>) -> Option<Rule> {
    let has_too_many = plan.identifiers.iter().enumerate().position(|(kind, of)| {
        let count = identifiers.iter().filter(|identifier| identifier.0 == kind).count();
        of.at_most.is_some_and(|most| count > most as usize)
    });
    let has_both = |(one, other): &&Link| identifiers.contains(one) && identifiers.contains(other);
    let is_too_large =
        || plan.at_most.filter(|most| identifiers.len() > *most as usize).map(|_| Rule::Size);
    let different = || links.apart.iter().find(has_both).cloned().map(Rule::Different);
    has_too_many.map(Rule::AtMost).or_else(is_too_large).or_else(different)
}

/// The people of a component whose links are admitted one by one; and what is withheld.
pub fn admit(
    plan: &Plan,
    links: &Links,
    component: BTreeSet<Identifier>,
    first_seen: &FirstSeen,
    withheld: &mut Vec<(Link, Rule)>,
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
    for link in admitted {
        let of = |identifier| people.iter().position(|person| person.contains(identifier));
        let (Some(first), Some(second)) = (of(&link.0), of(&link.1)) else { unreachable!() };
        if first == second {
            continue;
        }
        let both = people[first].union(&people[second]).cloned().collect();
        match broken(plan, links, &both) {
            Some(rule) => withheld.push((link.clone(), rule)),
            None => join(&mut people, &link.0, &link.1),
        }
    }
    people
}
