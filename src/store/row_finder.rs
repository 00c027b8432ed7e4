//! Stored rows by what they are found by: of files that have an index, and of logs, the blocks that it names; of all others,
//! every row.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::PageIndexPolicy;

use super::error::StoreError;
use super::folder::Folder;
use super::history::{StoredHistory, StoredRows, projected, ticks};
use super::indexing::Indexing;
use super::kept::FilesInUse;
use super::log_index::{LogBlock, LogIndex};
use super::log_indexing::{read_on, rows_of};
use super::recovery::{HistoryPart, PartFiles, Recovered};
use super::row_index::RowIndex;
use super::row_keys::{KeyHasher, RowKey};
use crate::plan::{Plan, Source};
use crate::time::Tick;

/// Rows that are read at once.
const ROWS: usize = 8_192;

/// Rows of a source, among which some may be that were not asked for.
pub struct FoundRows {
    /// Index into `Plan::sources`.
    pub source: usize,
    pub batch: RecordBatch,
}

/// Who finds rows. Each is given once.
pub struct RowFinder {
    folder: Folder,
    plan: Arc<Plan>,
    hasher: KeyHasher,
    logs: Vec<IndexedLog>,
    indexed: Vec<IndexedFile>,
    others: Vec<HistoryPart>,
    others_rows: u64,
    until: Tick,
    _in_use: FilesInUse,
}

/// A log with its index.
struct IndexedLog {
    path: PathBuf,
    index: Arc<Mutex<LogIndex>>,
    /// The last tick that counts.
    last: Tick,
    /// Blocks that were given.
    given: BTreeSet<usize>,
}

/// A columnar file with its index.
struct IndexedFile {
    source: usize,
    path: PathBuf,
    index: RowIndex,
    index_path: PathBuf,
    metadata: Option<ArrowReaderMetadata>,
    /// Where blocks begin that were given.
    given: BTreeSet<u64>,
    /// Pieces that have been found to be what was written.
    checked: BTreeSet<usize>,
}

impl RowFinder {
    /// A finder in what is stored up to the last tick that is.
    pub fn new(recovered: &Recovered, plan: &Arc<Plan>) -> Result<Self, StoreError> {
        let folder = recovered.folder.clone();
        let _in_use = folder.reading();
        let indexing = Indexing::new(&folder, plan)?;
        let logs = indexed_logs(recovered, &indexing)?;
        let (mut indexed, mut others, mut others_rows) = (Vec::new(), Vec::new(), 0);
        for part in recovered.pieces.iter().filter(|part| part.first <= part.last) {
            let PartFiles::Columnar(segment) = &part.held else { continue };
            let mut rest = segment.as_ref().clone();
            rest.rows.retain(|file| {
                let found = indexing.source(file).zip(indexing.index(&folder, file));
                let Some((source, index)) = found else { return true };
                let path = folder.root.join(&file.file.path);
                let index_path = folder.index(&file.file.path);
                let (given, checked, metadata) = (BTreeSet::new(), BTreeSet::new(), None);
                indexed.push(IndexedFile {
                    source,
                    path,
                    index,
                    index_path,
                    metadata,
                    given,
                    checked,
                });
                false
            });
            others_rows += rest.rows.iter().map(|file| file.rows).sum::<u64>();
            if !rest.rows.is_empty() {
                others.push(HistoryPart {
                    held: PartFiles::Columnar(Arc::new(rest)),
                    ..part.clone()
                });
            }
        }
        Ok(RowFinder {
            hasher: indexing.hasher().clone(),
            plan: Arc::clone(plan),
            until: recovered.until,
            folder,
            logs,
            indexed,
            others,
            others_rows,
            _in_use,
        })
    }

    pub fn hasher(&self) -> &KeyHasher {
        &self.hasher
    }

    /// How many rows no index tells of.
    pub fn without_index(&self) -> u64 {
        self.others_rows
    }

    /// All rows that no index tells of.
    pub fn others<E: From<StoreError>>(
        &self,
        mut each: impl FnMut(FoundRows) -> Result<(), E>,
    ) -> Result<(), E> {
        let columns = self.plan.sources.iter().map(|of| (of.name.clone(), Some(fields(of))));
        let parts = self.others.iter().cloned().collect();
        let mut history = StoredHistory::of(&self.folder, parts, 0, (0, 1), columns.collect());
        loop {
            let loaded = history.load()?;
            for StoredRows { source, batch } in history.take(loaded.min(self.until)) {
                let source = self.plan.sources.iter().position(|of| of.name == source);
                if let Some(source) = source {
                    each(FoundRows { source, batch })?;
                }
            }
            if loaded >= self.until {
                return Ok(());
            }
        }
    }

    /// The rows of logs, and of files with an index, that have one of the keys, with some of their neighbours.
    pub fn find<E: From<StoreError>>(
        &mut self,
        keys: &[RowKey],
        mut each: impl FnMut(FoundRows) -> Result<(), E>,
    ) -> Result<(), E> {
        for log in &mut self.logs {
            let wanted = log.wanted(keys, self.until);
            for (source, batch) in rows_of(&log.path, &wanted)? {
                let place = self.plan.sources.iter().position(|of| of.name == source);
                if let Some(source) = place {
                    each(FoundRows { source, batch })?;
                }
            }
        }
        for file in &mut self.indexed {
            let source = file.source;
            let wanted = file.wanted(keys);
            if wanted.is_empty() {
                continue;
            }
            for batch in file.read(&wanted, &fields(&self.plan.sources[source]))? {
                let batch =
                    batch.map_err(|error| StoreError::altered(&file.path, error.to_string()))?;
                // Where several processes write, the last ticks of one may not be all there.
                let number = ticks(&batch).partition_point(|tick| *tick <= self.until);
                if number > 0 {
                    each(FoundRows { source, batch: batch.slice(0, number) })?;
                }
            }
        }
        Ok(())
    }
}

