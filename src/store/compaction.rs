//! Versions of `records` that have had their time leave the store (`superseded` says which those are), so that it has
//! the size of what stands, and not of all that was ever said.
//!
//! What was known at a tick before the newest of the versions that were looked at can't be computed any more. So that is
//! done of ticks alone which all outputs have committed, and `Compacted` tells it: outputs have been told of everything by
//! then, or, under another definition, are to be compared with what there is.
//!
//! A process looks through its own files, so that of a key whose rows several of them read, each keeps what it needs.
//! A source's files are looked through when they have twice the rows that the last time left: each row is read again
//! as often as the history doubles.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::buffer::{BooleanBuffer, MutableBuffer};
use arrow::util::bit_util::{ceil, set_bit};

use super::error::StoreError;
use super::folder::Folder;
use super::laid_down::LaidDown;
use super::manifest::{Manifest, RowsFile};
use super::read_back::dated_rows_in_batch;
use super::recovery::Recovered;
use super::rewritten::each_batch;
use super::superseded::{Version, superseded};
use crate::console::counted;
use crate::decode::Decoder;
use crate::decode::latest::Latest;
use crate::fault;
use crate::plan::source_reading::{source_reading, stated_otherwise};
use crate::plan::{Kind, Plan};
use crate::time::Tick;

/// Fewer rows of a source stay as they are.
const FEW: u64 = 1 << 16;

/// Which versions have had their time, by what the definition says.
pub struct Compaction {
    plan: Arc<Plan>,
    /// A hash of it.
    definition: String,
    /// Sources with fewer rows stay as they are; `None`: all are looked through, whatever was left the last time.
    few: Option<u64>,
}

/// Which rows of some files have had their time, by the files' paths.
type Marks = BTreeMap<String, BooleanBuffer>;

impl Compaction {
    pub fn new(plan: &Arc<Plan>, definition: &str) -> Self {
        let few = fault::number("SELFSAME_COMPACTED_ROWS", FEW);
        Compaction { plan: Arc::clone(plan), definition: definition.to_owned(), few: Some(few) }
    }

    /// The same, of sources of any size.
    pub fn of_any_size(self) -> Self {
        Compaction { few: None, ..self }
    }

    /// Has a process's versions leave that have had their time, among the files whose ticks are all before one: these have
    /// been committed by all outputs. `is_stopped` is asked now and then whether it is to be left for later.
    pub fn run(
        &self,
        folder: &Folder,
        process: usize,
        before: Tick,
        is_stopped: impl Fn() -> bool,
    ) -> Result<(), StoreError> {
        for (number, source) in self.plan.sources.iter().enumerate() {
            if source.kind != Kind::Records || is_stopped() {
                continue;
            }
            let mut manifest = Manifest::read(folder, process)?;
            let settled = manifest.segments.iter().filter(|segment| segment.last < before);
            let until = settled.clone().map(|segment| segment.last).max().unwrap_or_default();
            let files = settled.flat_map(|segment| &segment.rows);
            let files: Vec<RowsFile> =
                files.filter(|file| file.source == source.name).cloned().collect();
            let rows: u64 = files.iter().map(|file| file.rows).sum();
            let left = manifest.compacted.left.get(&source.name).copied().unwrap_or_default();
            if self.few.is_some_and(|few| rows < few.max(2 * left)) {
                continue;
            }
            let _reading = folder.reading();
            let marks = self.marks(folder, process, number, &files, &is_stopped)?;
            let Some(mut marks) = marks.filter(|_| !is_stopped()) else { return Ok(()) };
            let gone = manifest.without_rows(folder, |file| Ok(marks.remove(&file.file.path)))?;
            fault::point("compacted in place");
            let Manifest { segments, compacted } = &mut manifest;
            let mut number = 0;
            for of in &gone {
                let superseded = &mut segments[of.segment].superseded;
                *superseded.entry(of.source.clone()).or_default() += of.rows;
                number += of.rows;
            }
            compacted.left.insert(source.name.clone(), rows - number);
            if number > 0 {
                (compacted.until, compacted.definition) = (until, self.definition.clone());
                let read_as = compacted.read_as.entry(source.name.clone()).or_default();
                read_as.insert(source_reading(&self.plan, &source.name));
            }
            manifest.write(folder, process)?;
            fault::point("compaction in force");
            for of in gone {
                folder.delete(&folder.root.join(of.path))?;
            }
            if number > 0 {
                let name = &source.name;
                tracing::info!(
                    "source {name}: {} of records, from which nothing follows any more, of {}: they have left the \
                     data folder",
                    counted(number, "is an older version", "are older versions"),
                    counted(rows, "stored row", "stored rows")
                );
            }
        }
        Ok(())
    }

