//! Reading logs for their indexes, and the rows that these name.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use arrow::array::RecordBatch;

use super::columnar::dated;
use super::error::StoreError;
use super::frame::{self, PREFIX, TickHeader};
use super::indexing::Indexing;
use super::log::LogReader;
use super::log_index::{LogBlock, LogIndex};

/// Rows of a block, at most.
const ROWS: usize = 1_024;

/// Reads on, up to the last whole frame that there is by now.
pub fn read_on(
    index: &mut LogIndex,
    path: &Path,
    may_be_torn: bool,
    indexing: &Indexing,
) -> Result<(), StoreError> {
    let meaning = indexing.meaning();
    if index.meaning != meaning {
        *index = LogIndex { meaning, ..LogIndex::default() };
    }
    let read = read_whole_frames(index, path, may_be_torn, indexing);
    if read.is_err() {
        // What of it was read is not known by its keys.
        *index = LogIndex::default();
    }
    read
}

fn read_whole_frames(
    index: &mut LogIndex,
    path: &Path,
    may_be_torn: bool,
    indexing: &Indexing,
) -> Result<(), StoreError> {
    let Some(mut log) = LogReader::open(path, may_be_torn)? else { return Ok(()) };
    if index.end > 0 {
        log.go_to(index.end)?;
    }
    index.end = log.at();
    let mut keys = Vec::new();
    while let Some(found) = log.next()? {
        let (header, streams) = (found.header, found.streams.to_vec());
        for (number, (source, batches)) in (0..).zip(batches(path, &header, &streams)?) {
            let Some(source) = indexing.source_named(&source) else { continue };
            let mut first = 0;
            for batch in batches {
                let batch = dated(&batch, header.tick, header.at);
                let begin = index.blocks.len();
                let rows = batch.num_rows();
                for start in (0..rows).step_by(ROWS) {
                    let rows = ROWS.min(rows - start) as u32;
                    let (tick, at, stream) = (header.tick, index.end, number);
                    let first = first + start as u32;
                    index.blocks.push(LogBlock { tick, at, stream, first, rows });
                }
                indexing.keys(source, &batch, |row, key| keys.push((key, begin + row / ROWS)));
                first += rows as u32;
            }
        }
        index.end = log.at();
    }
    index.keys.add(keys);
    Ok(())
}

/// By stream of a frame: its source, and its rows.
fn batches(
    path: &Path,
    header: &TickHeader,
    streams: &[u8],
) -> Result<Vec<(String, Vec<RecordBatch>)>, StoreError> {
    let altered = |why: &str| StoreError::altered(path, why);
    let mut rest = streams;
    let of_stream = |(source, _, length): &(String, u64, u64)| {
        let split = rest.split_at_checked(*length as usize);
        let (stream, behind) = split.ok_or_else(|| altered("the rows of a log are too short"))?;
        rest = behind;
        let rows = frame::rows(stream.into()).map_err(|error| altered(&error.to_string()))?;
        Ok((source.clone(), rows))
    };
    header.rows.iter().map(of_stream).collect()
}

/// The rows of some blocks of a log, in the order of these.
///
/// # Errors
/// If the log can't be read, or is not what was indexed.
pub fn rows_of(path: &Path, blocks: &[LogBlock]) -> Result<Vec<(String, RecordBatch)>, StoreError> {
    let io = || StoreError::io(path, "read");
    let file = File::open(path).map_err(io())?;
    let mut found = Vec::new();
    for of_frame in blocks.chunk_by(|one, other| one.at == other.at) {
        let at = of_frame[0].at;
        let altered = |why: &str| StoreError::altered(path, format!("at byte {at}, {why}"));
        let mut prefix = [0; PREFIX];
        file.read_exact_at(&mut prefix, at).map_err(io())?;
        let (length, sum) = frame::prefix(&prefix).ok_or_else(|| altered("there is no frame"))?;
        let mut body = vec![0; length];
        file.read_exact_at(&mut body, at + PREFIX as u64).map_err(io())?;
        if !frame::is_whole(&body, sum) {
            return Err(altered("its checksum differs"));
        }
        let (header, streams): (TickHeader, _) =
            frame::header(&body).map_err(|why| altered(&why))?;
        let streams = batches(path, &header, streams)?;
        for block in of_frame {
            let stream = streams.get(block.stream as usize);
            let (source, batches) = stream.ok_or_else(|| altered("a stream is missing"))?;
            let wanted = block.first as usize..(block.first + block.rows) as usize;
            for batch in slices(batches, wanted) {
                found.push((source.clone(), dated(&batch, header.tick, header.at)));
            }
        }
    }
    Ok(found)
}

/// Some rows of batches that follow one another.
fn slices(batches: &[RecordBatch], wanted: Range<usize>) -> impl Iterator<Item = RecordBatch> + '_ {
    let mut first = 0;
    batches.iter().filter_map(move |batch| {
        let within = first..first + batch.num_rows();
        first = within.end;
        let start = wanted.start.clamp(within.start, within.end);
        let end = wanted.end.clamp(within.start, within.end);
        (start < end).then(|| batch.slice(start - within.start, end - start))
    })
}
