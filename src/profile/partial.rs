//! Partials: what an identifier brings to its person's aggregate, and how they come to a value.
//!
//! Partials of a person's identifiers merge to one, in any order. Sums can also be taken back out of
//! what they were merged into, without a rest: they are exact.

use std::sync::Arc;

use arrow::datatypes::{DataType, i256};
use num_bigint::BigInt;
use serde::{Deserialize, Serialize};

use super::exact::{ExactSum, Total, nearest_quotient};
use super::room::{NoRoom, finite, of_integers};
use crate::plan::{Aggregate, Function};
use crate::row::Datum;
use crate::time::Micros;

/// What an identifier brings to its person's aggregate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Partial {
    Count(i64),
    /// Of integers and unscaled decimals.
    Integers {
        count: i64,
        sum: i64,
    },
    // Boxed, like the others: a partial is held for every identifier, and few are of these.
    /// Likewise, where the sum takes more than 64 bits.
    LongIntegers(Box<Long>),
    Numbers(Box<Numbers>),
    Moments(Box<Moments>),
    Truths {
        yes: i64,
        no: i64,
    },
    Value(Datum),
    Timed(Micros, Datum),
    /// Newest first, as many as are asked for.
    Recent(Arc<[(Micros, Datum)]>),
}

/// A sum that never overflows: 2^63 decimals of 38 digits come to less than 2^190.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Long {
    count: i64,
    low: u128,
    high: i128,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Numbers {
    count: i64,
    sum: ExactSum,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    count: i64,
    sum: ExactSum,
    squares: ExactSum,
}

impl Partial {
    /// What no row comes to.
    pub fn nothing(aggregate: &Aggregate) -> Self {
        match aggregate.function {
            Function::Count => Partial::Count(0),
            Function::Sum | Function::SumDistinct | Function::Avg => match aggregate.argument {
                Some(DataType::Float64) => Partial::Numbers(Box::default()),
                _ => Partial::Integers { count: 0, sum: 0 },
            },
            Function::Stddev | Function::Variance => Partial::Moments(Box::default()),
            Function::BoolAnd | Function::BoolOr => Partial::Truths { yes: 0, no: 0 },
            // Stands for "no value yet": the count of a Count that is not there.
            Function::Min | Function::Max | Function::First | Function::Last => Partial::Count(0),
            other => unreachable!("{other:?} is no sum"),
        }
    }

    /// So many integers, or unscaled decimals, with their sum.
    pub fn of_sum(count: i64, sum: i256) -> Self {
        match sum.to_i128().and_then(|sum| i64::try_from(sum).ok()) {
            Some(sum) => Partial::Integers { count, sum },
            None => {
                let (low, high) = sum.to_parts();
                Partial::LongIntegers(Box::new(Long { count, low, high }))
            }
        }
    }

    pub fn is_nothing(&self) -> bool {
        match self {
            Partial::Count(count) | Partial::Integers { count, .. } => *count == 0,
            Partial::LongIntegers(long) => long.count == 0,
            Partial::Numbers(numbers) => numbers.count == 0,
            Partial::Moments(moments) => moments.count == 0,
            Partial::Truths { yes, no } => *yes == 0 && *no == 0,
            Partial::Value(_) | Partial::Timed(..) | Partial::Recent(_) => false,
        }
    }

    /// Takes a row in (`diff` 1) or back (-1).
    pub fn add(&mut self, function: Function, value: Datum, time: Micros, diff: i64) {
        match (&mut *self, value) {
            (Partial::Count(count), value) => match function {
                Function::Min | Function::Max => *self = Partial::Value(value),
                Function::First | Function::Last => *self = Partial::Timed(time, value),
                _ => *count += diff,
            },
            (Partial::Integers { .. } | Partial::LongIntegers(_), Datum::Integer(value)) => {
                self.add_integers(diff, i128::from(value), diff);
            }
            (Partial::Integers { .. } | Partial::LongIntegers(_), Datum::Decimal(value)) => {
                self.add_integers(diff, value.get(), diff);
            }
            (Partial::Numbers(numbers), Datum::Number(value)) => {
                numbers.count += diff;
                numbers.sum.add(value, diff);
            }
            (Partial::Moments(moments), Datum::Number(value)) => {
                moments.count += diff;
                moments.sum.add(value, diff);
                moments.squares.add_square(value, diff);
            }
            (Partial::Truths { yes, .. }, Datum::Boolean(true)) => *yes += diff,
            (Partial::Truths { no, .. }, Datum::Boolean(false)) => *no += diff,
            (Partial::Value(_), value) => self.merge(function, &Partial::Value(value)),
            (Partial::Timed(..), value) => self.merge(function, &Partial::Timed(time, value)),
            (partial, value) => unreachable!("the plan gives no {value:?} to {partial:?}"),
        }
    }

