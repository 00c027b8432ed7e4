//! What admission says of rows, and what joins make of that.

use serde::{Deserialize, Serialize};

use crate::row::{Row, StandingRow};

/// A change of the rows that stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowChange {
    pub status: RowStatus,
    pub row: StandingRow,
}

/// What admission says of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowStatus {
    /// The row begins to stand.
    Stands,
    /// The row stood, and does no longer.
    Gone,
    /// The row never stood, because a newer record of its key or an earlier event of its id stood
    /// already: it only says when its identifiers were seen.
    SeenOnly,
}

impl RowChange {
    /// The change of a row of which nothing is remembered: it stands as soon as it comes, whatever came before. The row
    /// itself where something is, or where it makes several changes.
    pub fn of_unremembered(row: Row) -> Result<Row, RowChange> {
        match row {
            Row { key: None, source, time, body: Some(body), .. } if body.elements().is_empty() => {
                let row = StandingRow { source, time, body };
                Err(RowChange { status: RowStatus::Stands, row })
            }
            row => Ok(row),
        }
    }

    /// The changes of a row, which has a body: one, or one for each of its elements.
    pub fn each(row: Row, status: RowStatus, mut change: impl FnMut(RowChange)) {
        let Row { source, time, body, .. } = row;
        let body = body.expect("a row that says nothing changes nothing");
        for said in body.said() {
            let row = StandingRow { source, time, body: said.clone() };
            change(RowChange { status, row });
        }
    }
}
