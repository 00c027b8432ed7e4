//! Stored rows decoded, each with its place in the batch that it was read with: for whoever wants some of them as they
//! are stored.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::UInt64Type;

use crate::decode::Decoder;
use crate::decode::latest::Latest;
use crate::decode::stored::{OFFSET, StoredPart, TICK, parts};
use crate::row::Row;
use crate::source::{Chunk, Payload};
use crate::time::{Micros, Tick};

/// A row of a stored batch.
pub struct RowInBatch {
    /// Where in the batch it is.
    pub place: usize,
    /// The file or topic that it came from.
    pub origin: Arc<str>,
    pub row: Row,
}

/// The rows of a batch of a source, which is the decoder's. By the definition that there is now some may be none any
/// more.
pub fn rows_in_batch(decoder: &mut Decoder, source: usize, batch: &RecordBatch) -> Vec<RowInBatch> {
    dated_rows_in_batch(decoder, source, batch, &mut Latest::default())
}

/// The same; `latest` learns of their times what the clock of events follows.
pub fn dated_rows_in_batch(
    decoder: &mut Decoder,
    source: usize,
    batch: &RecordBatch,
    latest: &mut Latest,
) -> Vec<RowInBatch> {
    let mut found = Vec::with_capacity(batch.num_rows());
    for StoredPart { part, origin, rows, places } in parts(batch) {
        let mut in_part = PlacesInBatch::new(&rows);
        let (source, payload) = (source as u16, Payload::Stored { batch: rows.clone() });
        let chunk = Chunk { source, part, origin: Arc::clone(&origin), payload, reached: None };
        // None of them is too far ahead: that was looked at when it came.
        let decoded = decoder.decode(&chunk, Micros::MAX);
        latest.add_all(&decoded.latest);
        for row in decoded.rows {
            let place = in_part.of(&row);
            let place = places.as_ref().map_or(place, |places| places[place] as usize);
            found.push(RowInBatch { place, origin: Arc::clone(&origin), row });
        }
    }
    found
}

/// Where decoded rows stand in the batch that they were decoded of: in its order, some may be missing.
struct PlacesInBatch<'a> {
    ticks: &'a [Tick],
    offsets: &'a [u64],
    next: usize,
}

impl<'a> PlacesInBatch<'a> {
    fn new(batch: &'a RecordBatch) -> Self {
        let column = |name| batch.column_by_name(name).expect("the store gives it");
        let ticks = column(TICK).as_primitive::<UInt64Type>().values();
        let offsets = column(OFFSET).as_primitive::<UInt64Type>().values();
        PlacesInBatch { ticks, offsets, next: 0 }
    }

    fn of(&mut self, row: &Row) -> usize {
        let wanted = (row.arrived.tick, row.position.offset);
        let all = self.ticks[self.next..].iter().zip(&self.offsets[self.next..]);
        let ahead = all.map(|(tick, offset)| (*tick, *offset)).position(|of| of == wanted);
        self.next += ahead.expect("it is a row of the batch") + 1;
        self.next - 1
    }
}
