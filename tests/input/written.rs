//! Rows as files hold them.

use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;

/// A Parquet file of these batches.
pub fn parquet(batches: &[RecordBatch]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batches[0].schema(), None).expect("a writer");
    batches.iter().for_each(|batch| writer.write(batch).expect("it writes"));
    writer.close().expect("it closes");
    bytes
}
