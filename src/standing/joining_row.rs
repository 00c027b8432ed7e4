//! A row on its way through the joins.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thin_vec::ThinVec;

use crate::row::{Body, Joining, Position};
use crate::time::Micros;

/// A table and the key of one of its records.
pub type JoinKey = (u16, u128);

/// A row's source and position, and of one that was unnested the element.
pub type RowId = (u16, Position, u32);

/// The records of the tables whose joins a row has passed, in the order of the tables.
type Records = ThinVec<Option<Arc<Joining>>>;

/// A row that stands, on its way through the joins.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JoiningRow {
    pub time: Micros,
    pub body: Body,
    pub records: Records,
}

impl JoiningRow {
    pub fn joining(&self) -> &Joining {
        self.body.joining().map(AsRef::as_ref).expect("its source joins tables")
    }

    pub fn source(&self) -> usize {
        usize::from(self.joining().source)
    }

    pub fn id(&self) -> RowId {
        let Joining { source, position, element, .. } = self.joining();
        (*source, *position, *element)
    }

    /// The row with the record of one more table.
    pub fn with(mut self, record: Option<Arc<Joining>>) -> Self {
        self.records.push(record);
        self
    }
}

/// Rows are the same where they say the same: not where a record is another one of the same values.
impl PartialEq for JoiningRow {
    fn eq(&self, other: &Self) -> bool {
        self.time == other.time
            && self.records.iter().map(values).eq(other.records.iter().map(values))
            && self.body == other.body
    }
}

/// What a record says to the rows that name it.
pub fn values(record: &Option<Arc<Joining>>) -> Option<&[u8]> {
    record.as_ref().map(|record| &*record.values)
}
