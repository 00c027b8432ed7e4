//! Which rows stand: events once an id, records once a key.
//!
//! The rows that stand after a tick are a function of the rows that arrived with it and before: of
//! events with an id the first within its window, of records the newest by (time, position).

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::batch::Batch;
use crate::held::Holds;
use crate::row::{Body, Position, Row};
use crate::spec::plan::{Kind, Plan};
use crate::table::{Entry, Table};
use crate::time::Micros;

/// A change of the rows that stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowChange {
    /// Index into `Plan::sources`.
    pub source: u16,
    pub time: Micros,
    /// 1: the row stands. -1: it does no longer. 0: it never did, because a newer record of its key
    /// stood already; it only says when its identifiers were seen.
    pub diff: i8,
    pub body: Arc<Body>,
}

/// The memory of one worker's share of ids and keys.
pub struct Admission {
    sources: Vec<Memory>,
}

enum Memory {
    Everything,
    Ids { window: Micros, seen: Table<u128, Micros>, by_arrival: VecDeque<(Micros, u128)> },
    Keys(Table<u128, Standing>),
}

struct Standing {
    time: Micros,
    position: Position,
    /// `None`: the newest row says that the record is gone.
    body: Option<Arc<Body>>,
}

impl Admission {
    pub fn new(plan: &Plan) -> Self {
        let memory = |source: &crate::spec::plan::Source| match (source.kind, source.key) {
            (Kind::Records, _) => Memory::Keys(Table::default()),
            (Kind::Events, None) => Memory::Everything,
            (Kind::Events, Some(_)) => Memory::Ids {
                window: source.id_window,
                seen: Table::default(),
                by_arrival: VecDeque::new(),
            },
        };
        Admission { sources: plan.sources.iter().map(memory).collect() }
    }

    pub fn look(&self, row: &Row) -> usize {
        match (&self.sources[row.source as usize], &row.key) {
            (Memory::Ids { seen, .. }, Some(id)) => seen.look(id),
            (Memory::Keys(records), Some(key)) => records.look(key),
            _ => 0,
        }
    }

    /// Takes a row in; `now` never falls. Returns whether it counts (a duplicate does not).
    pub fn admit(&mut self, row: Row, now: Micros, changes: &mut Batch<RowChange>) -> bool {
        match &mut self.sources[row.source as usize] {
            Memory::Everything => stands(row, changes),
            Memory::Ids { window, seen, by_arrival } => {
                while by_arrival.front().is_some_and(|(at, _)| now.saturating_sub(*at) > *window) {
                    let (_, id) = by_arrival.pop_front().expect("just looked at");
                    seen.remove(&id);
                }
                let id = row.key.expect("a row of a source with `id` has one");
                match seen.entry(id) {
                    Entry::Occupied(_) => return false,
                    Entry::Vacant(vacant) => vacant.insert(now),
                };
                by_arrival.push_back((now, id));
                stands(row, changes);
            }
            Memory::Keys(records) => upsert(records, row, changes),
        }
        true
    }
}

impl Holds for Admission {
    /// How many ids and keys are remembered: keys for ever, since of two rows that come late the
    /// newer one still has to stand.
    fn held(&self) -> usize {
        let of_source = |memory: &Memory| match memory {
            Memory::Everything => 0,
            Memory::Ids { seen, .. } => seen.len(),
            Memory::Keys(records) => records.len(),
        };
        self.sources.iter().map(of_source).sum()
    }
}

fn stands(row: Row, changes: &mut Batch<RowChange>) {
    if let Some(body) = row.body {
        changes.push(RowChange { source: row.source, time: row.time, diff: 1, body });
    }
}

fn upsert(records: &mut Table<u128, Standing>, row: Row, changes: &mut Batch<RowChange>) {
    let (source, key) = (row.source, row.key.expect("a record has a key"));
    let next = Standing { time: row.time, position: row.position, body: row.body };
    match records.entry(key) {
        Entry::Vacant(vacant) => {
            if let Some(body) = &next.body {
                changes.push(RowChange {
                    source,
                    time: next.time,
                    diff: 1,
                    body: Arc::clone(body),
                });
            }
            vacant.insert(next);
        }
        Entry::Occupied(mut standing) => {
            let standing = standing.get_mut();
            if (next.time, next.position) < (standing.time, standing.position) {
                if let Some(body) = next.body {
                    changes.push(RowChange { source, time: next.time, diff: 0, body });
                }
                return;
            }
            if let Some(body) = &next.body {
                changes.push(RowChange {
                    source,
                    time: next.time,
                    diff: 1,
                    body: Arc::clone(body),
                });
            }
            let previous = std::mem::replace(standing, next);
            if let Some(body) = previous.body {
                changes.push(RowChange { source, time: previous.time, diff: -1, body });
            }
        }
    }
}
