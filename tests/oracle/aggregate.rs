//! Aggregates over a list of values, each by its definition.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::DataType;
use num_bigint::BigInt;
use selfsame::internals::aggregate::AddsUp;
use selfsame::internals::plan::{Aggregate, Function};
use selfsame::internals::row::Datum;
use selfsame::internals::time::Micros;

use super::exact;

/// The aggregate of a person's rows that count, each with its time; `None` is null.
pub fn aggregate(aggregate: &Aggregate, rows: &[(Micros, Datum)]) -> Option<Datum> {
    let values = || rows.iter().map(|(_, value)| value);
    match aggregate.function {
        Function::Count => Some(Datum::Integer(rows.len() as i64)),
        Function::CountDistinct => {
            Some(Datum::Integer(values().collect::<BTreeSet<_>>().len() as i64))
        }
        Function::Timeline => None,
        Function::Funnel { within, steps } => {
            let times = funnel(rows, within, i64::from(steps)).into_iter().map(Datum::Timestamp);
            Some(Datum::List(times.collect()))
        }
        _ if rows.is_empty() => None,
        Function::Sum => match aggregate.output {
            DataType::Float64 => finite(exact::sum(&numbers(rows))),
            DataType::Int64 => i64::try_from(whole(rows)).ok().map(Datum::Integer),
            _ => decimal(aggregate, whole(rows)),
        },
        Function::SumDistinct => {
            let distinct: BTreeSet<Datum> = values().cloned().collect();
            let rows: Vec<_> = distinct.into_iter().map(|value| (0, value)).collect();
            let (argument, output) = (aggregate.argument.clone(), aggregate.output.clone());
            let of_each_once =
                Aggregate { function: Function::Sum, argument, output, ..*aggregate };
            self::aggregate(&of_each_once, &rows)
        }
        Function::Avg => match (&aggregate.argument, &aggregate.output) {
            (Some(DataType::Float64), _) => {
                let numbers = numbers(rows);
                let mean = exact::sum(&numbers) / rows.len() as f64;
                finite(if mean.is_finite() { mean } else { exact::mean(&numbers) })
            }
            (_, DataType::Float64) => {
                let sum: f64 = whole(rows).to_string().parse().expect("a number");
                Some(Datum::Number(sum / rows.len() as f64))
            }
            _ => decimal(aggregate, rounded(whole(rows) * more_digits(aggregate), rows.len())),
        },
        // Any would do: of all that it may be the one that is the same on every machine.
        Function::Min | Function::AnyValue => values().min().cloned(),
        Function::Max => values().max().cloned(),
        Function::BoolAnd => Some(Datum::Boolean(values().all(|v| *v == Datum::Boolean(true)))),
        Function::BoolOr => Some(Datum::Boolean(values().any(|v| *v == Datum::Boolean(true)))),
        Function::First => rows.iter().min().map(|(_, value)| value.clone()),
        Function::Last => rows.iter().max().map(|(_, value)| value.clone()),
        Function::Mode => by_frequency(rows).into_iter().next().map(|(value, _)| value),
        Function::Top(most) => {
            let counted = by_frequency(rows).into_iter().take(usize::from(most));
            let counted = counted.map(|(value, count)| {
                Datum::Struct([Some(value), Some(Datum::Integer(count))].into())
            });
            Some(Datum::List(counted.collect()))
        }
        Function::Recent(most) => {
            let mut newest: Vec<_> = rows.iter().collect();
            newest.sort_by(|one, other| other.cmp(one));
            let newest = newest.into_iter().take(usize::from(most));
            Some(Datum::List(newest.map(|(_, value)| value.clone()).collect()))
        }
        Function::Distinct => {
            let distinct: BTreeSet<_> = values().cloned().collect();
            Some(Datum::List(distinct.into_iter().take(1_000).collect()))
        }
        Function::Median => median(aggregate, values().cloned().collect()),
        Function::PercentileDisc { share } => {
            let mut values: Vec<Datum> = values().cloned().collect();
            values.sort();
            // The first value that at least the share of all is not above.
            let wanted = BigInt::from(share.billionths()) * values.len();
            let found =
                (1..).zip(&values).find(|(place, _)| BigInt::from(BILLION) * *place >= wanted);
            found.map(|(_, value)| value.clone())
        }
        Function::PercentileCont { share } => {
            let mut values: Vec<Datum> = values().cloned().collect();
            values.sort();
            let far = u64::from(share.billionths()) * (values.len() as u64 - 1);
            let (place, beyond) = ((far / BILLION) as usize, far % BILLION);
            let next = values.get(place + 1).filter(|_| beyond > 0).unwrap_or(&values[place]);
            let ends = [(0, values[place].clone()), (0, next.clone())];
            let near = BILLION - beyond;
            match (&aggregate.argument, &aggregate.output) {
                (Some(DataType::Float64), _) => {
                    let [one, next] = [numbers(&ends)[0], numbers(&ends)[1]];
                    let part = |of: u64| of as f64 / BILLION as f64;
                    let between = one * part(near) + next * part(beyond);
                    Some(Datum::Number(if one == next { one } else { between }))
                }
                (_, output) => {
                    let sum = whole(&ends[..1]) * near + whole(&ends[1..]) * beyond;
                    match output {
                        DataType::Float64 => {
                            let sum: f64 = sum.to_string().parse().expect("a number");
                            Some(Datum::Number(sum / BILLION as f64))
                        }
                        _ => decimal(
                            aggregate,
                            rounded(sum * more_digits(aggregate), BILLION as usize),
                        ),
                    }
                }
            }
        }
        Function::TopBySum(most) => {
            let DataType::List(item) = &aggregate.output else { unreachable!("a list") };
            let DataType::Struct(fields) = item.data_type() else { unreachable!("of sums") };
            let of = of_each(aggregate, Function::Sum, fields[1].data_type());
            let top = heaviest(rows, &of)?.into_iter().take(usize::from(most));
            let top = top.map(|(value, sum)| Datum::Struct([Some(value), Some(sum)].into()));
            Some(Datum::List(top.collect()))
        }
        Function::ModeBySum => {
            let (_, weight) = of_pair(aggregate);
            let sum = match weight {
                DataType::Decimal128(digits, behind) => {
                    DataType::Decimal128((digits + 10).min(38), behind)
                }
                other => other,
            };
            let of = of_each(aggregate, Function::Sum, &sum);
            heaviest(rows, &of)?.into_iter().next().map(|(value, _)| value)
        }
        Function::ByKey { of } => {
            let DataType::Map(entries, _) = &aggregate.output else { unreachable!("a map") };
            let DataType::Struct(fields) = entries.data_type() else { unreachable!("of entries") };
            let function = match of {
                AddsUp::Count => Function::Count,
                AddsUp::Sum => Function::Sum,
                AddsUp::Avg => Function::Avg,
                AddsUp::Stddev => Function::Stddev,
                AddsUp::Variance => Function::Variance,
                AddsUp::BoolAnd => Function::BoolAnd,
                AddsUp::BoolOr => Function::BoolOr,
            };
            let each = of_each(aggregate, function, fields[1].data_type());
            let mut entries = Vec::new();
            for (key, rows) in by_key(rows) {
                // A deviation of one value is none; any other that is null has no room.
                let is_alone = rows.len() < 2 && matches!(of, AddsUp::Stddev | AddsUp::Variance);
                if !is_alone {
                    let value = self::aggregate(&each, &rows)?;
                    entries.push(Datum::Struct([Some(key), Some(value)].into()));
                }
            }
            (entries.len() <= 1_000).then(|| Datum::List(entries.into()))
        }
        Function::Variance => exact::variance(&numbers(rows)).and_then(finite),
        Function::Stddev => exact::variance(&numbers(rows)).and_then(|v| finite(v.sqrt())),
    }
}

