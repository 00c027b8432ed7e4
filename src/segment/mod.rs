//! What follows from what is known: derived attributes, segments, and when time alone changes them.
//!
//! All people that changed in a tick are evaluated at once, by column: as they were, and as they are. No person's
//! row is kept here. Of those who changed, the tick's batch of the arrangement person → row has both; of
//! those whom time alone or a border between ranks concerns, the arrangement has the one that stands. As
//! somebody was is their row at the last reading of `now()` and with the scores of then, which is what was
//! told of them.
//!
//! A condition on `now()` is turned into the instants at which it can change; only a person's next one waits
//! in the queue. Ranks look at all people, so what is ranked goes round by one worker a rank:
//!
//! ```text
//! people ─┬→ what is ranked ─┬→ borders, by rank → told to all ─┐
//!         │                  └──────────────────────────────────┼→ columns of all who are touched
//! now() ──┴─────────────────────────────────────────────────────┘
//! ```

mod borders;
mod changed;
mod evaluate;
mod order_statistics;
mod rank_change;
mod ranked;
mod scores;
mod sight;

use std::rc::Rc;
use std::sync::Arc;

use timely::dataflow::operators::vec::Broadcast;

use crate::flow::{
    Concat, Concatenate, Due, Exchange, InPortions, IndexSpan, Map, PackedList, Pipeline, Shared,
    SpanChanges, Stream, WholeTick, each, keeping, keeping_in_portions,
};
use crate::metrics::SharedCounts;
use crate::plan::Plan;
use crate::profile::PersonRows;
use crate::row::IdentifierHash;
use crate::state::batch::Batch;
use crate::state::entries::StateSize;
use crate::state::queue::BucketQueue;
use crate::state::table::Table;
use crate::time::{Micros, Tick};

use borders::{Border, Borders, RankedValue};
use changed::ChangedRows;
pub use changed::{Evaluated, EvaluatedPeople, PeopleRows};
use evaluate::Evaluator;
pub use evaluate::value_or_null;
use rank_change::Ranked;
use ranked::RankedValues;
use scores::Scores;
use sight::Sight;

/// What the operator takes in.
#[derive(Clone)]
enum SegmentInput {
    Changes(PeopleSpan),
    Ranked(Ranked),
    Border(Border),
    Now(Micros),
}

/// The changes of people's rows in a tick.
type PeopleSpan = IndexSpan<IdentifierHash, PackedList>;

/// Evaluates people as they change and as time passes. `due` is kept at the next instant at which time
/// alone can change a segment.
pub fn evaluate<'scope>(
    plan: &Arc<Plan>,
    people: PersonRows<'scope>,
    now: Stream<'scope, Micros>,
    due: Due,
    counts: &SharedCounts,
) -> Stream<'scope, Rc<Evaluated>> {
    let changes = people.stream.clone().map(SegmentInput::Changes);
    let mut messages = changes.concat(now.map(SegmentInput::Now));
    if !plan.ranks.is_empty() {
        let (ranked, borders) = rank(plan, people.stream, counts);
        let (ranked, borders) =
            (ranked.map(SegmentInput::Ranked), borders.map(SegmentInput::Border));
        messages = messages.scope().concatenate([messages, ranked, borders]);
    }
    let rows = Shared::new(people.trace);
    let standings = Standings::new(Arc::clone(plan), rows, SharedCounts::clone(counts), due);
    keeping_in_portions(messages, Pipeline, "Segments", counts, standings)
}

/// What of each person is ranked, and the borders between ranks, as they change.
fn rank<'scope>(
    plan: &Arc<Plan>,
    people: Stream<'scope, PeopleSpan>,
    counts: &SharedCounts,
) -> (Stream<'scope, Ranked>, Stream<'scope, Border>) {
    let values = RankedValues::new(Arc::clone(plan), SharedCounts::clone(counts));
    let ranked = each(people, "Ranked", move |_, span, ranked| {
        let mut changes = SpanChanges::new(Some(&span));
        while let Some(group) = next_changed(&mut changes) {
            values.compare(&group, ranked);
        }
    });
    let borders = Borders::new(plan);
    let changes = ranked.clone().flat_map(Ranked::changes);
    let by_rank = Exchange::new(|of: &RankedValue| u64::from(of.rank));
    let borders = keeping(changes, by_rank, "Borders", counts, borders, Borders::apply);
    (ranked, borders.broadcast())
}

/// The next people whose rows a tick changes.
fn next_changed(changes: &mut SpanChanges<IdentifierHash, PackedList>) -> Option<ChangedRows> {
    ChangedRows::next_group(|group| changes.next(|id, row, diff| group.push(*id, row, diff)))
}

/// How many groups of people are a portion.
const PORTION: usize = 4;

/// Who is yet to be evaluated of a tick.
struct UnevaluatedPeople {
    tick: Tick,
    /// The last reading of `now()` before the tick.
    before: Micros,
    /// Those whose rows change.
    changed: SpanChanges<IdentifierHash, PackedList>,
    /// The others, in order.
    unchanged: std::vec::IntoIter<IdentifierHash>,
}

