//! Bytes → typed rows, and rejects.
//!
//! By column: a chunk's raw rows become Arrow columns of the source's fields, the definition's SQL
//! is evaluated over whole columns, and only then does each row get what it gives to the stages
//! behind. A row that cannot be accepted is set aside with every reason; its neighbours never
//! notice.

mod advice;
pub mod amounts;
pub mod beginning;
mod cell;
mod column;
mod columnar;
mod context;
mod convert;
mod csv;
mod decisions;
mod decoded;
pub mod derived;
mod documents;
mod early;
pub mod evaluate;
mod found;
mod given;
pub mod identifiers;
mod instant;
mod json;
mod keys;
pub mod latest;
mod mapped;
mod moments;
mod named;
mod named_by_row;
mod needs;
pub mod packed;
mod path;
mod placeholders;
mod plain;
mod raw;
mod raw_row;
mod raw_texts;
pub mod rows;
mod scalar;
pub mod stored;
#[cfg(test)]
mod together;
pub mod tried;
mod unnest;
mod written;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{Schema, SchemaRef};

use crate::plan::{Field, Format, Plan, Source};
use crate::row::{Position, RawPosition, Reason, Reject, Unwanted};
use crate::source::{Chunk, Payload, Unread};
use crate::time::{Micros, Tick};
use packed::Packing;
use raw::RowReader;
use raw_row::RawRow;

pub use decoded::Decoded;
pub use evaluate::{evaluate, matches};
pub use keys::key_hash;
pub use named_by_row::NamedByRow;
pub use raw_texts::raw_texts;

/// What `Reject::raw` keeps of a row.
const RAW_KEPT: usize = 64 << 10;

/// Decodes the chunks of one source.
pub struct Decoder {
    plan: Arc<Plan>,
    source: usize,
    reader: RowReader,
    /// The source's schema cut off before each derived column, and before `time`.
    prefixes: Vec<SchemaRef>,
    /// Where the source joins tables, or is one.
    packing: Option<Packing>,
    /// Raw rows so far.
    seen: u64,
    /// The columns of accepted rows, where these are to be stored.
    stored: Option<SchemaRef>,
    /// Rows that are dropped.
    unwanted: Arc<Unwanted>,
    /// Whether it is asked for what rows name that do not stand.
    names_all: bool,
}

impl Decoder {
    /// For the source at this index of the plan.
    pub fn new(plan: Arc<Plan>, source: usize) -> Self {
        let of = &plan.sources[source];
        let reader = RowReader::new(of, &plan.time_zone);
        let fields = of.fields.len();
        let prefixes = (fields..=fields + of.derived.len())
            .map(|columns| Arc::new(Schema::new(of.schema.fields()[..columns].to_vec())))
            .collect();
        let packing = Packing::of(of);
        let stored = None;
        let (unwanted, names_all) = (Arc::default(), false);
        Decoder { plan, source, reader, prefixes, packing, seen: 0, stored, unwanted, names_all }
    }

    /// Accepted rows are handed on to be stored, too.
    pub fn storing(mut self) -> Self {
        self.stored = Some(stored::schema(&self.plan.sources[self.source]));
        self
    }

    /// Rows that name one of these are dropped, whether they would stand or not, and rejects that do are not told.
    pub fn without(mut self, unwanted: &Arc<Unwanted>) -> Self {
        self.unwanted = Arc::clone(unwanted);
        self.names_all |= !unwanted.is_empty();
        self
    }

    /// It is told what rows name that do not stand.
    pub fn naming_all(mut self) -> Self {
        self.names_all = true;
        self
    }

    /// Decodes a chunk of this decoder's source; `wall` is the wall clock's reading.
    pub fn decode(&mut self, chunk: &Chunk, wall: Micros) -> Decoded {
        let plan = Arc::clone(&self.plan);
        let source = &plan.sources[self.source];
        let mut decoded = Decoded::default();
        if let Payload::Unread { unread, arrived } = &chunk.payload {
            decoded.rows_in = 1;
            decoded.arrived.push((*arrived, 1));
            decoded.rejects.push(rejected(chunk, unread));
            return decoded;
        }
        let (mut raw, fields) = self.read(source, chunk);
        decoded.rows_in = raw.len() as u64;
        if self.seen < beginning::FIRST_ROWS && source.unnest.is_none() {
            decoded.early = early::early(&source.fields, &fields, |field, row| {
                is_number(chunk, field, &raw[row])
            });
        }
        self.seen += decoded.rows_in;
        arrivals(chunk, raw.len(), &mut decoded.arrived);
        let context = context::DecodeContext {
            plan: &plan,
            source,
            prefixes: &self.prefixes,
            packing: self.packing.as_ref(),
            chunk,
            wall,
            names_all: self.names_all,
        };
        match &source.unnest {
            None => rows::accept(&context, &mut raw, &fields, &mut decoded),
            Some(unnest) => {
                unnest::accept_elements(&context, unnest, &mut raw, &fields, &mut decoded)
            }
        }
        decoded.newest = match (source.is_dated(), chunk.is_stored()) {
            (true, _) => decoded.rows.iter().map(|row| row.time.min(wall)).max(),
            (false, false) => decoded.arrived.iter().map(|(arrived, _)| *arrived).max(),
            (false, true) => None,
        };
        if !self.unwanted.is_empty() {
            self.leave_out(&mut raw, &mut decoded);
        }
        if let Some(schema) = self.stored.as_ref().filter(|_| !chunk.is_stored()) {
            decoded.stored = stored::accepted(schema, chunk, &raw, &fields, &decoded.rows);
            decoded.held_to_store = decoded.stored.as_ref().map_or(0, stored::held);
        }
        let rejected = raw.iter_mut().filter(|row| !row.flaws.reasons.is_empty());
        decoded.rejects.extend(rejected.map(|row| reject(source, chunk, row)));
        decoded.held += decoded.rejects.iter().map(|reject| reject.raw.len() as u64).sum::<u64>();
        decoded
    }

