//! People: what their identifiers bring, put together, and the id they go by.

use std::sync::Arc;

use arcstr::ArcStr;
use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};

use super::members::Members;
use super::sessions::OverSessions;
use super::timeline::Told;
use super::transfer::{Holding, Transfer, TransferChange};
use crate::batch::{Batch, Look, look_ahead};
use crate::flow::consolidate;
use crate::held::{Holds, drained};
use crate::identity::Component;
use crate::metrics::SharedCounts;
use crate::queue::BucketQueue;
use crate::row::{Datum, IdentifierHash};
use crate::seats::{FreeSeats, Seat};
use crate::spec::plan::{Function, Plan};
use crate::table::Table;
use crate::time::Micros;

/// A person after a tick in which something of theirs changed.
#[derive(Clone, Debug)]
pub struct Person {
    pub seat: Seat,
    /// `None`: there is no such component any more.
    pub state: Option<PersonState>,
}

#[derive(Clone, Debug)]
pub struct PersonState {
    pub id: IdentifierHash,
    /// Sorted: by type, then text.
    pub identifiers: Arc<[(u8, ArcStr)]>,
    /// One value an aggregate, in the plan's order; `None` is null.
    pub aggregates: Arc<[Option<Datum>]>,
}

/// Which person's an identifier was before a tick and is after it, as far as one component knows:
/// when it moves, the component it left tells the one and the component it joined the other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Belonging {
    pub identifier: IdentifierHash,
    pub kind: u8,
    pub text: ArcStr,
    pub before: Option<IdentifierHash>,
    pub after: Option<IdentifierHash>,
}

/// What a tick changed.
#[derive(Clone, Debug)]
pub enum Change {
    Person(Person),
    Belonging(Belonging),
}

/// What concerns people.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Arrival {
    Transfer(Transfer),
    /// The reading of `now()`, for the worker of this index.
    Now(u64, Micros),
}

impl Arrival {
    fn concerns(&self) -> Option<(&Component, &IdentifierHash)> {
        match self {
            Arrival::Transfer(transfer) => Some((&transfer.component, &transfer.identifier)),
            Arrival::Now(..) => None,
        }
    }
}

/// A component's aggregate, and a value that it takes so many times more or less.
pub type Value = (Component, u16, Micros, Datum);

/// One worker's share of the components.
pub struct People {
    plan: Arc<Plan>,
    people: Table<Component, Members>,
    free_seats: FreeSeats,
    /// By index of `Plan::sessions`.
    over_sessions: Vec<OverSessions>,
    /// People whose rows enter or leave a window over sessions by time alone.
    turns: BucketQueue<Component>,
    now: Micros,
    /// Of the tick at hand.
    touched: HashMap<Component, Touched>,
    counts: SharedCounts,
}

/// Who came to a component in the tick at hand, and who went.
#[derive(Default)]
struct Touched {
    joined: Vec<IdentifierHash>,
    left: Vec<Holding>,
}

impl People {
    pub fn new(plan: Arc<Plan>, counts: SharedCounts) -> Self {
        let over_sessions =
            (0..plan.sessions.len()).map(|index| OverSessions::new(&plan, index, &counts));
        People {
            over_sessions: over_sessions.collect(),
            plan,
            people: Table::default(),
            free_seats: FreeSeats::default(),
            turns: BucketQueue::default(),
            now: Micros::MIN,
            touched: HashMap::new(),
            counts,
        }
    }

    /// The next instant at which time alone changes something.
    pub fn next_due(&self) -> Option<Micros> {
        self.turns.next()
    }

