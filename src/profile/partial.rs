//! Partials: what an identifier brings to its person's aggregate, and how they come to a value.
//!
//! Partials of a person's identifiers merge to one, in any order. Sums can also be taken back out of
//! what they were merged into, without a rest: they are exact.

use std::sync::Arc;

use arrow::datatypes::DataType;
use num_bigint::BigInt;
use serde::{Deserialize, Serialize};

use super::exact::{ExactSum, Total, nearest_quotient};
use crate::row::Datum;
use crate::spec::plan::{Aggregate, Function};
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
    LongIntegers(Box<(i64, i128)>),
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
            Function::Sum | Function::Avg => match aggregate.argument {
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

    pub fn is_nothing(&self) -> bool {
        match self {
            Partial::Count(count) | Partial::Integers { count, .. } => *count == 0,
            Partial::LongIntegers(long) => long.0 == 0,
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

    /// Takes out of a sum what was merged into it.
    pub fn take_back(&mut self, other: &Partial) {
        self.add_sum(other, -1);
    }

    fn add_sum(&mut self, other: &Partial, times: i64) {
        match (&mut *self, other) {
            (Partial::Count(count), Partial::Count(more)) => *count += more * times,
            (
                Partial::Integers { .. } | Partial::LongIntegers(_),
                Partial::Integers { .. } | Partial::LongIntegers(_),
            ) => {
                let (count, sum) = other.integers();
                self.add_integers(count * times, sum, times);
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
    fn integers(&self) -> (i64, i128) {
        match self {
            Partial::Integers { count, sum } => (*count, i128::from(*sum)),
            Partial::LongIntegers(long) => **long,
            other => unreachable!("{other:?} is not of integers"),
        }
    }

    /// Adds so many values, and a sum so many times. That wraps, so that what is taken back leaves what
    /// was there.
    fn add_integers(&mut self, more: i64, further: i128, times: i64) {
        let (count, sum) = self.integers();
        let (count, sum) =
            (count + more, sum.wrapping_add(further.wrapping_mul(i128::from(times))));
        *self = match i64::try_from(sum) {
            Ok(sum) => Partial::Integers { count, sum },
            Err(_) => Partial::LongIntegers(Box::new((count, sum))),
        };
    }

    /// The aggregate's value; `None` is null.
    pub fn finish(&self, aggregate: &Aggregate) -> Option<Datum> {
        match self {
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
                of_integers(aggregate, count, sum)
            }
            Partial::Numbers(numbers) => Some(Datum::Number(match aggregate.function {
                Function::Avg => numbers.sum.value() / numbers.count as f64,
                _ => numbers.sum.value(),
            })),
            Partial::Moments(moments) => {
                let Moments { count, sum, squares } = &**moments;
                let variance = sample_variance(*count, sum, squares)?;
                Some(Datum::Number(match aggregate.function {
                    Function::Stddev => variance.sqrt(),
                    _ => variance,
                }))
            }
        }
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

fn of_integers(aggregate: &Aggregate, count: i64, sum: i128) -> Option<Datum> {
    match (aggregate.function, &aggregate.output) {
        (Function::Sum, DataType::Int64) => i64::try_from(sum).ok().map(Datum::Integer),
        (Function::Sum, _) => in_38_digits(sum).map(Datum::decimal),
        (_, DataType::Float64) => Some(Datum::Number(sum as f64 / count as f64)),
        // The average has four digits more than its argument, rounded half away from zero.
        _ => {
            let scaled = sum.checked_mul(10_000)?;
            let (quotient, rest) = (scaled / count as i128, scaled % count as i128);
            let up = (rest.unsigned_abs() * 2 >= count as u128) as i128 * scaled.signum();
            in_38_digits(quotient + up).map(Datum::decimal)
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

/// A decimal's unscaled value, unless it has more digits than a decimal has.
pub fn in_38_digits(value: i128) -> Option<i128> {
    (value.unsigned_abs() < 10u128.pow(38)).then_some(value)
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
