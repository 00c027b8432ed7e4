//! What each identifier's own rows add up to, and which person that is brought to.
//!
//! A row is added up for the identifier that carries it, so that when people merge only what the
//! smaller side holds per identifier moves, never its rows. Rows that count only within a window are
//! queued by the instants at which they enter and leave it.

use std::sync::Arc;

use arcstr::ArcStr;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use thin_vec::ThinVec;

use super::aggregate::{Account, has_partial, is_dated};
use super::partial::Partial;
use super::transfer::{Holding, Transfer, TransferChange};
use super::windows::Windows;
use crate::batch::{Batch, Look, look_ahead};
use crate::flow::consolidate;
use crate::held::{Holds, drained};
use crate::identity::{Belongs, Component, Named};
use crate::queue::BucketQueue;
use crate::row::{Body, Datum, IdentifierHash, Input};
use crate::spec::plan::Plan;
use crate::table::Table;
use crate::time::Micros;

/// What concerns an identifier.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Posting {
    Named(Named),
    Belongs(Belongs),
    /// A row whose most trusted identifier it is.
    Row {
        time: Micros,
        diff: i8,
        body: Arc<Body>,
    },
    /// The reading of `now()`, for the worker of this index.
    Now(u64, Micros),
}

impl Posting {
    fn identifier(&self) -> Option<&IdentifierHash> {
        match self {
            Posting::Named(named) => Some(&named.hash),
            Posting::Belongs(belongs) => Some(&belongs.identifier),
            Posting::Row { body, .. } => Some(&body.identifiers[0].hash),
            Posting::Now(..) => None,
        }
    }
}

/// One is held for everyone: so its fields are few and short.
struct Identifier {
    /// `None` until it is first named.
    text: Option<ArcStr>,
    kind: u8,
    first_seen: Micros,
    /// Whether a row that stands carries it.
    known: bool,
    /// Whose it is while it is known.
    belongs: Component,
    /// Whether it was last told that it is in `component`.
    told: bool,
    component: Component,
    /// By aggregate, in their order; those without any row are left out.
    accounts: ThinVec<(u16, Account)>,
}

/// One worker's share of the identifiers.
pub struct Accounts {
    plan: Arc<Plan>,
    windows: Windows,
    identifiers: Table<IdentifierHash, Identifier>,
    /// Rows that enter or leave a window by time alone.
    turns: BucketQueue<Turn>,
    now: Micros,
    /// Of the tick at hand.
    touched: HashMap<IdentifierHash, Touched>,
}

/// What a row gives to the aggregates of one window when it enters, or takes back when it leaves.
struct Turn {
    identifier: IdentifierHash,
    time: Micros,
    diff: i8,
    inputs: Box<[Input]>,
    /// It enters, and leaves at this reading. `None`: it leaves.
    until: Option<Micros>,
}

#[derive(Default)]
struct Touched {
    /// What it is known by has changed.
    named: bool,
    /// Aggregates to which something was added, some of them more than once.
    aggregates: SmallVec<[u16; 12]>,
    /// Values that travel.
    values: Vec<((u16, Micros, Datum), isize)>,
}

impl Accounts {
    pub fn new(plan: Arc<Plan>) -> Self {
        Accounts {
            windows: Windows::new(&plan),
            plan,
            identifiers: Table::default(),
            turns: BucketQueue::default(),
            now: Micros::MIN,
            touched: HashMap::new(),
        }
    }

    /// The next instant at which a row enters or leaves a window.
    pub fn next_due(&self) -> Option<Micros> {
        self.turns.next()
    }

    /// Applies what a tick brings.
    pub fn apply(&mut self, batch: Batch<Posting>, transfers: &mut Batch<Transfer>) {
        let read = batch.iter().filter_map(|posting| match posting {
            Posting::Now(_, now) => Some(*now),
            _ => None,
        });
        self.now = read.fold(self.now, Micros::max);
        self.turn_windows();
        let looks: [Look<Self, Posting>; 2] = [
            |accounts, posting| posting.identifier().map_or(0, |hash| accounts.find(hash)),
            |accounts, posting| posting.identifier().map_or(0, |hash| accounts.read(hash)),
        ];
        look_ahead(batch, self, &looks, Accounts::take_in);
        let mut touched = std::mem::take(&mut self.touched);
        let all: Vec<_> = drained(&mut touched).collect();
        let looks: [Look<Self, _>; 2] =
            [|accounts, (hash, _)| accounts.find(hash), |accounts, (hash, _)| accounts.read(hash)];
        look_ahead(all, self, &looks, |accounts, (hash, touched)| {
            accounts.settle(hash, touched, transfers);
        });
        self.touched = touched;
    }