    pub fn apply(&mut self, batch: Batch<Arrival>, changes: &mut Batch<Change>) {
        let mut values = Vec::new();
        let looks: [Look<Self, Arrival>; 3] = [
            |people, arrival| arrival.concerns().map_or(0, |(person, _)| people.find(person)),
            |people, arrival| people.holding(arrival).map_or(0, |holding| holding.partials.len()),
            |people, arrival| people.holding(arrival).map_or(0, Holding::read),
        ];
        look_ahead(batch, self, &looks, |people, arrival| match arrival {
            Arrival::Transfer(transfer) => people.take_in(transfer, &mut values, changes),
            Arrival::Now(_, now) => people.now = people.now.max(now),
        });
        // What comes and what goes arrive in any order, so only the tick's outcome is taken in.
        consolidate(&mut values);
        let over = self.change_rows(&values);
        self.gather(values);
        for component in over {
            self.touched.entry(component).or_default();
        }
        let mut all = std::mem::take(&mut self.touched);
        let settled: Vec<_> = drained(&mut all).collect();
        let looks: [Look<Self, _>; 3] = [
            |people, (component, _)| people.find(component),
            |people, (component, _)| people.holdings(component).map(|of| of.partials.len()).sum(),
            |people, (component, _)| people.holdings(component).map(Holding::read).sum(),
        ];
        look_ahead(settled, self, &looks, |people, (component, touched)| {
            people.settle(component, touched, changes);
        });
        self.touched = all;
        self.free_seats.end_tick();
        self.forget_turns();
    }

    fn find(&self, component: &Component) -> usize {
        self.people.get(component).map_or(0, |members| members.holdings.len())
    }

    fn holding(&self, arrival: &Arrival) -> Option<&Holding> {
        let (component, identifier) = arrival.concerns()?;
        Some(self.people.get(component)?.holdings.get(identifier)?)
    }

    fn holdings(&self, component: &Component) -> impl Iterator<Item = &Holding> {
        let members = self.people.get(component).into_iter();
        members.flat_map(|members| members.holdings.values()).map(|holding| &**holding)
    }

    fn take_in(
        &mut self,
        transfer: Transfer,
        values: &mut Vec<(Value, isize)>,
        changes: &mut Batch<Change>,
    ) {
        let Transfer { component, identifier, change } = transfer;
        let touched = self.touched.entry(component).or_default();
        let members = self.people.entry(component).or_default();
        match change {
            TransferChange::Value { aggregate, time, value, diff } => {
                values.push(((component, aggregate, time, value), diff as isize));
            }
            TransferChange::Holds(holding) => {
                if members.hold(&self.plan, identifier, holding).is_none() {
                    touched.joined.push(identifier);
                }
            }
            TransferChange::Brings(partials) => {
                members.bring(&self.plan, identifier, partials);
            }
            TransferChange::Left => {
                let Some(holding) = members.leave(&self.plan, identifier) else { return };
                let left = belonging(identifier, &holding, members.id, None);
                changes.push(Change::Belonging(left));
                touched.left.push(holding);
            }
        }
    }

    fn gather(&mut self, values: Vec<(Value, isize)>) {
        for ((component, number, time, value), diff) in values {
            if self.plan.aggregates[number as usize].function != Function::Timeline {
                let members = self.people.get_mut(&component).expect("touched");
                members.gather(&self.plan, number, time, &value, diff as i64);
            }
        }
    }

    /// Parts sessions anew where rows came or went and where time has passed. Returns whom that
    /// concerns.
    fn change_rows(&mut self, values: &[(Value, isize)]) -> HashSet<Component> {
        let mut told: Vec<Vec<(Component, Told)>> =
            self.over_sessions.iter().map(|_| Vec::new()).collect();
        if told.is_empty() {
            return HashSet::new();
        }
        let mut touched = HashSet::new();
        let of_one = |((one, number, ..), _): &(Value, isize),
                      ((other, next, ..), _): &(Value, isize)| {
            (one, number) == (other, next)
        };
        for values in values.chunk_by(of_one) {
            let ((component, number, ..), _) = values[0];
            let index = self.plan.sessions.iter().position(|of| of.timeline == number);
            let Some(index) = index else { continue };
            let rows: Vec<_> = values
                .iter()
                .map(|((_, _, time, row), diff)| (*time, row.clone(), *diff as i64))
                .collect();
            let members = self.people.get_mut(&component).expect("touched");
            let looks = &self.over_sessions[index].looks;
            told[index]
                .push((component, members.change_rows(index as u16, looks, &rows, self.now)));
            touched.insert(component);
        }
        let mut due = Vec::new();
        self.turns.take_due(self.now, |at, component| due.push((at, component)));
        for (at, component) in due {
            let Some(members) = self.people.get_mut(&component) else { continue };
            if members.turn != Some(at) {
                continue;
            }
            let indexes: Vec<u16> = members.timelines().map(|(index, _)| index).collect();
            for index in indexes {
                let looks = &self.over_sessions[index as usize].looks;
                let changed = members.change_rows(index, looks, &[], self.now);
                told[index as usize].push((component, changed));
            }
            touched.insert(component);
        }
        for component in &touched {
            self.await_turn(*component);
        }
        let mut values = Vec::new();
        for (over, told) in self.over_sessions.iter().zip(told) {
            over.values(told, &mut values);
        }
        consolidate(&mut values);
        self.gather(values);
        touched
    }

