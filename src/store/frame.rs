//! The frames of a log: a length, a checksum, and what is said, as JSON and as Arrow's IPC streams.
//!
//! ```text
//! log   = magic, frame (a LogHeader), frame (a TickHeader with its rows) …
//! frame = length of the body (u32), XXH3 of the body (u64), body
//! body  = length of the JSON (u32), JSON and spaces behind it, the streams that it lists, one behind the other
//! ```
//! Numbers are little-endian. One stream holds the rows of one source. The first stream begins at a multiple of 64 bytes of
//! the body, so that its columns lie where they can be used as they are, without a copy.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::compute::concat_batches;
use arrow::error::ArrowError;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::rejects::StoredReject;
use crate::plan::source_reading::SourceReading;
use crate::source::Reached;
use crate::time::{Micros, Tick};

/// What a log begins with; its number is that of the layout.
pub const MAGIC: &[u8] = b"selfsame log 1\n";

/// What comes before a body.
pub const PREFIX: usize = 12;

/// No body is longer; what says so is damaged.
const LONGEST: usize = 1 << 30;

/// Rows of a stream that are put into one batch at least, if there are so many.
const TOGETHER: usize = 1 << 13;

/// Bytes of a block.
const BLOCK: usize = 1 << 20;

/// Where columns of an Arrow stream want to lie.
const ALIGNED: usize = 64;

/// Whose log it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogHeader {
    pub run: u64,
    pub process: usize,
    pub processes: usize,
    /// In each process.
    pub workers: usize,
    /// The log's place among those of the process in this run.
    pub number: u64,
    /// By source, its fields: the name of each, and what it was made of.
    pub fields: BTreeMap<String, BTreeMap<String, String>>,
    /// By source, what decided which of its rows count: no others are stored.
    #[serde(default)]
    pub read_as: BTreeMap<String, SourceReading>,
}

impl LogHeader {
    /// Run, process and number, by which it is known.
    pub fn id(&self) -> (u64, usize, u64) {
        (self.run, self.process, self.number)
    }
}

/// What a worker took in with a tick.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TickHeader {
    pub tick: Tick,
    /// The reading of the clock that the tick carries.
    pub at: Micros,
    /// Among all workers of all processes.
    pub worker: usize,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reached: Vec<Reached>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejects: Vec<StoredReject>,
    /// For each source with rows, its name, their number and the length of its stream.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<(String, u64, u64)>,
}

/// What a frame begins with: all of it but its streams, which follow one behind the other.
pub fn beginning(header: &impl Serialize, streams: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut json = serde_json::to_vec(header).expect("a header is JSON");
    if !streams.is_empty() {
        let length = (4 + json.len()).next_multiple_of(ALIGNED) - 4;
        json.resize(length, b' ');
    }
    let length = 4 + json.len() + streams.iter().map(|of| of.as_ref().len()).sum::<usize>();
    let json_length = (json.len() as u32).to_le_bytes();
    let mut sum = Xxh3::new();
    let body = [&json_length[..], &json].into_iter().chain(streams.iter().map(AsRef::as_ref));
    body.for_each(|part| sum.update(part));
    let prefix = [&(length as u32).to_le_bytes()[..], &sum.digest().to_le_bytes()].concat();
    [&prefix[..], &json_length, &json].concat()
}

/// The length of the body and its checksum; `None` if that is no beginning of a frame.
pub fn prefix(bytes: &[u8; PREFIX]) -> Option<(usize, u64)> {
    let length = u32::from_le_bytes(bytes[..4].try_into().expect("4 bytes")) as usize;
    let sum = u64::from_le_bytes(bytes[4..].try_into().expect("8 bytes"));
    (4..=LONGEST).contains(&length).then_some((length, sum))
}

pub fn is_whole(body: &[u8], sum: u64) -> bool {
    xxh3_64(body) == sum
}

/// The header of a body, and the bytes behind it.
pub fn header<H: DeserializeOwned>(body: &[u8]) -> Result<(H, &[u8]), String> {
    let (length, rest) = body.split_at_checked(4).ok_or("it is too short")?;
    let length = u32::from_le_bytes(length.try_into().expect("4 bytes")) as usize;
    let (json, rest) = rest.split_at_checked(length).ok_or("its header is too short")?;
    let header = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    Ok((header, rest))
}

/// Bytes in blocks: a long stream is neither moved while it grows, nor does it want fresh memory in one run, where what its
/// batches gave back will do.
#[derive(Default)]
pub struct ByteBlocks(pub Vec<Vec<u8>>);

impl Write for ByteBlocks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let has_room = self.0.last().is_some_and(|last| last.len() < BLOCK);
        if !has_room {
            // A short stream has one, which need not be as large.
            let room = if self.0.is_empty() { bytes.len().min(BLOCK) } else { BLOCK };
            self.0.push(Vec::with_capacity(room));
        }
        let last = self.0.last_mut().expect("it has room");
        let taken = bytes.len().min(BLOCK - last.len());
        last.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Batches of one source as one stream. Each is let go as soon as the stream has it.
pub fn stream(mut batches: VecDeque<RecordBatch>) -> Result<ByteBlocks, ArrowError> {
    let schema = batches[0].schema();
    let mut writer = StreamWriter::try_new(ByteBlocks::default(), &schema)?;
    // Small ones together, since each has headers of its own, but so few that all is done with what the processor's caches hold.
    let (mut together, mut rows) = (Vec::new(), 0);
    while let Some(batch) = batches.pop_front() {
        rows += batch.num_rows();
        together.push(batch);
        if rows < TOGETHER && !batches.is_empty() {
            continue;
        }
        match &together[..] {
            [batch] => writer.write(batch)?,
            batches => writer.write(&concat_batches(&schema, batches)?)?,
        }
        together.clear();
        rows = 0;
    }
    writer.into_inner()
}

/// The rows of a stream, whose memory they keep where its columns lie as they are wanted.
pub fn rows(mut stream: Buffer) -> Result<Vec<RecordBatch>, ArrowError> {
    let (mut decoder, mut batches) = (StreamDecoder::new(), Vec::new());
    while let Some(batch) = decoder.decode(&mut stream)? {
        batches.push(batch);
    }
    decoder.finish()?;
    Ok(batches)
}

/// The first of the streams in some bytes, of this length, and those behind it; `None` if there are too few bytes.
pub fn split(streams: &Buffer, length: u64) -> Option<(Buffer, Buffer)> {
    let length = usize::try_from(length).ok().filter(|length| *length <= streams.len())?;
    Some((streams.slice_with_length(0, length), streams.slice(length)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array};

    use super::*;

    #[test]
    fn a_stream_has_the_rows_of_its_batches_in_their_order_in_few_batches() {
        let batch = |numbers: std::ops::Range<i64>| {
            let column: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers));
            RecordBatch::try_from_iter([("number", column)]).expect("a column")
        };
        let sizes = [10, TOGETHER as i64, 5, 3 * TOGETHER as i64, 1, 0, 7];
        let mut from = 0;
        let mut next = |size: i64| {
            from += size;
            batch(from - size..from)
        };
        let batches: Vec<RecordBatch> = sizes.into_iter().map(&mut next).collect();
        let stream = stream(batches.iter().cloned().collect()).expect("a stream");
        let found = rows(stream.0.concat().into()).expect("rows");
        assert!(found.len() <= 3, "{} batches", found.len());
        let whole = concat_batches(&batches[0].schema(), &found).expect("of one schema");
        let all = sizes.iter().sum();
        assert_eq!(whole, batch(0..all));
    }
}
