//! Which rows stand: events once an id, records once a key.
//!
//! The rows that stand after a tick are a function of the rows that arrived with it and before: of
//! events with an id the first within its window, of records the newest by (time, position). Where
//! events arrive at their own times, they are a function of the rows alone.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::change::RowStatus;
use super::repeated_id::RepeatedId;
use super::repeats::Repeats;
use crate::plan::{Kind, Plan, Source};
use crate::row::{Body, Position, Row};
use crate::state::entries::StateSize;
use crate::state::table::{Entry, Table};
use crate::time::Micros;

/// What an event's `id_window` counts from: when it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrivalTime {
    /// By the run's clock, which moves on.
    Now,
    /// By the run's clock, which stands still.
    Held,
    /// By the event's own time, so that a replay is a function of its rows.
    OwnTime,
}

/// The memory of one worker's share of ids and keys.
pub struct Admission {
    sources: Vec<SourceMemory>,
}

enum SourceMemory {
    Everything,
    Ids { window: Micros, seen: Table<u128, Micros>, by_arrival: VecDeque<(Micros, u128)> },
    Repeats(Repeats),
    Keys(Table<u128, NewestRecord>),
}

#[derive(Clone, Serialize, Deserialize)]
pub struct NewestRecord {
    time: Micros,
    position: Position,
    /// `None`: the newest row says that the record is gone.
    body: Option<Body>,
}

/// What is remembered of one id or key of a source.
#[derive(Clone, Serialize, Deserialize)]
pub enum Remembered {
    /// When an event arrived.
    Id(u16, u128, Micros),
    Repeats(u16, u128, RepeatedId),
    Key(u16, u128, NewestRecord),
}

impl Remembered {
    /// The id or key.
    pub fn key(&self) -> u128 {
        match self {
            Remembered::Id(_, key, _)
            | Remembered::Repeats(_, key, _)
            | Remembered::Key(_, key, _) => *key,
        }
    }
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventFate {
    /// It counts.
    Counts,
    /// Its id has been seen.
    Repeats,
    /// The end of the tick says it, of this row and of others with its id.
    Waits,
}

impl Admission {
    pub fn new(plan: &Plan, arrival: ArrivalTime) -> Self {
        let memory = |(index, source): (u16, &Source)| match (source.kind, source.key, arrival) {
            (Kind::Records, ..) => SourceMemory::Keys(Table::default()),
            (Kind::Events, None, _) => SourceMemory::Everything,
            (Kind::Events, Some(_), ArrivalTime::OwnTime) => {
                SourceMemory::Repeats(Repeats::of(index, source))
            }
            (Kind::Events, Some(_), ArrivalTime::Now | ArrivalTime::Held) => SourceMemory::Ids {
                window: source.id_window,
                seen: Table::default(),
                by_arrival: VecDeque::new(),
            },
        };
        Admission { sources: (0..).zip(&plan.sources).map(memory).collect() }
    }

    pub fn prefetch(&self, row: &Row) -> usize {
        match (&self.sources[row.source as usize], &row.key) {
            (SourceMemory::Ids { seen, .. }, Some(id)) => seen.prefetch(&id.bits()),
            (SourceMemory::Repeats(repeats), Some(id)) => repeats.prefetch(&id.bits()),
            (SourceMemory::Keys(records), Some(key)) => records.prefetch(&key.bits()),
            _ => 0,
        }
    }

    /// Takes a row in; `now` never falls. `change` hears what becomes of rows, all of which have a body.
    pub fn admit(
        &mut self,
        row: Row,
        now: Micros,
        mut change: impl FnMut(Row, RowStatus),
    ) -> EventFate {
        match &mut self.sources[row.source as usize] {
            SourceMemory::Everything => stands(row, &mut change),
            SourceMemory::Ids { window, seen, by_arrival } => {
                while by_arrival.front().is_some_and(|(at, _)| now.saturating_sub(*at) > *window) {
                    let (_, id) = by_arrival.pop_front().expect("just looked at");
                    seen.remove(&id);
                }
                let id = row.key.expect("a row of a source with `id` has one").bits();
                match seen.entry(id) {
                    Entry::Occupied(_) => return EventFate::Repeats,
                    Entry::Vacant(vacant) => vacant.insert(now),
                };
                by_arrival.push_back((now, id));
                stands(row, &mut change);
            }
            SourceMemory::Repeats(repeats) => {
                repeats.add(row);
                return EventFate::Waits;
            }
            SourceMemory::Keys(records) => upsert(records, row, &mut change),
        }
        EventFate::Counts
    }

