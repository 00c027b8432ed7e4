//! The frames of a log in the order of their ticks: workers write theirs as they come to them, some a little after others.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::buffer::Buffer;

use super::error::StoreError;
use super::frame::{LogHeader, TickHeader};
use super::log::{LogReader, TickFrame};
use crate::time::Tick;

/// A log that is read in order.
pub struct OrderedLog {
    log: LogReader,
    /// By worker of the log's process, the last tick that was read of it.
    read: BTreeMap<usize, Tick>,
    /// Read, and not given, since another worker may have something of an earlier tick.
    held: BTreeMap<(Tick, usize), OwnedFrame>,
    has_ended: bool,
}

/// A worker's tick, and the streams of its rows.
pub struct OwnedFrame {
    pub header: TickHeader,
    pub streams: Buffer,
}

impl OrderedLog {
    /// As [`LogReader::open`].
    pub fn open(path: &Path, may_be_torn: bool) -> Result<Option<Self>, StoreError> {
        let Some(log) = LogReader::open(path, may_be_torn)? else { return Ok(None) };
        let LogHeader { process, workers, .. } = log.header;
        let read = (process * workers..(process + 1) * workers).map(|worker| (worker, 0));
        let read = read.collect();
        Ok(Some(OrderedLog { log, read, held: BTreeMap::new(), has_ended: false }))
    }

    pub fn header(&self) -> &LogHeader {
        &self.log.header
    }

    /// The next frame; `None` at the end.
    pub fn next(&mut self) -> Result<Option<OwnedFrame>, StoreError> {
        loop {
            let all_read = self.read.values().copied().min().unwrap_or_default();
            let is_next = |tick: Tick| self.has_ended || tick <= all_read;
            if let Some(first) = self.held.first_entry()
                && is_next(first.key().0)
            {
                return Ok(Some(first.remove()));
            }
            if self.has_ended {
                return Ok(None);
            }
            match self.log.next()? {
                None => self.has_ended = true,
                Some(frame) => {
                    let TickFrame { header, streams } = frame;
                    let (tick, worker) = (header.tick, header.worker);
                    self.read.insert(worker, tick);
                    self.held.insert((tick, worker), OwnedFrame { header, streams });
                }
            }
        }
    }
}
