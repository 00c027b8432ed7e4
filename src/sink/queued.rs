//! What waits for an output to write it, by tick: in memory, or spilled to the disk.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;

use super::catalog::Catalog;
use super::medium::{Medium, Readership};
use super::receipt::Acknowledgement;
use super::record::Record;
use super::spill::SpilledRecords;
use crate::time::Tick;

/// About so many bytes of records are written before what was written is acknowledged.
const PORTION: usize = 32 << 20;

/// Records of a tick, those of one key in their order.
pub enum QueuedRecords {
    Held(Vec<Record>),
    Spilled(SpilledRecords),
}

impl QueuedRecords {
    fn bytes(&self) -> usize {
        match self {
            QueuedRecords::Held(records) => records.iter().map(Record::held).sum(),
            QueuedRecords::Spilled(part) => part.bytes(),
        }
    }

    /// The records; `None`: they can't be read, which nobody waits for any more.
    fn read<M: Medium>(&self, medium: &M) -> Option<Cow<'_, [Record]>> {
        let part = match self {
            QueuedRecords::Held(records) => return Some(Cow::Borrowed(records)),
            QueuedRecords::Spilled(part) => part,
        };
        let read = Cell::new(None);
        medium.until_it_works("a file of what waits", &|| {
            read.set(Some(part.read()?));
            Ok(())
        });
        read.into_inner().map(Cow::Owned)
    }

    /// Those of them that are in memory.
    pub fn in_memory_mut(&mut self) -> Option<&mut Vec<Record>> {
        match self {
            QueuedRecords::Held(records) => Some(records),
            QueuedRecords::Spilled(_) => None,
        }
    }
}

/// What waits of one tick.
#[derive(Default)]
pub struct QueuedTick {
    pub records: Vec<QueuedRecords>,
    pub acknowledgements: Vec<Acknowledgement>,
}

impl QueuedTick {
    /// Writes all of it, and says how many records that are; `None`: nobody reads them any more.
    pub fn write<M: Medium>(&self, medium: &mut M, names: &Catalog) -> Option<u64> {
        let mut written = 0;
        for records in &self.records {
            let records = records.read(medium)?;
            if medium.write(&records, names) == Readership::Left {
                return None;
            }
            written += records.len() as u64;
        }
        Some(written)
    }

    fn add(&mut self, records: QueuedRecords) {
        match (self.records.last_mut(), records) {
            (Some(QueuedRecords::Held(before)), QueuedRecords::Held(more)) => before.extend(more),
            (_, records) => self.records.push(records),
        }
    }
}

/// What waits, the earliest tick first.
#[derive(Default)]
pub struct QueuedTicks(pub BTreeMap<Tick, QueuedTick>);

impl QueuedTicks {
    pub fn add(&mut self, tick: Tick, records: QueuedRecords, acknowledgement: Acknowledgement) {
        let waiting = self.0.entry(tick).or_default();
        waiting.add(records);
        waiting.acknowledgements.push(acknowledgement);
    }

    pub fn first(&self) -> Option<Tick> {
        self.0.first_key_value().map(|(tick, _)| *tick)
    }

    /// Whole ticks before this one, the earliest first: not much more at once than a portion.
    pub fn take_before(&mut self, before: Tick) -> BTreeMap<Tick, QueuedTick> {
        let (mut taken, mut bytes) = (BTreeMap::new(), 0);
        while bytes < PORTION
            && let Some(first) = self.0.first_entry().filter(|first| *first.key() < before)
        {
            let (tick, waiting) = first.remove_entry();
            bytes += waiting.records.iter().map(QueuedRecords::bytes).sum::<usize>();
            taken.insert(tick, waiting);
        }
        taken
    }
}
