//! Which columnar files count: by process a list, which is replaced in one step.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::checked;
use super::error::StoreError;
use super::folder::Folder;
use super::frame::LogHeader;
use crate::plan::source_reading::SourceReading;
use crate::source::Positions;
use crate::time::Tick;

/// Which log it is: run, process, number.
pub type LogId = (u64, usize, u64);

/// What a process's logs became.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Manifest {
    pub segments: Vec<StoredSegment>,
    #[serde(default)]
    pub compacted: Compacted,
}

/// What is known of the versions of records that have left.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Compacted {
    /// The last tick of the rows that were looked through: what was known at an earlier one can't be computed any more.
    pub until: Tick,
    /// The definition whose outputs had all been told of by then.
    pub definition: String,
    /// By source, how many rows were left of those that were looked through.
    pub left: BTreeMap<String, u64>,
    /// By source, as what its rows were read when versions left.
    #[serde(default)]
    pub read_as: BTreeMap<String, BTreeSet<SourceReading>>,
}

/// What one log became, or several that follow each other: of one run, or of some.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredSegment {
    /// The first one of the last run.
    pub log: LogHeader,
    /// How many of that run followed it.
    #[serde(default)]
    pub more_logs: u64,
    /// The logs of runs before that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<EarlierLogs>,
    pub first: Tick,
    pub last: Tick,
    /// By worker among all, the last tick of which it is known that it has all.
    pub complete: BTreeMap<usize, Tick>,
    pub positions: Positions,
    pub rows: Vec<RowsFile>,
    /// By source, how many rows have left since newer versions of their records stand.
    #[serde(default)]
    pub superseded: BTreeMap<String, u64>,
    pub ticks: ColumnarFile,
}

/// Logs of a run, less what they have in common with those of a later one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierLogs {
    pub run: u64,
    pub processes: usize,
    pub workers: usize,
    /// The first and the last number.
    pub numbers: (u64, u64),
    /// As a segment's.
    pub complete: BTreeMap<usize, Tick>,
}

/// A source's rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RowsFile {
    pub source: String,
    pub rows: u64,
    #[serde(flatten)]
    pub file: ColumnarFile,
}

/// A file by its path below the folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ColumnarFile {
    pub path: String,
    pub bytes: u64,
    /// XXH3 of all of it, in hex digits.
    pub checksum: String,
}

impl StoredSegment {
    /// The runs whose logs are in it, with these.
    pub fn runs(&self) -> impl Iterator<Item = EarlierLogs> + use<> {
        let LogHeader { run, processes, workers, number, .. } = self.log;
        let (numbers, complete) = ((number, number + self.more_logs), self.complete.clone());
        let own = EarlierLogs { run, processes, workers, numbers, complete };
        self.earlier.clone().into_iter().chain([own])
    }

    /// The numbers of the logs that are in it, by run.
    fn numbers(&self) -> impl Iterator<Item = (u64, RangeInclusive<u64>)> {
        let earlier = self.earlier.iter().map(|of| (of.run, of.numbers.0..=of.numbers.1));
        let LogHeader { run, number, .. } = self.log;
        earlier.chain([(run, number..=number + self.more_logs)])
    }

    /// The logs that are in it.
    pub fn logs(&self) -> impl Iterator<Item = LogId> {
        let process = self.log.process;
        self.numbers()
            .flat_map(move |(run, numbers)| numbers.map(move |number| (run, process, number)))
    }

    /// Whether a log is in it.
    pub fn has(&self, (run, process, number): LogId) -> bool {
        let is_in =
            |(of, numbers): (u64, RangeInclusive<u64>)| of == run && numbers.contains(&number);
        self.log.process == process && self.numbers().any(is_in)
    }

    /// Stands for the log just before its first one of a run, too, since nothing counts in that. Says whether there is such.
    pub fn take_in(&mut self, (run, process, number): LogId) -> bool {
        if self.log.process != process {
            return false;
        }
        let is_next = |first: u64| first == number + 1;
        if self.log.run == run && is_next(self.log.number) {
            (self.log.number, self.more_logs) = (number, self.more_logs + 1);
            return true;
        }
        let mut earlier = self.earlier.iter_mut();
        let of_run = earlier.find(|of| of.run == run && is_next(of.numbers.0));
        of_run.map(|of| of.numbers.0 = number).is_some()
    }

    /// Whether another one comes just before it, of the same kind.
    pub fn follows(&self, other: &StoredSegment) -> bool {
        let (before, last) = (&other.log, other.log.number + other.more_logs);
        let comes_next =
            self.numbers().next().is_some_and(|(run, numbers)| match run == before.run {
                true => *numbers.start() == last + 1,
                false => run > before.run,
            });
        let LogHeader { process, fields, read_as, .. } = &self.log;
        let is_alike = (fields, read_as) == (&before.fields, &before.read_as);
        comes_next && *process == before.process && is_alike
    }

    pub fn files(&self) -> impl Iterator<Item = &ColumnarFile> {
        self.rows.iter().map(|rows| &rows.file).chain([&self.ticks])
    }
}

impl Manifest {
    fn path(folder: &Folder, process: usize) -> PathBuf {
        folder.root.join(format!("manifest-{process}.json"))
    }

    /// That of a process; an empty one if it has none yet.
    pub fn read(folder: &Folder, process: usize) -> Result<Self, StoreError> {
        let path = Self::path(folder, process);
        Ok(checked::read(&path)?.unwrap_or_default())
    }

    /// The numbers of all processes that ever had one.
    pub fn processes(folder: &Folder) -> Result<Vec<usize>, StoreError> {
        folder.numbered("manifest-", ".json")
    }

    /// Those of all processes that there ever were.
    pub fn all(folder: &Folder) -> Result<Vec<Self>, StoreError> {
        let processes = Self::processes(folder)?;
        processes.into_iter().map(|process| Self::read(folder, process)).collect()
    }

    pub fn write(&self, folder: &Folder, process: usize) -> Result<(), StoreError> {
        folder.write(&format!("manifest-{process}.json"), self)
    }
}
