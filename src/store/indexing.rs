//! Makes the indexes of columnar files that have none which fits: of a file that is new, or after the definition has
//! changed what rows are found by.
//!
//! Files that are small become larger ones soon, and are read as fast as looked up.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::ParquetMetaData;

use super::error::StoreError;
use super::folder::Folder;
use super::history::{projected, verified};
use super::manifest::{Manifest, RowsFile};
use super::read_back::all_in_batch;
use super::row_index::{CheckedPiece, IndexBuilder, RowIndex};
use super::row_keys::KeyHasher;
use crate::decode::Decoder;
use crate::fault;
use crate::plan::Plan;

/// Files with fewer bytes have no index: they become larger ones soon.
const SMALL: u64 = 1 << 20;
/// Rows that are read at once.
const ROWS: usize = 8_192;

/// What is made, and by what.
pub struct Indexing {
    plan: Arc<Plan>,
    hasher: KeyHasher,
    /// By source of the plan: what its rows are found by.
    meanings: Vec<String>,
    /// Files with fewer bytes have none.
    smallest: u64,
}

impl Indexing {
    pub fn new(folder: &Folder, plan: &Plan) -> Result<Self, StoreError> {
        let hasher = KeyHasher::of(folder)?;
        let meanings = plan.sources.iter().map(|of| hasher.meaning(plan, &of.name)).collect();
        // Rows are found by what they carry, whatever they give.
        let mut plan = plan.clone();
        for source in &mut plan.sources {
            source.inputs.clear();
            source.looked_up.clear();
            source.joined = None;
        }
        let smallest = fault::number("SELFSAME_INDEXED_BYTES", SMALL);
        Ok(Indexing { plan: Arc::new(plan), hasher, meanings, smallest })
    }

    /// The same, of files of any size.
    pub fn of_any_size(self) -> Self {
        Indexing { smallest: 0, ..self }
    }

    /// Makes those that are missing among a process's files, or all processes', and takes away those of files that are
    /// gone, until it is to stop.
    pub fn make_missing(
        &self,
        folder: &Folder,
        process: Option<usize>,
        is_stopped: impl Fn() -> bool,
    ) -> Result<(), StoreError> {
        // What becomes another file meanwhile is there until it has been read.
        let _reading = folder.reading();
        let manifests = match process {
            Some(process) => vec![Manifest::read(folder, process)?],
            None => Manifest::all(folder)?,
        };
        for file in manifests.iter().flat_map(|of| &of.segments).flat_map(|of| &of.rows) {
            if is_stopped() {
                return Ok(());
            }
            if self.index(folder, file).is_none() {
                self.make(folder, file, &is_stopped)?;
            }
        }
        Ok(())
    }

    /// The index of a file of rows, if it has one that fits.
    pub fn index(&self, folder: &Folder, file: &RowsFile) -> Option<RowIndex> {
        let source = self.source(file)?;
        RowIndex::open(&folder.index(&file.file.path), &file.file.checksum, &self.meanings[source])
    }

    /// Which source of the plan a file has rows of.
    pub fn source(&self, file: &RowsFile) -> Option<usize> {
        self.plan.sources.iter().position(|source| source.name == file.source)
    }

    pub fn source_named(&self, name: &str) -> Option<usize> {
        self.plan.sources.iter().position(|source| source.name == name)
    }

    pub fn hasher(&self) -> &KeyHasher {
        &self.hasher
    }

    /// What says which keys the rows of all sources have.
    pub fn meaning(&self) -> String {
        self.meanings.concat()
    }

    /// Tells by what the rows of a source's batch are found: of each its place, and the hash of a key.
    pub fn keys(&self, source: usize, batch: &RecordBatch, each: impl FnMut(usize, u64)) {
        self.keys_by(&mut self.decoder(source), source, batch, each);
    }

    /// Of what a row names it is told whether it stands or not: also of who is to be forgotten it is found by it.
    fn decoder(&self, source: usize) -> Decoder {
        Decoder::new(Arc::clone(&self.plan), source).naming_all()
    }

