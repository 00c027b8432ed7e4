//! Files that do not grow, and are written anew with as many bytes as before.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::resumed::{Processes, durable, list};
use crate::source::Positions;

/// A file of Parquet that says of its values no more than the values themselves do.
fn columns(rows: usize) -> Vec<u8> {
    let ids = (0..rows).map(|row| format!("{row}-xxx-{}", "z".repeat(100)));
    let ids: ArrayRef = Arc::new(StringArray::from_iter_values(ids));
    let batch = RecordBatch::try_from_iter([("id", ids)]).expect("a batch");
    let plain = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None);
    let mut bytes = Vec::new();
    let mut writer =
        ArrowWriter::try_new(&mut bytes, batch.schema(), Some(plain.build())).expect("a writer");
    writer.write(&batch).expect("it writes");
    writer.close().expect("it closes");
    bytes
}

/// The same with another value in its midst.
fn corrected(mut written: Vec<u8>) -> Vec<u8> {
    let value = b"3000-xxx";
    let at = written.windows(value.len()).position(|of| of == value).expect("it is there");
    written[at..at + value.len()].copy_from_slice(b"3000-yyy");
    written
}

#[test]
fn a_file_that_was_corrected_in_the_midst_and_is_as_long_as_before_is_read_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("a.log");
    for (format, written) in [("json", list(6_000)), ("parquet", columns(6_000))] {
        let corrected = corrected(written.clone());
        for (follow, same_file) in [(false, true), (false, false), (true, true)] {
            std::fs::write(&log, &written).unwrap();
            let start = |from| Processes::start(folder.path(), format, follow, 1, from);
            let mut run = start(Positions::default());
            let (positions, taken) = durable(run.read(usize::MAX), &[true], false);
            assert_eq!(taken.len(), 6_000);
            let mut again = start(positions.clone());
            assert_eq!(again.read(usize::MAX).len(), 0, "it has not changed");
            let path = if same_file { log.clone() } else { folder.path().join("new") };
            std::fs::write(&path, &corrected).unwrap();
            if !same_file {
                std::fs::rename(path, &log).unwrap();
            }
            let mut next = if follow { run } else { start(positions) };
            let held = if follow { next.look(usize::MAX) } else { next.read(usize::MAX) };
            let ids: Vec<String> = held.into_iter().flat_map(|(_, ids)| ids).collect();
            assert_eq!(ids.len(), 6_000, "{format}, follows: {follow}, the same file: {same_file}");
            assert!(format == "parquet" || ids.iter().any(|id| id.starts_with("3000-yyy")));
        }
    }
}