    /// Which rows of a source's files have had their time; `None`: it was stopped.
    fn marks(
        &self,
        folder: &Folder,
        process: usize,
        source: usize,
        files: &[RowsFile],
        is_stopped: &impl Fn() -> bool,
    ) -> Result<Option<Marks>, StoreError> {
        let rows = files.iter().map(|file| file.rows).sum();
        let mut versions = LaidDown::new(folder, process, rows)?;
        let mut decoder = Decoder::new(Arc::clone(&self.plan), source);
        let (mut latest, mut first) = (Latest::default(), 0);
        for file in files {
            if is_stopped() {
                return Ok(None);
            }
            each_batch(folder, file, |batch| {
                for of in dated_rows_in_batch(&mut decoder, source, batch, &mut latest) {
                    versions.add(Version::of(&of.row, first + of.place as u64))?;
                }
                first += batch.num_rows() as u64;
                Ok(())
            })?;
        }
        let mut marks = MutableBuffer::new_null(first as usize);
        versions.each(|versions| {
            for Version { key, time, place, .. } in superseded(versions) {
                // The two latest rows of all say where the clock of events is.
                if !latest.has(source as u16, key, time) {
                    set_bit(&mut marks, place as usize);
                }
            }
        })?;
        debug_assert!(marks.len() >= ceil(first as usize, 8));
        let marks = BooleanBuffer::new(marks.into(), 0, first as usize);
        let mut first = 0;
        let of_file = |file: &RowsFile| {
            let marks = marks.slice(first, file.rows as usize);
            first += file.rows as usize;
            (file.file.path.clone(), marks)
        };
        Ok(Some(files.iter().map(of_file).collect()))
    }
}

/// Up to which ticks versions have left the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompactedUntil {
    /// All outputs of the definition had been told of these.
    pub told: Tick,
    /// Up to this tick it is not known, since that was under other definitions.
    pub untold: Tick,
}

impl Recovered {
    /// Up to which ticks versions of records have left, for a definition of which this is a hash.
    pub fn compacted_until(&self, definition: &str) -> CompactedUntil {
        let mut until = CompactedUntil::default();
        for of in &self.compacted {
            let known =
                if of.definition == definition { &mut until.told } else { &mut until.untold };
            *known = (*known).max(of.until);
        }
        until
    }

    /// The sources of which versions left that had had their time by another reading, how many have left of each, and
    /// what is stated otherwise by now.
    pub fn read_otherwise<'a>(&self, plan: &'a Plan) -> Vec<(&'a str, u64, BTreeSet<String>)> {
        let then = |source: &'a str| {
            self.compacted.iter().filter_map(move |of| of.read_as.get(source)).flatten()
        };
        let number = |source: &str| self.superseded.get(source).copied().unwrap_or_default();
        let told = stated_otherwise(plan, then).into_iter();
        told.map(|(source, names)| (source, number(source), names)).collect()
    }

    /// How many older versions of records have left the store.
    pub fn superseded(&self) -> u64 {
        self.superseded.values().sum()
    }
}
