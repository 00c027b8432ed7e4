//! What is held for a commit, in bounded memory.
//!
//! A tick's records are held from when they are taken until they are committed. Where they are many, a later tick is
//! not taken as long as an earlier one is there: then no further tick opens. The earliest is always taken, since it
//! can't be committed before.
//!
//! An output that is delivered to somebody else's service lags behind the run where that takes long: then the run
//! waits for it no longer, until it has caught up. What of it finds no room in memory is spilled to the disk.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::queued::QueuedRecords;
use super::receipt::{Acknowledgement, Hold, Taking};
use super::record::Record;
use super::spill::Spill;
use crate::time::Tick;

/// Bytes of records that may wait for a commit, besides what the ticks bring that are being taken.
const MOST: usize = 128 << 20;

/// For so long the run waits for a service that is given what has come.
const PATIENCE: Duration = Duration::from_millis(100);

#[derive(Default)]
pub struct Backlog {
    held: Mutex<HeldTicks>,
    /// Where a service's records wait on the disk.
    spill: Option<Spill>,
}

#[derive(Default)]
struct HeldTicks {
    bytes: BTreeMap<Tick, usize>,
    total: usize,
    /// Ticks that are not taken yet.
    takings: Vec<(Tick, Taking)>,
    /// Ticks that the run waits for.
    holds: Vec<(Tick, Hold)>,
    /// Whether it waits no longer.
    lags: bool,
    /// Since when what has come is given to the service.
    delivering: Option<Instant>,
}

impl HeldTicks {
    /// Whether a tick has to wait.
    fn holds_back(&self, tick: Tick) -> bool {
        self.total > MOST && self.bytes.first_key_value().is_some_and(|(first, _)| *first < tick)
    }
}

impl Backlog {
    /// What waits for somebody else's service.
    pub fn of_service(spill: Spill) -> Self {
        Backlog { held: Mutex::default(), spill: Some(spill) }
    }

    /// Records are about to wait: in memory, or where a service lags far behind on the disk.
    pub fn keep(&self, tick: Tick, records: Vec<Record>) -> QueuedRecords {
        let bytes = records.iter().map(Record::held).sum();
        let is_full = || self.lock().total + bytes > MOST;
        if let Some(part) =
            self.spill.as_ref().filter(|_| is_full()).and_then(|of| of.put(&records))
        {
            return QueuedRecords::Spilled(part);
        }
        self.add(tick, bytes);
        QueuedRecords::Held(records)
    }

