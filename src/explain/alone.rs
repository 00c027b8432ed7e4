//! A person's own rows, run through the stages by themselves.
//!
//! What is known of a person follows from the rows of their identifiers alone, so these are all that
//! is run. Who the person is was found from everyone's rows: of each row only what is this person's is
//! kept, so that no link leads elsewhere.

use hashbrown::HashSet;

use super::history::HistoryRow;
use crate::row::{Body, Carried, Identifier, IdentifierHash, Input, OwnKey, Row, Verdict};

/// Whether a row is the person's: it belongs to whoever holds its most trusted identifier.
pub fn is_own(members: &HashSet<IdentifierHash>, body: &Body) -> bool {
    body.identifiers().next().is_some_and(|first| members.contains(&first.hash))
}

/// The person's rows as if there were nobody else.
pub fn own_rows<'a>(
    members: &HashSet<IdentifierHash>,
    rows: impl IntoIterator<Item = &'a HistoryRow>,
) -> Vec<Row> {
    let mut own = Vec::new();
    let mut add = |row: &Row, body: Body| {
        // All of these stand, so none may take another's place.
        let key = Some(OwnKey::new(own.len() as u128 + 1));
        own.push(Row { key, body: Some(body), ..row.clone() });
    };
    for HistoryRow { row, body } in rows {
        let held = body.identifiers().filter(|of| members.contains(&of.hash));
        let held: Vec<Identifier> = held.map(Carried::to_identifier).collect();
        if is_own(members, body) && body.verdict() != Verdict::Different {
            let inputs: Vec<Input> = body.inputs().collect();
            add(row, Body::saying(body.verdict(), &held, &inputs));
            continue;
        }
        // Somebody else's row that mentions them, or one that says whom they are not.
        held.chunks(1).for_each(|identifier| add(row, Body::of(identifier, &[])));
    }
    own
}
