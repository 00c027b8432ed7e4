//! What is held for a commit, in bounded memory.
//!
//! A tick's records are held from when they are taken until they are committed. Where they are many, a later tick is
//! not taken as long as an earlier one is there: then no further tick opens. The earliest is always taken, since it
//! can't be committed before.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::receipt::Taking;
use crate::time::Tick;

/// Bytes of records that may wait for a commit, besides what the ticks bring that are being taken.
const MOST: usize = 128 << 20;

#[derive(Default)]
pub struct Backlog(Mutex<HeldTicks>);

#[derive(Default)]
struct HeldTicks {
    bytes: BTreeMap<Tick, usize>,
    total: usize,
    /// Ticks that are not taken yet.
    takings: Vec<(Tick, Taking)>,
}

impl HeldTicks {
    /// Whether a tick has to wait.
    fn holds_back(&self, tick: Tick) -> bool {
        self.total > MOST && self.bytes.first_key_value().is_some_and(|(first, _)| *first < tick)
    }
}

impl Backlog {
    /// So many more bytes of a tick are about to be held.
    pub fn add(&self, tick: Tick, bytes: usize) {
        let mut held = self.0.lock().expect("no one panics with it");
        *held.bytes.entry(tick).or_default() += bytes;
        held.total += bytes;
    }

    /// They are held: they are taken now, or when there is room.
    pub fn take(&self, tick: Tick, taking: Taking) {
        let mut held = self.0.lock().expect("no one panics with it");
        if held.holds_back(tick) {
            held.takings.push((tick, taking));
        }
    }

    /// Ticks up to this one are committed.
    pub fn release(&self, tick: Tick) {
        let mut held = self.0.lock().expect("no one panics with it");
        let later = held.bytes.split_off(&(tick + 1));
        held.total = later.values().sum();
        held.bytes = later;
        let takings = std::mem::take(&mut held.takings);
        let (back, _) = takings.into_iter().partition(|(tick, _)| held.holds_back(*tick));
        held.takings = back;
    }
}

#[cfg(test)]
mod tests {
    use super::super::receipt::Receipt;
    use super::*;

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
}