    fn lock(&self) -> MutexGuard<'_, HeldTicks> {
        self.held.lock().expect("no one panics with it")
    }

    /// So many more bytes of a tick are about to be held.
    pub fn add(&self, tick: Tick, bytes: usize) {
        let mut held = self.lock();
        *held.bytes.entry(tick).or_default() += bytes;
        held.total += bytes;
    }

    /// They are held: they are taken now, or when there is room.
    pub fn take(&self, tick: Tick, taking: Taking) {
        let mut held = self.lock();
        if held.holds_back(tick) {
            held.takings.push((tick, taking));
        }
    }

    /// The run waits for their acknowledgement, but for a service's only until they are released, and unless it lags.
    pub fn hold(&self, tick: Tick, acknowledgement: &mut Acknowledgement) {
        let hold = self.spill.as_ref().and_then(|_| acknowledgement.take_hold());
        let mut held = self.lock();
        if let Some(hold) = hold.filter(|_| !held.lags) {
            held.holds.push((tick, hold));
        }
    }

    /// What has come is given to the service from now on.
    pub fn deliver(&self) {
        self.lock().delivering = Some(Instant::now());
    }

    /// Lets the run go on if the service takes long. To be asked again and again while it is waited for.
    pub fn look(&self) {
        let mut held = self.lock();
        if held.delivering.is_some_and(|since| since.elapsed() > PATIENCE) {
            held.lags = true;
            let holds = std::mem::take(&mut held.holds);
            // Whoever waits is told when nobody holds the lock.
            drop(held);
            drop(holds);
        }
    }

    /// Ticks up to this one are committed. A service that took them soon lags no longer.
    pub fn release(&self, tick: Tick) {
        let mut held = self.lock();
        let later = held.bytes.split_off(&(tick + 1));
        held.total = later.values().sum();
        held.bytes = later;
        let takings = std::mem::take(&mut held.takings);
        let (back, taken): (Vec<_>, Vec<_>) =
            takings.into_iter().partition(|(tick, _)| held.holds_back(*tick));
        held.takings = back;
        let holds = std::mem::take(&mut held.holds);
        let (back, released): (Vec<_>, Vec<_>) =
            holds.into_iter().partition(|(held, _)| *held > tick);
        held.holds = back;
        if held.delivering.take().is_some_and(|since| since.elapsed() <= PATIENCE) {
            held.lags = false;
        }
        drop(held);
        drop((taken, released));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::super::receipt::Receipt;
    use super::super::record::{RecordBody, RecordKey};
    use super::super::under_way::{OutputTicks, UnderWay};
    use super::*;
    use crate::row::IdentifierHash;

    /// The backlog of a service whose records are spilled to a folder.
    fn of_service(folder: &Path) -> (Backlog, UnderWay) {
        let under_way: UnderWay = [OutputTicks::default()].into();
        let counted = (Arc::clone(&under_way), 0);
        let spill = Spill::new(folder.to_owned(), "hook".to_owned(), counted);
        (Backlog::of_service(spill), under_way)
    }

    fn records(first: u128) -> Vec<Record> {
        let person = |person| RecordKey::Person(IdentifierHash(person));
        let body = RecordBody::Gone { merged_into: None };
        (first..first + 9)
            .map(|of| Record { output: 0, key: person(of), body: body.clone() })
            .collect()
    }

    #[test]
    fn what_finds_no_room_in_memory_is_spilled_and_read_as_it_was() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (backlog, under_way) = of_service(folder.path());
        assert!(matches!(backlog.keep(1, records(0)), QueuedRecords::Held(_)));
        backlog.add(2, MOST);
        let spilled: Vec<_> = (0..3).map(|number| backlog.keep(3, records(number * 9))).collect();
        assert!(under_way[0].spilled() > 0);
        for (number, records_of) in spilled.iter().enumerate() {
            let QueuedRecords::Spilled(part) = records_of else { panic!("there is no room") };
            assert_eq!(part.read().expect("it was written"), records(number as u128 * 9));
        }
        // Nobody finds it by name.
        assert_eq!(std::fs::read_dir(folder.path()).expect("it is there").count(), 0);
        drop(spilled);
        assert_eq!(under_way[0].spilled(), 0);
        backlog.release(2);
        assert!(matches!(backlog.keep(4, records(0)), QueuedRecords::Held(_)));
    }

    #[test]
    fn what_can_not_be_spilled_stays_in_memory_and_what_comes_later_waits() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (backlog, under_way) = of_service(&folder.path().join("gone"));
        backlog.add(1, MOST);
        let (receipt, awaited, _) = Receipt::new(|| ());
        let (taking, _) = receipt.taken();
        assert!(matches!(backlog.keep(2, records(0)), QueuedRecords::Held(_)));
        backlog.take(2, taking);
        assert!(awaited.is_held());
        assert_eq!(under_way[0].spilled(), 0);
        backlog.release(1);
        assert!(!awaited.is_held());
    }

    #[test]
    fn a_later_tick_waits_while_an_earlier_one_holds_too_much() {
        let backlog = Backlog::default();
        let add = |tick, bytes| {
            let (receipt, awaited, _) = Receipt::new(|| ());
            let (taking, _) = receipt.taken();
            backlog.add(tick, bytes);
            backlog.take(tick, taking);
            awaited
        };
        let first = [add(5, MOST), add(5, MOST)];
        assert!(first.iter().all(|awaited| !awaited.is_held()), "nothing comes before it");
        let (second, third) = (add(6, MOST + 1), add(7, 1));
        assert!(second.is_held() && third.is_held());
        backlog.release(5);
        assert!(!second.is_held(), "nothing comes before it any more");
        assert!(third.is_held());
        backlog.release(6);
        assert!(!third.is_held());
    }

    #[test]
    fn the_run_waits_for_a_service_until_that_takes_long_and_again_once_it_has_caught_up() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (backlog, _) = of_service(folder.path());
        let hold = |tick| {
            let (receipt, _, awaited) = Receipt::new(|| ());
            let (_, mut acknowledgement) = receipt.taken();
            backlog.add(tick, 1);
            backlog.hold(tick, &mut acknowledgement);
            awaited
        };
        let first = [hold(5), hold(6)];
        backlog.deliver();
        backlog.look();
        assert!(first.iter().all(|awaited| awaited.is_held()), "it has only begun");
        backlog.release(5);
        assert!(!first[0].is_held() && first[1].is_held());
        backlog.deliver();
        std::thread::sleep(PATIENCE * 2);
        assert!(first[1].is_held(), "nobody has looked");
        backlog.look();
        assert!(!first[1].is_held());
        assert!(!hold(7).is_held(), "it lags");
        backlog.release(7);
        assert!(!hold(8).is_held(), "what was taken just now took long");
        backlog.deliver();
        backlog.release(8);
        assert!(hold(9).is_held());
    }
}