    fn find(&self, hash: &IdentifierHash) -> usize {
        self.identifiers.get(hash).map_or(0, |identifier| identifier.accounts.len())
    }

    fn read(&self, hash: &IdentifierHash) -> usize {
        let accounts = self.identifiers.get(hash).map(|identifier| identifier.accounts.as_slice());
        let accounts = accounts.unwrap_or_default();
        let at = |index: usize| accounts.get(index).map_or(0, |(number, _)| usize::from(*number));
        at(0) + at(accounts.len() / 4) + at(accounts.len() / 2) + at(accounts.len() * 3 / 4)
    }

    fn take_in(&mut self, posting: Posting) {
        match posting {
            Posting::Now(..) => {}
            Posting::Named(named) => {
                let hash = named.hash;
                let identifier = entry(&mut self.identifiers, hash);
                identifier.text = Some(named.text);
                (identifier.kind, identifier.first_seen) = (named.kind, named.first_seen);
                identifier.known = named.known;
                self.touched.entry(hash).or_default().named = true;
            }
            Posting::Belongs(Belongs { identifier: hash, component }) => {
                entry(&mut self.identifiers, hash).belongs = component;
                self.touched.entry(hash).or_default();
            }
            Posting::Row { time, diff, body } => self.post(time, diff, &body),
        }
    }

    fn post(&mut self, time: Micros, diff: i8, body: &Body) {
        let identifier = body.identifiers[0].hash;
        let windows = &self.windows;
        let whole = body.inputs.iter().filter(|input| windows.of(input.aggregate).is_none());
        add(&self.plan, &mut self.identifiers, &mut self.touched, identifier, whole, time, diff);
        for window in self.windows.all() {
            if !body.inputs.iter().any(|input| self.windows.of(input.aggregate) == Some(window)) {
                continue;
            }
            let readings = self.windows.readings(window, time);
            if readings.end <= self.now {
                continue;
            }
            let inside = |input: &&Input| self.windows.of(input.aggregate) == Some(window);
            let inputs = body.inputs.iter().filter(inside).cloned().collect();
            let enters = Turn { identifier, time, diff, inputs, until: Some(readings.end) };
            if readings.start > self.now {
                self.turns.push(readings.start, enters);
            } else {
                self.turn(enters);
            }
        }
    }

    fn turn_windows(&mut self) {
        let mut due = Vec::new();
        self.turns.take_due(self.now, |_, turn| due.push(turn));
        due.into_iter().for_each(|turn| self.turn(turn));
    }

    fn turn(&mut self, turn: Turn) {
        let Turn { identifier, time, diff, until, .. } = turn;
        if until.is_some_and(|until| until <= self.now) {
            // It has come and gone since `now()` was last read.
            return;
        }
        let diff = if until.is_some() { diff } else { -diff };
        let inputs = turn.inputs.iter();
        add(&self.plan, &mut self.identifiers, &mut self.touched, identifier, inputs, time, diff);
        if let Some(until) = until
            && until < Micros::MAX
        {
            self.turns.push(until, Turn { until: None, ..turn });
        }
    }

    /// Tells the identifier's person, and the one that it left, what changed in the tick.
    fn settle(
        &mut self,
        hash: IdentifierHash,
        mut touched: Touched,
        transfers: &mut Batch<Transfer>,
    ) {
        let identifier = entry(&mut self.identifiers, hash);
        touched.aggregates.sort_unstable();
        touched.aggregates.dedup();
        for number in &touched.aggregates {
            let index = identifier.accounts.binary_search_by_key(number, |(number, _)| *number);
            let index = index.expect("something was added to it");
            if identifier.accounts[index].1.is_empty() {
                identifier.accounts.remove(index);
            }
        }
        consolidate(&mut touched.values);
        let before = identifier.told.then_some(identifier.component);
        let after = identifier.known.then_some(identifier.belongs);
        (identifier.told, identifier.component) = (identifier.known, identifier.belongs);
        let mut send = |component, change| {
            transfers.push(Transfer { component, identifier: hash, change });
        };
        let value =
            |aggregate, time, value, diff| TransferChange::Value { aggregate, time, value, diff };
        if let Some(component) = before
            && before != after
        {
            // What it brought before the tick: what it would bring now, less what changed in it.
            identifier.travelled(&self.plan, |number, time, datum, count| {
                send(component, value(number, time, datum.clone(), -count));
            });
            for ((number, time, datum), diff) in &touched.values {
                send(component, value(*number, *time, datum.clone(), *diff as i64));
            }
            send(component, TransferChange::Left);
        }
        if let Some(component) = after {
            if before == after {
                for ((number, time, datum), diff) in touched.values {
                    send(component, value(number, time, datum, diff as i64));
                }
            } else {
                identifier.travelled(&self.plan, |number, time, datum, count| {
                    send(component, value(number, time, datum.clone(), count));
                });
            }
            if before == after && !touched.named {
                let brings = identifier.brings(&self.plan, &touched.aggregates);
                if !brings.is_empty() {
                    send(component, TransferChange::Brings(brings));
                }
            } else {
                let holding = Box::new(identifier.holding(&self.plan));
                send(component, TransferChange::Holds(holding));
            }
        }
        let alone = identifier.belongs == Component::alone(hash);
        if after.is_none() && alone && identifier.accounts.is_empty() {
            self.identifiers.remove(&hash);
        }
    }
}

