//! Rows that leave the store for good: whatever holds one is written anew without it.

use std::collections::BTreeMap;
use std::fs::File;

use arrow::array::{BooleanArray, BooleanBufferBuilder, RecordBatch};
use arrow::buffer::BooleanBuffer;

use super::checkpoint;
use super::columnar::make;
use super::error::StoreError;
use super::folder::Folder;
use super::indexing::Indexing;
use super::manifest::{Manifest, RowsFile, StoredSegment};
use super::presence;
use super::recovery::{LeftLog, Recovered};
use super::rewritten::each_batch;
use super::row_index::RowIndex;
use super::row_keys::RowKey;
use crate::plan::Plan;
use crate::row::Unwanted;

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

    /// Takes rows away: those that `leaves` marks, of a source's batch of them, all of which are unwanted. Returns how many
    /// they were, by source.
    ///
    /// The store is another one from then on, so that outputs are compared with what it comes to. If this fails
    /// halfway, some rows are gone and others are not: it is to be done again.
    pub fn remove(
        &self,
        plan: &Plan,
        unwanted: &Unwanted,
        mut leaves: impl FnMut(&str, &RecordBatch) -> BooleanArray,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        let folder = &self.folder;
        folder.renew()?;
        checkpoint::discard_all(folder).map_err(StoreError::io(&folder.root, "written"))?;
        for LeftLog { of, path, last, may_be_torn } in self.logs() {
            make(folder, of.process, path, last, may_be_torn)?;
        }
        let indexing = Indexing::new(folder, plan)?;
        let keys = indexing.hasher().of_unwanted(unwanted);
        let has_none = |file: &RowsFile| {
            let index = indexing.index(folder, file);
            let source = indexing.source(file).map(|source| source as u16);
            let is_own = |key: &&RowKey| key.source.is_none() || key.source == source;
            let has_none =
                |index: RowIndex| keys.iter().filter(is_own).all(|key| index.has_none(key.hash));
            index.is_some_and(has_none)
        };
        let mut removed = BTreeMap::new();
        for process in Manifest::processes(folder)? {
            let mut manifest = Manifest::read(folder, process)?;
            let left = manifest.without_rows(folder, |file| match has_none(file) {
                true => Ok(None),
                false => marks(folder, file, &mut leaves).map(Some),
            })?;
            if left.is_empty() {
                continue;
            }
            manifest.write(folder, process)?;
            for of in left {
                *removed.entry(of.source).or_default() += of.rows;
                folder.delete(&folder.root.join(of.path))?;
            }
        }
        Ok(removed)
    }
}

/// Which rows of a file leave.
fn marks(
    folder: &Folder,
    file: &RowsFile,
    leaves: &mut impl FnMut(&str, &RecordBatch) -> BooleanArray,
) -> Result<BooleanBuffer, StoreError> {
    let mut marks = BooleanBufferBuilder::new(file.rows as usize);
    each_batch(folder, file, |batch| {
        marks.append_buffer(leaves(&file.source, batch).values());
        Ok(())
    })?;
    Ok(marks.finish())
}
