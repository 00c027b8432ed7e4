//! Partials: what values that are added up come to.
//!
//! Partials of a person's identifiers merge to one, in any order, and can be taken back out of what they
//! were merged into, without a rest: they are exact.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, i256};
use serde::{Deserialize, Serialize};

use super::exact::ExactSum;
use super::ranks::{KeyRanks, RankedSums, SumRank};
use crate::row::Datum;

/// What values come to that are added up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Partial {
    Count(i64),
    /// The sum of integers or of unscaled decimals.
    Integers {
        count: i64,
        sum: i64,
    },
    // Boxed, like the others: a partial is held for every identifier, and few are of these.
    /// Likewise, where the sum takes more than 64 bits.
    LongIntegers(Box<Long>),
    Numbers(Box<NumberSum>),
    Moments(Box<Moments>),
    Truths {
        yes: i64,
        no: i64,
    },
    ByKey(Box<SumsByKey>),
}

/// What the values of each key come to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SumsByKey {
    /// What no value comes to.
    nothing: Partial,
    /// None of them is nothing.
    by_key: BTreeMap<Datum, Partial>,
    /// What a person has, where the greatest are asked for.
    #[serde(skip)]
    ranks: KeyRanks,
}

/// A key, and what its values come to.
pub type KeySum<'a> = (&'a Datum, &'a Partial);

impl SumsByKey {
    pub fn new(nothing: Partial) -> Self {
        SumsByKey { nothing, by_key: BTreeMap::new(), ranks: KeyRanks::Unasked }
    }

    /// The same while there is nothing of it, ready to be asked for the greatest of them.
    pub fn ranked(self) -> Self {
        SumsByKey { ranks: KeyRanks::Few, ..self }
    }

    #[cfg(test)]
    pub fn is_indexed(&self) -> bool {
        matches!(self.ranks, KeyRanks::Many(_))
    }

    /// So many with the greatest sums, the greatest first, of equal ones the least key first; and the one with the
    /// least sum of all.
    pub fn ends(&self, number: usize) -> (Vec<KeySum<'_>>, Option<KeySum<'_>>) {
        let (greatest, least) = self.ranks.ends(ranked(&self.by_key), number);
        let sum = |key: &Datum| self.by_key.get_key_value(key).expect("what is ranked is there");
        (greatest.into_iter().map(sum).collect(), least.map(sum))
    }

    pub fn keys(&self) -> usize {
        self.by_key.len()
    }

    /// In the order of keys.
    pub fn iter(&self) -> impl Iterator<Item = (&Datum, &Partial)> {
        self.by_key.iter()
    }

    /// A key goes when its sum is that of no values, and not when as many came as went: on the way of a tick a
    /// value may go before it came, and its sum is still owed then.
    fn change(&mut self, key: &Datum, change: impl FnOnce(&mut Partial)) {
        let before = self.ranks.before(key, ranked(&self.by_key));
        self.change_sum(key, change);
        self.ranks.change(key, before, ranked(&self.by_key));
    }

    fn change_sum(&mut self, key: &Datum, change: impl FnOnce(&mut Partial)) {
        let Some(sum) = self.by_key.get_mut(key) else {
            let mut sum = self.nothing.clone();
            change(&mut sum);
            if sum != self.nothing {
                self.by_key.insert(key.clone(), sum);
            }
            return;
        };
        change(sum);
        if *sum == self.nothing {
            self.by_key.remove(key);
        }
    }
}

fn ranked(by_key: &BTreeMap<Datum, Partial>) -> RankedSums<'_, Partial> {
    let rank = |sum: &Partial| match sum.added() {
        Added::Whole { sum, .. } => SumRank::Whole(sum),
        Added::Numbers { sum, .. } => SumRank::Number(Datum::Number(sum.value())),
    };
    RankedSums { by_key, rank }
}

/// A sum that never overflows: 2^63 decimals of 38 digits come to less than 2^190.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Long {
    count: i64,
    low: u128,
    high: i128,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NumberSum {
    count: i64,
    sum: ExactSum,
}

/// What a variance is computed from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    pub count: i64,
    pub sum: ExactSum,
    pub squares: ExactSum,
}

