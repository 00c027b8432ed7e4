//! Stored rows decoded, each with its place in the batch that it was read with: for whoever wants some of them as they
//! are stored.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::UInt64Type;

use crate::decode::latest::Latest;
use crate::decode::stored::{OFFSET, StoredPart, TICK, parts};
use crate::decode::{Decoded, Decoder, NamedByRow};
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

/// The same, of a decoder that tells of all that rows name; and what those name that do not stand, or are rejects by now:
/// each with its place in the batch.
pub fn all_in_batch(
    decoder: &mut Decoder,
    source: usize,
    batch: &RecordBatch,
) -> (Vec<RowInBatch>, Vec<NamedByRow>) {
    let mut named = Vec::new();
    let rows = each_part(decoder, source, batch, |decoded, places| {
        let place = |place: usize| places.map_or(place, |places| places[place] as usize);
        named.extend(decoded.named.iter().map(|of| of.at(place(of.place))));
    });
    (rows, named)
}

/// The rows of a batch; `latest` learns of their times what the clock of events follows.
pub fn dated_rows_in_batch(
    decoder: &mut Decoder,
    source: usize,
    batch: &RecordBatch,
    latest: &mut Latest,
) -> Vec<RowInBatch> {
    each_part(decoder, source, batch, |decoded, _| latest.add_all(&decoded.latest))
}

fn each_part(
    decoder: &mut Decoder,
    source: usize,
    batch: &RecordBatch,
    mut look: impl FnMut(&Decoded, Option<&[u32]>),
) -> Vec<RowInBatch> {
    let mut found = Vec::with_capacity(batch.num_rows());
    for StoredPart { part, origin, rows, places } in parts(batch) {
        let mut in_part = PlacesInBatch::new(&rows);
        let (source, payload) = (source as u16, Payload::Stored { batch: rows.clone() });
        let chunk = Chunk { source, part, origin: Arc::clone(&origin), payload, reached: None };
        // None of them is too far ahead: that was looked at when it came.
        let decoded = decoder.decode(&chunk, Micros::MAX);
        look(&decoded, places.as_deref());
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
