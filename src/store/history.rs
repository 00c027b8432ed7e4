//! One worker's share of the stored rows, in the order of their ticks.
//!
//! Frames of logs and groups of columnar files are dealt out to the workers that there are now, however many there
//! were: rows go to whoever has their key in any case.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{TimestampMicrosecondType, UInt64Type};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderBuilder, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

use super::columnar::{checksum, dated};
use super::error::StoreError;
use super::folder::Folder;
use super::frame;
use super::kept::FilesInUse;
use super::manifest::{ColumnarFile, RowsFile};
use super::ordered::OrderedLog;
use super::recovery::{HistoryPart, PartFiles, Recovered};
use super::rejects::StoredReject;
use crate::decode::stored::{AT, NAMES, TICK, held};
use crate::time::{Micros, Tick};

/// Rows that are read from a file at once.
const ROWS: usize = 8_192;

/// Rows of one source, in the order of their ticks.
pub struct StoredRows {
    pub source: String,
    pub batch: RecordBatch,
}

/// A source's columns, by name; none are all of them.
pub type WantedColumns = (String, Option<Vec<String>>);

/// A worker's share.
pub struct StoredHistory {
    folder: Folder,
    worker: usize,
    workers: usize,
    /// The last tick whose rows are not wanted.
    after: Tick,
    /// Not begun, in the order of their first ticks.
    ahead: VecDeque<HistoryPart>,
    /// Begun, each with what it gives next.
    open: Vec<OpenPart>,
    /// Only these sources' columns are read, by name.
    columns: Vec<WantedColumns>,
    loaded: VecDeque<StoredRows>,
    rows: usize,
    bytes: u64,
    /// By tick, those of the frames that were read.
    rejects: BTreeMap<Tick, Vec<StoredReject>>,
    _in_use: FilesInUse,
}

struct OpenPart {
    reader: PartReader,
    next: StoredRows,
    first: Tick,
}

enum PartReader {
    Log { log: OrderedLog, last: Tick, frames: usize, read: VecDeque<StoredRows> },
    File { source: String, reader: ParquetRecordBatchReader, path: std::path::PathBuf },
}

impl StoredHistory {
    /// The share of a worker among all, of the ticks after one. `columns` are those that are wanted of each source; of
    /// others nothing is.
    pub fn new(
        recovered: &Recovered,
        after: Tick,
        worker: usize,
        workers: usize,
        columns: Vec<WantedColumns>,
    ) -> Self {
        let parts = recovered.pieces.iter();
        let parts = parts.filter(|part| part.first <= part.last && part.last > after).cloned();
        let (folder, share) = (&recovered.folder, (worker, workers));
        StoredHistory::of(folder, parts.collect(), after, share, columns)
    }

    /// The history of some parts, in the order of their first ticks.
    pub(super) fn of(
        folder: &Folder,
        ahead: VecDeque<HistoryPart>,
        after: Tick,
        (worker, workers): (usize, usize),
        columns: Vec<WantedColumns>,
    ) -> Self {
        StoredHistory {
            _in_use: folder.reading(),
            folder: folder.clone(),
            worker,
            workers,
            ahead,
            after,
            open: Vec::new(),
            columns,
            loaded: VecDeque::new(),
            rows: 0,
            bytes: 0,
            rejects: BTreeMap::new(),
        }
    }

    /// Rows that are loaded and not taken.
    pub fn loaded(&self) -> usize {
        self.rows
    }

    /// What these hold, in bytes.
    pub fn held(&self) -> u64 {
        self.bytes
    }

    /// Loads the next rows. Returns up to which tick all are loaded; [`Tick::MAX`] if there are no more.
    pub fn load(&mut self) -> Result<Tick, StoreError> {
        loop {
            let first = self.open.iter().map(|piece| piece.first).min();
            match (self.ahead.front(), first) {
                (Some(piece), first) if first.is_none_or(|first| piece.first <= first) => {
                    let piece = self.ahead.pop_front().expect("just looked at");
                    self.begin(&piece)?;
                }
                (_, None) => return Ok(Tick::MAX),
                (_, Some(first)) => {
                    let place = self.open.iter().position(|piece| piece.first == first);
                    let mut piece = self.open.swap_remove(place.expect("it is the least"));
                    let next = std::mem::replace(
                        &mut piece.next,
                        StoredRows { source: String::new(), batch: empty() },
                    );
                    self.rows += next.batch.num_rows();
                    self.bytes += held(&next.batch);
                    self.loaded.push_back(next);
                    self.go_on(piece.reader)?;
                    return Ok(self.loaded_to());
                }
            }
        }
    }

    fn loaded_to(&self) -> Tick {
        let open = self.open.iter().map(|piece| piece.first);
        let ahead = self.ahead.iter().map(|piece| piece.first);
        open.chain(ahead).min().map_or(Tick::MAX, |next| next - 1)
    }