    /// Everything that is remembered.
    pub fn remembered(&self, mut each: impl FnMut(Remembered)) {
        for (source, memory) in (0..).zip(&self.sources) {
            match memory {
                SourceMemory::Everything => {}
                SourceMemory::Ids { by_arrival, .. } => {
                    by_arrival.iter().for_each(|(at, id)| each(Remembered::Id(source, *id, *at)));
                }
                SourceMemory::Repeats(repeats) => repeats
                    .ids()
                    .for_each(|(id, of)| each(Remembered::Repeats(source, *id, of.clone()))),
                SourceMemory::Keys(records) => records
                    .iter()
                    .for_each(|(key, of)| each(Remembered::Key(source, *key, of.clone()))),
            }
        }
    }

    /// Has back what was remembered, before any row is taken in.
    pub fn put_back(&mut self, remembered: impl IntoIterator<Item = Remembered>) {
        for of in remembered {
            let (Remembered::Id(source, ..)
            | Remembered::Repeats(source, ..)
            | Remembered::Key(source, ..)) = &of;
            match (&mut self.sources[usize::from(*source)], of) {
                (SourceMemory::Ids { seen, by_arrival, .. }, Remembered::Id(_, id, at)) => {
                    seen.insert(id, at);
                    by_arrival.push_back((at, id));
                }
                (SourceMemory::Repeats(repeats), Remembered::Repeats(_, id, of)) => {
                    repeats.put_back(id, of);
                }
                (SourceMemory::Keys(records), Remembered::Key(_, key, of)) => {
                    records.insert(key, of);
                }
                _ => unreachable!("a checkpoint is of the definition that it is put back into"),
            }
        }
        for memory in &mut self.sources {
            if let SourceMemory::Ids { by_arrival, .. } = memory {
                by_arrival.make_contiguous().sort_unstable();
            }
        }
    }

    /// Ends a tick in which rows were taken in: says what becomes of those that wait for it.
    pub fn end_tick(&mut self, now: Micros, mut change: impl FnMut(Row, RowStatus)) {
        for memory in &mut self.sources {
            if let SourceMemory::Repeats(repeats) = memory {
                repeats.flush(now, &mut change);
            }
        }
    }
}

impl StateSize for Admission {
    /// How many ids and keys are remembered: keys for ever, since of two rows that come late the
    /// newer one still has to stand.
    fn entries(&self) -> usize {
        let of_source = |memory: &SourceMemory| match memory {
            SourceMemory::Everything => 0,
            SourceMemory::Ids { seen, .. } => seen.len(),
            SourceMemory::Repeats(repeats) => repeats.len(),
            SourceMemory::Keys(records) => records.len(),
        };
        self.sources.iter().map(of_source).sum()
    }

    /// The room of the tables. Of rows that are held and of records what they hold lies elsewhere, too.
    fn bytes(&self) -> usize {
        let of_source = |memory: &SourceMemory| match memory {
            SourceMemory::Everything => 0,
            SourceMemory::Ids { seen, by_arrival, .. } => {
                seen.room() + by_arrival.capacity() * size_of::<(Micros, u128)>()
            }
            SourceMemory::Repeats(repeats) => repeats.room(),
            SourceMemory::Keys(records) => records.room(),
        };
        self.sources.iter().map(of_source).sum()
    }
}

fn stands(row: Row, change: &mut impl FnMut(Row, RowStatus)) {
    if row.body.is_some() {
        change(row, RowStatus::Stands);
    }
}

fn upsert(
    records: &mut Table<u128, NewestRecord>,
    row: Row,
    change: &mut impl FnMut(Row, RowStatus),
) {
    let (source, key, arrived) = (row.source, row.key, row.arrived);
    let body = row.body.clone();
    let next = NewestRecord { time: row.time, position: row.position, body };
    match records.entry(key.expect("a record has a key").bits()) {
        Entry::Vacant(vacant) => {
            vacant.insert(next);
            stands(row, change);
        }
        Entry::Occupied(mut standing) => {
            let standing = standing.get_mut();
            if (next.time, next.position) < (standing.time, standing.position) {
                if row.body.is_some() {
                    change(row, RowStatus::SeenOnly);
                }
                return;
            }
            stands(row, change);
            let NewestRecord { time, position, body } = std::mem::replace(standing, next);
            if body.is_some() {
                change(Row { source, key, time, position, arrived, body }, RowStatus::Gone);
            }
        }
    }
}
