//! Files that a run which follows them holds open as it ends, for the one that takes its place: no name may lead to
//! them any more, and they may be written to all the same.

use std::collections::HashMap;
use std::fmt::{Debug, Formatter};
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::place::FileId;

/// For how long a run that ends is waited for: a step of its reading may compare what was read of a large file.
const LONGEST: Duration = Duration::from_secs(10);

/// A file that was being followed. How far it was read is known by what was stored.
pub(super) struct LeftFile {
    pub part: u32,
    pub path: PathBuf,
    pub id: FileId,
    pub file: File,
    pub gone: Option<Instant>,
    pub succeeded: Option<u64>,
    /// Up to where its rows are of another part.
    pub behind: Option<(u64, u32)>,
}

/// Files, by the names of their sources.
pub(super) type LeftBySource = HashMap<String, Vec<LeftFile>>;

/// Where runs that follow each other leave files.
#[derive(Clone, Default)]
pub struct LeftFiles(Arc<(Mutex<LeftState>, Condvar)>);

#[derive(Default)]
struct LeftState {
    /// How many read files that they will leave.
    readers: usize,
    files: LeftBySource,
}

impl LeftFiles {
    /// Takes what a run has left that has been told to end, once it has, and leaves files in its turn.
    pub(super) fn take(&self) -> (LeftBySource, LeavesFiles) {
        let (_, ended) = &*self.0;
        let waited = ended.wait_timeout_while(self.state(), LONGEST, |state| state.readers > 0);
        let (mut state, _) = waited.expect("no one panics with it");
        state.readers += 1;
        (std::mem::take(&mut state.files), LeavesFiles(self.clone()))
    }

    fn state(&self) -> MutexGuard<'_, LeftState> {
        self.0.0.lock().expect("no one panics with it")
    }
}

impl Debug for LeftFiles {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeftFiles").finish_non_exhaustive()
    }
}

/// Who reads files that it will leave.
pub(super) struct LeavesFiles(LeftFiles);

impl LeavesFiles {
    pub fn leave(&self, source: &str, files: Vec<LeftFile>) {
        self.0.state().files.insert(source.to_owned(), files);
    }
}

impl Drop for LeavesFiles {
    fn drop(&mut self) {
        self.0.state().readers -= 1;
        self.0.0.1.notify_all();
    }
}