    /// Takes the rejects of the ticks up to this one that outputs may not have committed.
    pub fn take_rejects(&mut self, until: Tick) -> Vec<StoredReject> {
        let later = self.rejects.split_off(&until.saturating_add(1));
        std::mem::replace(&mut self.rejects, later).into_values().flatten().collect()
    }

    /// Takes what is loaded of the ticks up to this one.
    pub fn take(&mut self, until: Tick) -> Vec<StoredRows> {
        let mut taken = Vec::new();
        for rows in std::mem::take(&mut self.loaded) {
            let ticks = ticks(&rows.batch);
            let number = ticks.partition_point(|tick| *tick <= until);
            let source = rows.source.clone();
            if number > 0 {
                self.rows -= number;
                taken.push(StoredRows {
                    source: source.clone(),
                    batch: rows.batch.slice(0, number),
                });
            }
            if number < ticks.len() {
                let batch = rows.batch.slice(number, ticks.len() - number);
                self.loaded.push_back(StoredRows { source, batch });
            }
        }
        self.bytes = self.loaded.iter().map(|rows| held(&rows.batch)).sum();
        taken
    }

    fn begin(&mut self, piece: &HistoryPart) -> Result<(), StoreError> {
        match &piece.held {
            PartFiles::Log { path, may_be_torn } => {
                if let Some(log) = OrderedLog::open(path, *may_be_torn)? {
                    self.go_on(PartReader::Log {
                        log,
                        last: piece.last,
                        frames: 0,
                        read: VecDeque::new(),
                    })?;
                }
            }
            PartFiles::Columnar(segment) => {
                for file in &segment.rows {
                    if let Some(reader) = self.file(file)? {
                        self.go_on(reader)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// What this worker reads of a file.
    fn file(&self, rows: &RowsFile) -> Result<Option<PartReader>, StoreError> {
        let Some((_, columns)) = self.columns.iter().find(|(source, _)| *source == rows.source)
        else {
            return Ok(None);
        };
        let (path, file) = verified(&self.folder, &rows.file)?;
        let altered = |error: String| StoreError::altered(&path, error);
        let builder = ParquetRecordBatchReaderBuilder::try_new(file)
            .map_err(|error| altered(error.to_string()))?;
        let groups = 0..builder.metadata().num_row_groups();
        let groups: Vec<usize> =
            groups.filter(|group| group % self.workers == self.worker).collect();
        if groups.is_empty() {
            return Ok(None);
        }
        let mask = projected(&builder, columns.as_deref());
        let reader =
            builder.with_row_groups(groups).with_projection(mask).with_batch_size(ROWS).build();
        let reader = reader.map_err(|error| altered(error.to_string()))?;
        Ok(Some(PartReader::File { source: rows.source.clone(), reader, path }))
    }

    /// Reads on what was begun, until it gives something for this worker.
    fn go_on(&mut self, mut reader: PartReader) -> Result<(), StoreError> {
        let next = match &mut reader {
            PartReader::File { source, reader, path } => loop {
                let Some(batch) = reader.next() else { break None };
                let batch = batch.map_err(|error| StoreError::altered(path, error.to_string()))?;
                let passed = ticks(&batch).partition_point(|tick| *tick <= self.after);
                if passed < batch.num_rows() {
                    let batch = batch.slice(passed, batch.num_rows() - passed);
                    break Some(StoredRows { source: source.clone(), batch });
                }
            },
            PartReader::Log { log, last, frames, read } => loop {
                if let Some(rows) = read.pop_front() {
                    break Some(rows);
                }
                let Some(of) = log.next()? else { break None };
                *frames += 1;
                if *frames % self.workers != self.worker
                    || of.header.tick > *last
                    || of.header.tick <= self.after
                {
                    continue;
                }
                if !of.header.rejects.is_empty() {
                    let rejects = self.rejects.entry(of.header.tick).or_default();
                    rejects.extend_from_slice(&of.header.rejects);
                }
                let mut rest = of.streams;
                for (source, _, length) in &of.header.rows {
                    let split = frame::split(&rest, *length);
                    let (stream, behind) = split.ok_or_else(|| short(&self.folder))?;
                    rest = behind;
                    if self.columns.iter().all(|(wanted, _)| wanted != source) {
                        continue;
                    }
                    let batches = frame::rows(stream).map_err(|error| {
                        StoreError::altered(&self.folder.root, error.to_string())
                    })?;
                    read.extend(batches.iter().map(|batch| StoredRows {
                        source: source.clone(),
                        batch: dated(batch, of.header.tick, of.header.at),
                    }));
                }
            },
        };
        if let Some(next) = next {
            let first = ticks(&next.batch)[0];
            self.open.push(OpenPart { reader, next, first });
        }
        Ok(())
    }
}

/// Those of a file's columns that are wanted, by name, and the store's own; none are all.
pub fn projected<R>(builder: &ArrowReaderBuilder<R>, columns: Option<&[String]>) -> ProjectionMask {
    let names = builder.schema().fields().iter().map(|field| field.name().clone());
    let is_wanted = |name: &String| {
        NAMES.contains(&name.as_str()) || columns.is_none_or(|columns| columns.contains(name))
    };
    let wanted: Vec<usize> =
        names.enumerate().filter(|(_, name)| is_wanted(name)).map(|(at, _)| at).collect();
    ProjectionMask::roots(builder.parquet_schema(), wanted)
}

fn short(folder: &Folder) -> StoreError {
    StoreError::altered(&folder.root, "the rows of a log are too short")
}

/// The tick of each row.
pub(super) fn ticks(batch: &RecordBatch) -> &[Tick] {
    let ticks = batch.column_by_name(TICK).expect("the store gives it");
    ticks.as_primitive::<UInt64Type>().values()
}

fn empty() -> RecordBatch {
    RecordBatch::new_empty(Arc::new(arrow::datatypes::Schema::empty()))
}

/// Opens a file that is what was written.
pub fn verified(
    folder: &Folder,
    of: &ColumnarFile,
) -> Result<(std::path::PathBuf, File), StoreError> {
    let path = folder.root.join(&of.path);
    let (bytes, sum) = checksum(&path)?;
    if (bytes, &sum) != (of.bytes, &of.checksum) {
        return Err(StoreError::altered(&path, "its checksum differs"));
    }
    let file = File::open(&path).map_err(StoreError::io(&path, "read"))?;
    Ok((path, file))
}

/// What the clock read at each tick of the history.
pub struct Readings {
    folder: Folder,
    ahead: VecDeque<HistoryPart>,
    /// Those of files that were read, whose ticks may overlap.
    ticks: BTreeMap<Tick, Micros>,
    /// The latest up to the last tick that was passed: the clock of a run never goes back.
    last: Micros,
    _in_use: FilesInUse,
}

impl Readings {
    /// Those of the ticks behind `after`.
    pub fn new(recovered: &Recovered, after: Tick) -> Self {
        // Each process wrote down every tick; whatever is asked for, the last one before it is that one or behind it.
        let pieces = recovered.pieces.iter().filter(|piece| {
            piece.log.process == 0 && piece.first <= piece.last && piece.last >= after
        });
        let ahead = pieces.cloned().collect();
        Readings {
            folder: recovered.folder.clone(),
            ahead,
            ticks: BTreeMap::new(),
            last: Micros::MIN,
            _in_use: recovered.folder.reading(),
        }
    }

    /// The reading at a tick, or at the last one before it. Ticks that are asked for do not fall.
    pub fn at(&mut self, tick: Tick) -> Result<Micros, StoreError> {
        // A worker may be ahead of others: a file that begins later may have a tick between two of another one.
        while let Some(piece) = self.ahead.pop_front_if(|piece| piece.first <= tick) {
            self.read(&piece)?;
        }
        while let Some(passed) = self.ticks.first_entry().filter(|of| *of.key() <= tick) {
            self.last = self.last.max(passed.remove());
        }
        Ok(self.last)
    }

    fn read(&mut self, piece: &HistoryPart) -> Result<(), StoreError> {
        match &piece.held {
            PartFiles::Log { path, may_be_torn } => {
                let Some(mut log) = OrderedLog::open(path, *may_be_torn)? else { return Ok(()) };
                while let Some(frame) = log.next()? {
                    if frame.header.tick <= piece.last {
                        self.ticks.insert(frame.header.tick, frame.header.at);
                    }
                }
            }
            PartFiles::Columnar(segment) => {
                self.ticks.extend(readings(&self.folder, &segment.ticks)?);
            }
        }
        Ok(())
    }
}

/// The ticks of a file, with what the clock read at each.
pub fn readings(folder: &Folder, of: &ColumnarFile) -> Result<Vec<(Tick, Micros)>, StoreError> {
    let (path, file) = verified(folder, of)?;
    let altered = |error: String| StoreError::altered(&path, error);
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| builder.build());
    let mut readings = Vec::new();
    for batch in reader.map_err(|error| altered(error.to_string()))? {
        let batch = batch.map_err(|error| altered(error.to_string()))?;
        let column =
            |name| batch.column_by_name(name).ok_or_else(|| altered("a column is missing".into()));
        let (ticks, at) = (column(TICK)?, column(AT)?);
        let ticks = ticks.as_primitive::<UInt64Type>().values();
        let at = at.as_primitive::<TimestampMicrosecondType>().values();
        readings.extend(ticks.iter().copied().zip(at.iter().copied()));
    }
    Ok(readings)
}
