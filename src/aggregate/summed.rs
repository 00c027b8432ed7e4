//! What functions have in common that add up by key.

use std::sync::Arc;

use arrow::datatypes::DataType;

use super::function::{Kept, KeyedSums, MOST_VALUES, Typed};
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
    most_keys: usize,
    read: impl Fn(Vec<(&Datum, Datum)>) -> Option<Datum> + Send + Sync + 'static,
) -> Kept {
    Kept::ByKey(KeyedSums { each: Box::new(each), types, most_keys, read: Arc::new(read) })
}

/// The keys with the greatest sums, of equal ones the least keys.
pub fn greatest(mut sums: Vec<(&Datum, Datum)>, number: usize) -> Vec<(Datum, Datum)> {
    let order = |(one, much): &(&Datum, Datum), (other, little): &(&Datum, Datum)| {
        little.cmp(much).then_with(|| one.cmp(other))
    };
    // Of many only few are wanted: these are brought to the front before they are put in order.
    if (1..sums.len()).contains(&number) {
        sums.select_nth_unstable_by(number - 1, order);
        sums.truncate(number);
    }
    sums.sort_unstable_by(order);
    sums.into_iter().map(|(key, sum)| (key.clone(), sum)).collect()
}

/// As many keys as a value may have.
pub const MOST_KEYS: usize = MOST_VALUES as usize;
