//! Aggregates as their definitions read, over a list of rows.

use super::world::{Member, value_of};
use crate::row::Datum;
use crate::spec::plan::{Function, Plan, Unit, Window};
use crate::time::{Micros, SECOND};

/// The value of an aggregate over all rows of the members.
pub fn value(plan: &Plan, number: u16, members: &[&Member], now: Micros) -> Option<Datum> {
    let aggregate = &plan.aggregates[number as usize];
    let takes =
        |source: usize| plan.sources[source].inputs.iter().any(|input| input.aggregate == number);
    let rows = members.iter().flat_map(|member| &member.rows).filter(|row| takes(row.source));
    let rows = rows.filter(|row| counts(aggregate.window, row.time, now));
    let mut values: Vec<(Micros, Datum)> =
        rows.map(|row| (row.time, value_of(aggregate, row))).collect();
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

/// Of values in the order of (time, value).
fn of_values(function: Function, values: &[(Micros, Datum)]) -> Option<Datum> {
    let count = values.len();
    let all = || values.iter().map(|(_, value)| value.clone());
    let integer = |number: usize| Some(Datum::Integer(number as i64));
    match function {
        Function::Count => return integer(count),
        Function::CountDistinct => {
            let mut distinct: Vec<Datum> = all().collect();
            distinct.sort();
            distinct.dedup();
            return integer(distinct.len());
        }
        _ if count == 0 => return None,
        _ => {}
    }
    match function {
        Function::Min => all().min(),
        Function::Max => all().max(),
        Function::First => all().next(),
        Function::Last => all().next_back(),
        Function::BoolAnd => Some(Datum::Boolean(all().all(|v| v == Datum::Boolean(true)))),
        Function::BoolOr => Some(Datum::Boolean(all().any(|v| v == Datum::Boolean(true)))),
        Function::Sum => Some(match values[0].1 {
            Datum::Integer(_) => Datum::Integer(all().map(|value| integer_of(&value)).sum()),
            _ => Datum::Number(quarters(all()).iter().sum::<i64>() as f64 / 4.0),
        }),
        // With four digits more, rounded half up: no amount of the tests is negative.
        Function::Avg => {
            let sum: i128 = all()
                .map(|value| match value {
                    Datum::Decimal(value) => value,
                    other => unreachable!("{other:?}"),
                })
                .sum();
            Some(Datum::Decimal((sum * 20_000 + count as i128) / (2 * count as i128)))
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
                (Datum::Decimal(a), Datum::Decimal(b)) => Datum::Decimal((a + b) * 5),
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
        other => unreachable!("{other:?}"),
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