    /// Takes in what another identifier of the person brings.
    pub fn merge(&mut self, function: Function, other: &Partial) {
        let least = matches!(function, Function::Min | Function::First);
        match (&mut *self, other) {
            (Partial::Value(value), Partial::Value(next)) => {
                if (next < value) == least && next != value {
                    *value = next.clone();
                }
            }
            (Partial::Timed(time, value), Partial::Timed(next_time, next)) => {
                let before = (*next_time, next) < (*time, value);
                if before == least {
                    (*time, *value) = (*next_time, next.clone());
                }
            }
            (Partial::Recent(values), Partial::Recent(next)) => {
                let Function::Recent(number) = function else {
                    unreachable!("{function:?} takes no list")
                };
                *values = newest(values, next, number as usize);
            }
            _ => self.add_sum(other, 1),
        }
    }

    /// Takes in so many times what an identifier brings to a sum, or takes it back.
    pub fn add_sum(&mut self, other: &Partial, times: i64) {
        match (&mut *self, other) {
            (Partial::Count(count), Partial::Count(more)) => *count += more * times,
            (
                Partial::Integers { .. } | Partial::LongIntegers(_),
                Partial::Integers { .. } | Partial::LongIntegers(_),
            ) => {
                let (count, sum) = other.integers();
                match sum.to_i128() {
                    Some(sum) => self.add_integers(count * times, sum, times),
                    None => self.add_long(count * times, sum, times),
                }
            }
            (Partial::Numbers(numbers), Partial::Numbers(more)) => {
                numbers.count += more.count * times;
                numbers.sum.merge(&more.sum, times);
            }
            (Partial::Moments(moments), Partial::Moments(more)) => {
                moments.count += more.count * times;
                moments.sum.merge(&more.sum, times);
                moments.squares.merge(&more.squares, times);
            }
            (Partial::Truths { yes, no }, Partial::Truths { yes: more, no: fewer }) => {
                *yes += more * times;
                *no += fewer * times;
            }
            (one, other) => unreachable!("{one:?} and {other:?} are of one aggregate"),
        }
    }

    /// The count and the sum of a partial of integers.
    fn integers(&self) -> (i64, i256) {
        match self {
            Partial::Integers { count, sum } => (*count, i256::from_i128((*sum).into())),
            Partial::LongIntegers(long) => (long.count, i256::from_parts(long.low, long.high)),
            other => unreachable!("{other:?} is not of integers"),
        }
    }

    /// Adds so many values, and a sum so many times.
    fn add_integers(&mut self, more: i64, further: i128, times: i64) {
        if let Partial::Integers { count, sum } = self
            && let Some(further) = further.checked_mul(times.into())
            && let Some(total) = further.checked_add((*sum).into())
            && let Ok(total) = i64::try_from(total)
        {
            (*count, *sum) = (*count + more, total);
            return;
        }
        self.add_long(more, i256::from_i128(further), times);
    }

    fn add_long(&mut self, more: i64, further: i256, times: i64) {
        let (count, sum) = self.integers();
        let count = count + more;
        let sum = sum.wrapping_add(further.wrapping_mul(i256::from_i128(times.into())));
        *self = Partial::of_sum(count, sum);
    }

    /// The aggregate's value; `None` is null.
    pub fn finish(&self, aggregate: &Aggregate) -> Result<Option<Datum>, NoRoom> {
        Ok(match self {
            Partial::Count(count) => Some(Datum::Integer(*count)),
            Partial::Value(value) | Partial::Timed(_, value) => Some(value.clone()),
            Partial::Recent(values) => {
                Some(Datum::List(values.iter().map(|(_, value)| value.clone()).collect()))
            }
            Partial::Truths { yes, no } => Some(Datum::Boolean(match aggregate.function {
                Function::BoolAnd => *no == 0,
                _ => *yes > 0,
            })),
            Partial::Integers { .. } | Partial::LongIntegers(_) => {
                let (count, sum) = self.integers();
                Some(of_integers(aggregate, count, sum)?)
            }
            Partial::Numbers(numbers) => Some(finite(match aggregate.function {
                Function::Avg => numbers.sum.mean(numbers.count),
                _ => numbers.sum.value(),
            })?),
            Partial::Moments(moments) => {
                let Moments { count, sum, squares } = &**moments;
                let variance = sample_variance(*count, sum, squares);
                let value = variance.map(|variance| match aggregate.function {
                    Function::Stddev => finite(variance.sqrt()),
                    _ => finite(variance),
                });
                value.transpose()?
            }
        })
    }

