//! Who is who, all at once: for one who asks when no dataflow runs.
//!
//! It is put together from the operators' own parts (what rows support, the gates, the admission of
//! links), so that what it says is what a run comes to from the same rows.

use std::collections::VecDeque;
use std::rc::Rc;

use hashbrown::{HashMap, HashSet};

use super::admission::{Admitted, admit};
use super::changes::LinkChange;
use super::graph::{Graph, NamedNode};
use super::guards::{Guards, Refusal};
use super::links::{self, LinkState, Pair, Supported, SupportedLinks, carried_links};
use super::shared::{CountingGates, NotifiedGates, Passed, limits};
use super::sighting::{Sighted, seen};
use crate::flow::{Emit, Keyed, KeyedState, Update};
use crate::plan::{Plan, Source};
use crate::row::{Identifier, IdentifierHash, Verdict};
use crate::standing::{RowChange, RowStatus};
use crate::state::batch::Batch;
use crate::time::{Micros, Tick};

/// What rows say of identifiers, as they are read.
pub struct Gathering {
    guards: Guards,
    limits: Option<Vec<Option<u32>>>,
    /// By source: whether its rows have an instant.
    dated: Vec<bool>,
    known: HashMap<IdentifierHash, (Identifier, Sighted)>,
    /// Carried by rows that have none.
    undated: HashSet<IdentifierHash>,
    supported: KeyedState<SupportedLinks>,
    links: HashMap<Pair, links::Link>,
}

/// Nothing looks at ticks here: each step is a whole one.
const NOW: Tick = 0;

impl Gathering {
    pub fn new(plan: &Plan) -> Self {
        let guards = Guards::new(plan);
        Gathering {
            supported: KeyedState::new(SupportedLinks::new(guards.exist(), false)),
            guards,
            limits: limits(plan),
            dated: plan.sources.iter().map(Source::is_dated).collect(),
            known: HashMap::new(),
            undated: HashSet::new(),
            links: HashMap::new(),
        }
    }

    /// Takes in what a tick's rows change.
    pub fn add(&mut self, rows: Vec<RowChange>) {
        let mut carried = Batch::default();
        for RowChange { status, row } in rows {
            let (stands, diff) = match status {
                RowStatus::Stands => (true, 1),
                RowStatus::Gone => (true, -1),
                RowStatus::SeenOnly => (false, 1),
            };
            for identifier in row.body.identifiers() {
                let unseen = || (identifier.to_identifier(), Sighted::default());
                let (_, sighted) = self.known.entry(identifier.hash).or_insert_with(unseen);
                sighted.apply(seen(&row.body, row.time), stands, diff);
                if !self.dated[usize::from(row.source)] && row.body.verdict() == Verdict::Together {
                    self.undated.insert(identifier.hash);
                }
            }
            carried.extend(carried_links(row, stands).map(|link| (link, NOW, diff)));
        }
        let mut out = Emit::at(NOW);
        self.supported.apply_tick(None, carried, &mut out);
        // What went comes before what came in its place.
        for (supported, _, diff) in out.into_updates() {
            let Supported::Link(link) = supported else { continue };
            match diff {
                1.. => drop(self.links.insert(link.pair(), link)),
                _ => drop(self.links.remove(&link.pair())),
            }
        }
    }

    pub fn finish(self) -> Whole {
        let mut shared = HashMap::new();
        let mut open: Vec<links::Link> = self.links.values().cloned().collect();
        if let Some(limits) = self.limits {
            let is_limited = |end: &Identifier| limits[usize::from(end.kind)].is_some();
            let of_shared = |of: &Passed| match of {
                Passed::Link(link) => link.one.hash,
                Passed::Shared(shared) => shared.identifier.hash,
            };
            let (gated, free): (Vec<_>, Vec<_>) =
                open.into_iter().partition(|link| is_limited(&link.other));
            let gates = KeyedState::new(CountingGates::new(limits.clone()));
            let passed = passed_all(gates, gated.into_iter().map(|link| (link.other.hash, link)));
            shared = passed
                .iter()
                .filter_map(|passed| match passed {
                    Passed::Shared(of) => Some((of.identifier.hash, (of.by, of.count))),
                    Passed::Link(_) => None,
                })
                .collect();
            let passed = passed.into_iter().chain(free.into_iter().map(Passed::Link));
            let passed = passed.map(|passed| (of_shared(&passed), passed));
            open = passed_all(KeyedState::new(NotifiedGates::default()), passed);
        }
        let mut graph = Graph::default();
        for links::Link { one, other, state } in open {
            for end in [&one, &other] {
                if !graph.contains(end.hash) {
                    graph.add(end);
                }
            }
            graph.link(&LinkChange { one, other, state: Some(state) });
        }
        let mut neighbours: HashMap<IdentifierHash, Vec<IdentifierHash>> = HashMap::new();
        for (one, other) in self.links.keys() {
            neighbours.entry(*one).or_default().push(*other);
            neighbours.entry(*other).or_default().push(*one);
        }
        Whole {
            guards: self.guards,
            known: self.known,
            undated: self.undated,
            links: self.links,
            neighbours,
            graph,
            shared,
            clusters: HashMap::new(),
        }
    }
}

