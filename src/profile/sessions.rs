//! Rows in their sessions, and what they give to the aggregates that look at these.
//!
//! A person's sessions are parted where its rows change, or enter and leave windows; what the rows then
//! give is evaluated by column over all people of a tick.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};

use super::contribution::Contribution;
use super::timeline::{Alike, Looks, PersonTimeline, TimelineChanges};
use crate::aggregate::{End, Extreme, Kept};
use crate::columns;
use crate::decode::evaluate::{Room, evaluate_within, in_parts, matches};
use crate::flow::{Diff, Emit, Keep, Keyed, Update, consolidate};
use crate::identity::Component;
use crate::metrics::SharedCounts;
use crate::plan::{AggregateInput, Plan, Sessions};
use crate::row::Datum;
use crate::state::batch::Batch;
use crate::state::few::FewMap;
use crate::state::queue::BucketQueue;
use crate::state::table::Table;
use crate::time::Micros;

/// Rows of a person that are alike in all that the aggregates of these sessions (an index into
/// `Plan::sessions`) look at, and how many more, or less, they are.
type InSessions = ((Component, u16, Alike), Diff);

/// A row of a person: the sessions that it is a part of, its time, and what it brings.
pub type SessionRow = (u16, Micros, Datum);

/// How people's rows are parted into sessions.
pub struct Parting {
    /// By index of `Plan::sessions`.
    looks: Vec<Looks>,
    /// People whose rows enter or leave a window over sessions by time alone.
    turns: BucketQueue<Component>,
    now: Micros,
    /// The rows in sessions of the person at hand.
    rows: Vec<(SessionRow, Diff)>,
}

/// A person's rows, by index of `Plan::sessions`; those without any are left out.
#[derive(Default)]
pub struct Timelines {
    timelines: FewMap<u16, PersonTimeline>,
    /// When time alone changes something next; other entries of the queue are out of date.
    turn: Option<Micros>,
}

impl Parting {
    pub fn new(looks: Vec<Looks>) -> Self {
        Parting { looks, turns: BucketQueue::default(), now: Micros::MIN, rows: Vec::new() }
    }

    fn change(
        &self,
        key: Component,
        timelines: &mut Timelines,
        index: u16,
        rows: &[(SessionRow, Diff)],
        out: &mut Emit<(Component, u16, Alike)>,
    ) {
        let rows = rows.iter().map(|((_, time, row), diff)| (*time, row.clone(), *diff as i64));
        let rows: Vec<_> = rows.collect();
        let mut changes = TimelineChanges::new();
        let timeline = timelines.timelines.get_or_insert_with(index, PersonTimeline::default);
        timeline.change(&self.looks[usize::from(index)], &rows, self.now, &mut changes);
        if timeline.is_empty() {
            timelines.timelines.remove(&index);
        }
        changes.into_iter().for_each(|(alike, rows)| out.push((key, index, alike), rows as Diff));
    }
}

impl Keyed for Parting {
    type Key = Component;
    type Value = SessionRow;
    type State = Timelines;
    type Face = ();
    type Output = (Component, u16, Alike);

    fn route(key: &Component) -> u64 {
        key.route()
    }

    fn face(&self, _: &Component, _: &Timelines) {}

    fn apply(&mut self, _: &Component, _: &mut Timelines, row: &mut SessionRow, diff: Diff) {
        self.rows.push((row.clone(), diff));
    }

    fn flush(
        &mut self,
        key: &Component,
        timelines: &mut Timelines,
        (): (),
        out: &mut Emit<Self::Output>,
    ) -> Keep {
        let mut rows = std::mem::take(&mut self.rows);
        consolidate(&mut rows);
        for rows in rows.chunk_by(|((one, ..), _), ((other, ..), _)| one == other) {
            let ((index, ..), _) = rows[0];
            self.change(*key, timelines, index, rows, out);
        }
        if timelines.turn.is_some_and(|turn| turn <= self.now) {
            let indexes: Vec<u16> = timelines.timelines.keys().copied().collect();
            indexes.into_iter().for_each(|index| self.change(*key, timelines, index, &[], out));
        }
        let turns = timelines.timelines.iter().filter_map(|(index, timeline)| {
            timeline.next_turn(&self.looks[usize::from(*index)], self.now)
        });
        let next = turns.min();
        if let Some(turn) = next
            && timelines.turn != next
        {
            self.turns.push(turn, *key);
        }
        timelines.turn = next;
        rows.clear();
        self.rows = rows;
        Keep::unless(timelines.timelines.is_empty())
    }

