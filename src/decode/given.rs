//! What rows give to one aggregate, by column.

use arrow::array::{ArrayRef, BooleanArray};

use crate::columns;
use crate::row::value_bytes::push_value;
use crate::row::{BodyBuilder, Datum};

/// What rows give to one aggregate.
pub(super) struct GivenColumn {
    pub aggregate: u16,
    values: GivenValues,
}

enum GivenValues {
    /// These rows, themselves.
    Rows(BooleanArray),
    /// A value each, in bytes; of those that give none, no byte.
    Bytes { bytes: Vec<u8>, ends: Vec<u32> },
}

impl GivenColumn {
    pub fn rows(aggregate: u16, chosen: BooleanArray) -> Self {
        GivenColumn { aggregate, values: GivenValues::Rows(chosen) }
    }

    /// The values of the chosen rows that are not null.
    pub fn values(aggregate: u16, column: &ArrayRef, chosen: &BooleanArray) -> Self {
        let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(chosen.len()));
        let rows = (0..chosen.len()).filter(|row| chosen.value(*row));
        columns::for_each(column, rows, |row, value| {
            ends.resize(row, bytes.len() as u32);
            push_value(Some(&value), &mut bytes);
            ends.push(bytes.len() as u32);
        });
        ends.resize(chosen.len(), bytes.len() as u32);
        GivenColumn { aggregate, values: GivenValues::Bytes { bytes, ends } }
    }

    /// Puts what a row gives into what it says.
    pub fn put(&self, row: usize, body: &mut BodyBuilder) {
        match &self.values {
            GivenValues::Rows(rows) if rows.value(row) => {
                body.give(self.aggregate, &Datum::Boolean(true));
            }
            GivenValues::Rows(_) => {}
            GivenValues::Bytes { bytes, ends } => {
                let start = row.checked_sub(1).map_or(0, |before| ends[before]);
                let value = &bytes[start as usize..ends[row] as usize];
                if !value.is_empty() {
                    body.give_bytes(self.aggregate, value);
                }
            }
        }
    }
}
