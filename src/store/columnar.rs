//! A log becomes columnar files: the rows of each source, and the ticks, which anything that knows Parquet reads.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, TimestampMicrosecondArray, UInt64Array};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use xxhash_rust::xxh3::Xxh3;

use super::error::StoreError;
use super::folder::Folder;
use super::frame::{self, LogHeader, TickHeader};
use super::manifest::{ColumnarFile, Manifest, RowsFile, StoredSegment};
use super::ordered::OrderedLog;
use super::presence::made_of;
use super::spread::SpreadFile;
use super::whole::{beside, sync_folder};
use crate::decode::stored::{AT, OFFSET, TICK, instant};
use crate::fault;
use crate::source::Positions;
use crate::time::{Micros, Tick};

/// Rows that are read at once by who reads a file, and that one worker takes of it.
const GROUP: usize = 1 << 16;
/// Rows whose values are unpacked at once by who wants one of them.
const PAGE: usize = 1 << 12;
/// Bytes of a column's dictionary in a group: what has more values is better off without one, and soon known.
const DICTIONARY: usize = 1 << 16;

/// Makes a log's ticks up to `last` columnar files, and then takes the log away: the manifest decides which of the two
/// counts. A log in which nothing counts goes without a trace, or what the one behind it became stands for both.
pub fn make(
    folder: &Folder,
    process: usize,
    log: &Path,
    last: Tick,
    may_be_torn: bool,
) -> Result<(), StoreError> {
    match write(folder, log, last, may_be_torn)? {
        Some(segment) => {
            let mut manifest = Manifest::read(folder, process)?;
            manifest.segments.push(segment);
            manifest.write(folder, process)?;
            fault::point("manifest in place");
        }
        None => leave_no_gap(folder, process, log)?,
    }
    folder.delete(log)?;
    fault::point("log deleted");
    Ok(())
}

/// A log before one that counts would be missed: what that one became stands for both. Its process may have had it by itself.
fn leave_no_gap(folder: &Folder, process: usize, log: &Path) -> Result<(), StoreError> {
    let Some(id) = log.file_name().and_then(OsStr::to_str).and_then(made_of) else {
        return Ok(());
    };
    for process in BTreeSet::from([process, id.1]) {
        let mut manifest = Manifest::read(folder, process)?;
        if manifest.segments.iter_mut().any(|segment| segment.take_in(id)) {
            manifest.write(folder, process)?;
        }
    }
    Ok(())
}

fn write(
    folder: &Folder,
    log: &Path,
    last: Tick,
    may_be_torn: bool,
) -> Result<Option<StoredSegment>, StoreError> {
    let Some(mut frames) = OrderedLog::open(log, may_be_torn)? else { return Ok(None) };
    let header = frames.header().clone();
    let mut segment = StoredSegmentWriter::new(folder, &header)?;
    while let Some(frame) = frames.next()? {
        if frame.header.tick <= last {
            segment.add(log, &frame.header, &frame.streams)?;
        }
    }
    segment.finish()
}

struct StoredSegmentWriter<'a> {
    folder: &'a Folder,
    header: &'a LogHeader,
    rows: BTreeMap<String, SourceWriter>,
    ticks: FileWriter,
    /// Ticks with their readings, not yet written, each once.
    open: Vec<(Tick, Micros)>,
    span: Option<(Tick, Tick)>,
    complete: BTreeMap<usize, Tick>,
    positions: Positions,
}

struct SourceWriter {
    file: FileWriter,
    rows: u64,
}

impl<'a> StoredSegmentWriter<'a> {
    fn new(folder: &'a Folder, header: &'a LogHeader) -> Result<Self, StoreError> {
        let ticks = FileWriter::create(folder, folder.ticks(header), &ticks_schema())?;
        let (rows, complete) = (BTreeMap::new(), BTreeMap::new());
        let positions = Positions::default();
        Ok(StoredSegmentWriter {
            folder,
            header,
            rows,
            ticks,
            open: Vec::new(),
            span: None,
            complete,
            positions,
        })
    }

    fn add(&mut self, log: &Path, header: &TickHeader, streams: &Buffer) -> Result<(), StoreError> {
        let TickHeader { tick, at, worker, reached, rows, rejects: _ } = header;
        self.span = Some(
            self.span.map_or((*tick, *tick), |(first, last)| (first.min(*tick), last.max(*tick))),
        );
        self.complete.insert(*worker, *tick);
        reached.iter().for_each(|reached| self.positions.add(reached));
        if self.open.last().is_none_or(|(last, _)| last != tick) {
            self.open.push((*tick, *at));
            if self.open.len() >= GROUP {
                self.write_ticks()?;
            }
        }
        let mut rest = streams.clone();
        for (source, number, length) in rows {
            let (stream, behind) = frame::split(&rest, *length)
                .ok_or_else(|| StoreError::altered(log, "its rows are too short"))?;
            rest = behind;
            let batches =
                frame::rows(stream).map_err(|error| StoreError::altered(log, error.to_string()))?;
            for batch in &batches {
                let batch = dated(batch, *tick, *at);
                let writer = match self.rows.get_mut(source) {
                    Some(writer) => writer,
                    None => {
                        let path = self.folder.rows(self.header, source);
                        let file = FileWriter::create(self.folder, path, &batch.schema())?;
                        self.rows.entry(source.clone()).or_insert(SourceWriter { file, rows: 0 })
                    }
                };
                writer.file.write(&batch)?;
            }
            if let Some(writer) = self.rows.get_mut(source) {
                writer.rows += number;
            }
        }
        Ok(())
    }