impl Moments {
    /// Takes a value in `times` times, or back.
    pub fn add(&mut self, value: &Datum, times: i64) {
        let Datum::Number(value) = value else {
            unreachable!("the plan gives moments no {value:?}")
        };
        self.count += times;
        self.sum.add(*value, times);
        self.squares.add_square(*value, times);
    }
}

/// A number of values, and their sum.
pub enum Added<'a> {
    /// The moments of integers, or of unscaled decimals.
    Whole {
        count: i64,
        sum: i256,
    },
    Numbers {
        count: i64,
        sum: &'a ExactSum,
    },
}

impl Partial {
    /// What no number of a type comes to.
    pub fn of_numbers(data_type: Option<&DataType>) -> Self {
        match data_type {
            Some(DataType::Float64) => Partial::Numbers(Box::default()),
            _ => Partial::Integers { count: 0, sum: 0 },
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

    /// What no value of the same kind comes to.
    pub fn nothing(&self) -> Self {
        match self {
            Partial::Count(_) => Partial::Count(0),
            Partial::Integers { .. } | Partial::LongIntegers(_) => {
                Partial::Integers { count: 0, sum: 0 }
            }
            Partial::Numbers(_) => Partial::Numbers(Box::default()),
            Partial::Moments(_) => Partial::Moments(Box::default()),
            Partial::Truths { .. } => Partial::Truths { yes: 0, no: 0 },
            Partial::ByKey(sums) => Partial::ByKey(Box::new(SumsByKey::new(sums.nothing.clone()))),
        }
    }

    pub fn is_nothing(&self) -> bool {
        match self {
            Partial::Count(count) | Partial::Integers { count, .. } => *count == 0,
            Partial::LongIntegers(long) => long.count == 0,
            Partial::Numbers(numbers) => numbers.count == 0,
            Partial::Moments(moments) => moments.count == 0,
            Partial::Truths { yes, no } => *yes == 0 && *no == 0,
            Partial::ByKey(sums) => sums.by_key.is_empty(),
        }
    }

    /// Takes a value in (`diff` 1) or back (-1).
    pub fn add(&mut self, value: &Datum, diff: i64) {
        match (&mut *self, value) {
            (Partial::Count(count), _) => *count += diff,
            (Partial::Integers { .. } | Partial::LongIntegers(_), Datum::Integer(value)) => {
                self.add_integers(diff, i128::from(*value), diff);
            }
            (Partial::Integers { .. } | Partial::LongIntegers(_), Datum::Decimal(value)) => {
                self.add_integers(diff, value.get(), diff);
            }
            (Partial::Numbers(numbers), Datum::Number(value)) => {
                numbers.count += diff;
                numbers.sum.add(*value, diff);
            }
            (Partial::Moments(moments), value) => moments.add(value, diff),
            (Partial::Truths { yes, .. }, Datum::Boolean(true)) => *yes += diff,
            (Partial::Truths { no, .. }, Datum::Boolean(false)) => *no += diff,
            (Partial::ByKey(sums), Datum::Struct(pair)) => {
                let [Some(key), Some(value)] = &pair[..] else {
                    unreachable!("the plan gives no half of a pair")
                };
                sums.change(key, |sum| sum.add(value, diff));
            }
            (partial, value) => unreachable!("the plan gives no {value:?} to {partial:?}"),
        }
    }

    /// Takes in so many times what an identifier brings to a sum, or takes it back.
    pub fn merge(&mut self, other: &Partial, times: i64) {
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
            (Partial::ByKey(sums), Partial::ByKey(more)) => {
                more.iter().for_each(|(key, more)| sums.change(key, |sum| sum.merge(more, times)));
            }
            (one, other) => unreachable!("{one:?} and {other:?} are of one aggregate"),
        }
    }

    /// The count and the sum of numbers.
    pub fn added(&self) -> Added<'_> {
        match self {
            Partial::Numbers(numbers) => Added::Numbers { count: numbers.count, sum: &numbers.sum },
            whole => {
                let (count, sum) = whole.integers();
                Added::Whole { count, sum }
            }
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
}