    fn pass_time(&mut self, now: Micros, due: &mut Vec<Component>) {
        self.now = self.now.max(now);
        self.turns.take_due(self.now, |_, component| due.push(component));
    }

    fn next_due(&self) -> Option<Micros> {
        self.turns.next()
    }

    /// Removes turns that are out of date before they are many: for each person only the next one counts.
    fn end_tick(&mut self, keys: &Table<Component, Timelines>) {
        if self.turns.len() > 2 * keys.len() {
            let keys = keys.iter();
            let turns = keys.filter_map(|(component, of)| Some((of.turn?, *component)));
            self.turns = turns.collect();
        }
    }

    fn entries_beside(&self) -> usize {
        self.turns.len()
    }
}

/// What the rows of a tick, in their sessions, give to aggregates.
pub fn contributions(
    over: &[OverSessions],
    rows: Batch<Update<(Component, u16, Alike)>>,
    out: &mut Emit<(Component, Contribution)>,
) {
    let mut rows: Vec<InSessions> = rows.into_iter().map(|(row, _, diff)| (row, diff)).collect();
    rows.sort_unstable_by_key(|((_, index, _), _)| *index);
    for rows in rows.chunk_by(|((_, one, _), _), ((_, other, _), _)| one == other) {
        let ((_, index, _), _) = rows[0];
        in_parts(rows.len(), &mut |part, room| {
            let mut values = Vec::new();
            let failed = over[usize::from(index)].values(&rows[part], room, &mut values)?;
            over[usize::from(index)].counts.borrow_mut().failed_expressions += failed;
            values.into_iter().for_each(|(value, diff)| out.push(value, diff));
            Some(())
        });
    }
}

/// The sessions of one source.
pub struct OverSessions {
    plan: Arc<Plan>,
    index: usize,
    pub looks: Looks,
    /// By input, the bit of its window, and which of its rows' times its aggregate looks at.
    looks_of: Vec<(Option<usize>, TimeOf)>,
    counts: SharedCounts,
}

/// Which time of rows that are alike an aggregate looks at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TimeOf {
    /// None at all.
    Nothing,
    First,
    Last,
    /// Each has its own.
    Row,
}

impl TimeOf {
    fn new(kept: &Kept) -> Self {
        match kept {
            Kept::Extreme(Extreme { by_time: true, end: End::Least }) => TimeOf::First,
            Kept::Extreme(Extreme { by_time: true, end: End::Greatest }) => TimeOf::Last,
            kept if kept.is_by_time() => TimeOf::Row,
            _ => TimeOf::Nothing,
        }
    }

    fn of(self, alike: &Alike) -> Micros {
        match self {
            TimeOf::Nothing => 0,
            TimeOf::First => alike.first,
            TimeOf::Last => alike.last,
            TimeOf::Row => alike.time,
        }
    }
}

impl OverSessions {
    pub fn new(plan: &Arc<Plan>, index: usize, counts: &SharedCounts) -> Self {
        let of = &plan.sessions[index];
        let mut looks = Looks { gap: of.gap, ..Looks::default() };
        let uses = |column: usize| {
            let column = of.brings + column;
            of.inputs.iter().any(|input| {
                let mut expressions = input.condition.iter().chain(&input.argument);
                expressions.any(|expression| expression.uses(column))
            })
        };
        (looks.time, looks.number, looks.start) = (uses(0), uses(1), uses(2));
        (looks.seconds, looks.events) = (uses(3), uses(4));
        let mut looks_of = Vec::new();
        for input in &of.inputs {
            let aggregate = &plan.aggregates[input.aggregate as usize];
            let time_of = TimeOf::new(&aggregate.function.kept());
            looks.time |= time_of == TimeOf::Row;
            looks.ends |= matches!(time_of, TimeOf::First | TimeOf::Last);
            looks.all |= aggregate.window.is_none();
            let window = aggregate.window.map(|window| {
                let known = looks.windows.iter().position(|known| *known == window);
                known.unwrap_or_else(|| {
                    looks.windows.push(window);
                    looks.windows.len() - 1
                })
            });
            looks_of.push((window, time_of));
        }
        OverSessions { plan: Arc::clone(plan), index, looks, looks_of, counts: counts.clone() }
    }

