//! A person's own rows, run through the stages by themselves.
//!
//! What is known of a person follows from the rows of their identifiers alone, so these are all that
//! is run. Who the person is was found from everyone's rows: of each row only what is this person's is
//! kept, so that no link leads elsewhere.

use std::sync::Arc;

use hashbrown::HashSet;
use smallvec::smallvec;

use super::history::HistoryRow;
use crate::row::{Body, IdentifierHash, Row, Verdict};

/// Whether a row is the person's: it belongs to whoever holds its most trusted identifier.
pub fn is_own(members: &HashSet<IdentifierHash>, body: &Body) -> bool {
    body.identifiers.first().is_some_and(|first| members.contains(&first.hash))
}

/// The person's rows as if there were nobody else.
pub fn own_rows<'a>(
    members: &HashSet<IdentifierHash>,
    rows: impl IntoIterator<Item = &'a HistoryRow>,
) -> Vec<Row> {
    let mut own = Vec::new();
    let mut add = |row: &Row, body: Body| {
        // All of these stand, so none may take another's place.
        let key = Some(own.len() as u128);
        own.push(Row { key, body: Some(Arc::new(body)), ..row.clone() });
    };
    for HistoryRow { row, body } in rows {
        let held = body.identifiers.iter().filter(|of| members.contains(&of.hash)).cloned();
        if is_own(members, body) && body.verdict != Verdict::Different {
            let (inputs, verdict) = (body.inputs.clone(), body.verdict);
            add(
                row,
                Body {
                    identifiers: held.collect(),
                    inputs,
                    verdict,
                    joining: None,
                    elements: thin_vec::ThinVec::new(),
                },
            );
            continue;
        }
        // Somebody else's row that mentions them, or one that says whom they are not.
        for identifier in held {
            let identifiers = smallvec![identifier];
            let verdict = Verdict::Together;
            add(
                row,
                Body {
                    identifiers,
                    inputs: Vec::new(),
                    verdict,
                    joining: None,
                    elements: thin_vec::ThinVec::new(),
                },
            );
        }
    }
    own
}