    fn await_turn(&mut self, component: Component) {
        let members = self.people.get_mut(&component).expect("touched");
        let turns = members.timelines().filter_map(|(index, timeline)| {
            timeline.next_turn(&self.over_sessions[index as usize].looks, self.now)
        });
        let next = turns.min();
        if let Some(turn) = next
            && members.turn != next
        {
            self.turns.push(turn, component);
        }
        members.turn = next;
    }

    /// Of a person only the next turn waits: those that are out of date go before they are many.
    fn forget_turns(&mut self) {
        if self.turns.len() > 2 * self.people.len() {
            let people = self.people.iter();
            let turns = people.filter_map(|(component, members)| Some((members.turn?, *component)));
            self.turns = turns.collect();
        }
    }

    /// Names the component anew, and tells what became of it.
    fn settle(&mut self, component: Component, touched: Touched, changes: &mut Batch<Change>) {
        let members = self.people.get_mut(&component).expect("touched");
        let mut counts = self.counts.borrow_mut();
        counts.identifiers += touched.joined.len() as i64 - touched.left.len() as i64;
        let before = members.id;
        if members.holdings.is_empty() {
            debug_assert!(members.is_empty(), "whoever left took all along");
            let seat = members.seat;
            self.people.remove(&component);
            if let Some(seat) = seat {
                counts.people -= 1;
                self.free_seats.leave(seat);
                changes.push(Change::Person(Person { seat, state: None }));
            }
            return;
        }
        let seat = *members.seat.get_or_insert_with(|| {
            counts.people += 1;
            self.free_seats.take()
        });
        members.settle(&self.plan, &touched.joined, &touched.left);
        let id = members.name();
        members.id = Some(id);
        let Touched { mut joined, .. } = touched;
        if before.is_some_and(|before| before != id) {
            joined.sort_unstable();
            let stayed =
                members.holdings.iter().filter(|(id, _)| joined.binary_search(id).is_err());
            for (identifier, holding) in stayed {
                let belonging = belonging(*identifier, holding, before, Some(id));
                changes.push(Change::Belonging(belonging));
            }
        }
        for identifier in joined {
            let belonging = belonging(identifier, &members.holdings[&identifier], None, Some(id));
            changes.push(Change::Belonging(belonging));
        }
        let state = PersonState {
            id,
            identifiers: members.identifiers(),
            aggregates: members.aggregates(&self.plan, |aggregate| {
                let function = aggregate.function;
                tracing::debug!("{function:?} of a person has no room in {}", aggregate.output);
                counts.failed_expressions += 1;
            }),
        };
        changes.push(Change::Person(Person { seat, state: Some(state) }));
    }
}

impl Holds for People {
    /// People, and who of them waits for a window to turn.
    fn held(&self) -> usize {
        self.people.len() + self.turns.len()
    }

    fn give_back(&mut self) {
        self.people.give_back();
    }
}

fn belonging(
    identifier: IdentifierHash,
    holding: &Holding,
    before: Option<IdentifierHash>,
    after: Option<IdentifierHash>,
) -> Belonging {
    let Holding { kind, text, .. } = holding;
    Belonging { identifier, kind: *kind, text: ArcStr::clone(text), before, after }
}