/// The rows of each key, by the values of pairs.
fn by_key(rows: &[(Micros, Datum)]) -> BTreeMap<Datum, Vec<(Micros, Datum)>> {
    let mut all: BTreeMap<Datum, Vec<(Micros, Datum)>> = BTreeMap::new();
    for (time, pair) in rows {
        let Datum::Struct(pair) = pair else { unreachable!("a pair") };
        let [Some(key), Some(value)] = &pair[..] else { unreachable!("whole") };
        all.entry(key.clone()).or_default().push((*time, value.clone()));
    }
    all
}

/// The types of the pairs that an aggregate looks at.
fn of_pair(aggregate: &Aggregate) -> (DataType, DataType) {
    match &aggregate.argument {
        Some(DataType::Struct(fields)) => {
            (fields[0].data_type().clone(), fields[1].data_type().clone())
        }
        other => unreachable!("{other:?} is no pair"),
    }
}

/// What is asked of the rows of one key.
fn of_each(aggregate: &Aggregate, function: Function, output: &DataType) -> Aggregate {
    let (_, value) = of_pair(aggregate);
    Aggregate { function, argument: Some(value), output: output.clone(), ..*aggregate }
}

/// Each key with the sum of its values, the greatest first, of equal sums the smaller key.
fn heaviest(rows: &[(Micros, Datum)], sum: &Aggregate) -> Option<Vec<(Datum, Datum)>> {
    let of_key = |(key, rows): (Datum, Vec<(Micros, Datum)>)| Some((key, aggregate(sum, &rows)?));
    let mut sums: Vec<(Datum, Datum)> =
        by_key(rows).into_iter().map(of_key).collect::<Option<_>>()?;
    sums.sort_by(|(one, much), (other, little)| little.cmp(much).then(one.cmp(other)));
    Some(sums)
}

