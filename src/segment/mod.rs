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
mod rank_change;
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
use crate::state::batch::{Batch, Prefetch, apply_prefetched};
use crate::state::held::Holds;
use crate::state::queue::BucketQueue;
use crate::state::slots::{Slot, Slots};
use crate::time::Micros;

use borders::{Border, Borders, RankedValue};
pub use evaluate::value_or_null;
use evaluate::{Evaluator, GROUP};
use rank_change::Ranked;
use ranked::RankedValues;
use scores::Scores;
use sight::Sight;

/// Some people after a tick in which something of theirs changed or might have.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// Those who are, in the order of the rows of `columns`.
    pub people: Vec<(Slot, PersonState)>,
    /// The columns of `Plan::profile_schema`; identifiers only where an expression names them.
    pub columns: RecordBatch,
    /// Slots that are no more.
    pub gone: Vec<Slot>,
}

/// What the operator takes in.
#[derive(Clone)]
enum SegmentInput {
    Person(Update<(Slot, PersonState)>),
    Ranked(Ranked),
    Border(Border),
    Now(Micros),
}

impl SegmentInput {
    fn slot(&self) -> Option<&Slot> {
        match self {
            SegmentInput::Person(((slot, _), _, _)) => Some(slot),
            SegmentInput::Ranked(_) | SegmentInput::Border(_) | SegmentInput::Now(_) => None,
        }
    }
}

/// Evaluates people as they change and as time passes. `due` is kept at the next instant at which time
/// alone can change a segment.
pub fn evaluate<'scope>(
    plan: &Arc<Plan>,
    people: Collection<'scope, (Slot, PersonState)>,
    now: Stream<'scope, Micros>,
    due: Due,
    counts: &SharedCounts,
) -> Stream<'scope, Rc<Evaluated>> {
    let changes = people.inner.clone().map(SegmentInput::Person);
    let mut messages = changes.concat(now.map(SegmentInput::Now));
    if !plan.ranks.is_empty() {
        let (ranked, borders) = rank(plan, people, counts);
        let (ranked, borders) =
            (ranked.map(SegmentInput::Ranked), borders.map(SegmentInput::Border));
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
    people: Collection<'scope, (Slot, PersonState)>,
    counts: &SharedCounts,
) -> (Stream<'scope, Ranked>, Stream<'scope, Border>) {
    let values = RankedValues::new(Arc::clone(plan), SharedCounts::clone(counts));
    let people = people.inner;
    let ranked = keeping(people, Pipeline, "Ranked", counts, values, |values, batch, ranked| {
        values.apply(batch, ranked)
    });
    let borders = Borders::new(plan);
    let held = ranked.clone().flat_map(Ranked::held);
    let by_rank = Exchange::new(|held: &RankedValue| u64::from(held.rank));
    let borders = keeping(held, by_rank, "Borders", counts, borders, Borders::apply);
    (ranked, borders.broadcast())
}

/// One worker's share of the people, as last evaluated.
struct Standings {
    evaluator: Evaluator,
    people: Slots<Standing>,
    scores: Scores,
    due: BucketQueue<Slot>,
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
            people: Slots::default(),
            due: BucketQueue::default(),
            now: Micros::MIN,
        }
    }

    fn apply(&mut self, batch: Batch<SegmentInput>) -> Vec<Evaluated> {
        let mut touched: Vec<Slot> = Vec::new();
        let mut gone: Vec<Slot> = Vec::new();
        let (mut ranked, mut borders) = (Vec::new(), Vec::new());
        let prefetches: [Prefetch<Self, SegmentInput>; 2] = [
            |standings, message| message.slot().map_or(0, |slot| standings.find(slot)),
            |standings, message| message.slot().map_or(0, |slot| standings.read(slot)),
        ];
        apply_prefetched(batch, self, &prefetches, |standings, message| match message {
            SegmentInput::Now(now) => standings.now = standings.now.max(now),
            SegmentInput::Ranked(of_person) => ranked.push(of_person),
            SegmentInput::Border(border) => borders.push(border),
            SegmentInput::Person(((slot, state), _, ..0)) => {
                let known = standings.people.get_mut(slot);
                // Unless it has been said already what is there now.
                if let Some(known) = known.filter(|known| known.state == state) {
                    known.is_gone = true;
                    gone.push(slot);
                }
            }
            SegmentInput::Person(((slot, state), _, _)) => {
                match standings.people.get_mut(slot) {
                    Some(known) => (known.state, known.is_gone) = (state, false),
                    None => {
                        let standing = Standing { state, is_gone: false, next: None };
                        standings.people.insert(slot, standing);
                    }
                }
                touched.push(slot);
            }
        });
        gone.retain(|slot| self.people.get(*slot).is_some_and(|known| known.is_gone));
        for slot in &gone {
            self.people.remove(*slot);
        }
        self.due.take_due(self.now, |at, slot| {
            if self.people.get(slot).is_some_and(|standing| standing.next == Some(at)) {
                touched.push(slot);
            }
        });
        touched.extend(self.scores.apply(ranked, borders));
        touched.sort_unstable();
        touched.dedup();
        let mut groups: Vec<&[Slot]> = touched.chunks(GROUP).collect();
        if groups.is_empty() && !gone.is_empty() {
            groups.push(&[]);
        }
        let evaluated =
            groups.into_iter().map(|group| self.evaluate(group, std::mem::take(&mut gone)));
        let evaluated = evaluated.collect();
        self.forget_instants();
        evaluated
    }

    fn evaluate(&mut self, touched: &[Slot], gone: Vec<Slot>) -> Evaluated {
        let mut people = Vec::with_capacity(touched.len());
        apply_prefetched(touched.to_vec(), self, &[Self::find, Self::read], |standings, slot| {
            let standing = standings.people.get(slot).expect("who is touched is there");
            people.push((slot, standing.state.clone()));
        });
        let columns = self.evaluator.columns(&people, &self.scores, self.now);
        let next = self.evaluator.next_instants(&columns, self.now);
        for ((slot, _), next) in people.iter().zip(next) {
            let standing = self.people.get_mut(*slot).expect("evaluated because it is there");
            if standing.next != next {
                standing.next = next;
                next.inspect(|next| self.due.push(*next, *slot));
            }
        }
        Evaluated { people, columns, gone }
    }

    fn find(&self, slot: &Slot) -> usize {
        self.people.get(*slot).map_or(0, |standing| standing.state.aggregates.len())
    }

    fn read(&self, slot: &Slot) -> usize {
        let first = self.people.get(*slot).and_then(|known| known.state.aggregates.first());
        first.map_or(0, |value| usize::from(value.is_some()))
    }

    /// Removes instants that are out of date before they are many: for each person only the next one counts.
    fn forget_instants(&mut self) {
        if self.due.len() > 2 * self.people.len() {
            let people = self.people.iter();
            let due = people.filter_map(|(slot, standing)| Some((standing.next?, slot)));
            self.due = due.collect();
        }
    }
}
