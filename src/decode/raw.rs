//! A chunk's raw rows, as columns of the source's fields.
//!
//! Every raw row has one value in every column, also one that cannot be read at all: its values are
//! null and its reasons say why. So a bad row never moves its neighbours.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};

use super::column::Column;
use super::columnar;
use super::csv::Cells;
use super::path::Paths;
use super::raw_row::{RawReading, RawRow, Text};
use crate::plan::{Kind, Source};
use crate::source::Message;

/// Reads raw rows into columns, reusing its buffers from chunk to chunk.
pub(super) struct RowReader {
    paths: Paths,
    cells: Cells,
    columns: Vec<Column>,
    /// How many bytes a line had of those read last: so many lines there will be, and their list need not grow.
    line_length: usize,
}

impl RowReader {
    pub fn new(source: &Source, time_zone: &Arc<str>) -> Self {
        let columns =
            source.raw_fields().iter().map(|field| Column::of(field, time_zone)).collect();
        RowReader {
            paths: Paths::new(source.raw_fields()),
            cells: Cells::new(source.text.marks, source.text.columns.is_some()),
            columns,
            line_length: usize::MAX,
        }
    }

    /// The columns of the rows read since the last call.
    pub fn finish(&mut self) -> Vec<ArrayRef> {
        self.columns.iter_mut().map(Column::finish).collect()
    }

    /// Lines of JSON; blank ones are no rows.
    pub fn json_lines(&mut self, source: &Source, bytes: &[u8], first: u64) -> Vec<RawRow> {
        let text = Text::of(source, bytes);
        let mut rows = Vec::with_capacity(bytes.len() / self.line_length * 9 / 8);
        let mut start = 0;
        for line in first.. {
            let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |end| start + end);
            let row = start..without_return(bytes, start, end);
            if !bytes[row.clone()].trim_ascii().is_empty() {
                rows.push(self.json(source, &text, row, line));
            }
            start = end + 1;
            if start >= bytes.len() {
                break;
            }
        }
        self.line_length = bytes.len().div_ceil(rows.len().max(1)).max(1);
        rows
    }

    /// Records of CSV; blank lines and comments are no rows. One that breaks the rules spoils its own line only:
    /// what follows is read as if that line were not there.
    pub fn csv_lines(
        &mut self,
        source: &Source,
        bytes: &[u8],
        first: u64,
        header: &Arc<[String]>,
    ) -> Vec<RawRow> {
        let text = Text::of(source, bytes);
        let mut rows = Vec::with_capacity(bytes.len() / self.line_length * 9 / 8);
        let marks = source.text.marks;
        self.cells.begin(bytes, header.len());
        let (mut start, mut line) = (0, first);
        while start < bytes.len() {
            let record = self.cells.record(bytes, start);
            let newline = usize::from(bytes[record.end - 1] == b'\n');
            let range = start..without_return(bytes, start, record.end - newline);
            if !range.is_empty() && !marks.is_comment(&bytes[range.clone()]) {
                let mut row = RawRow::at(line, range);
                match (row.text(&text), record.breach) {
                    (Some(raw), None) => {
                        let fields = source.raw_fields();
                        let columns = &mut self.columns;
                        if !self.cells.decode(raw, header, fields, columns, &mut row.flaws) {
                            row.reading = RawReading::Nothing;
                        }
                    }
                    (Some(_), Some(breach)) => {
                        row.unreadable("malformed", breach.to_string());
                        self.fill(rows.len() + 1);
                    }
                    (None, _) => self.fill(rows.len() + 1),
                }
                rows.push(row);
            }
            line += record.newlines;
            start = record.end;
        }
        self.line_length = bytes.len().div_ceil(rows.len().max(1)).max(1);
        rows
    }

    /// JSON in the payloads of messages.
    pub fn json_messages(
        &mut self,
        source: &Source,
        bytes: &[u8],
        messages: &[Message],
    ) -> Vec<RawRow> {
        let text = Text::of(source, bytes);
        let mut rows = Vec::with_capacity(messages.len());
        for message in messages {
            let mut row = match (&message.payload, source.kind) {
                (Some(payload), _) => self.json(source, &text, payload.clone(), message.offset),
                (None, Kind::Records) => {
                    let mut row = RawRow::at(message.offset, 0..0);
                    row.reading = RawReading::Tombstone { key: message.key.clone() };
                    row
                }
                (None, Kind::Events) => {
                    let mut row = RawRow::at(message.offset, 0..0);
                    let why = "a null payload deletes a record, but this is a source of events";
                    row.unreadable("malformed", why);
                    row
                }
            };
            row.timestamp = message.timestamp;
            rows.push(row);
            if message.payload.is_none() {
                self.fill(rows.len());
            }
        }
        rows
    }

    /// Rows of a columnar file, whose columns need no reading.
    pub fn columnar(
        source: &Source,
        time_zone: &Arc<str>,
        batch: &RecordBatch,
        first: u64,
    ) -> (Vec<RawRow>, Vec<ArrayRef>) {
        let numbers = first..first + batch.num_rows() as u64;
        let mut rows: Vec<RawRow> = numbers.map(|number| RawRow::at(number, 0..0)).collect();
        let columns = columnar::decode(source, time_zone, batch, &mut rows);
        (rows, columns)
    }

    fn json(&mut self, source: &Source, text: &Text<'_>, bytes: Range<usize>, at: u64) -> RawRow {
        let mut row = RawRow::at(at, bytes);
        match row.text(text) {
            Some(raw) => {
                let read =
                    self.paths.decode(raw, source.raw_fields(), &mut self.columns, &mut row.flaws);
                if !read {
                    row.reading = RawReading::Nothing;
                }
            }
            None => self.columns.iter_mut().for_each(Column::push_null),
        }
        row
    }

    /// Nulls for rows of which nothing was read, so that every column has a value for each.
    fn fill(&mut self, rows: usize) {
        for column in &mut self.columns {
            if column.len() < rows {
                column.push_null();
            }
        }
    }
}

fn without_return(bytes: &[u8], start: usize, end: usize) -> usize {
    end - usize::from(bytes[start..end].last() == Some(&b'\r'))
}
