//! Rows that leave the store for good: whatever holds one is written anew without it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::checkpoint;
use super::columnar::{FileWriter, make};
use super::error::StoreError;
use super::folder::Folder;
use super::history::verified;
use super::indexing::Indexing;
use super::manifest::{Manifest, RowsFile, StoredSegment};
use super::presence;
use super::recovery::{PartFiles, Recovered};
use super::row_index::RowIndex;
use super::row_keys::RowKey;
use crate::plan::Plan;
use crate::row::IdentifierHash;

impl Recovered {
    /// Holds the folder against the runs of all processes, for as long as what is returned is kept.
    pub fn hold_all(&self) -> Result<Vec<File>, StoreError> {
        let segments: Vec<StoredSegment> =
            Manifest::all(&self.folder)?.into_iter().flat_map(|of| of.segments).collect();
        let processes = self.folder.numbered("lock-", "")?.into_iter();
        let others = processes.filter(|process| *process > 0).map(|process| {
            let lock = self.folder.lock(process)?;
            presence::clean(&self.folder, process, &segments)?;
            Ok(lock)
        });
        others.collect()
    }

    /// Takes rows away: those that `leaves` marks, of a source's batch of them, all of which carry one of some
    /// identifiers. Returns how many they were, by source.
    ///
    /// The store is another one from then on, so that outputs are compared with what it comes to. If this fails
    /// halfway, some rows are gone and others are not: it is to be done again.
    pub fn remove(
        &self,
        plan: &Plan,
        identifiers: &BTreeSet<IdentifierHash>,
        mut leaves: impl FnMut(&str, &RecordBatch) -> BooleanArray,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        let folder = &self.folder;
        folder.renew()?;
        checkpoint::discard_all(folder).map_err(StoreError::io(&folder.root, "written"))?;
        for part in &self.pieces {
            if let PartFiles::Log { path, may_be_torn } = &part.held {
                make(folder, part.log.process, path, part.last, *may_be_torn)?;
            }
        }
        let indexing = Indexing::new(folder, plan)?;
        let keys = identifiers.iter().map(|of| indexing.hasher().identifier(*of));
        let keys: Vec<RowKey> = keys.collect();
        let has_none = |file: &RowsFile| {
            let index = indexing.index(folder, file);
            let has_none = |index: RowIndex| keys.iter().all(|key| index.has_none(key.hash));
            index.is_some_and(has_none)
        };
        let mut removed = BTreeMap::new();
        for process in Manifest::processes(folder)? {
            let mut manifest = Manifest::read(folder, process)?;
            let mut old = Vec::new();
            for file in manifest.segments.iter_mut().flat_map(|segment| &mut segment.rows) {
                if has_none(file) {
                    continue;
                }
                let Some((without, number)) = rewrite(folder, file, &mut leaves)? else { continue };
                *removed.entry(file.source.clone()).or_default() += number;
                old.push(std::mem::replace(file, without).file.path);
            }
            if old.is_empty() {
                continue;
            }
            manifest.write(folder, process)?;
            for path in old {
                let path = folder.root.join(path);
                folder.delete(&path)?;
            }
        }
        Ok(removed)
    }
}

/// Writes a file without some of its rows; `None` if none of them is in it.
fn rewrite(
    folder: &Folder,
    file: &RowsFile,
    leaves: &mut impl FnMut(&str, &RecordBatch) -> BooleanArray,
) -> Result<Option<(RowsFile, u64)>, StoreError> {
    let (path, open) = verified(folder, &file.file)?;
    let batches = batches(&path, open)?;
    let marks: Vec<BooleanArray> =
        batches.iter().map(|batch| leaves(&file.source, batch)).collect();
    let number: usize = marks.iter().map(BooleanArray::true_count).sum();
    if number == 0 {
        return Ok(None);
    }
    let mut writer =
        FileWriter::create(folder, folder.free(&file.file.path), &batches[0].schema())?;
    for (batch, leaves) in batches.iter().zip(marks) {
        let stays: BooleanArray = (0..leaves.len()).map(|row| Some(!leaves.value(row))).collect();
        writer.write(&filter_record_batch(batch, &stays).expect("a mark for each row"))?;
    }
    let without = RowsFile {
        source: file.source.clone(),
        rows: file.rows - number as u64,
        file: writer.finish()?,
    };
    Ok(Some((without, number as u64)))
}

fn batches(path: &Path, file: File) -> Result<Vec<RecordBatch>, StoreError> {
    let altered = |error: String| StoreError::altered(path, error);
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| builder.build());
    let reader = reader.map_err(|error| altered(error.to_string()))?;
    reader.map(|batch| batch.map_err(|error| altered(error.to_string()))).collect()
}
