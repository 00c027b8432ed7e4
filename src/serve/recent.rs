//! The latest records of outputs, in bounded memory, for those who follow them.
//!
//! A record's place is its tick, its output, and its number among the output's records of the tick: all of that follows
//! from the rows, so a place means the same after a restart. Who is behind by more than is kept is told so.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use crate::sink::{Catalog, Json, Record};
use crate::time::Tick;

/// Records that are kept, at most, and bytes of them.
const KEPT: usize = 65_536;
const KEPT_BYTES: usize = 128 << 20;

/// Where a record stands among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordPlace {
    pub tick: Tick,
    /// The output's number.
    pub output: u16,
    /// From 1 within the output's records of the tick, in the order of their keys; 0 is before all of them.
    pub number: u64,
}

/// A record that was told, with the names that it speaks of where these are others than the definition's.
#[derive(Clone, Debug)]
pub struct ToldRecord {
    pub record: Arc<Record>,
    pub names: Option<Arc<Catalog>>,
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
    records: VecDeque<(RecordPlace, ToldRecord)>,
    /// What they take, about.
    bytes: usize,
    /// Behind this place all is kept.
    from: Option<RecordPlace>,
    /// The last tick of earlier runs: what is replayed of them was told by them.
    history: Tick,
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

    /// Ticks up to this one are of earlier runs.
    pub fn begin_behind(&self, history: Tick) {
        let mut kept = self.kept.lock().expect("no one panics with it");
        if history > 0 {
            kept.history = history;
            kept.from = Some(RecordPlace::behind(history));
            kept.last = kept.last.max(kept.from);
            kept.records.retain(|(place, _)| place.tick > history);
            kept.measure();
        }
    }

    /// Goes on from what a run before told, whose place this one has taken; its names are these.
    pub fn go_on(&self, before: &RecentRecords, names: &Arc<Catalog>) {
        let (told, from) = {
            let before = before.kept.lock().expect("no one panics with it");
            (before.records.clone(), before.from)
        };
        let mut kept = self.kept.lock().expect("no one panics with it");
        if told.is_empty() {
            return;
        }
        let first = kept.records.front().map(|(place, _)| *place);
        let told = told.into_iter().filter(|(place, _)| first.is_none_or(|first| *place < first));
        let told = told.map(|(place, ToldRecord { record, names: own })| {
            let names = own.or_else(|| Some(Arc::clone(names)));
            (place, ToldRecord { record, names })
        });
        let since = std::mem::take(&mut kept.records);
        kept.records = told.chain(since).collect();
        kept.measure();
        kept.from = from;
        drop(kept.shorten());
    }

    /// Records that say something are gone, as if they had never been told. Others keep their places.
    pub fn leave_out(&self, names: &Arc<Catalog>, says: impl Fn(&Record, &str) -> bool) {
        let mut json = Json::new(names);
        let mut kept = self.kept.lock().expect("no one panics with it");
        kept.records.retain(|(_, told)| match &told.names {
            Some(own) => !says(&told.record, Json::new(own).line(&told.record, own)),
            None => !says(&told.record, json.line(&told.record, names)),
        });
        kept.measure();
    }

    /// Adds the records of a tick, in the order of their outputs and keys.
    pub fn add(&self, tick: Tick, records: Vec<ToldRecord>) {
        if records.is_empty() {
            return;
        }
        let placed: Vec<_> = RecordPlace::of_all(tick, records).collect();
        let mut kept = self.kept.lock().expect("no one panics with it");
        if tick <= kept.history {
            return;
        }
        kept.from.get_or_insert(RecordPlace::before(tick));
        kept.last = placed.last().map(|(place, _)| *place);
        kept.bytes += placed.iter().map(|(_, told)| told.record.held()).sum::<usize>();
        kept.records.extend(placed);
        let gone = kept.shorten();
        // What is gone is freed while nobody waits.
        drop(kept);
        drop(gone);
        self.told.send_modify(|told| *told += 1);
    }