    /// Drops what is not to be there.
    fn leave_out(&self, raw: &mut [RawRow], decoded: &mut Decoded) {
        let of_unwanted = decoded.named.iter().filter(|of| self.unwanted.has(of.hash));
        let places: BTreeSet<usize> = of_unwanted.map(|of| of.place).collect();
        let rows: BTreeSet<(Tick, u64)> =
            places.iter().map(|place| (raw[*place].arrived.tick, raw[*place].offset)).collect();
        let before = decoded.rows.len();
        decoded.rows.retain(|row| {
            !rows.contains(&(row.arrived.tick, row.position.offset)) && !self.unwanted.names(row)
        });
        decoded.dropped += (before - decoded.rows.len()) as u64;
        for place in places {
            let reasons = std::mem::take(&mut raw[place].flaws.reasons);
            decoded.dropped += u64::from(!reasons.is_empty());
        }
    }

    fn read(&mut self, source: &Source, chunk: &Chunk) -> (Vec<RawRow>, Vec<ArrayRef>) {
        let reader = &mut self.reader;
        let raw = match (&chunk.payload, source.format) {
            (Payload::Rows { batch, first_row, .. }, _) => {
                return RowReader::columnar(source, &self.plan.time_zone, batch, *first_row);
            }
            (Payload::Lines { bytes, first_line, header: Some(header), .. }, Format::Csv) => {
                reader.csv_lines(source, bytes, *first_line, header)
            }
            (Payload::Lines { bytes, first_line, .. }, _) => {
                reader.json_lines(source, bytes, *first_line)
            }
            (Payload::Messages { bytes, messages }, _) => {
                reader.json_messages(source, bytes, messages)
            }
            (Payload::Stored { batch }, _) => {
                return stored::read(source, batch);
            }
            (Payload::Unread { .. }, _) => Vec::new(),
        };
        (raw, reader.finish())
    }
}

/// Whether a row has a number in a field whose timestamp is early.
fn is_number(chunk: &Chunk, field: &Field, row: &RawRow) -> bool {
    match &chunk.payload {
        Payload::Lines { bytes, .. } | Payload::Messages { bytes, .. } => {
            early::has_no_year(&bytes[row.bytes.clone()])
        }
        Payload::Rows { batch, .. } => {
            found::find(batch, &field.path).is_some_and(|column| column.data_type().is_numeric())
        }
        Payload::Unread { .. } | Payload::Stored { .. } => false,
    }
}

/// Which rows of the chunk arrived when.
fn arrivals(chunk: &Chunk, rows: usize, runs: &mut Vec<(Micros, u32)>) {
    match &chunk.payload {
        Payload::Lines { arrived, .. } | Payload::Rows { arrived, .. } => {
            if rows > 0 {
                runs.push((*arrived, rows as u32));
            }
        }
        Payload::Unread { .. } | Payload::Stored { .. } => {}
        Payload::Messages { messages, .. } => {
            for message in messages {
                match runs.last_mut() {
                    Some((arrived, run)) if *arrived == message.arrived => *run += 1,
                    _ => runs.push((message.arrived, 1)),
                }
            }
        }
    }
}

/// What the source could not read.
fn rejected(chunk: &Chunk, unread: &Unread) -> Reject {
    let position = RawPosition::Line { file: chunk.origin.to_string(), line: unread.line };
    let reason = Reason { code: unread.code, path: String::new(), message: unread.why.clone() };
    let raw = unread.raw[..unread.raw.len().min(RAW_KEPT)].to_vec();
    Reject { source: chunk.source, position, reasons: vec![reason], raw }
}

fn reject(source: &Source, chunk: &Chunk, row: &mut RawRow) -> Reject {
    let offset = row.offset;
    let place =
        source.connector.place(Arc::clone(&chunk.origin), Position { part: chunk.part, offset });
    let position = place.into();
    let mut raw = match &chunk.payload {
        Payload::Messages { bytes, .. } | Payload::Lines { bytes, .. } => {
            let bytes = &bytes[row.bytes.clone()];
            bytes[..bytes.len().min(RAW_KEPT)].to_vec()
        }
        Payload::Rows { batch, first_row, .. } => {
            columnar::shown(batch, (offset - first_row) as usize)
        }
        Payload::Stored { batch } => columnar::shown(&stored::own(batch), row.bytes.start),
        Payload::Unread { .. } => Vec::new(),
    };
    raw.truncate(RAW_KEPT);
    Reject { source: chunk.source, position, reasons: std::mem::take(&mut row.flaws.reasons), raw }
}
