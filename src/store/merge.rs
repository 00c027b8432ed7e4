//! Small columnar files become larger ones, a few neighbours at a time, so that a folder has few files however long a run
//! goes on, and however often one is started: each row is written again three times at most.

use std::collections::BTreeMap;
use std::ops::Range;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};

use super::columnar::{FileWriter, ticks_batch};
use super::error::StoreError;
use super::folder::Folder;
use super::frame::LogHeader;
use super::history::{StoredHistory, StoredRows, readings, ticks};
use super::manifest::{ColumnarFile, EarlierLogs, Manifest, RowsFile, StoredSegment};
use super::recovery::HistoryPart;
use crate::fault;
use crate::source::Positions;
use crate::time::Tick;

/// So many neighbours become one …
const TOGETHER: u64 = 8;
/// … whose files have fewer bytes than this, each; the smallest first.
const SMALL: [u64; 3] = [1 << 20, 8 << 20, 32 << 20];

/// Merges neighbours among a process's files, where enough of them are small. Says whether there were any.
pub fn merge_small(folder: &Folder, process: usize) -> Result<bool, StoreError> {
    let mut manifest = Manifest::read(folder, process)?;
    manifest.segments.sort_by_key(|segment| {
        let log = &segment.log;
        (log.process, log.run, log.number)
    });
    let found = SMALL.iter().find_map(|small| neighbours(&manifest.segments, *small));
    let Some(places) = found else { return Ok(false) };
    let one = merged(folder, &manifest.segments[places.clone()])?;
    fault::point("merged in place");
    let old: Vec<StoredSegment> = manifest.segments.splice(places, [one]).collect();
    manifest.write(folder, process)?;
    fault::point("merge in force");
    for file in old.iter().flat_map(StoredSegment::files) {
        folder.delete(&folder.root.join(&file.path))?;
    }
    Ok(true)
}

/// The places of enough segments that follow each other, each smaller than that.
fn neighbours(segments: &[StoredSegment], small: u64) -> Option<Range<usize>> {
    let together = fault::number("SELFSAME_MERGED_FILES", TOGETHER) as usize;
    let mut start = 0;
    for place in 0..segments.len() {
        let is_small = segments[place].files().map(|file| file.bytes).sum::<u64>() < small;
        let follows = place == start || segments[place].follows(&segments[place - 1]);
        match (is_small, follows) {
            (false, _) => start = place + 1,
            (true, false) => start = place,
            (true, true) if place + 1 - start == together => return Some(start..place + 1),
            (true, true) => {}
        }
    }
    None
}

fn merged(folder: &Folder, old: &[StoredSegment]) -> Result<StoredSegment, StoreError> {
    let mut positions = Positions::default();
    let mut superseded = BTreeMap::new();
    let mut runs: Vec<EarlierLogs> = Vec::new();
    for segment in old {
        positions.merge(&segment.positions);
        for (source, rows) in &segment.superseded {
            *superseded.entry(source.clone()).or_default() += rows;
        }
        for of in segment.runs() {
            match runs.last_mut().filter(|before| before.run == of.run) {
                None => runs.push(of),
                Some(before) => {
                    before.numbers.1 = of.numbers.1;
                    for (worker, tick) in of.complete {
                        let known: &mut Tick = before.complete.entry(worker).or_default();
                        *known = (*known).max(tick);
                    }
                }
            }
        }
    }
    let EarlierLogs { numbers, complete, .. } = runs.pop().expect("some are merged");
    let last = &old[old.len() - 1].log;
    Ok(StoredSegment {
        log: LogHeader { number: numbers.0, ..last.clone() },
        more_logs: numbers.1 - numbers.0,
        earlier: runs,
        first: old.iter().map(|segment| segment.first).min().expect("some are merged"),
        last: old.iter().map(|segment| segment.last).max().expect("some are merged"),
        complete,
        positions,
        rows: merged_rows(folder, old)?,
        superseded,
        ticks: merged_ticks(folder, old)?,
    })
}

/// All rows, by source, in the order of their ticks.
fn merged_rows(folder: &Folder, old: &[StoredSegment]) -> Result<Vec<RowsFile>, StoreError> {
    let numbers = old.iter().flat_map(|segment| &segment.rows);
    let mut rows: BTreeMap<String, u64> = BTreeMap::new();
    numbers.for_each(|file| *rows.entry(file.source.clone()).or_default() += file.rows);
    let parts = old.iter().cloned().map(HistoryPart::columnar).collect();
    let wanted = rows.keys().map(|source| (source.clone(), None)).collect();
    let mut history = StoredHistory::of(folder, parts, 0, (0, 1), wanted);
    let mut writers: BTreeMap<String, FileWriter> = BTreeMap::new();
    loop {
        let loaded = history.load()?;
        let mut taken: BTreeMap<String, Vec<RecordBatch>> = BTreeMap::new();
        for StoredRows { source, batch } in history.take(loaded) {
            taken.entry(source).or_default().push(batch);
        }
        for (source, batches) in taken {
            let batch = in_order(&batches);
            let writer = match writers.get_mut(&source) {
                Some(writer) => writer,
                None => {
                    let path = folder.free(&folder.rows(&old[0].log, &source));
                    let writer = FileWriter::create(folder, path, &batch.schema())?;
                    writers.entry(source).or_insert(writer)
                }
            };
            writer.write(&batch)?;
        }
        if loaded == Tick::MAX {
            break;
        }
    }
    let files = writers.into_iter().map(|(source, writer)| {
        let (rows, file) = (rows[&source], writer.finish()?);
        Ok(RowsFile { source, rows, file })
    });
    files.collect()
}

/// What is loaded of a source at once, sorted by tick: files may overlap in those at their ends.
fn in_order(batches: &[RecordBatch]) -> RecordBatch {
    let one = concat_batches(&batches[0].schema(), batches).expect("of one run, and of one kind");
    let of = ticks(&one);
    if of.is_sorted() {
        return one;
    }
    let mut order: Vec<u32> = (0..of.len() as u32).collect();
    order.sort_by_key(|row| of[*row as usize]);
    take_record_batch(&one, &UInt32Array::from(order)).expect("rows that there are")
}

fn merged_ticks(folder: &Folder, old: &[StoredSegment]) -> Result<ColumnarFile, StoreError> {
    let mut all = BTreeMap::new();
    for segment in old {
        all.extend(readings(folder, &segment.ticks)?);
    }
    let path = folder.free(&folder.ticks(&old[0].log));
    let batch = ticks_batch(all.into_iter().collect());
    let mut writer = FileWriter::create(folder, path, &batch.schema())?;
    writer.write(&batch)?;
    writer.finish()
}
