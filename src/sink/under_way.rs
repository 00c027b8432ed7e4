//! How far each output is: which records of which ticks it has yet to acknowledge.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::tick_index::TickIndex;
use crate::time::Tick;

/// One output's records that were handed over and are not acknowledged, by tick.
#[derive(Debug, Default)]
pub struct OutputTicks {
    held: Mutex<BTreeMap<Tick, u64>>,
    /// Where its earlier records are, of an output whose file tells.
    index: Mutex<Option<Arc<TickIndex>>>,
    /// Shared with those of a run that this one takes the outputs from.
    counts: Mutex<Arc<OutputCounts>>,
}

/// What is counted of an output.
#[derive(Debug, Default)]
struct OutputCounts {
    /// Records that this run has sent to it: none that it was told before, or holds already.
    sent: AtomicU64,
    /// How many attempts to deliver have failed and are made again.
    retries: AtomicU64,
    /// Bytes that are spilled to the disk.
    spilled: AtomicU64,
}

impl OutputTicks {
    /// So many records of a tick are handed over.
    pub fn add(&self, tick: Tick, records: u64) {
        *self.held.lock().expect("no one panics with it").entry(tick).or_default() += records;
    }

    /// They are acknowledged.
    pub fn release(&self, tick: Tick, records: u64) {
        let mut ticks = self.held.lock().expect("no one panics with it");
        if let Some(held) = ticks.get_mut(&tick) {
            *held -= records;
            if *held == 0 {
                ticks.remove(&tick);
            }
        }
    }

    /// Where its earlier records are, if a file tells.
    pub fn index(&self) -> Option<Arc<TickIndex>> {
        self.index.lock().expect("no one panics with it").clone()
    }

    pub fn set_index(&self, index: Option<Arc<TickIndex>>) {
        *self.index.lock().expect("no one panics with it") = index;
    }

    /// The first tick of which a record is not acknowledged.
    pub fn oldest(&self) -> Option<Tick> {
        self.held.lock().expect("no one panics with it").keys().next().copied()
    }

    /// What was opened beside it takes its place, and goes on with where its earlier records are and what it counts.
    pub fn take_over(&self, opened: &OutputTicks) {
        self.set_index(opened.index());
        *self.counts.lock().expect("no one panics with it") = opened.counts();
    }

    fn counts(&self) -> Arc<OutputCounts> {
        Arc::clone(&self.counts.lock().expect("no one panics with it"))
    }

    /// So many records are sent to it.
    pub fn note_sent(&self, records: u64) {
        self.counts().sent.fetch_add(records, Ordering::Relaxed);
    }

    /// How many records this run has sent to it.
    pub fn sent(&self) -> u64 {
        self.counts().sent.load(Ordering::Relaxed)
    }

    /// An attempt to deliver has failed, and is made again.
    pub fn note_retry(&self) {
        self.counts().retries.fetch_add(1, Ordering::Relaxed);
    }

    /// How many attempts to deliver have failed and are made again.
    pub fn retries(&self) -> u64 {
        self.counts().retries.load(Ordering::Relaxed)
    }

    /// So many bytes more are spilled to the disk.
    pub fn spill(&self, bytes: u64) {
        self.counts().spilled.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many bytes lie there no more.
    pub fn take_back(&self, bytes: u64) {
        self.counts().spilled.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes that are spilled to the disk.
    pub fn spilled(&self) -> u64 {
        self.counts().spilled.load(Ordering::Relaxed)
    }

    /// Records that are not acknowledged.
    pub fn records(&self) -> u64 {
        self.held.lock().expect("no one panics with it").values().sum()
    }
}

/// By output, in the plan's order.
pub type UnderWay = Arc<[OutputTicks]>;
