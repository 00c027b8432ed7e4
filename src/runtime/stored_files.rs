//! What becomes of a process's logs beside the run: columnar files, larger ones of small ones, without the versions of records
//! that have had their time, and with indexes.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use crate::plan::Plan;
use crate::store::{self, ClosedLog, Compaction, Folder, Recovered};
use crate::time::Tick;

/// How often it is looked whether a closed log is durable everywhere.
const LOOK: Duration = Duration::from_millis(200);

/// The thread's work.
pub struct StoredFiles {
    pub recovered: Arc<Recovered>,
    pub plan: Arc<Plan>,
    pub compaction: Compaction,
    pub process: usize,
    /// The first tick that may not be durable, or of which an output may not have committed all.
    pub frontier: Arc<AtomicU64>,
    pub is_ending: Arc<AtomicBool>,
    pub is_leaving: Arc<AtomicBool>,
}

impl StoredFiles {
    /// Makes logs columnar files, once all in them is durable and committed: rejects stand in logs alone, and are told
    /// again until they are. Those that earlier runs left come when they have been read.
    pub fn make(&self, left: Vec<(PathBuf, Tick)>, closed: &Receiver<ClosedLog>) {
        let until = self.recovered.until;
        let left = left.into_iter().map(|(path, last)| (path, last, until, true));
        let mut waiting: VecDeque<(PathBuf, Tick, Tick, bool)> = left.collect();
        let (mut more, mut are_new, mut may_compact) = (true, true, true);
        while (more || !waiting.is_empty()) && !self.is_leaving() {
            match closed.recv_timeout(LOOK) {
                Ok(ClosedLog { path, last }) => waiting.push_back((path, last, last, false)),
                // There is time now, unless rows are being read back.
                Err(RecvTimeoutError::Timeout) if are_new && self.has_read(until) => {
                    are_new = !self.index();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => more = false,
            }
            // Asked first: what is committed in the end is known by then.
            let is_ending = self.is_ending();
            let durable = self.frontier.load(Ordering::Relaxed);
            let mut are_more = false;
            while !self.is_leaving()
                && let Some((path, last, _, may_be_torn)) =
                    waiting.pop_front_if(|(_, _, after, _)| *after < durable)
            {
                let began = Instant::now();
                let made = store::make(self.folder(), self.process, &path, last, may_be_torn);
                if let Err(error) = made {
                    tracing::warn!("'{}' stays a log: {error}", path.display());
                }
                tracing::debug!(
                    "'{}' became columnar files within {:?}",
                    path.display(),
                    began.elapsed()
                );
                are_more = true;
            }
            if are_more {
                let began = Instant::now();
                self.merge_small();
                tracing::debug!("merging took {:?}", began.elapsed());
                (are_new, may_compact) = (true, true);
            }
            // Files are read back until then, by this process and by others.
            if durable > until && std::mem::take(&mut may_compact) {
                self.compact(durable);
            }
            // The next run makes files of what outputs have not committed.
            if is_ending && !more && !are_more {
                return;
            }
        }
    }

    fn folder(&self) -> &Folder {
        &self.recovered.folder
    }

    /// Whether all ticks up to one that was stored have passed.
    fn has_read(&self, until: Tick) -> bool {
        until == 0 || self.frontier.load(Ordering::Relaxed) > until
    }

    fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Relaxed)
    }

    fn is_leaving(&self) -> bool {
        self.is_leaving.load(Ordering::Relaxed)
    }

    /// Makes small files larger ones, as long as there are enough of them.
    fn merge_small(&self) {
        while !self.is_leaving() {
            match store::merge_small(self.folder(), self.process) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return tracing::warn!("small files stay as they are: {error}"),
            }
        }
    }

    fn compact(&self, durable: Tick) {
        let (began, is_stopped) = (Instant::now(), || self.is_leaving());
        if let Err(error) = self.compaction.run(self.folder(), self.process, durable, is_stopped) {
            tracing::warn!("older versions of records stay stored: {error}");
        }
        tracing::debug!("compaction took {:?}", began.elapsed());
    }

    /// Makes the indexes that are missing. Says whether none is to be made any more.
    fn index(&self) -> bool {
        let (began, folder, is_stopped) = (Instant::now(), self.folder(), || self.is_ending());
        let made = store::Indexing::new(folder, &self.plan).and_then(|indexing| {
            indexing.make_missing(folder, Some(self.process), is_stopped)?;
            if self.process == 0 { store::sweep(folder) } else { Ok(()) }
        });
        if let Err(error) = made {
            tracing::warn!("rows are found without an index: {error}");
        }
        tracing::debug!("indexing took {:?}", began.elapsed());
        !self.is_ending()
    }
}
