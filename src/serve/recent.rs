//! The latest records of outputs, in bounded memory, for those who follow them.
//!
//! A record's place is its tick and its number among the tick's records: both follow from the rows, so a place means
//! the same after a restart. Who is behind by more than is kept is told so.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use crate::sink::Record;
use crate::time::Tick;

/// Records that are kept, at most.
const KEPT: usize = 65_536;

/// Where a record stands among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordPlace {
    pub tick: Tick,
    /// From 1 within the tick; 0 is before all of it.
    pub number: u64,
}

/// The latest records.
pub struct RecentRecords {
    kept: Mutex<KeptRecords>,
    told: watch::Sender<u64>,
    /// No more will come.
    is_closed: AtomicBool,
}

#[derive(Default)]
struct KeptRecords {
    records: VecDeque<(RecordPlace, Arc<Record>)>,
    /// Behind this place all is kept that there was in this run.
    from: Option<RecordPlace>,
    last: Option<RecordPlace>,
}

/// What is kept no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooOld {
    /// The earliest place that can be gone on from.
    pub from: RecordPlace,
}

impl RecentRecords {
    pub fn new() -> Self {
        RecentRecords {
            kept: Mutex::default(),
            told: watch::channel(0).0,
            is_closed: AtomicBool::new(false),
        }
    }

    /// Adds the records of a tick, in the order of their keys.
    pub fn add(&self, tick: Tick, records: Vec<Record>) {
        if records.is_empty() {
            return;
        }
        let placed = (1..).zip(records);
        let placed =
            placed.map(|(number, record)| (RecordPlace { tick, number }, Arc::new(record)));
        let placed: Vec<_> = placed.collect();
        let mut kept = self.kept.lock().expect("no one panics with it");
        kept.from.get_or_insert(RecordPlace { tick, number: 0 });
        kept.last = placed.last().map(|(place, _)| *place);
        kept.records.extend(placed);
        let too_many = kept.records.len().saturating_sub(KEPT);
        let gone: Vec<_> = kept.records.drain(..too_many).collect();
        if let Some((place, _)) = gone.last() {
            kept.from = Some(*place);
        }
        // What is gone is freed while nobody waits.
        drop(kept);
        drop(gone);
        self.told.send_modify(|told| *told += 1);
    }

    /// Tells whenever there are more.
    pub fn told(&self) -> watch::Receiver<u64> {
        self.told.subscribe()
    }

    /// No more will come: the run has ended, or another one has taken its place.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.told.send_modify(|told| *told += 1);
    }

    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// The last place there is.
    pub fn last(&self) -> Option<RecordPlace> {
        self.kept.lock().expect("no one panics with it").last
    }

    /// Records behind a place, so many at most.
    pub fn behind(
        &self,
        place: Option<RecordPlace>,
        most: usize,
    ) -> Result<Vec<(RecordPlace, Arc<Record>)>, TooOld> {
        let kept = self.kept.lock().expect("no one panics with it");
        if let (Some(place), Some(from)) = (place, kept.from)
            && place < from
        {
            return Err(TooOld { from });
        }
        let start = place.map_or(0, |place| kept.records.partition_point(|(of, _)| *of <= place));
        Ok(kept.records.range(start..).take(most).cloned().collect())
    }
}

impl Default for RecentRecords {
    fn default() -> Self {
        RecentRecords::new()
    }
}

impl std::fmt::Display for RecordPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.tick, self.number)
    }
}

impl RecordPlace {
    /// As it was written.
    pub fn parse(text: &str) -> Option<Self> {
        let (tick, number) = text.split_once('.')?;
        Some(RecordPlace { tick: tick.parse().ok()?, number: number.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::IdentifierHash;
    use crate::sink::{RecordBody, RecordKey};

    fn records(number: usize) -> Vec<Record> {
        let record = |id| Record {
            output: 0,
            key: RecordKey::Person(IdentifierHash(id as u128)),
            body: RecordBody::Gone { merged_into: None },
        };
        (0..number).map(record).collect()
    }

    #[test]
    fn who_goes_on_from_a_place_misses_nothing_and_is_told_what_is_gone() {
        let recent = RecentRecords::new();
        assert_eq!(recent.behind(None, 10), Ok(Vec::new()));
        recent.add(7, records(3));
        recent.add(9, records(2));
        let places = |of: &[(RecordPlace, Arc<Record>)]| -> Vec<String> {
            of.iter().map(|(place, _)| place.to_string()).collect()
        };
        let behind = |text| recent.behind(RecordPlace::parse(text), 10).map(|of| places(&of));
        assert_eq!(behind("7.2"), Ok(vec!["7.3".into(), "9.1".into(), "9.2".into()]));
        assert_eq!(behind("8.5"), Ok(vec!["9.1".into(), "9.2".into()]));
        assert_eq!(behind("9.2"), Ok(vec![]));
        assert_eq!(behind("6.1"), Err(TooOld { from: RecordPlace { tick: 7, number: 0 } }));
        recent.add(10, records(KEPT));
        assert_eq!(behind("9.1"), Err(TooOld { from: RecordPlace { tick: 9, number: 2 } }));
        assert_eq!(behind("9.2").map(|of| of.len()), Ok(10));
    }
}
