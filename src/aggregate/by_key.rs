//! `sum(x) by k`: what values add up to for each key, as a map.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};

use super::function::{AggregateFunction, AskedSums, CallForm, Called, Kept, Typed};
use super::summed::{MOST_KEYS, summed, typed};
use super::{avg, bool_and, bool_or, count, stddev, sum, variance};
use crate::row::Datum;

/// A function whose values add up, so that they do by key as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AddsUp {
    #[default]
    Count,
    Sum,
    Avg,
    Stddev,
    Variance,
    BoolAnd,
    BoolOr,
}

/// All of them, each by its first name.
pub const ADD_UP: [&str; 7] = ["count", "sum", "avg", "stddev", "var", "bool_and", "bool_or"];

pub struct ByKey(pub AddsUp);

type TypesOf = fn(&DataType) -> Result<Typed, &'static str>;

impl ByKey {
    fn function(&self) -> &dyn AggregateFunction {
        match self.0 {
            AddsUp::Count => &count::Count,
            AddsUp::Sum => &sum::Sum,
            AddsUp::Avg => &avg::Avg,
            AddsUp::Stddev => &stddev::Stddev,
            AddsUp::Variance => &variance::Variance,
            AddsUp::BoolAnd => &bool_and::BoolAnd,
            AddsUp::BoolOr => &bool_or::BoolOr,
        }
    }

    /// What is typed of pairs. Each is a function of its own, since what is called has no state.
    fn types(&self) -> TypesOf {
        match self.0 {
            AddsUp::Count => |pair| of_pairs(pair, of_values(&ByKey(AddsUp::Count))),
            AddsUp::Sum => |pair| of_pairs(pair, of_values(&ByKey(AddsUp::Sum))),
            AddsUp::Avg => |pair| of_pairs(pair, of_values(&ByKey(AddsUp::Avg))),
            AddsUp::Stddev => |pair| of_pairs(pair, of_values(&ByKey(AddsUp::Stddev))),
            AddsUp::Variance => |pair| of_pairs(pair, of_values(&ByKey(AddsUp::Variance))),
            AddsUp::BoolAnd => |pair| of_pairs(pair, of_values(&ByKey(AddsUp::BoolAnd))),
            AddsUp::BoolOr => |pair| of_pairs(pair, of_values(&ByKey(AddsUp::BoolOr))),
        }
    }
}

fn of_values(by: &ByKey) -> TypesOf {
    by.function().called().expect("what adds up has a name").types
}

fn of_pairs(pair: &DataType, of_values: TypesOf) -> Result<Typed, &'static str> {
    typed(pair, of_values, |_, sum| map_of(sum))
}

impl AggregateFunction for ByKey {
    fn called(&self) -> Option<Called> {
        Some(Called {
            names: &ADD_UP,
            form: CallForm::ByKey,
            meaning: "The same for each key k, as a map in the order of keys: k is a column, a call, or SQL in \
                      parentheses, of text, whole numbers, booleans or dates, whose texts are the keys. Rows without \
                      a key are passed over, and so are keys for which the value is null, such as the deviation of one \
                      value: where there are keys, and none has a value, the map is empty. Null where no row has a key \
                      and a value, where there are more than 1,000 keys, or no room for the value of one.",
            types: self.types(),
        })
    }

    fn kept(&self) -> Kept {
        summed(
            self.function().kept(),
            of_values(self),
            AskedSums::All { most: MOST_KEYS },
            |sums| {
                let entry = |(key, sum): (&Datum, Datum)| {
                    Datum::Struct([Some(key.clone()), Some(sum)].into())
                };
                Some(Datum::List(sums.into_iter().map(entry).collect()))
            },
        )
    }
}

/// Values by text. As a datum it is the list of its entries, in the order of keys.
pub fn map_of(value: DataType) -> DataType {
    let entries = Fields::from(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", value, true),
    ]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::kept::partial::Partial;
    use super::super::pair::pair_of;
    use super::super::room::{NoRoom, Types};
    use super::*;

    fn pair(key: &str, value: i64) -> Datum {
        Datum::Struct([Some(Datum::Text(key.into())), Some(Datum::Integer(value))].into())
    }

    fn nothing() -> (Kept, Partial, DataType) {
        let argument = pair_of(DataType::Utf8, DataType::Int64);
        let kept = ByKey(AddsUp::Sum).kept();
        let nothing = kept.nothing(Some(&argument)).expect("it adds up");
        (kept, nothing, argument)
    }

    fn value(kept: &Kept, sums: &Partial, argument: &DataType) -> Result<Option<Datum>, NoRoom> {
        let output = map_of(DataType::Int64);
        kept.value(sums, Types { argument: Some(argument), output: &output })
    }

    proptest! {
        /// Whatever comes first: a value may be taken back before it came, as long as it comes.
        #[test]
        fn what_comes_and_goes_in_any_order_leaves_what_stays(
            all in prop::collection::vec(("[ab]", -3..4i64, any::<bool>()), 0..24),
            order in any::<prop::sample::Index>(),
            split in any::<prop::sample::Index>(),
        ) {
            let mut changes: Vec<(Datum, i64)> = Vec::new();
            let mut stay: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
            for (key, number, stays) in &all {
                changes.push((pair(key, *number), 1));
                if *stays {
                    stay.entry(key).or_default().push(*number);
                } else {
                    changes.push((pair(key, *number), -1));
                }
            }
            if !changes.is_empty() {
                let by = order.index(changes.len());
                changes.rotate_left(by);
            }
            let (kept, nothing, argument) = nothing();
            let (one, other) = changes.split_at(split.index(changes.len() + 1));
            let of = |changes: &[(Datum, i64)]| {
                let mut sums = nothing.clone();
                changes.iter().for_each(|(value, diff)| sums.add(value, *diff));
                sums
            };
            let mut sums = of(one);
            sums.merge(&of(other), 1);
            let entries = stay.iter().map(|(key, values)| pair(key, values.iter().sum()));
            let expected = Datum::List(entries.collect());
            prop_assert_eq!(value(&kept, &sums, &argument), Ok(Some(expected)));
            prop_assert_eq!(sums.is_nothing(), stay.is_empty());
            sums.merge(&of(other), -1);
            sums.merge(&of(one), -1);
            prop_assert_eq!(sums, nothing);
        }
    }

    #[test]
    fn a_map_has_a_thousand_keys_at_most() {
        let (kept, mut sums, argument) = nothing();
        for key in 0..1_000 {
            sums.add(&pair(&key.to_string(), 1), 1);
        }
        assert!(
            matches!(value(&kept, &sums, &argument), Ok(Some(Datum::List(all))) if all.len() == 1_000)
        );
        sums.add(&pair("one more", 1), 1);
        assert_eq!(value(&kept, &sums, &argument), Err(NoRoom));
        sums.add(&pair("0", 1), -1);
        assert!(value(&kept, &sums, &argument).is_ok());
    }
}
