//! How early the timestamps of a source's first rows are.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::TimestampMicrosecondType;

use crate::plan::{Field, Type};
use crate::time::{DAY, Micros};

/// Instants before this one are hardly meant: as milliseconds since the epoch they are what seconds of
/// today's dates look like.
pub const EARLY: Micros = 31 * DAY;

/// Values of a source's timestamps, by field: how many, and how many are early.
pub type Early = BTreeMap<usize, (u64, u64)>;

/// Counts what rows have in timestamps.
pub fn early(fields: &[Field], columns: &[ArrayRef]) -> Early {
    let of_instants = fields.iter().zip(columns).enumerate();
    let of_instants = of_instants.filter(|(_, (field, _))| field.data_type == Type::Timestamp);
    let counted = of_instants.map(|(index, (_, column))| {
        let instants = column.as_primitive::<TimestampMicrosecondType>();
        let early = instants.iter().flatten().filter(|instant| (0..EARLY).contains(instant));
        (index, ((instants.len() - instants.null_count()) as u64, early.count() as u64))
    });
    counted.collect()
}
