//! What rows give to the aggregates that look at sessions, by column over all people of a tick.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};

use super::people::Value;
use super::timeline::{Alike, Looks, Told};
use crate::columns;
use crate::decode::{evaluate, matches};
use crate::identity::Component;
use crate::metrics::SharedCounts;
use crate::row::Datum;
use crate::spec::plan::{AggregateInput, Function, Plan, Sessions};
use crate::time::Micros;

/// How many rows are evaluated at once.
const TOGETHER: usize = 1_000;

/// The sessions of one source.
pub struct OverSessions {
    plan: Arc<Plan>,
    index: usize,
    pub looks: Looks,
    /// By input, the bit of its window.
    window_of: Vec<Option<usize>>,
    counts: SharedCounts,
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
        let mut window_of = Vec::new();
        for input in &of.inputs {
            let aggregate = &plan.aggregates[input.aggregate as usize];
            looks.time |= matches!(aggregate.function, Function::Recent(_));
            looks.ends |= matches!(aggregate.function, Function::First | Function::Last);
            looks.all |= aggregate.window.is_none();
            window_of.push(aggregate.window.map(|window| {
                let known = looks.windows.iter().position(|known| *known == window);
                known.unwrap_or_else(|| {
                    looks.windows.push(window);
                    looks.windows.len() - 1
                })
            }));
        }
        OverSessions { plan: Arc::clone(plan), index, looks, window_of, counts: counts.clone() }
    }

    /// Turns what was told of rows into values for aggregates, of as many rows more or less.
    ///
    /// An expression that fails gives null, which is counted: its row stands, since what fails is
    /// not its own.
    pub fn values(&self, told: Vec<(Component, Told)>, values: &mut Vec<(Value, isize)>) {
        let told: Vec<(Component, Alike, i64)> = told
            .into_iter()
            .flat_map(|(component, told)| told.into_iter().map(move |(a, n)| (component, a, n)))
            .collect();
        told.chunks(TOGETHER).for_each(|told| self.values_together(told, values));
    }

    fn values_together(&self, told: &[(Component, Alike, i64)], values: &mut Vec<(Value, isize)>) {
        let of = &self.plan.sessions[self.index];
        let rows = told.iter().map(|(_, alike, _)| {
            let Alike { brought, time, number, start, seconds, events, .. } = alike;
            let (time, number, start) = (*time, *number, *start);
            InSession { brought, time, number, start, seconds: *seconds, events: *events }
        });
        let batch = session_columns(of, &rows.collect::<Vec<_>>());
        for (input, window) in of.inputs.iter().zip(&self.window_of) {
            self.input(input, *window, &batch, told, values);
        }
    }

    fn input(
        &self,
        input: &AggregateInput,
        window: Option<usize>,
        batch: &RecordBatch,
        told: &[(Component, Alike, i64)],
        values: &mut Vec<(Value, isize)>,
    ) {
        let inside = |alike: &Alike| window.is_none_or(|bit| alike.windows >> bit & 1 == 1);
        let mut failed = 0;
        let chosen: BooleanArray = match &input.condition {
            None => told.iter().map(|(_, alike, _)| Some(inside(alike))).collect(),
            Some(condition) => {
                let (chosen, failures) = matches(condition, batch);
                failed += failures.len();
                let rows = told.iter().zip(&chosen);
                rows.map(|((_, alike, _), holds)| Some(inside(alike) && holds == Some(true)))
                    .collect()
            }
        };
        let rows = (0..told.len()).filter(|row| chosen.value(*row));
        let function = self.plan.aggregates[input.aggregate as usize].function;
        let mut give = |row: usize, value: Datum| {
            let (component, alike, count) = &told[row];
            let time = match function {
                Function::First => alike.first,
                Function::Last => alike.last,
                Function::Recent(_) => alike.time,
                _ => 0,
            };
            values.push(((*component, input.aggregate, time, value), *count as isize));
        };
        match &input.argument {
            None => rows.for_each(|row| give(row, Datum::Boolean(true))),
            Some(argument) => {
                let (column, failures) = evaluate(argument, batch);
                failed += failures.iter().filter(|(row, _)| chosen.value(*row)).count();
                columns::for_each(&column, rows, give);
            }
        }
        self.counts.borrow_mut().failed_expressions += failed as u64;
    }
}

/// A row as aggregates look at it over sessions.
pub struct InSession<'a> {
    /// The columns that it brings, as one value.
    pub brought: &'a Datum,
    pub time: Micros,
    /// Of its session: the number from 1, and what there is of it.
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
