//! Records that wait for a service, spilled to the disk where memory has no room for more.
//!
//! They lie in files without a name, which the system lets go of with the process, however it ends: what a service lacks
//! then, a durable run computes anew. A file is gone, too, once all that was put into it is delivered.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::record::Record;
use super::under_way::UnderWay;
use crate::place::DiskRoom;

/// A file that holds so many bytes takes no more.
const FILE: u64 = 64 << 20;
/// So much of the disk is left to others: the store is there, too.
const LEFT: u64 = 1 << 30;

/// Where records of one output are spilled to.
pub struct Spill {
    folder: PathBuf,
    /// The output's name.
    output: String,
    /// Where what lies there is counted: the output's place is the number.
    counted: (UnderWay, usize),
    /// What takes more, and how much it holds.
    current: Mutex<Option<(Arc<File>, u64)>>,
    /// It was told that nothing more can be spilled.
    is_full: AtomicBool,
}

/// Records of a batch that were spilled.
pub struct SpilledRecords {
    file: Arc<File>,
    start: u64,
    length: usize,
    counted: (UnderWay, usize),
}

impl Spill {
    pub fn new(folder: PathBuf, output: String, counted: (UnderWay, usize)) -> Self {
        Spill {
            folder,
            output,
            counted,
            current: Mutex::default(),
            is_full: AtomicBool::new(false),
        }
    }

    /// Spills records, unless the disk has no room for them, which is told.
    pub fn put(&self, records: &[Record]) -> Option<SpilledRecords> {
        let bytes = bincode::serialize(records).expect("nothing of it is endless");
        match self.write(&bytes) {
            Ok(part) => {
                if self.is_full.swap(false, Ordering::Relaxed) {
                    tracing::info!(
                        "output {}: what waits for it goes to the disk again",
                        self.output
                    );
                }
                Some(part)
            }
            Err(error) => {
                if !self.is_full.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        "output {}: what waits for it can't be kept in '{}', so that the inflow waits for it: \
                         {error}",
                        self.output,
                        self.folder.display()
                    );
                }
                None
            }
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<SpilledRecords> {
        let mut current = self.current.lock().expect("no one panics with it");
        let (file, start) = match current.take().filter(|(_, held)| *held < FILE) {
            Some(current) => current,
            None => (Arc::new(begin(&self.folder)?), 0),
        };
        let written = file.write_all_at(bytes, start);
        // What a failed write left is written over.
        let end = start + if written.is_ok() { bytes.len() as u64 } else { 0 };
        *current = Some((Arc::clone(&file), end));
        written?;
        let (outputs, number) = &self.counted;
        outputs[*number].spill(bytes.len() as u64);
        Ok(SpilledRecords {
            file,
            start,
            length: bytes.len(),
            counted: (Arc::clone(outputs), *number),
        })
    }
}

fn begin(folder: &Path) -> io::Result<File> {
    if DiskRoom::of(folder).is_some_and(|room| room.free < LEFT + FILE) {
        let why = format!("less than {} MiB would be left on the disk", LEFT >> 20);
        return Err(io::Error::new(io::ErrorKind::StorageFull, why));
    }
    tempfile::tempfile_in(folder)
}

impl SpilledRecords {
    pub fn bytes(&self) -> usize {
        self.length
    }

    pub fn read(&self) -> io::Result<Vec<Record>> {
        let mut bytes = vec![0; self.length];
        self.file.read_exact_at(&mut bytes, self.start)?;
        bincode::deserialize(&bytes).map_err(io::Error::other)
    }
}

impl Drop for SpilledRecords {
    fn drop(&mut self) {
        let (outputs, number) = &self.counted;
        outputs[*number].take_back(self.length as u64);
    }
}
