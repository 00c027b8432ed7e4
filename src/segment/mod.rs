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

use std::rc::Rc;
use std::sync::Arc;

use arrow::array::RecordBatch;
use timely::dataflow::operators::vec::Broadcast;

use crate::flow::{
    Collection, Concat, Concatenate, Due, Exchange, Map, Pipeline, Stream, Update, keeping,
};
use crate::metrics::SharedCounts;
use crate::plan::Plan;
use crate::profile::PersonState;
use crate::state::batch::{Batch, Look, look_ahead};
use crate::state::held::Holds;
use crate::state::queue::BucketQueue;
use crate::state::seats::{Seat, Seats};
use crate::time::Micros;

use borders::{Border, Borders, Held};
pub use evaluate::value_or_null;
use evaluate::{Evaluator, GROUP};
use ranked::{Ranked, RankedValues};
use scores::Scores;
use sight::Sight;

/// Some people after a tick in which something of theirs changed or might have.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// Those who are, in the order of the rows of `columns`.
    pub people: Vec<(Seat, PersonState)>,
    /// The columns of `Plan::profile_schema`; identifiers only where an expression names them.
    pub columns: RecordBatch,
    /// Seats that are no more.
    pub gone: Vec<Seat>,
}

/// What the operator takes in.
#[derive(Clone)]
enum Message {
    Person(Update<(Seat, PersonState)>),
    Ranked(Ranked),
    Border(Border),
    Now(Micros),
}

impl Message {
    fn seat(&self) -> Option<&Seat> {
        match self {
            Message::Person(((seat, _), _, _)) => Some(seat),
            Message::Ranked(_) | Message::Border(_) | Message::Now(_) => None,
        }
    }
}

/// Evaluates people as they change and as time passes. `due` is kept at the next instant at which time
/// alone can change a segment.
pub fn evaluate<'scope>(
    plan: &Arc<Plan>,
    people: Collection<'scope, (Seat, PersonState)>,
    now: Stream<'scope, Micros>,
    due: Due,
    counts: &SharedCounts,
) -> Stream<'scope, Rc<Evaluated>> {
    let changes = people.inner.clone().map(Message::Person);
    let mut messages = changes.concat(now.map(Message::Now));
    if !plan.ranks.is_empty() {
        let (ranked, borders) = rank(plan, people, counts);
        let (ranked, borders) = (ranked.map(Message::Ranked), borders.map(Message::Border));
        messages = messages.scope().concatenate([messages, ranked, borders]);
    }
    let standings = Standings::new(Arc::clone(plan), SharedCounts::clone(counts));
    let apply = move |standings: &mut Standings, batch, evaluated: &mut Batch<Rc<Evaluated>>| {
        evaluated.extend(standings.apply(batch).into_iter().map(Rc::new));
        due.set(standings.due.next());
    };
    keeping(messages, Pipeline, "Segments", counts, standings, apply)
}

/// What of each person is ranked, and the borders between ranks, as they change.
fn rank<'scope>(
    plan: &Arc<Plan>,
    people: Collection<'scope, (Seat, PersonState)>,
    counts: &SharedCounts,
) -> (Stream<'scope, Ranked>, Stream<'scope, Border>) {
    let values = RankedValues::new(Arc::clone(plan), SharedCounts::clone(counts));
    let people = people.inner;
    let ranked = keeping(people, Pipeline, "Ranked", counts, values, |values, batch, ranked| {
        values.apply(batch, ranked)
    });
    let borders = Borders::new(plan);
    let held = ranked.clone().flat_map(Ranked::held);
    let by_rank = Exchange::new(|held: &Held| u64::from(held.rank));
    let borders = keeping(held, by_rank, "Borders", counts, borders, Borders::apply);
    (ranked, borders.broadcast())
}

/// One worker's share of the people, as last evaluated.
struct Standings {
    evaluator: Evaluator,
    people: Seats<Standing>,
    scores: Scores,
    due: BucketQueue<Seat>,
    now: Micros,
}

impl Holds for Standings {
    /// People, with their scores, and who of them waits for an instant.
    fn held(&self) -> usize {
        self.people.len() + self.scores.held() + self.due.len()
    }
}

