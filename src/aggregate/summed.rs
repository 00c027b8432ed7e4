//! What functions have in common that add up by key.

use std::sync::Arc;

use arrow::datatypes::DataType;

use super::function::{Kept, KeyedSums, MOST_VALUES, Typed};
use super::pair::{pair_of, parts};
use super::room::NoRoom;
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
    read: impl Fn(Vec<(Datum, Datum)>) -> Result<Option<Datum>, NoRoom> + Send + Sync + 'static,
) -> Kept {
    Kept::ByKey(KeyedSums { each: Box::new(each), types, read: Arc::new(read) })
}

/// The keys with the greatest sums, of equal ones the least keys.
pub fn greatest(mut sums: Vec<(Datum, Datum)>, number: usize) -> Vec<(Datum, Datum)> {
    sums.sort_by(|(one, much), (other, little)| little.cmp(much).then_with(|| one.cmp(other)));
    sums.truncate(number);
    sums
}

/// As many keys as a value may have.
pub const MOST_KEYS: usize = MOST_VALUES as usize;
