//! Aggregates as their definitions read, over a list of rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::RecordBatch;

use super::world::{Member, Row, batch_of, evaluated, value_of};
use crate::columns;
use crate::plan::{Function, Plan, Sessions, Unit, Window};
use crate::row::Datum;
use crate::time::{Micros, SECOND};

/// The value of an aggregate over all rows of the members.
pub fn value(plan: &Plan, number: u16, members: &[&Member], now: Micros) -> Option<Datum> {
    let aggregate = &plan.aggregates[number as usize];
    if let Some(index) = aggregate.sessions {
        return over_sessions(plan, &plan.sessions[index as usize], number, members, now);
    }
    let takes =
        |source: usize| plan.sources[source].inputs.iter().any(|input| input.aggregate == number);
    let rows = members.iter().flat_map(|member| &member.rows).filter(|row| takes(row.source));
    let rows = rows.filter(|row| counts(aggregate.window, row.time, now));
    let values = rows.flat_map(|row| match (&aggregate.argument, aggregate.function) {
        (_, Function::Funnel { .. }) => satisfied(row),
        (None, _) => vec![(row.time, Datum::Boolean(true))],
        (Some(data_type), _) => vec![(row.time, value_of(data_type, row))],
    });
    let mut values: Vec<(Micros, Datum)> = values.collect();
    values.sort();
    of_values(aggregate.function, &values)
}

/// The steps of the tests' funnel that a row is: `odd`, `value > 1`, `letter in ('a', 'd')`.
fn satisfied(row: &Row) -> Vec<(Micros, Datum)> {
    let steps = [row.value % 2 == 1, row.value > 1, row.value == 0 || row.value == 3];
    let numbers = (1..).zip(steps).filter(|(_, satisfied)| *satisfied);
    numbers.map(|(number, _)| (row.time, Datum::Integer(number))).collect()
}

/// Each row by itself, with the session that it is in.
fn over_sessions(
    plan: &Plan,
    of: &Sessions,
    number: u16,
    members: &[&Member],
    now: Micros,
) -> Option<Datum> {
    let rows = members.iter().flat_map(|member| &member.rows);
    let mut rows: Vec<&Row> = rows.filter(|row| row.source == of.source as usize).collect();
    rows.sort_by_key(|row| row.time);
    let mut sessions: Vec<Vec<&Row>> = Vec::new();
    for row in rows {
        match sessions.last_mut() {
            Some(session) if row.time - session[session.len() - 1].time <= of.gap => {
                session.push(row);
            }
            _ => sessions.push(vec![row]),
        }
    }
    let source = &plan.sources[of.source as usize];
    let brings = source.inputs.iter().find(|input| input.aggregate == of.timeline);
    let brings = brings.and_then(|input| input.argument.as_ref());
    let input = of.inputs.iter().find(|input| input.aggregate == number).expect("it looks at them");
    let aggregate = &plan.aggregates[number as usize];
    let mut values = Vec::new();
    for (index, session) in sessions.iter().enumerate() {
        for row in session {
            let brought = brings.and_then(|it| evaluated(it, &batch_of(&source.schema, row)));
            let mut known = match brought {
                Some(Datum::Struct(values)) => values.to_vec(),
                _ => Vec::new(),
            };
            let start = session[0].time;
            known.extend([
                Some(Datum::Timestamp(row.time)),
                Some(Datum::Integer(index as i64 + 1)),
                Some(Datum::Timestamp(start)),
                Some(Datum::Integer((session[session.len() - 1].time - start) / SECOND)),
                Some(Datum::Integer(session.len() as i64)),
            ]);
            let fields = of.schema.fields().iter().zip(&known);
            let columns =
                fields.map(|(field, value)| columns::array(field.data_type(), [value.as_ref()]));
            let batch = RecordBatch::try_new(Arc::clone(&of.schema), columns.collect());
            let batch = batch.expect("of the plan's types");
            let holds = |it| evaluated(it, &batch) == Some(Datum::Boolean(true));
            if !counts(aggregate.window, row.time, now) || !input.condition.iter().all(holds) {
                continue;
            }
            let value = match &input.argument {
                None => Some(Datum::Boolean(true)),
                Some(argument) => evaluated(argument, &batch),
            };
            values.extend(value.map(|value| (row.time, value)));
        }
    }
    values.sort();
    of_values(aggregate.function, &values)
}

fn counts(window: Option<Window>, time: Micros, now: Micros) -> bool {
    match window {
        None => true,
        Some(Window::Within(length)) => time > now - length,
        Some(Window::Between { near, far }) => time <= now - near && time > now - far,
        Some(Window::Since(since)) => {
            let unit = if since.unit == Unit::Second { SECOND } else { 60 * SECOND };
            time >= now.div_euclid(unit) * unit + since.micros
        }
    }
}

