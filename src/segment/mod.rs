//! What follows from what is known: derived attributes, segments, and when time alone changes them.
//!
//! All people that changed in a tick are evaluated at once, by column. A condition on `now()` is
//! turned into the instants at which it can change; only a person's next one waits in the queue.
//! Ranks look at all people, so what is ranked goes round by one worker a rank:
//!
//! ```text
//! people ─┬→ what is ranked ─┬→ borders, by rank → told to all ─┐
//!         │                  └──────────────────────────────────┼→ columns of all who are touched
//! now() ──┴─────────────────────────────────────────────────────┘
//! ```

mod borders;
mod evaluate;
mod order_statistics;
mod ranked;
mod scores;
mod sight;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use arrow::array::RecordBatch;
use hashbrown::hash_map::Entry;
use hashbrown::{HashMap, HashSet};
use timely::dataflow::operators::vec::Broadcast;

use crate::flow::{Batch, Concat, Concatenate, Exchange, Map, Pipeline, Stream, in_tick_order};
use crate::identity::Component;
use crate::metrics::SharedCounts;
use crate::profile::{Person, PersonState};
use crate::queue::BucketQueue;
use crate::spec::plan::Plan;
use crate::time::Micros;

use borders::{Border, Borders, Held};
use evaluate::Evaluator;
pub use evaluate::value_or_null;
use ranked::{Ranked, RankedValues};
use scores::Scores;
use sight::Sight;

/// People after a tick in which something of theirs changed or might have.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// Those who are, in the order of the rows of `columns`.
    pub people: Vec<(Component, PersonState)>,
    /// The columns of `Plan::profile_schema`; identifiers only where an expression names them.
    pub columns: RecordBatch,
    /// Components that are no more.
    pub gone: Vec<Component>,
}

/// What the operator takes in.
#[derive(Clone)]
enum Message {
    Person(Person),
    Ranked(Ranked),
    Border(Border),
    Now(Micros),
}

/// Evaluates people as they change and as time passes. `next_due` is kept at the next instant at
/// which time alone can change a segment.
pub fn evaluate<'scope>(
    plan: &Arc<Plan>,
    people: Stream<'scope, Person>,
    now: Stream<'scope, Micros>,
    next_due: Rc<Cell<Option<Micros>>>,
    counts: SharedCounts,
) -> Stream<'scope, Evaluated> {
    let mut messages = people.clone().map(Message::Person).concat(now.map(Message::Now));
    if !plan.ranks.is_empty() {
        let (ranked, borders) = rank(plan, people, SharedCounts::clone(&counts));
        let (ranked, borders) = (ranked.map(Message::Ranked), borders.map(Message::Border));
        messages = messages.scope().concatenate([messages, ranked, borders]);
    }
    let mut standings = Standings::new(Arc::clone(plan), counts);
    in_tick_order(messages, Pipeline, "Segments", move |_, batch, evaluated| {
        evaluated.extend(standings.apply(batch));
        next_due.set(standings.due.next());
    })
}

/// What of each person is ranked, and the borders between ranks, as they change.
fn rank<'scope>(
    plan: &Arc<Plan>,
    people: Stream<'scope, Person>,
    counts: SharedCounts,
) -> (Stream<'scope, Ranked>, Stream<'scope, Border>) {
    let mut values = RankedValues::new(Arc::clone(plan), counts);
    let ranked = in_tick_order(people, Pipeline, "Ranked", move |_, batch, ranked| {
        values.apply(batch, ranked);
    });
    let mut borders = Borders::new(plan);
    let held = ranked.clone().flat_map(Ranked::held);
    let by_rank = Exchange::new(|held: &Held| u64::from(held.rank));
    let borders = in_tick_order(held, by_rank, "Borders", move |_, batch, moved| {
        borders.apply(batch, moved);
    });
    (ranked, borders.broadcast())
}

/// One worker's share of the people, as last evaluated.
struct Standings {
    evaluator: Evaluator,
    people: HashMap<Component, Standing>,
    scores: Scores,
    due: BucketQueue<Component>,
    now: Micros,
    /// Of the tick at hand; its room stays for the next.
    touched: HashSet<Component>,
}

struct Standing {
    state: PersonState,
    /// When it has to be evaluated again; other entries of the queue for it are out of date.
    next: Option<Micros>,
}

impl Standings {
    fn new(plan: Arc<Plan>, counts: SharedCounts) -> Self {
        Standings {
            scores: Scores::new(&plan),
            evaluator: Evaluator::new(Arc::clone(&plan), Sight::of_all(&plan), counts),
            people: HashMap::new(),
            due: BucketQueue::default(),
            now: Micros::MIN,
            touched: HashSet::new(),
        }
    }

    fn apply(&mut self, batch: Batch<Message>) -> Option<Evaluated> {
        let mut touched = std::mem::take(&mut self.touched);
        let mut gone = Vec::new();
        let (mut ranked, mut borders) = (Vec::new(), Vec::new());
        for message in batch {
            match message {
                Message::Now(now) => self.now = self.now.max(now),
                Message::Ranked(of_person) => ranked.push(of_person),
                Message::Border(border) => borders.push(border),
                Message::Person(Person { component, state: None }) => {
                    self.people.remove(&component);
                    gone.push(component);
                }
                Message::Person(Person { component, state: Some(state) }) => {
                    match self.people.entry(component) {
                        Entry::Vacant(new) => drop(new.insert(Standing { state, next: None })),
                        Entry::Occupied(mut known) => known.get_mut().state = state,
                    }
                    touched.insert(component);
                }
            }
        }
        self.due.take_due(self.now, |at, component| {
            if self.people.get(&component).is_some_and(|standing| standing.next == Some(at)) {
                touched.insert(component);
            }
        });
        touched.extend(self.scores.apply(ranked, borders));
        if touched.is_empty() && gone.is_empty() {
            return None;
        }
        let state = |component| (component, self.people[&component].state.clone());
        let people: Vec<_> = touched.drain().map(state).collect();
        self.touched = touched;
        let columns = self.evaluator.columns(&people, &self.scores, self.now);
        let next = self.evaluator.next_instants(&columns, self.now);
        for ((component, _), next) in people.iter().zip(next) {
            let standing = self.people.get_mut(component).expect("evaluated because it is there");
            if standing.next != next {
                standing.next = next;
                next.inspect(|next| self.due.push(*next, *component));
            }
        }
        Some(Evaluated { people, columns, gone })
    }
}