    fn keys_by(
        &self,
        decoder: &mut Decoder,
        source: usize,
        batch: &RecordBatch,
        mut each: impl FnMut(usize, u64),
    ) {
        let (rows, named) = all_in_batch(decoder, source, batch);
        for of in rows {
            self.hasher.own(&of.row).iter().for_each(|key| each(of.place, key.hash));
        }
        named.iter().for_each(|of| each(of.place, self.hasher.identifier(of.hash).hash));
    }

    fn make(
        &self,
        folder: &Folder,
        file: &RowsFile,
        is_stopped: &impl Fn() -> bool,
    ) -> Result<(), StoreError> {
        let Some(source) = self.source(file) else { return Ok(()) };
        if file.file.bytes < self.smallest {
            return Ok(());
        }
        let (path, open) = verified(folder, &file.file)?;
        let again = File::open(&path).map_err(StoreError::io(&path, "read"))?;
        let altered = |error: String| StoreError::altered(&path, error);
        let builder = ParquetRecordBatchReaderBuilder::try_new(open)
            .map_err(|error| altered(error.to_string()))?;
        let mut index = IndexBuilder::new(&file.file.checksum, &self.meanings[source], file.rows);
        let pieces = pieces(&again, builder.metadata()).map_err(StoreError::io(&path, "read"))?;
        pieces.into_iter().for_each(|piece| index.add_piece(piece));
        let fields = self.plan.sources[source].raw_fields().iter().map(|of| of.name.clone());
        let mask = projected(&builder, Some(&fields.collect::<Vec<_>>()));
        let reader = builder.with_projection(mask).with_batch_size(ROWS).build();
        let reader = reader.map_err(|error| altered(error.to_string()))?;
        let mut decoder = self.decoder(source);
        let mut first = 0;
        for batch in reader {
            if is_stopped() {
                return Ok(());
            }
            let batch = batch.map_err(|error| altered(error.to_string()))?;
            self.keys_by(&mut decoder, source, &batch, |row, key| {
                index.add(first + row as u64, key)
            });
            first += batch.num_rows() as u64;
        }
        let place = folder.index(&file.file.path);
        index.write(&place).map_err(StoreError::io(&place, "written"))
    }
}

/// Where the groups of a columnar file's rows are.
fn groups(metadata: &ParquetMetaData) -> Vec<std::ops::Range<u64>> {
    let group = |number| {
        let columns = metadata.row_group(number).columns().iter();
        let ranges: Vec<(u64, u64)> = columns.map(|column| column.byte_range()).collect();
        let start = ranges.iter().map(|(start, _)| *start).min().unwrap_or_default();
        let end = ranges.iter().map(|(start, bytes)| start + bytes).max().unwrap_or_default();
        start..end
    };
    (0..metadata.num_row_groups()).map(group).collect()
}

/// The pieces of a columnar file: its groups of rows, and what is behind them.
fn pieces(file: &File, metadata: &ParquetMetaData) -> io::Result<Vec<CheckedPiece>> {
    let groups = groups(metadata);
    let behind = groups.last().map_or(0, |last| last.end)..file.metadata()?.len();
    groups.into_iter().chain([behind]).map(|range| CheckedPiece::of(file, range)).collect()
}

/// Takes away the indexes of files that no manifest names.
pub fn sweep(folder: &Folder) -> Result<(), StoreError> {
    let manifests = Manifest::all(folder)?;
    let rows = manifests.iter().flat_map(|of| &of.segments).flat_map(|of| &of.rows);
    let wanted: BTreeSet<PathBuf> = rows.map(|rows| folder.index(&rows.file.path)).collect();
    let root = folder.root.join("index");
    let files = |of: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(of).into_iter().flatten();
        entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
    };
    for path in files(&root).iter().filter(|path| path.is_dir()).flat_map(|of| files(of)) {
        let is_index = path.extension() == Some(OsStr::new("index"));
        if !is_index || !wanted.contains(&path) {
            // Another process may have taken it away.
            let _ = fs::remove_file(&path);
        }
    }
    Ok(())
}