    /// Tells whenever there are more.
    pub fn watch(&self) -> watch::Receiver<u64> {
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

    /// Behind this place all is kept; none: all that there was is.
    pub fn from(&self) -> Option<RecordPlace> {
        self.kept.lock().expect("no one panics with it").from
    }

    /// Records behind a place, so many at most.
    pub fn behind(
        &self,
        place: Option<RecordPlace>,
        most: usize,
    ) -> Result<Vec<(RecordPlace, ToldRecord)>, TooOld> {
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

impl KeptRecords {
    /// Others are kept than before.
    fn measure(&mut self) {
        self.bytes = self.records.iter().map(|(_, told)| told.record.held()).sum();
    }

    /// Lets go of the oldest, where there are too many, or they take too much. The last one stays, whatever it takes.
    fn shorten(&mut self) -> Vec<(RecordPlace, ToldRecord)> {
        let mut gone = Vec::new();
        while self.records.len() > KEPT || self.bytes > KEPT_BYTES && self.records.len() > 1 {
            let (place, told) = self.records.pop_front().expect("there are some");
            self.bytes -= told.record.held();
            gone.push((place, told));
        }
        if let Some((place, _)) = gone.last() {
            self.from = Some(*place);
        }
        gone
    }
}

impl From<Record> for ToldRecord {
    fn from(record: Record) -> Self {
        ToldRecord { record: Arc::new(record), names: None }
    }
}

impl Default for RecentRecords {
    fn default() -> Self {
        RecentRecords::new()
    }
}

impl std::fmt::Display for RecordPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.tick, self.output, self.number)
    }
}

