//! Files of rows that are written anew without some of them.

use arrow::array::{BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::filter_record_batch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::columnar::FileWriter;
use super::error::StoreError;
use super::folder::Folder;
use super::history::verified;
use super::manifest::{Manifest, RowsFile};

/// Rows that left a file.
pub struct LeftRows {
    /// The place of the segment in its manifest.
    pub segment: usize,
    pub source: String,
    pub rows: u64,
    /// The file that had them, below the folder: it does not count once the manifest is written.
    pub path: String,
}

impl Manifest {
    /// Has files written anew without the rows that are marked, of whichever `marks` says that there may be any. A file of
    /// which nothing is left is not written.
    pub fn without_rows(
        &mut self,
        folder: &Folder,
        mut marks: impl FnMut(&RowsFile) -> Result<Option<BooleanBuffer>, StoreError>,
    ) -> Result<Vec<LeftRows>, StoreError> {
        let mut left = Vec::new();
        for (segment, of) in self.segments.iter_mut().enumerate() {
            let mut kept = Vec::with_capacity(of.rows.len());
            for file in std::mem::take(&mut of.rows) {
                let leave = marks(&file)?.filter(|leave| leave.count_set_bits() > 0);
                let Some(leave) = leave else {
                    kept.push(file);
                    continue;
                };
                kept.extend(without(folder, &file, &leave)?);
                let RowsFile { source, file, .. } = file;
                let rows = leave.count_set_bits() as u64;
                left.push(LeftRows { segment, source, rows, path: file.path });
            }
            of.rows = kept;
        }
        Ok(left)
    }
}

/// Writes a file anew without the rows that leave; nothing if no other is in it.
fn without(
    folder: &Folder,
    file: &RowsFile,
    leave: &BooleanBuffer,
) -> Result<Option<RowsFile>, StoreError> {
    let rows = file.rows - leave.count_set_bits() as u64;
    if rows == 0 {
        return Ok(None);
    }
    let (mut writer, mut first) = (None, 0);
    each_batch(folder, file, |batch| {
        let writer = match &mut writer {
            Some(writer) => writer,
            None => {
                let path = folder.free(&file.file.path);
                writer.insert(FileWriter::create(folder, path, &batch.schema())?)
            }
        };
        let stay = BooleanArray::new(!&leave.slice(first, batch.num_rows()), None);
        first += batch.num_rows();
        writer.write(&filter_record_batch(batch, &stay).expect("a mark for each row"))
    })?;
    let file_of = |writer: FileWriter| {
        Ok(RowsFile { source: file.source.clone(), rows, file: writer.finish()? })
    };
    writer.map(file_of).transpose()
}

/// Looks at all rows of a file, batch by batch.
pub fn each_batch(
    folder: &Folder,
    file: &RowsFile,
    mut look: impl FnMut(&RecordBatch) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let (path, open) = verified(folder, &file.file)?;
    let altered = |error: String| StoreError::altered(&path, error);
    let reader = ParquetRecordBatchReaderBuilder::try_new(open).and_then(|of| of.build());
    for batch in reader.map_err(|error| altered(error.to_string()))? {
        look(&batch.map_err(|error| altered(error.to_string()))?)?;
    }
    Ok(())
}