/// The logs, with what is in them by now.
fn indexed_logs(recovered: &Recovered, indexing: &Indexing) -> Result<Vec<IndexedLog>, StoreError> {
    let parts = recovered.pieces.iter().filter_map(|part| match &part.held {
        PartFiles::Log { path, may_be_torn } => Some((path, *may_be_torn, part)),
        PartFiles::Columnar(_) => None,
    });
    let indexes = recovered.folder.log_indexes.of(parts.clone().map(|(path, ..)| path));
    let mut logs = Vec::new();
    for ((path, may_be_torn, part), index) in parts.zip(indexes) {
        if part.first > part.last {
            continue;
        }
        let mut read = index.lock().unwrap_or_else(PoisonError::into_inner);
        read_on(&mut read, path, may_be_torn, indexing)?;
        drop(read);
        logs.push(IndexedLog {
            path: path.clone(),
            index,
            last: part.last,
            given: BTreeSet::new(),
        });
    }
    Ok(logs)
}

impl IndexedLog {
    /// The blocks that are to be read for some keys, in order, without those that were given.
    fn wanted(&mut self, keys: &[RowKey], until: Tick) -> Vec<LogBlock> {
        let index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wanted: Vec<usize> = keys.iter().flat_map(|key| index.with_key(key.hash)).collect();
        wanted.sort_unstable();
        wanted.retain(|block| self.given.insert(*block));
        let blocks = wanted.into_iter().map(|number| index.blocks[number]);
        blocks.filter(|block| block.tick <= self.last.min(until)).collect()
    }
}

fn fields(of: &Source) -> Vec<String> {
    of.raw_fields().iter().map(|field| field.name.clone()).collect()
}

impl IndexedFile {
    /// The rows that are to be read for some keys, in order, without those that were given.
    fn wanted(&mut self, keys: &[RowKey]) -> Vec<Range<u64>> {
        let is_own = |key: &&RowKey| key.source.is_none_or(|of| usize::from(of) == self.source);
        let mut wanted = Vec::new();
        for key in keys.iter().filter(is_own) {
            match self.index.rows(key.hash) {
                Ok(rows) => wanted.extend(rows),
                Err(error) => {
                    let path = self.index_path.display();
                    tracing::warn!("'{path}' is passed over, and is made anew: {error}");
                    // What can't be deleted is passed over again.
                    let _ = fs::remove_file(&self.index_path);
                    wanted = self.index.all_rows().collect();
                    break;
                }
            }
        }
        wanted.sort_unstable_by_key(|range| range.start);
        wanted.retain(|range| self.given.insert(range.start));
        wanted
    }

    /// Begins to read some of its rows.
    fn read(
        &mut self,
        wanted: &[Range<u64>],
        fields: &[String],
    ) -> Result<ParquetRecordBatchReader, StoreError> {
        let path = self.path.clone();
        let failed = |error: ParquetError| StoreError::altered(&path, error.to_string());
        let file = File::open(&path).map_err(StoreError::io(&path, "read"))?;
        let metadata = match &self.metadata {
            Some(metadata) => metadata.clone(),
            None => {
                self.check(&file, self.index.header.pieces.len() - 1)?;
                let options = ArrowReaderOptions::new()
                    .with_column_index_policy(PageIndexPolicy::Skip)
                    .with_offset_index_policy(PageIndexPolicy::Optional);
                let metadata = ArrowReaderMetadata::load(&file, options).map_err(failed)?;
                self.metadata.insert(metadata).clone()
            }
        };
        let (mut first, mut before) = (0, 0);
        let (mut groups, mut ranges) = (Vec::new(), Vec::new());
        for (group, of) in metadata.metadata().row_groups().iter().enumerate() {
            let rows = of.num_rows() as u64;
            let within = first..first + rows;
            let begin = wanted.partition_point(|range| range.end <= within.start);
            let of_group = wanted[begin..].iter().take_while(|range| range.start < within.end);
            let shift = |row: u64| (row.clamp(within.start, within.end) - first + before) as usize;
            let known = ranges.len();
            ranges.extend(of_group.map(|range| shift(range.start)..shift(range.end)));
            if ranges.len() > known {
                self.check(&file, group)?;
                groups.push(group);
                before += rows;
            }
            first += rows;
        }
        let selection = RowSelection::from_consecutive_ranges(ranges.into_iter(), before as usize);
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
        let mask = projected(&builder, Some(fields));
        let builder = builder.with_row_groups(groups).with_row_selection(selection);
        builder.with_projection(mask).with_batch_size(ROWS).build().map_err(failed)
    }

    /// Refuses a piece of the file that is not what was written.
    fn check(&mut self, file: &File, piece: usize) -> Result<(), StoreError> {
        if self.checked.contains(&piece) {
            return Ok(());
        }
        let is_there = self.index.header.pieces[piece].is_in(file);
        match is_there.map_err(StoreError::io(&self.path, "read"))? {
            true => drop(self.checked.insert(piece)),
            false => return Err(StoreError::altered(&self.path, "its checksum differs")),
        }
        Ok(())
    }
}