    /// The aggregate's value over no rows at all.
    pub fn of_nothing(aggregate: &Aggregate) -> Option<Datum> {
        match aggregate.function {
            Function::Count | Function::CountDistinct => Some(Datum::Integer(0)),
            Function::Funnel { .. } => Some(Datum::List([].into())),
            _ => None,
        }
    }
}

/// Two lists with the newest first, as one.
fn newest(
    one: &[(Micros, Datum)],
    other: &[(Micros, Datum)],
    number: usize,
) -> Arc<[(Micros, Datum)]> {
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    let next = || match (one.peek(), other.peek()) {
        (Some(first), Some(second)) if first < second => other.next(),
        (None, _) => other.next(),
        _ => one.next(),
    };
    std::iter::from_fn(next).take(number).cloned().collect()
}

/// (Σx² - (Σx)² / n) / (n - 1), computed without error and rounded once.
fn sample_variance(count: i64, sum: &ExactSum, squares: &ExactSum) -> Option<f64> {
    if count < 2 {
        return None;
    }
    let (
        Total::Finite { mantissa: sum, exponent: sum_exponent },
        Total::Finite { mantissa: squares, exponent: squares_exponent },
    ) = (sum.total(), squares.total())
    else {
        return Some(f64::NAN);
    };
    let count = BigInt::from(count);
    let square = &sum * &sum;
    let exponent = squares_exponent.min(2 * sum_exponent);
    let squares = (&count * squares) << (squares_exponent - exponent);
    let square = square << (2 * sum_exponent - exponent);
    let denominator = &count * (&count - BigInt::from(1));
    Some(nearest_quotient(&(squares - square), &denominator, exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(values: &[f64]) -> Option<f64> {
        let (mut sum, mut squares) = (ExactSum::default(), ExactSum::default());
        for value in values {
            sum.add(*value, 1);
            squares.add_square(*value, 1);
        }
        sample_variance(values.len() as i64, &sum, &squares)
    }

    /// Sums of this type, of so many decimals: taken in, put together, and taken back.
    fn of_decimals(values: &[i128], function: Function, output: DataType) -> Result<Datum, NoRoom> {
        let aggregate = Aggregate {
            function,
            argument: Some(DataType::Decimal128(38, 10)),
            output,
            window: None,
            retracts: false,
            sessions: None,
        };
        let one = |values: &[i128]| {
            let mut partial = Partial::nothing(&aggregate);
            for value in values {
                partial.add(function, Datum::decimal(*value), 0, 1);
            }
            partial
        };
        let (first, rest) = values.split_at(values.len() / 2);
        let mut all = one(first);
        all.merge(function, &one(rest));
        let found = all.finish(&aggregate);
        for value in values {
            all.add(function, Datum::decimal(*value), 0, -1);
        }
        assert_eq!(all, Partial::nothing(&aggregate));
        found.map(|found| found.expect("there are values"))
    }

    #[test]
    fn sums_of_decimals_have_room_on_the_way_and_never_wrap() {
        let wide = DataType::Decimal128(38, 10);
        let most = 10i128.pow(38) - 1;
        let sum = |values: &[i128]| of_decimals(values, Function::Sum, wide.clone());
        // Four times nine tenths of it would be a sum of 38 digits again, were it to wrap at 128 bits.
        assert_eq!(sum(&[most / 10 * 9; 4]), Err(NoRoom));
        assert_eq!(sum(&[most, most, -most, -most, 7]), Ok(Datum::decimal(7)));
        assert_eq!(sum(&[most, 1]), Err(NoRoom));
        let average = |values: &[i128]| of_decimals(values, Function::Avg, wide.clone());
        assert_eq!(average(&[most; 1_000]), Ok(Datum::decimal(most)));
        assert_eq!(average(&[-3, -4]), Ok(Datum::decimal(-4)));
        let more = DataType::Decimal128(38, 14);
        assert_eq!(of_decimals(&[1, 1, 0], Function::Avg, more.clone()), Ok(Datum::decimal(6_667)));
        assert_eq!(of_decimals(&[most], Function::Avg, more), Err(NoRoom));
    }

    /// NIST's "NumAcc3" and "NumAcc4" of its Statistical Reference Datasets: the certified standard
    /// deviation of both is 0.1.
    #[test]
    fn nist_reference_data_gives_its_certified_deviation() {
        for (first, low, high) in
            [(1000000.2, 1000000.1, 1000000.3), (10000000.2, 10000000.1, 10000000.3)]
        {
            let mut values = vec![first];
            for _ in 0..500 {
                values.extend([low, high]);
            }
            let deviation = moments(&values).expect("more than two values").sqrt();
            assert!((deviation - 0.1).abs() < 1e-8, "{deviation}");
        }
        assert_eq!(moments(&[1.0]), None);
        assert_eq!(moments(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), Some(32.0 / 7.0));
    }
}
