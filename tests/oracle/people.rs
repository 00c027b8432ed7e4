//! Who is the same person: a union-find over the links of the rows that stand.

use std::collections::{BTreeMap, BTreeSet};

use selfsame::internals::plan::Plan;
use selfsame::internals::time::Micros;

use super::guards::{Links, Rule, admit, broken};
use super::rows::{Identifier, Said, Saying};

/// Two identifiers, in their own order.
pub type Link = (Identifier, Identifier);

/// A component of linked identifiers.
pub struct Person {
    pub id: String,
    /// In their own order.
    pub identifiers: Vec<Identifier>,
}

/// When an identifier or a link was first carried by a valid row that is no decision.
#[derive(Debug, Default)]
pub struct FirstSeen {
    pub identifiers: BTreeMap<Identifier, Micros>,
    pub links: BTreeMap<Link, Micros>,
}

impl Said {
    /// A row links its most trusted identifier with each of the others, unless it says that they
    /// are different people's.
    pub fn links(&self) -> impl Iterator<Item = Link> {
        let others = match self.saying {
            Saying::Different => &[],
            Saying::Together | Saying::Same => self.identifiers.get(1..).unwrap_or_default(),
        };
        others.iter().map(|other| (self.identifiers[0].clone(), other.clone()))
    }
}

/// The id of the person who is named after an identifier.
pub fn person_id(plan: &Plan, (kind, text): &Identifier) -> String {
    let name = format!("{}:{text}", plan.identifiers[*kind].name);
    let hash = blake3::hash(name.as_bytes()).to_hex();
    format!("p_{}", &hash[..32])
}

/// Who is who, and what does not fit.
pub struct Identified {
    pub people: Vec<Person>,
    pub withheld: Vec<(Link, Rule)>,
    pub links: Links,
}

impl Identified {
    /// By the rows that stand.
    pub fn new(plan: &Plan, standing: &[&Said], first_seen: &FirstSeen) -> Self {
        let links = Links::new(plan, standing);
        let known = standing.iter().flat_map(|said| &said.identifiers);
        let known: BTreeSet<Identifier> = known.cloned().collect();
        let (mut people, mut withheld) = (Vec::new(), Vec::new());
        for component in components(known, links.counting()) {
            if broken(plan, &links, &component).is_some() {
                people.extend(admit(plan, &links, component, first_seen, &mut withheld));
            } else {
                people.push(component);
            }
        }
        let person = |identifiers: BTreeSet<Identifier>| {
            let first_seen = |identifier: &Identifier| first_seen.identifiers[identifier];
            let namesake = identifiers
                .iter()
                .min_by_key(|identifier| (identifier.0, first_seen(identifier), &identifier.1))
                .expect("a component has an identifier");
            let id = person_id(plan, namesake);
            Person { id, identifiers: identifiers.into_iter().collect() }
        };
        Identified { people: people.into_iter().map(person).collect(), withheld, links }
    }
}

/// The connected components of some identifiers.
fn components<'a>(
    identifiers: BTreeSet<Identifier>,
    links: impl Iterator<Item = &'a Link>,
) -> Vec<BTreeSet<Identifier>> {
    let mut components: Vec<BTreeSet<Identifier>> =
        identifiers.into_iter().map(|identifier| [identifier].into()).collect();
    for (one, other) in links {
        join(&mut components, one, other);
    }
    components
}

/// Makes the sets of two identifiers one.
pub fn join(sets: &mut Vec<BTreeSet<Identifier>>, one: &Identifier, other: &Identifier) {
    let of = |sets: &[BTreeSet<Identifier>], identifier: &Identifier| {
        sets.iter().position(|set| set.contains(identifier)).expect("everyone is in a set")
    };
    let into = of(sets, one);
    if of(sets, other) != into {
        let from = of(sets, other);
        let more = std::mem::take(&mut sets[from]);
        sets[into].extend(more);
        sets.swap_remove(from);
    }
}
