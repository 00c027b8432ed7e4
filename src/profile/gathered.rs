//! What a person's identifiers hold together where the values themselves have to be known: how many
//! are distinct, which are the most frequent, which lies in the middle.
//!
//! Each kind keeps its values so that one that comes or goes costs no walk over the others.

use arrow::datatypes::i256;

use super::aggregate::Account;
use super::distinct_sum::DistinctSum;
use super::funnel::Funnel;
use super::halves::Halves;
use super::room::{NoRoom, decimal, more_digits, rounded_quotient};
use super::tally::Tally;
use crate::definition::MOST_VALUES;
use crate::plan::{Aggregate, Function};
use crate::row::Datum;
use crate::state::few::FewMap;
use crate::time::Micros;

#[derive(Debug)]
pub enum Gathered {
    /// Each value once for every identifier that brings it.
    Distinct(FewMap<Datum, i64>),
    // Boxed, as most are none of these, and one is held for everyone.
    DistinctSum(Box<DistinctSum>),
    Tally(Box<Tally>),
    Halves(Box<Halves>),
    Funnel(Box<Funnel>),
    /// Of rows that come with their sessions: they are nobody's but the person's.
    Account(Account),
}

impl Gathered {
    /// Of an aggregate whose values travel, or whose rows come with their sessions.
    pub fn new(aggregate: &Aggregate) -> Self {
        match aggregate.function {
            Function::CountDistinct | Function::Distinct => Gathered::Distinct(FewMap::default()),
            Function::SumDistinct => Gathered::DistinctSum(Box::new(DistinctSum::new(aggregate))),
            Function::Mode | Function::Top(_) => Gathered::Tally(Box::default()),
            Function::Median => Gathered::Halves(Box::default()),
            Function::Funnel { within, steps } => {
                Gathered::Funnel(Box::new(Funnel::new(within, steps)))
            }
            _ => Gathered::Account(Account::new(aggregate)),
        }
    }

    /// Takes a value in `diff` times, or back: never more often than it is there.
    pub fn add(&mut self, aggregate: &Aggregate, time: Micros, value: &Datum, diff: i64) {
        match self {
            Gathered::Distinct(values) => {
                values.count(value.clone(), diff);
            }
            Gathered::DistinctSum(sum) => sum.add(value, diff),
            Gathered::Tally(tally) => tally.add(value, diff),
            Gathered::Halves(halves) => halves.add(value, diff),
            Gathered::Funnel(funnel) => match value {
                Datum::Integer(step) => funnel.add(*step as usize - 1, time, diff),
                other => unreachable!("{other:?} is no step"),
            },
            Gathered::Account(account) => {
                account.add(aggregate, value, time, diff);
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Gathered::Distinct(values) => values.is_empty(),
            Gathered::DistinctSum(sum) => sum.is_empty(),
            Gathered::Tally(tally) => tally.is_empty(),
            Gathered::Halves(halves) => halves.is_empty(),
            Gathered::Funnel(funnel) => funnel.is_empty(),
            Gathered::Account(account) => account.is_empty(),
        }
    }

    /// The aggregate's value; `None` is null.
    pub fn value(&self, aggregate: &Aggregate) -> Result<Option<Datum>, NoRoom> {
        Ok(match (self, aggregate.function) {
            (Gathered::Distinct(values), Function::CountDistinct) => {
                Some(Datum::Integer(values.len() as i64))
            }
            (Gathered::Distinct(values), _) => {
                let first = values.keys().take(MOST_VALUES as usize).cloned();
                Some(Datum::List(first.collect()))
            }
            (Gathered::DistinctSum(sum), _) => sum.value(aggregate)?,
            (Gathered::Tally(tally), Function::Top(number)) => {
                let top = tally.top(number as usize).into_iter().map(|(value, count)| {
                    Datum::Struct([Some(value), Some(Datum::Integer(count))].into())
                });
                Some(Datum::List(top.collect()))
            }
            (Gathered::Tally(tally), _) => tally.top(1).pop().map(|(value, _)| value),
            (Gathered::Halves(halves), _) => match halves.middle() {
                Some((lower, upper)) => Some(mean(lower, upper, aggregate)?),
                None => None,
            },
            (Gathered::Funnel(funnel), _) => {
                let times = funnel.furthest().into_iter().map(Datum::Timestamp);
                Some(Datum::List(times.collect()))
            }
            (Gathered::Account(account), _) => match account.partial(aggregate) {
                Some(partial) => partial.finish(aggregate)?,
                None => None,
            },
        })
    }
}

/// The mean of two numbers: of integers as the nearest double, of decimals with one digit more where there
/// is room for it, and else rounded, halves away from zero.
fn mean(one: &Datum, other: &Datum, aggregate: &Aggregate) -> Result<Datum, NoRoom> {
    match (one, other) {
        (Datum::Integer(one), Datum::Integer(other)) => {
            let sum = *one as i128 + *other as i128;
            Ok(Datum::Number(sum as f64 / 2.0))
        }
        (Datum::Number(one), Datum::Number(other)) => Ok(Datum::Number(one.midpoint(*other))),
        (Datum::Decimal(one), Datum::Decimal(other)) => {
            let sum = i256::from_i128(one.get()).wrapping_add(i256::from_i128(other.get()));
            let sum = sum.wrapping_mul(more_digits(aggregate));
            decimal(rounded_quotient(sum, i256::from_i128(2)), aggregate)
        }
        (one, other) => unreachable!("the plan takes no mean of {one:?} and {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::DataType;

    fn median_of(values: &[Datum], argument: DataType, output: DataType) -> Option<Datum> {
        let mut halves = Halves::default();
        values.iter().for_each(|value| halves.add(value, 1));
        let aggregate = Aggregate {
            function: Function::Median,
            argument: Some(argument),
            output,
            window: None,
            retracts: false,
            sessions: None,
        };
        Gathered::Halves(Box::new(halves)).value(&aggregate).ok().flatten()
    }

    fn median(values: &[Datum]) -> Option<Datum> {
        median_of(values, DataType::Decimal128(37, 2), DataType::Decimal128(38, 3))
    }

    /// What `select median(x) from (values …) t(x)` gives in DuckDB 2.0.0. (Of decimals it drops
    /// the digit that we keep: 1.275 is its 1.27.)
    #[test]
    fn medians_are_those_of_duckdb() {
        let integers = [1, 2, 10, 7].map(Datum::Integer);
        assert_eq!(median(&integers), Some(Datum::Number(4.5)));
        let large = [i64::MAX, i64::MAX - 2].map(Datum::Integer);
        assert_eq!(median(&large), Some(Datum::Number(9.223372036854776e18)));
        let numbers = [0.1, 0.2, 0.4, 1e300].map(Datum::Number);
        assert_eq!(median(&numbers), Some(Datum::Number(0.30000000000000004)));
        let decimals = [125, 130, -400, 9_999].map(Datum::decimal);
        assert_eq!(median(&decimals), Some(Datum::decimal(1_275)));
        let too_large = [10i128.pow(38) - 1; 2].map(Datum::decimal);
        assert_eq!(median(&too_large), None);
        let wide = DataType::Decimal128(38, 10);
        let of_wide = |values: &[Datum]| median_of(values, wide.clone(), wide.clone());
        assert_eq!(of_wide(&too_large), Some(too_large[0].clone()));
        assert_eq!(of_wide(&[-3, -4].map(Datum::decimal)), Some(Datum::decimal(-4)));
    }
}