    /// Turns rows in sessions into values for aggregates, of as many rows more or less.
    ///
    /// An expression that fails gives null, which is counted: its row stands, since what fails is
    /// not its own. How many fail is returned; nothing, where there is no room.
    fn values(
        &self,
        changes: &[InSessions],
        room: &mut Room,
        values: &mut Vec<((Component, Contribution), Diff)>,
    ) -> Option<u64> {
        let of = &self.plan.sessions[self.index];
        let rows = changes.iter().map(|((_, _, alike), _)| {
            let Alike { brought, time, number, start, seconds, events, .. } = alike;
            let (time, number, start) = (*time, *number, *start);
            InSession { brought, time, number, start, seconds: *seconds, events: *events }
        });
        let batch = session_columns(of, &rows.collect::<Vec<_>>());
        let mut failed = 0;
        for (input, looks) in of.inputs.iter().zip(&self.looks_of) {
            failed += self.input(input, *looks, &batch, changes, room, values)?;
        }
        Some(failed)
    }

    fn input(
        &self,
        input: &AggregateInput,
        (window, time_of): (Option<usize>, TimeOf),
        batch: &RecordBatch,
        changes: &[InSessions],
        room: &mut Room,
        values: &mut Vec<((Component, Contribution), Diff)>,
    ) -> Option<u64> {
        let inside = |alike: &Alike| window.is_none_or(|bit| alike.windows >> bit & 1 == 1);
        let mut failed = 0;
        let chosen: BooleanArray = match &input.condition {
            None => changes.iter().map(|((_, _, alike), _)| Some(inside(alike))).collect(),
            Some(condition) => {
                let (chosen, failures) = matches(condition, batch);
                failed += failures.len();
                let rows = changes.iter().zip(&chosen);
                rows.map(|(((_, _, alike), _), holds)| Some(inside(alike) && holds == Some(true)))
                    .collect()
            }
        };
        let rows = (0..changes.len()).filter(|row| chosen.value(*row));
        let mut give = |row: usize, value: Datum| {
            let ((component, _, alike), rows) = &changes[row];
            let time = time_of.of(alike);
            let aggregate = input.aggregate;
            values.push(((*component, Contribution::Value { aggregate, time, value }), *rows));
        };
        match &input.argument {
            None => rows.for_each(|row| give(row, Datum::Boolean(true))),
            Some(argument) => {
                let (column, failures) = evaluate_within(argument, batch, room)?;
                failed += failures.iter().filter(|(row, _)| chosen.value(*row)).count();
                columns::for_each(&column, rows, give);
            }
        }
        Some(failed as u64)
    }
}

/// A row as aggregates look at it over sessions.
pub struct InSession<'a> {
    /// The columns that it brings, as one value.
    pub brought: &'a Datum,
    pub time: Micros,
    /// The number of the row's session, from 1; the fields that follow are the session's too.
    pub number: i64,
    pub start: Micros,
    pub seconds: i64,
    pub events: i64,
}

/// The columns of [`Sessions::schema`].
pub fn session_columns(of: &Sessions, rows: &[InSession<'_>]) -> RecordBatch {
    let column = |index: usize, values: Vec<Option<Datum>>| -> ArrayRef {
        columns::array(of.schema.field(index).data_type(), values.iter().map(Option::as_ref))
    };
    let brought = |index: usize| {
        let values = rows.iter().map(|row| match row.brought {
            Datum::Struct(values) => values[index].clone(),
            other => unreachable!("{other:?} brings no columns"),
        });
        column(index, values.collect())
    };
    let mut columns: Vec<ArrayRef> = (0..of.brings).map(brought).collect();
    let own: [fn(&InSession<'_>) -> Datum; 5] = [
        |row| Datum::Timestamp(row.time),
        |row| Datum::Integer(row.number),
        |row| Datum::Timestamp(row.start),
        |row| Datum::Integer(row.seconds),
        |row| Datum::Integer(row.events),
    ];
    for value in own {
        columns.push(column(columns.len(), rows.iter().map(|row| Some(value(row))).collect()));
    }
    RecordBatch::try_new(Arc::clone(&of.schema), columns).expect("of the types of the plan")
}