/// A whole, in the parts that shares are told in.
const BILLION: u64 = 1_000_000_000;

/// One that is none has no room.
fn finite(value: f64) -> Option<Datum> {
    value.is_finite().then_some(Datum::Number(value))
}

/// Each value with how often it is there, the most frequent first, of equal counts the smaller.
fn by_frequency(rows: &[(Micros, Datum)]) -> Vec<(Datum, i64)> {
    let mut counts: BTreeMap<Datum, i64> = BTreeMap::new();
    for (_, value) in rows {
        *counts.entry(value.clone()).or_default() += 1;
    }
    let mut counted: Vec<_> = counts.into_iter().collect();
    counted.sort_by(|(one, often), (other, seldom)| seldom.cmp(often).then(one.cmp(other)));
    counted
}

/// The mean of the two middle values, or the middle one twice.
fn median(aggregate: &Aggregate, mut values: Vec<Datum>) -> Option<Datum> {
    values.sort();
    let middle = [values[(values.len() - 1) / 2].clone(), values[values.len() / 2].clone()];
    let middle = middle.map(|value| (0, value));
    match (&aggregate.argument, &aggregate.output) {
        (Some(DataType::Float64), _) => {
            let [one, other] = [&middle[..1], &middle[1..]].map(|of| numbers(of)[0]);
            Some(Datum::Number(if one == other {
                one
            } else {
                exact::sum(&[one / 2.0, other / 2.0])
            }))
        }
        (_, DataType::Float64) => {
            let sum: f64 = whole(&middle).to_string().parse().expect("a number");
            Some(Datum::Number(sum / 2.0))
        }
        _ => decimal(aggregate, rounded(whole(&middle) * more_digits(aggregate), 2)),
    }
}

/// The times of the chain of steps that comes furthest: of those the one that begins latest, each
/// further step as early as it can be.
fn funnel(rows: &[(Micros, Datum)], within: Micros, steps: i64) -> Vec<Micros> {
    let of = |step: i64| rows.iter().filter(move |(_, value)| *value == Datum::Integer(step));
    let chain = |start: Micros| {
        let mut chain = vec![start];
        for step in 2..=steps {
            let last = chain[chain.len() - 1];
            let next = of(step).map(|(time, _)| *time).filter(|time| *time >= last).min();
            match next {
                Some(next) if next - start <= within => chain.push(next),
                _ => break,
            }
        }
        chain
    };
    let chains = of(1).map(|(start, _)| chain(*start));
    chains.max_by_key(|chain| (chain.len(), chain[0])).unwrap_or_default()
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
        Datum::Decimal(value) => BigInt::from(value.get()),
        other => unreachable!("{other:?} is no whole number"),
    };
    rows.iter().map(number).sum()
}

/// The quotient, halves away from zero.
fn rounded(sum: BigInt, count: usize) -> BigInt {
    let half = if sum < BigInt::ZERO { -BigInt::from(count) } else { BigInt::from(count) };
    (sum * 2 + half) / (2 * BigInt::from(count))
}

/// A decimal of as many digits as its type has; null beyond.
fn decimal(aggregate: &Aggregate, unscaled: BigInt) -> Option<Datum> {
    let (digits, _) = digits(&aggregate.output);
    let fits = *unscaled.magnitude() < num_bigint::BigUint::from(10u8).pow(digits.into());
    fits.then(|| Datum::decimal(i128::try_from(unscaled).expect("38 digits")))
}

/// Ten for each digit that the result has more behind the point than the argument.
fn more_digits(aggregate: &Aggregate) -> BigInt {
    let (_, behind) = digits(&aggregate.output);
    let (_, own) = digits(aggregate.argument.as_ref().expect("it has one"));
    BigInt::from(10).pow((behind - own) as u32)
}

fn digits(of: &DataType) -> (u8, i8) {
    match of {
        DataType::Decimal128(digits, behind) => (*digits, *behind),
        other => unreachable!("{other} is no decimal"),
    }
}
