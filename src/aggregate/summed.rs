//! What functions have in common that add up by key.

use std::sync::Arc;

use arrow::datatypes::DataType;

use super::function::{AskedSums, Kept, KeyedSums, MOST_VALUES, Typed};
use super::pair::{pair_of, parts};
use crate::row::Datum;

/// What is typed of pairs by what is typed of their values: `output` has what the key is of and what values
/// come to.
pub fn typed(
    pair: &DataType,
    of_values: fn(&DataType) -> Result<Typed, &'static str>,
    output: fn(&DataType, DataType) -> DataType,
) -> Result<Typed, &'static str> {
    let (key, value) = parts(pair).ok_or("a key and a value")?;
    let Typed { argument, output: sum } = of_values(value)?;
    Ok(Typed { argument: pair_of(key.clone(), argument), output: output(key, sum) })
}

/// Sums by key, of which `read` makes the value.
pub fn summed(
    each: Kept,
    types: fn(&DataType) -> Result<Typed, &'static str>,
    asked: AskedSums,
    read: impl Fn(Vec<(&Datum, Datum)>) -> Option<Datum> + Send + Sync + 'static,
) -> Kept {
    Kept::ByKey(KeyedSums { each: Box::new(each), types, asked, read: Arc::new(read) })
}

/// As many keys as a value may have.
pub const MOST_KEYS: usize = MOST_VALUES as usize;

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::super::kept::partial::{Partial, SumsByKey};
    use crate::row::Datum;

    proptest! {
        /// Sums of numbers are of the numbers that are there: what went leaves no rest.
        #[test]
        fn what_is_ranked_is_what_all_sums_say(
            changes in prop::collection::vec((0..70i64, -4..5i64, any::<bool>()), 0..400),
            number in 1usize..6,
            of_numbers: bool,
        ) {
            let value = |value: i64| match of_numbers {
                true => Datum::Number(value as f64 / 8.0),
                false => Datum::Integer(value),
            };
            let nothing = match of_numbers {
                true => Partial::Numbers(Box::default()),
                false => Partial::Integers { count: 0, sum: 0 },
            };
            let mut sums = Partial::ByKey(Box::new(SumsByKey::new(nothing).ranked()));
            let mut there: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
            let mut was_many = false;
            // Everything goes in the end.
            let all = changes.iter().map(|(key, each, comes)| (*key, *each, *comes));
            let ends = (0..70).flat_map(|key| (-4..5).flat_map(move |each| [(key, each, false); 9]));
            for (key, each, comes) in all.chain(ends) {
                let known = there.entry(key).or_default();
                let at = known.iter().position(|of| *of == each);
                match (comes, at) {
                    (true, _) => known.push(each),
                    (false, Some(at)) => drop(known.remove(at)),
                    (false, None) => continue,
                }
                let pair = Datum::Struct([Some(Datum::Integer(key)), Some(value(each))].into());
                sums.add(&pair, if comes { 1 } else { -1 });
                let Partial::ByKey(by_key) = &sums else { unreachable!() };
                let (greatest, least) = by_key.ends(number);
                let expected = there.iter().filter(|(_, all)| !all.is_empty());
                let expected = expected.map(|(key, all)| (-all.iter().sum::<i64>(), *key));
                let expected: BTreeSet<(i64, i64)> = expected.collect();
                let keys = |keys: Vec<&(i64, i64)>| -> Vec<Datum> {
                    keys.into_iter().map(|(_, key)| Datum::Integer(*key)).collect()
                };
                let found: Vec<Datum> = greatest.iter().map(|(key, _)| (*key).clone()).collect();
                prop_assert_eq!(found, keys(expected.iter().take(number).collect()));
                let found: Vec<Datum> = least.iter().map(|(key, _)| (*key).clone()).collect();
                prop_assert_eq!(found, keys(expected.last().into_iter().collect()));
                was_many |= by_key.is_indexed();
                prop_assert!(!by_key.is_indexed() || expected.len() >= 16);
                prop_assert!(by_key.is_indexed() || expected.len() < 32);
            }
            prop_assert!(changes.len() < 300 || was_many);
        }
    }
}
