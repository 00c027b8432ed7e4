//! What a tick makes of the links between two identifiers.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::links::{Link, LinkState, Pair};
use crate::flow::Update;
use crate::row::Identifier;
use crate::state::batch::Batch;

/// What stands between two identifiers after a tick in which that changed; `None` for nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkChange {
    pub one: Identifier,
    pub other: Identifier,
    pub state: Option<LinkState>,
}

/// A link that went and one that came in its place are one change; they arrive in any order.
pub(super) fn changes(links: Batch<Update<Link>>) -> Batch<LinkChange> {
    let mut gone: Vec<Link> = Vec::new();
    let mut changes = Batch::default();
    for (link, _, diff) in links {
        match diff > 0 {
            true => {
                let Link { one, other, state } = link;
                changes.push(LinkChange { one, other, state: Some(state) });
            }
            false => gone.push(link),
        }
    }
    if gone.is_empty() {
        return changes;
    }
    let pair = |change: &LinkChange| (change.one.hash, change.other.hash);
    let came: HashMap<Pair, ()> = changes.iter().map(|change| (pair(change), ())).collect();
    let gone = gone.into_iter().filter(|link| !came.contains_key(&link.pair()));
    changes.extend(gone.map(|Link { one, other, .. }| LinkChange { one, other, state: None }));
    changes
}