/// What an operator makes of everything at once.
fn passed_all<L: Keyed>(
    mut state: KeyedState<L>,
    all: impl Iterator<Item = (L::Key, L::Value)>,
) -> Vec<L::Output> {
    let mut out = Emit::at(NOW);
    let all: Batch<Update<(L::Key, L::Value)>> = all.map(|data| (data, NOW, 1)).collect();
    state.apply_tick(None, all, &mut out);
    out.into_updates().into_iter().map(|(output, _, _)| output).collect()
}

/// Everyone, and what ties them together.
pub struct Whole {
    guards: Guards,
    known: HashMap<IdentifierHash, (Identifier, Sighted)>,
    undated: HashSet<IdentifierHash>,
    /// Everything that stands between two, whether it counts or not.
    links: HashMap<Pair, links::Link>,
    neighbours: HashMap<IdentifierHash, Vec<IdentifierHash>>,
    /// What the gates let through.
    graph: Graph,
    shared: HashMap<IdentifierHash, (u8, u32)>,
    /// By member, those that were asked for.
    clusters: HashMap<IdentifierHash, Rc<WholeCluster>>,
}

/// The people among identifiers that links tie together.
struct WholeCluster {
    /// Which of them each member is.
    person: HashMap<IdentifierHash, usize>,
    withheld: HashMap<Pair, Refusal>,
}

/// An identifier of a person.
#[derive(Clone, Debug)]
pub struct WholeMember {
    pub identifier: Identifier,
    pub first_seen: Micros,
    /// Whether that is an instant: not the order of a file, and not decisions alone that name it.
    pub is_dated: bool,
    /// Rows that stand and carry it.
    pub rows: i64,
    /// The more trusted type of which it is linked with too many, and with how many.
    pub shared: Option<(u8, u32)>,
}

/// What stands between two identifiers.
#[derive(Clone, Debug)]
pub struct WholeLink {
    /// The more trusted one.
    pub one: Identifier,
    pub other: Identifier,
    pub state: LinkState,
    /// Why it does not count, though something links the two.
    pub withheld: Option<WithheldReason>,
}

/// Why a link does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WithheldReason {
    By(Refusal),
    /// An end of it, this one, is shared.
    Shared(Identifier),
}

impl Whole {
    pub fn guards(&self) -> &Guards {
        &self.guards
    }

    /// An identifier that some row carries.
    pub fn member(&self, hash: IdentifierHash) -> Option<WholeMember> {
        let (identifier, sighted) = self.known.get(&hash).filter(|(_, of)| of.is_known())?;
        let (identifier, first_seen) = (identifier.clone(), sighted.first_seen);
        let rows = i64::from(sighted.rows);
        let is_dated = first_seen != Micros::MAX && !self.undated.contains(&hash);
        let shared = self.shared.get(&hash).copied();
        Some(WholeMember { identifier, first_seen, is_dated, rows, shared })
    }

    /// All that are known, in no order.
    pub fn identifiers(&self) -> impl Iterator<Item = &Identifier> {
        let known = self.known.values().filter(|(_, sighted)| sighted.is_known());
        known.map(|(identifier, _)| identifier)
    }

    /// The identifiers of the person who holds this one: by type, then text.
    pub fn person(&mut self, hash: IdentifierHash) -> Vec<WholeMember> {
        let cluster = self.cluster(hash);
        let person = cluster.person[&hash];
        let same = cluster.person.iter().filter(|(_, of)| **of == person);
        let mut members: Vec<WholeMember> =
            same.filter_map(|(hash, _)| self.member(*hash)).collect();
        members.sort_by(|a, b| own_order(&a.identifier).cmp(&own_order(&b.identifier)));
        members
    }