/// The outcome of a function over values in the order of (time, value).
fn of_values(function: Function, values: &[(Micros, Datum)]) -> Option<Datum> {
    let count = values.len();
    let all = || values.iter().map(|(_, value)| value.clone());
    let integer = |number: usize| Some(Datum::Integer(number as i64));
    match function {
        Function::Count => integer(count),
        Function::CountDistinct => {
            let mut distinct: Vec<Datum> = all().collect();
            distinct.sort();
            distinct.dedup();
            integer(distinct.len())
        }
        Function::Timeline => None,
        Function::Funnel { within, steps } => {
            let times = chain(values, within, steps as i64).into_iter().map(Datum::Timestamp);
            Some(Datum::List(times.collect()))
        }
        _ if count == 0 => None,
        Function::Min | Function::AnyValue => all().min(),
        Function::Max => all().max(),
        Function::First => all().next(),
        Function::Last => all().next_back(),
        Function::BoolAnd => Some(Datum::Boolean(all().all(|v| v == Datum::Boolean(true)))),
        Function::BoolOr => Some(Datum::Boolean(all().any(|v| v == Datum::Boolean(true)))),
        Function::Sum => Some(match values[0].1 {
            Datum::Integer(_) => Datum::Integer(all().map(|value| integer_of(&value)).sum()),
            _ => Datum::Number(quarters(all()).iter().sum::<i64>() as f64 / 4.0),
        }),
        Function::SumDistinct => {
            let distinct: BTreeSet<Datum> = all().collect();
            let distinct: Vec<_> = distinct.into_iter().map(|value| (0, value)).collect();
            of_values(Function::Sum, &distinct)
        }
        // With four digits more, rounded half up: no amount of the tests is negative.
        Function::Avg => {
            let sum: i128 = all()
                .map(|value| match value {
                    Datum::Decimal(value) => value.get(),
                    other => unreachable!("{other:?}"),
                })
                .sum();
            Some(Datum::decimal((sum * 20_000 + count as i128) / (2 * count as i128)))
        }
        Function::Stddev => {
            let quarters = quarters(all());
            let (sum, squares) = quarters.iter().fold((0, 0), |(s, q), v| (s + v, q + v * v));
            let numerator = count as i64 * squares - sum * sum;
            let denominator = 16 * count as i64 * (count as i64 - 1);
            (count > 1).then(|| Datum::Number((numerator as f64 / denominator as f64).sqrt()))
        }
        Function::Median => {
            let mut sorted: Vec<Datum> = all().collect();
            sorted.sort();
            Some(match (&sorted[(count - 1) / 2], &sorted[count / 2]) {
                (Datum::Integer(a), Datum::Integer(b)) => Datum::Number((a + b) as f64 / 2.0),
                (Datum::Decimal(a), Datum::Decimal(b)) => Datum::decimal((a.get() + b.get()) * 5),
                other => unreachable!("{other:?}"),
            })
        }
        Function::Mode => Some(ranked(values).swap_remove(0).0),
        Function::Top(number) => {
            let top = ranked(values).into_iter().take(number as usize);
            let pair =
                |(value, count)| Datum::Struct([Some(value), Some(Datum::Integer(count))].into());
            Some(Datum::List(top.map(pair).collect()))
        }
        Function::Recent(number) => {
            let newest = all().rev().take(number as usize);
            Some(Datum::List(newest.collect()))
        }
        Function::Distinct => {
            let mut distinct: Vec<Datum> = all().collect();
            distinct.sort();
            distinct.dedup();
            Some(Datum::List(distinct.into()))
        }
        Function::Variance => unreachable!("its root is tested"),
        Function::TopBySum(_) | Function::ModeBySum | Function::ByKey { .. } => {
            unreachable!("the oracle knows them")
        }
        Function::PercentileCont { .. } | Function::PercentileDisc { .. } => {
            unreachable!("the oracle knows them")
        }
    }
}

/// Each value with how often it is there, the most frequent first, then the least.
fn ranked(values: &[(Micros, Datum)]) -> Vec<(Datum, i64)> {
    let mut counted: Vec<(Datum, i64)> = Vec::new();
    for (_, value) in values {
        match counted.iter_mut().find(|(known, _)| known == value) {
            Some((_, count)) => *count += 1,
            None => counted.push((value.clone(), 1)),
        }
    }
    counted.sort_by_key(|(value, count)| (-count, value.clone()));
    counted
}

/// The times of the furthest chain of steps: begun latest, then each step as early as it can be.
fn chain(values: &[(Micros, Datum)], within: Micros, steps: i64) -> Vec<Micros> {
    let starts = values.iter().filter(|(_, step)| *step == Datum::Integer(1));
    let chains = starts.map(|(start, _)| {
        let mut chain = vec![*start];
        for step in 2..=steps {
            let next = values
                .iter()
                .find(|(time, of)| *of == Datum::Integer(step) && *time >= chain[chain.len() - 1]);
            match next {
                Some((time, _)) if time - start <= within => chain.push(*time),
                _ => break,
            }
        }
        chain
    });
    chains.max_by_key(|chain| (chain.len(), chain[0])).unwrap_or_default()
}

fn integer_of(value: &Datum) -> i64 {
    match value {
        Datum::Integer(value) => *value,
        other => unreachable!("{other:?}"),
    }
}

/// Numbers of the tests are whole quarters, whose sums and squares doubles hold without error.
fn quarters(values: impl Iterator<Item = Datum>) -> Vec<i64> {
    let quarter = |value| match value {
        Datum::Number(value) => (value * 4.0).round() as i64,
        other => unreachable!("{other:?}"),
    };
    values.map(quarter).collect()
}
