//! How far each output is: which records of which ticks it has yet to acknowledge.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::time::Tick;

/// One output's records that were handed over and are not acknowledged, by tick.
#[derive(Debug, Default)]
pub struct OutputTicks(Mutex<BTreeMap<Tick, u64>>);

impl OutputTicks {
    /// So many records of a tick are handed over.
    pub fn add(&self, tick: Tick, records: u64) {
        *self.0.lock().expect("no one panics with it").entry(tick).or_default() += records;
    }

    /// They are acknowledged.
    pub fn release(&self, tick: Tick, records: u64) {
        let mut ticks = self.0.lock().expect("no one panics with it");
        if let Some(held) = ticks.get_mut(&tick) {
            *held -= records;
            if *held == 0 {
                ticks.remove(&tick);
            }
        }
    }

    /// The first tick of which a record is not acknowledged.
    pub fn oldest(&self) -> Option<Tick> {
        self.0.lock().expect("no one panics with it").keys().next().copied()
    }

    /// Records that are not acknowledged.
    pub fn records(&self) -> u64 {
        self.0.lock().expect("no one panics with it").values().sum()
    }
}

/// By output, in the plan's order.
pub type UnderWay = Arc<[OutputTicks]>;
