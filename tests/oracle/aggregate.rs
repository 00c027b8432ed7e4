//! Aggregates over a list of values, each by its definition.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::DataType;
use num_bigint::BigInt;
use selfsame::row::Datum;
use selfsame::spec::plan::{Aggregate, Function};
use selfsame::time::Micros;

use super::exact;

/// The aggregate of a person's rows that count, each with its time; `None` is null.
pub fn aggregate(aggregate: &Aggregate, rows: &[(Micros, Datum)]) -> Option<Datum> {
    let values = || rows.iter().map(|(_, value)| value);
    match aggregate.function {
        Function::Count => Some(Datum::Integer(rows.len() as i64)),
        Function::CountDistinct => {
            Some(Datum::Integer(values().collect::<BTreeSet<_>>().len() as i64))
        }
        _ if rows.is_empty() => None,
        Function::Sum => match aggregate.output {
            DataType::Float64 => Some(Datum::Number(exact::sum(&numbers(rows)))),
            DataType::Int64 => i64::try_from(whole(rows)).ok().map(Datum::Integer),
            _ => decimal(whole(rows)),
        },
        Function::Avg => match (&aggregate.argument, &aggregate.output) {
            (Some(DataType::Float64), _) => {
                Some(Datum::Number(exact::sum(&numbers(rows)) / rows.len() as f64))
            }
            (_, DataType::Float64) => {
                let sum: f64 = whole(rows).to_string().parse().expect("a number");
                Some(Datum::Number(sum / rows.len() as f64))
            }
            _ => decimal(rounded(whole(rows) * 10_000, rows.len())),
        },
        Function::Min => values().min().cloned(),
        Function::Max => values().max().cloned(),
        Function::BoolAnd => Some(Datum::Boolean(values().all(|v| *v == Datum::Boolean(true)))),
        Function::BoolOr => Some(Datum::Boolean(values().any(|v| *v == Datum::Boolean(true)))),
        Function::First => rows.iter().min().map(|(_, value)| value.clone()),
        Function::Last => rows.iter().max().map(|(_, value)| value.clone()),
        Function::Variance => exact::variance(&numbers(rows)).map(Datum::Number),
        Function::Stddev => exact::variance(&numbers(rows)).map(|v| Datum::Number(v.sqrt())),
        Function::Median => {
            let mut sorted: Vec<_> = values().collect();
            sorted.sort();
            match (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]) {
                (Datum::Number(a), Datum::Number(b)) => Some(Datum::Number((a + b) / 2.0)),
                (Datum::Integer(a), Datum::Integer(b)) => {
                    let sum = i128::from(*a) + i128::from(*b);
                    Some(Datum::Number(sum as f64 / 2.0))
                }
                (Datum::Decimal(a), Datum::Decimal(b)) => {
                    decimal((BigInt::from(*a) + BigInt::from(*b)) * 5)
                }
                other => unreachable!("{other:?} have no mean"),
            }
        }
        Function::Mode => ranked(rows).into_iter().next().map(|(value, _)| value),
        Function::Top(number) => {
            let pair =
                |(value, count)| Datum::Struct([Some(value), Some(Datum::Integer(count))].into());
            Some(list(ranked(rows).into_iter().take(number.into()).map(pair)))
        }
        Function::Recent(number) => {
            let mut newest: Vec<_> = rows.iter().collect();
            newest.sort_by(|a, b| b.cmp(a));
            Some(list(newest.into_iter().take(number.into()).map(|(_, value)| value.clone())))
        }
        Function::Distinct => {
            Some(list(values().collect::<BTreeSet<_>>().into_iter().take(1_000).cloned()))
        }
    }
}

fn list(values: impl Iterator<Item = Datum>) -> Datum {
    Datum::List(values.collect())
}

/// Values with their counts, the most frequent first, then the least.
fn ranked(rows: &[(Micros, Datum)]) -> Vec<(Datum, i64)> {
    let mut counts = BTreeMap::new();
    rows.iter().for_each(|(_, value)| *counts.entry(value.clone()).or_insert(0) += 1);
    let mut ranked: Vec<_> = counts.into_iter().collect();
    ranked.sort_by_key(|(_, count)| -count);
    ranked
}

fn numbers(rows: &[(Micros, Datum)]) -> Vec<f64> {
    let number = |(_, value): &(Micros, Datum)| match value {
        Datum::Number(value) => *value,
        other => unreachable!("{other:?} is no number"),
    };
    rows.iter().map(number).collect()
}

/// The sum of integers, or of unscaled decimals.
fn whole(rows: &[(Micros, Datum)]) -> BigInt {
    let number = |(_, value): &(Micros, Datum)| match value {
        Datum::Integer(value) => BigInt::from(*value),
        Datum::Decimal(value) => BigInt::from(*value),
        other => unreachable!("{other:?} is no whole number"),
    };
    rows.iter().map(number).sum()
}

/// The quotient, halves away from zero.
fn rounded(sum: BigInt, count: usize) -> BigInt {
    let half = if sum < BigInt::ZERO { -BigInt::from(count) } else { BigInt::from(count) };
    (sum * 2 + half) / (2 * BigInt::from(count))
}

/// A decimal of at most 38 digits; null beyond.
fn decimal(unscaled: BigInt) -> Option<Datum> {
    let fits = *unscaled.magnitude() < num_bigint::BigUint::from(10u8).pow(38);
    fits.then(|| Datum::Decimal(i128::try_from(unscaled).expect("38 digits")))
}