    pub fn are_one(&mut self, one: IdentifierHash, other: IdentifierHash) -> bool {
        let cluster = self.cluster(one);
        cluster.person.get(&other) == Some(&cluster.person[&one])
    }

    /// What stands between an identifier and others, in the others' own order.
    pub fn links(&mut self, hash: IdentifierHash) -> Vec<WholeLink> {
        let others = self.neighbours.get(&hash).cloned().unwrap_or_default();
        let mut links: Vec<WholeLink> =
            others.into_iter().map(|other| self.between(hash, other)).collect();
        let far = |link: &WholeLink| match link.one.hash == hash {
            true => link.other.clone(),
            false => link.one.clone(),
        };
        links.sort_by(|a, b| own_order(&far(a)).cmp(&own_order(&far(b))));
        links
    }

    /// The link between two identifiers that something stands between.
    fn between(&mut self, one: IdentifierHash, other: IdentifierHash) -> WholeLink {
        let pair = if self.links.contains_key(&(one, other)) { (one, other) } else { (other, one) };
        let links::Link { one, other, state } = self.links[&pair].clone();
        let shared = [&other, &one].into_iter().find(|end| self.shared.contains_key(&end.hash));
        let withheld = match shared {
            _ if !state.linked => None,
            Some(end) => Some(WithheldReason::Shared(end.clone())),
            None => self.cluster(one.hash).withheld.get(&pair).cloned().map(WithheldReason::By),
        };
        WholeLink { one, other, state, withheld }
    }

    /// The shortest chain of links from one to the other: of those that count, or of all that rows
    /// support.
    pub fn chain(
        &mut self,
        from: IdentifierHash,
        to: IdentifierHash,
        all: bool,
    ) -> Option<Vec<WholeLink>> {
        let mut came_by: HashMap<IdentifierHash, Option<WholeLink>> = HashMap::from([(from, None)]);
        let mut waiting = VecDeque::from([from]);
        while let Some(near) = waiting.pop_front() {
            if near == to {
                break;
            }
            for link in self.links(near) {
                let far = if link.one.hash == near { link.other.hash } else { link.one.hash };
                let counts = link.state.linked && (all || link.withheld.is_none());
                if counts && !came_by.contains_key(&far) {
                    came_by.insert(far, Some(link));
                    waiting.push_back(far);
                }
            }
        }
        let mut chain = Vec::new();
        let mut at = to;
        while let Some(link) = came_by.remove(&at)? {
            at = if link.one.hash == at { link.other.hash } else { link.one.hash };
            chain.push(link);
        }
        chain.reverse();
        Some(chain)
    }

    fn cluster(&mut self, hash: IdentifierHash) -> Rc<WholeCluster> {
        if let Some(cluster) = self.clusters.get(&hash) {
            return Rc::clone(cluster);
        }
        let cluster = Rc::new(self.admit(hash));
        for member in cluster.person.keys() {
            self.clusters.insert(*member, Rc::clone(&cluster));
        }
        cluster
    }

    fn admit(&self, hash: IdentifierHash) -> WholeCluster {
        if !self.graph.contains(hash) {
            return WholeCluster { person: HashMap::from([(hash, 0)]), withheld: HashMap::new() };
        }
        let all = self.graph.walk(hash);
        let nodes: Vec<NamedNode<'_>> = all.iter().map(|hash| self.graph.named(*hash)).collect();
        let Admitted { person, withheld, .. } = admit(&self.guards, &nodes);
        let pair = |(one, other): (usize, usize)| (all[one], all[other]);
        WholeCluster {
            person: all.iter().copied().zip(person).collect(),
            withheld: withheld.into_iter().map(|(ends, refusal)| (pair(ends), refusal)).collect(),
        }
    }
}

/// The identifier that a person goes by: of the most trusted type there is the one first seen, of
/// those the least text.
pub fn name(members: &[WholeMember]) -> Option<IdentifierHash> {
    let order = |member: &&WholeMember| {
        (member.identifier.kind, member.first_seen, member.identifier.text.clone())
    };
    members.iter().min_by_key(order).map(|member| member.identifier.hash)
}

fn own_order(identifier: &Identifier) -> (u8, &str) {
    (identifier.kind, &identifier.text)
}