/// One worker's share of the people, by what of them changes without a change of theirs.
struct Standings {
    evaluator: Evaluator,
    /// For people as they were: what fails of them has been counted.
    evaluator_before: Evaluator,
    rows: Shared<IdentifierHash, PackedList>,
    scores: Scores,
    /// When somebody has to be evaluated again; other entries of the queue for them are out of date.
    waiting: Table<IdentifierHash, Micros>,
    due: BucketQueue<IdentifierHash>,
    /// Where it is told when that next is.
    told: Due,
    now: Micros,
    unevaluated: Option<UnevaluatedPeople>,
}

impl StateSize for Standings {
    /// Who waits for an instant, and people's scores.
    fn entries(&self) -> usize {
        self.waiting.len() + self.scores.entries() + self.due.len()
    }

    fn bytes(&self) -> usize {
        self.waiting.room() + self.scores.bytes() + self.due.bytes()
    }

    fn give_back(&mut self) {
        self.waiting.give_back();
    }
}

impl Standings {
    fn new(
        plan: Arc<Plan>,
        rows: Shared<IdentifierHash, PackedList>,
        counts: SharedCounts,
        told: Due,
    ) -> Self {
        let evaluator = |counts| Evaluator::new(Arc::clone(&plan), Sight::of_all(&plan), counts);
        Standings {
            evaluator: evaluator(counts),
            evaluator_before: evaluator(SharedCounts::default()),
            rows,
            scores: Scores::new(&plan),
            waiting: Table::default(),
            due: BucketQueue::default(),
            told,
            now: Micros::MIN,
            unevaluated: None,
        }
    }

    /// The next people, as a tick changes them.
    fn next_group(&self, unevaluated: &mut UnevaluatedPeople) -> Option<ChangedRows> {
        let UnevaluatedPeople { tick, changed, unchanged, .. } = unevaluated;
        next_changed(changed).or_else(|| {
            let mut people = unchanged.by_ref().peekable();
            people.peek()?;
            let mut rows = self.rows.behind(*tick);
            ChangedRows::next_group(|group| {
                let Some(id) = people.next() else { return false };
                let row = rows.get(&id).expect("who is to be evaluated is there");
                group.push(id, row, -1);
                group.push(id, row, 1);
                true
            })
        })
    }

    /// `before` is the last reading of `now()`.
    fn evaluate(&mut self, changed: ChangedRows, before: Micros) -> Evaluated {
        let ChangedRows { was, is } = changed;
        let scores = |id: &IdentifierHash| self.scores.before(id);
        let columns = self.evaluator_before.columns(&was, scores, before);
        let was = EvaluatedPeople { people: was, columns };
        let columns = self.evaluator.columns(&is, |id| self.scores.of(id), self.now);
        let next = self.evaluator.next_instants(&columns, self.now);
        for (id, next) in is.ids().iter().zip(next) {
            if self.waiting.get(id).copied() == next {
                continue;
            }
            match next {
                Some(next) => {
                    self.waiting.insert(*id, next);
                    self.due.push(next, *id);
                }
                None => drop(self.waiting.remove(id)),
            }
        }
        for id in was.people.ids().iter().filter(|id| !is.contains(id)) {
            self.waiting.remove(id);
        }
        Evaluated { was, is: EvaluatedPeople { people: is, columns }, now: self.now }
    }

    /// Removes instants that are out of date before they are many: for each person only the next one counts.
    fn forget_instants(&mut self) {
        if self.due.len() > 2 * self.waiting.len() {
            self.due = self.waiting.iter().map(|(id, next)| (*next, *id)).collect();
        }
    }
}

impl InPortions<SegmentInput, Rc<Evaluated>> for Standings {
    fn begin(&mut self, whole: WholeTick<SegmentInput>) {
        let WholeTick { tick, data, .. } = whole;
        let before = self.now;
        let mut spans = Vec::new();
        let (mut ranked, mut borders) = (Vec::new(), Vec::new());
        for message in data {
            match message {
                SegmentInput::Changes(span) => spans.push(span),
                SegmentInput::Ranked(of_person) => ranked.push(of_person),
                SegmentInput::Border(border) => borders.push(border),
                SegmentInput::Now(now) => self.now = self.now.max(now),
            }
        }
        assert!(spans.len() <= 1, "an arrangement tells the changes of a tick at once");
        let changed = SpanChanges::new(spans.first());
        let mut unevaluated = self.scores.apply(ranked, borders);
        let Standings { due, waiting, .. } = self;
        due.take_due(self.now, |at, person| {
            if waiting.get(&person) == Some(&at) {
                unevaluated.push(person);
            }
        });
        unevaluated.sort_unstable();
        unevaluated.dedup();
        let unchanged = changed.others(unevaluated.into_iter()).into_iter();
        self.unevaluated = Some(UnevaluatedPeople { tick, before, changed, unchanged });
    }

    fn emit(&mut self, evaluated: &mut Batch<Rc<Evaluated>>) -> bool {
        let mut unevaluated = self.unevaluated.take().expect("a tick has begun");
        for _ in 0..PORTION {
            let Some(group) = self.next_group(&mut unevaluated) else {
                self.scores.end_tick();
                self.forget_instants();
                self.rows.let_go(unevaluated.tick);
                self.told.set(self.due.next());
                return true;
            };
            evaluated.push(Rc::new(self.evaluate(group, unevaluated.before)));
        }
        self.unevaluated = Some(unevaluated);
        false
    }
}