    fn write_ticks(&mut self) -> Result<(), StoreError> {
        self.ticks.write(&ticks_batch(std::mem::take(&mut self.open)))
    }

    fn finish(mut self) -> Result<Option<StoredSegment>, StoreError> {
        let Some((first, last)) = self.span else { return self.ticks.discard().map(|()| None) };
        self.write_ticks()?;
        fault::point("rows written");
        let mut rows = Vec::new();
        for (source, writer) in self.rows {
            rows.push(RowsFile { source, rows: writer.rows, file: writer.file.finish()? });
        }
        fault::point("rows in place");
        let ticks = self.ticks.finish()?;
        fault::point("ticks in place");
        Ok(Some(StoredSegment {
            log: self.header.clone(),
            more_logs: 0,
            earlier: Vec::new(),
            first,
            last,
            complete: self.complete,
            positions: self.positions,
            rows,
            superseded: BTreeMap::new(),
            ticks,
        }))
    }
}

/// Ticks, and what the clock read at each.
pub fn ticks_batch(of: Vec<(Tick, Micros)>) -> RecordBatch {
    let (ticks, readings): (Vec<_>, Vec<_>) = of.into_iter().unzip();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt64Array::from(ticks)),
        Arc::new(TimestampMicrosecondArray::from(readings).with_timezone("UTC")),
    ];
    RecordBatch::try_new(ticks_schema(), columns).expect("columns of these types")
}

fn ticks_schema() -> SchemaRef {
    let columns = [Field::new(TICK, DataType::UInt64, false), Field::new(AT, instant(), false)];
    Arc::new(Schema::new(columns.to_vec()))
}

/// Rows with the tick in which they came, and its reading of the clock.
pub fn dated(batch: &RecordBatch, tick: Tick, at: Micros) -> RecordBatch {
    let schema = batch.schema();
    let dates = [Field::new(TICK, DataType::UInt64, false), Field::new(AT, instant(), false)];
    let fields = schema.fields().iter().map(|field| field.as_ref().clone()).chain(dates);
    let mut columns = batch.columns().to_vec();
    let rows = batch.num_rows();
    columns.push(Arc::new(UInt64Array::from_value(tick, rows)));
    columns.push(Arc::new(TimestampMicrosecondArray::from_value(at, rows).with_timezone("UTC")));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    RecordBatch::try_new(schema, columns).expect("columns of these types")
}

/// Writes a Parquet file beside its place, and puts it there when it is whole and durable.
pub struct FileWriter {
    /// Below the folder.
    path: String,
    folder: Folder,
    whole: PathBuf,
    beside: PathBuf,
    writer: ArrowWriter<SpreadFile>,
}

impl FileWriter {
    pub fn create(folder: &Folder, path: String, schema: &SchemaRef) -> Result<Self, StoreError> {
        let whole = folder.root.join(&path);
        let parent = whole.parent().expect("it lies in a folder");
        fs::create_dir_all(parent).map_err(StoreError::io(parent, "made"))?;
        let beside = beside(&whole);
        let file = File::create(&beside).map_err(StoreError::io(&beside, "written"))?;
        let file = SpreadFile::new(file);
        let level = ZstdLevel::try_new(1).expect("a level that there is");
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_max_row_group_row_count(Some(GROUP))
            .set_data_page_row_count_limit(PAGE)
            .set_dictionary_page_size_limit(DICTIONARY)
            .set_column_dictionary_enabled(OFFSET.into(), false)
            .set_column_encoding(OFFSET.into(), Encoding::DELTA_BINARY_PACKED)
            .build();
        let writer = ArrowWriter::try_new(file, Arc::clone(schema), Some(properties))
            .map_err(|error| StoreError::io(&beside, "written")(std::io::Error::other(error)))?;
        Ok(FileWriter { path, folder: folder.clone(), whole, beside, writer })
    }

    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), StoreError> {
        let written = self.writer.write(batch);
        written
            .map_err(|error| StoreError::io(&self.beside, "written")(std::io::Error::other(error)))
    }

    pub fn finish(self) -> Result<ColumnarFile, StoreError> {
        let io = |what| StoreError::io(&self.beside, what);
        let file = self
            .writer
            .into_inner()
            .map_err(|error| io("written")(std::io::Error::other(error)))?;
        file.finish().map_err(io("written"))?;
        let (bytes, checksum) = checksum(&self.beside)?;
        fs::rename(&self.beside, &self.whole).map_err(io("written"))?;
        let parent = self.whole.parent().expect("it lies in a folder");
        sync_folder(parent).map_err(io("written"))?;
        self.folder.publish(&self.path)?;
        Ok(ColumnarFile { path: self.path, bytes, checksum })
    }

    fn discard(self) -> Result<(), StoreError> {
        drop(self.writer);
        fs::remove_file(&self.beside).map_err(StoreError::io(&self.beside, "deleted"))
    }
}

/// A file's length and the sum over all of it.
pub fn checksum(path: &Path) -> Result<(u64, String), StoreError> {
    let io = || StoreError::io(path, "read");
    let mut file = File::open(path).map_err(io())?;
    let (mut sum, mut bytes, mut buffer) = (Xxh3::new(), 0, vec![0; 1 << 18]);
    loop {
        let read = file.read(&mut buffer).map_err(io())?;
        if read == 0 {
            return Ok((bytes, format!("{:016x}", sum.digest())));
        }
        sum.update(&buffer[..read]);
        bytes += read as u64;
    }
}