impl RecordPlace {
    /// As it was written.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let mut part = || parts.next();
        let (tick, output, number) = (part()?, part()?, part()?);
        let place = RecordPlace {
            tick: tick.parse().ok()?,
            output: output.parse().ok()?,
            number: number.parse().ok()?,
        };
        (place.to_string() == text).then_some(place)
    }

    /// The places of all that a tick told, in the order of its outputs and keys.
    pub fn of_all(
        tick: Tick,
        records: Vec<ToldRecord>,
    ) -> impl Iterator<Item = (RecordPlace, ToldRecord)> {
        let mut place = RecordPlace::before(tick);
        records.into_iter().map(move |told| {
            place = place.next(told.record.output);
            (place, told)
        })
    }

    /// Before all of a tick.
    pub fn before(tick: Tick) -> Self {
        RecordPlace { tick, output: 0, number: 0 }
    }

    /// Behind all of a tick.
    pub fn behind(tick: Tick) -> Self {
        RecordPlace { tick, output: u16::MAX, number: u64::MAX }
    }

    /// The place of the next record of the tick, which is this output's.
    pub fn next(self, output: u16) -> Self {
        let number = if output == self.output { self.number + 1 } else { 1 };
        RecordPlace { output, number, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{IdentifierHash, RawPosition};
    use crate::sink::{RecordBody, RecordKey, RecordValue, RejectedInput};

    fn records(number: usize) -> Vec<ToldRecord> {
        let record = |id| Record {
            output: 0,
            key: RecordKey::Person(IdentifierHash(id as u128)),
            body: RecordBody::Gone { merged_into: None },
        };
        (0..number).map(|id| record(id).into()).collect()
    }

    #[test]
    fn who_goes_on_from_a_place_misses_nothing_and_is_told_what_is_gone() {
        let recent = RecentRecords::new();
        assert_eq!(recent.behind(None, 10).map(|of| of.len()), Ok(0));
        recent.add(7, records(3));
        recent.add(9, records(2));
        let places = |of: &[(RecordPlace, ToldRecord)]| -> Vec<String> {
            of.iter().map(|(place, _)| place.to_string()).collect()
        };
        let behind = |text| recent.behind(RecordPlace::parse(text), 10).map(|of| places(&of));
        assert_eq!(behind("7.0.2"), Ok(vec!["7.0.3".into(), "9.0.1".into(), "9.0.2".into()]));
        assert_eq!(behind("8.1.5"), Ok(vec!["9.0.1".into(), "9.0.2".into()]));
        assert_eq!(behind("9.0.2"), Ok(vec![]));
        assert_eq!(behind("6.0.1"), Err(TooOld { from: RecordPlace::before(7) }));
        recent.add(10, records(KEPT));
        let from = RecordPlace { tick: 9, output: 0, number: 2 };
        assert_eq!(behind("9.0.1"), Err(TooOld { from }));
        assert_eq!(behind("9.0.2").map(|of| of.len()), Ok(10));
    }

    #[test]
    fn large_records_are_as_many_as_there_is_room_for() {
        let recent = RecentRecords::new();
        let raw = "x".repeat(KEPT_BYTES / 10);
        let large = || {
            let position = RawPosition::Line { file: "a".into(), line: None };
            let rejected = RejectedInput { position, reasons: Vec::new(), raw: raw.clone() };
            let value = RecordValue::Reject(Box::new(rejected));
            let body = RecordBody::Is { value, at: 0 };
            ToldRecord::from(Record { output: 0, key: RecordKey::Source(0), body })
        };
        for tick in 1..30 {
            recent.add(tick, vec![large()]);
        }
        let from = RecordPlace { tick: 20, output: 0, number: 1 };
        assert_eq!(recent.behind(Some(from), 100).map(|of| of.len()), Ok(9));
        let before = RecordPlace { tick: 20, output: 0, number: 0 };
        assert_eq!(recent.behind(Some(before), 100).map(|_| ()), Err(TooOld { from }));
        // What is left out makes room for others.
        let mut names = Catalog::default();
        names.outputs.learn("rejects");
        names.sources.learn("orders");
        recent.leave_out(&Arc::new(names), |_, _| true);
        recent.add(30, records(3));
        assert_eq!(recent.behind(Some(from), 100).map(|of| of.len()), Ok(3));
        for tick in 31..36 {
            recent.add(tick, vec![large()]);
        }
        assert_eq!(recent.behind(Some(from), 100).map(|of| of.len()), Ok(8));
        // Where a tick has more than there is room for the rest is there.
        recent.add(40, (0..20).map(|_| large()).collect());
        assert_eq!(recent.behind(None, 100).map(|of| of.len()), Ok(9));
    }

    #[test]
    fn what_earlier_runs_told_is_not_told_again() {
        let recent = RecentRecords::new();
        recent.add(7, records(3));
        recent.begin_behind(8);
        recent.add(8, records(1));
        assert_eq!(recent.behind(None, 10).map(|of| of.len()), Ok(0));
        let behind = |text| recent.behind(RecordPlace::parse(text), 10).map(|of| of.len());
        assert_eq!(behind("8.0.1"), Err(TooOld { from: RecordPlace::behind(8) }));
        recent.add(9, records(1));
        assert_eq!(recent.behind(Some(RecordPlace::behind(8)), 10).map(|of| of.len()), Ok(1));
    }

    #[test]
    fn a_place_is_written_in_one_way() {
        let place = RecordPlace { tick: 7, output: 2, number: 30 };
        assert_eq!(RecordPlace::parse("7.2.30"), Some(place));
        for text in ["", "7", "7.2", "7.2.30.1", "07.2.30", "+7.2.30", "7.2.x", "7..30", " 7.2.30"]
        {
            assert_eq!(RecordPlace::parse(text), None, "{text}");
        }
        assert_eq!(RecordPlace::before(7).next(0).next(0).next(2).to_string(), "7.2.1");
    }

    #[test]
    fn what_a_run_before_told_is_gone_on_from_less_what_is_left_out() {
        let names = Arc::new(Catalog::default());
        let before = RecentRecords::new();
        before.add(7, records(3));
        before.add(8, records(2));
        let recent = RecentRecords::new();
        recent.begin_behind(8);
        recent.add(9, records(1));
        recent.go_on(&before, &names);
        let behind = |text| {
            let told = recent.behind(RecordPlace::parse(text), 10)?;
            Ok(told.iter().map(|(place, _)| place.to_string()).collect::<Vec<_>>())
        };
        assert_eq!(
            behind("7.0.2"),
            Ok(["7.0.3", "8.0.1", "8.0.2", "9.0.1"].map(String::from).to_vec())
        );
        assert_eq!(behind("6.0.2"), Err(TooOld { from: RecordPlace::before(7) }));
    }
}