struct Standing {
    state: PersonState,
    /// Said so in the tick at hand.
    is_gone: bool,
    /// When it has to be evaluated again; other entries of the queue for it are out of date.
    next: Option<Micros>,
}

impl Standings {
    fn new(plan: Arc<Plan>, counts: SharedCounts) -> Self {
        Standings {
            scores: Scores::new(&plan),
            evaluator: Evaluator::new(Arc::clone(&plan), Sight::of_all(&plan), counts),
            people: Seats::default(),
            due: BucketQueue::default(),
            now: Micros::MIN,
        }
    }

    fn apply(&mut self, batch: Batch<Message>) -> Vec<Evaluated> {
        let mut touched: Vec<Seat> = Vec::new();
        let mut gone: Vec<Seat> = Vec::new();
        let (mut ranked, mut borders) = (Vec::new(), Vec::new());
        let looks: [Look<Self, Message>; 2] = [
            |standings, message| message.seat().map_or(0, |seat| standings.find(seat)),
            |standings, message| message.seat().map_or(0, |seat| standings.read(seat)),
        ];
        look_ahead(batch, self, &looks, |standings, message| match message {
            Message::Now(now) => standings.now = standings.now.max(now),
            Message::Ranked(of_person) => ranked.push(of_person),
            Message::Border(border) => borders.push(border),
            Message::Person(((seat, state), _, ..0)) => {
                let known = standings.people.get_mut(seat);
                // Unless it has been said already what is there now.
                if let Some(known) = known.filter(|known| known.state == state) {
                    known.is_gone = true;
                    gone.push(seat);
                }
            }
            Message::Person(((seat, state), _, _)) => {
                match standings.people.get_mut(seat) {
                    Some(known) => (known.state, known.is_gone) = (state, false),
                    None => {
                        let standing = Standing { state, is_gone: false, next: None };
                        standings.people.insert(seat, standing);
                    }
                }
                touched.push(seat);
            }
        });
        gone.retain(|seat| self.people.get(*seat).is_some_and(|known| known.is_gone));
        for seat in &gone {
            self.people.remove(*seat);
        }
        self.due.take_due(self.now, |at, seat| {
            if self.people.get(seat).is_some_and(|standing| standing.next == Some(at)) {
                touched.push(seat);
            }
        });
        touched.extend(self.scores.apply(ranked, borders));
        touched.sort_unstable();
        touched.dedup();
        let mut groups: Vec<&[Seat]> = touched.chunks(GROUP).collect();
        if groups.is_empty() && !gone.is_empty() {
            groups.push(&[]);
        }
        let evaluated =
            groups.into_iter().map(|group| self.evaluate(group, std::mem::take(&mut gone)));
        let evaluated = evaluated.collect();
        self.forget_instants();
        evaluated
    }

    fn evaluate(&mut self, touched: &[Seat], gone: Vec<Seat>) -> Evaluated {
        let mut people = Vec::with_capacity(touched.len());
        look_ahead(touched.to_vec(), self, &[Self::find, Self::read], |standings, seat| {
            let standing = standings.people.get(seat).expect("who is touched is there");
            people.push((seat, standing.state.clone()));
        });
        let columns = self.evaluator.columns(&people, &self.scores, self.now);
        let next = self.evaluator.next_instants(&columns, self.now);
        for ((seat, _), next) in people.iter().zip(next) {
            let standing = self.people.get_mut(*seat).expect("evaluated because it is there");
            if standing.next != next {
                standing.next = next;
                next.inspect(|next| self.due.push(*next, *seat));
            }
        }
        Evaluated { people, columns, gone }
    }

    fn find(&self, seat: &Seat) -> usize {
        self.people.get(*seat).map_or(0, |standing| standing.state.aggregates.len())
    }

    fn read(&self, seat: &Seat) -> usize {
        let first = self.people.get(*seat).and_then(|known| known.state.aggregates.first());
        first.map_or(0, |value| usize::from(value.is_some()))
    }

    /// Of a person only the next instant waits: those that are out of date go before they are many.
    fn forget_instants(&mut self) {
        if self.due.len() > 2 * self.people.len() {
            let people = self.people.iter();
            let due = people.filter_map(|(seat, standing)| Some((standing.next?, seat)));
            self.due = due.collect();
        }
    }
}