impl Holds for Accounts {
    /// Identifiers, and rows that wait for a window to turn.
    fn held(&self) -> usize {
        self.identifiers.len() + self.turns.len()
    }

    fn give_back(&mut self) {
        self.identifiers.give_back();
    }
}

/// Adds what a row gives to the aggregates, or takes it back.
fn add<'a>(
    plan: &Plan,
    identifiers: &mut Table<IdentifierHash, Identifier>,
    touched: &mut HashMap<IdentifierHash, Touched>,
    hash: IdentifierHash,
    inputs: impl Iterator<Item = &'a Input> + Clone,
    time: Micros,
    diff: i8,
) {
    let mut inputs = inputs.peekable();
    if inputs.peek().is_none() {
        return;
    }
    let accounts = &mut entry(identifiers, hash).accounts;
    if accounts.is_empty() {
        // Mostly there are no more than its first row gives something to.
        accounts.reserve_exact(inputs.clone().count());
    }
    let touched = touched.entry(hash).or_default();
    for Input { aggregate: number, value } in inputs {
        let aggregate = &plan.aggregates[*number as usize];
        let index = accounts.binary_search_by_key(number, |(number, _)| *number);
        let index = index.unwrap_or_else(|index| {
            accounts.insert(index, (*number, Account::new(aggregate)));
            index
        });
        let travels = accounts[index].1.add(aggregate, value, time, diff as i64);
        touched.aggregates.push(*number);
        if travels != 0 {
            let time = if is_dated(aggregate) { time } else { 0 };
            touched.values.push(((*number, time, value.clone()), travels as isize));
        }
    }
}

/// An identifier's, which is alone and unknown until something else is heard.
fn entry(
    identifiers: &mut Table<IdentifierHash, Identifier>,
    hash: IdentifierHash,
) -> &mut Identifier {
    identifiers.entry(hash).or_insert_with(|| Identifier {
        text: None,
        kind: 0,
        first_seen: 0,
        known: false,
        belongs: Component::alone(hash),
        told: false,
        component: Component::alone(hash),
        accounts: ThinVec::new(),
    })
}

impl Identifier {
    fn travelled(&self, plan: &Plan, mut each: impl FnMut(u16, Micros, &Datum, i64)) {
        for (number, account) in &self.accounts {
            let aggregate = &plan.aggregates[*number as usize];
            account.travelled(aggregate, |time, value, count| each(*number, time, value, count));
        }
    }

    /// The partials of these aggregates.
    fn brings(&self, plan: &Plan, aggregates: &[u16]) -> Vec<(u16, Option<Partial>)> {
        let with_partial = |number: &&u16| has_partial(&plan.aggregates[**number as usize]);
        let partial = |number: &u16| {
            let index = self.accounts.binary_search_by_key(number, |(number, _)| *number).ok()?;
            self.accounts[index].1.partial(&plan.aggregates[*number as usize])
        };
        let mut brings = Vec::with_capacity(aggregates.len());
        let told = aggregates.iter().filter(with_partial);
        brings.extend(told.map(|number| (*number, partial(number))));
        brings
    }

    fn holding(&self, plan: &Plan) -> Holding {
        let mut partials = Vec::with_capacity(self.accounts.len());
        partials.extend(self.accounts.iter().filter_map(|(number, account)| {
            let partial = account.partial(&plan.aggregates[*number as usize])?;
            Some((*number, partial))
        }));
        Holding {
            kind: self.kind,
            text: self.text.clone().expect("an identifier in a component is known"),
            first_seen: self.first_seen,
            partials,
        }
    }
}
