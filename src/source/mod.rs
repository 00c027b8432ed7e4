//! Bytes in, with positions.
//!
//! Threads beside the workers read files and topics and hand over chunks of whole rows through
//! bounded channels: when the workers are busy, reading waits, and memory stays bounded. What does
//! not exist is told before anything starts.

mod ahead;
mod aside;
mod begin;
pub mod brokers;
pub mod client;
mod codec;
mod committed;
mod connector;
mod connectors;
mod content;
mod copies;
mod encoding;
mod error;
mod feed;
mod file;
mod files;
pub mod foreign;
mod header;
mod http;
mod kafka;
mod lags;
mod left_files;
mod list;
mod marking;
mod member_mark;
mod memory;
mod outlet;
mod owner;
mod packed;
mod parquet;
mod partition;
mod paths;
mod piece;
mod positions;
mod posts;
mod reached;
mod read_on;
mod recognized;
pub mod records;
mod seen;
mod source_files;
mod standard;
#[cfg(test)]
mod tests;
mod text;
mod topic;
mod trail;
mod unfold;
mod unready;
mod waiting_file;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;

use crate::time::Micros;

pub use connector::{ConnectorType, ConnectorWords, Settings, SettingsFault};
pub use connectors::CONNECTORS;
pub use error::{SourceError, WrongFile};
pub use feed::{DurableNews, Feed, Feeds, Next, OpenedSources, ReadingThreads, open, start};
pub use files::{Files, refused};
pub use http::Http;
pub use kafka::{KafkaStart, Topic};
pub use lags::Lags;
pub use left_files::LeftFiles;
pub use memory::{Memory, Pushes};
pub use outlet::{Awaited, RejectedRow, SourceOptions, Ticket, said};
pub use positions::Positions;
pub use posts::{AwaitedPost, Post, PostRefused, PostedRows, Posts};
pub use reached::{FileMark, FileOffset, PartStart, Print, Reached, Span, TextLength};
pub use standard::StandardInput;
pub use unfold::text_of;

/// A row may have this many bytes. Of a longer one a reader hands over the first `ROW_LIMIT + 1`, so
/// that memory stays bounded and decoding sees that it is too long.
pub const ROW_LIMIT: usize = 1 << 20;

/// A topic that takes the place of one of the same name has parts of its own: those of the partitions
/// of the next generation, so that no row of the one is taken for a row of the other.
const GENERATION: u32 = 1 << 20;

/// The partition that is a part of a topic.
pub fn partition(part: u32) -> u32 {
    part % GENERATION
}

/// What a source hands over at once: whole rows, not yet decoded.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Index into `Plan::sources`.
    pub source: u16,
    /// `Position::part` of its rows.
    pub part: u32,
    /// The file's path as shown to users, or the topic's name.
    pub origin: Arc<str>,
    pub payload: Payload,
    /// What of its origin it holds; `None` where that can't be read again.
    pub reached: Option<Reached>,
}

#[derive(Clone, Debug)]
pub enum Payload {
    /// Lines of a text file (JSON, or CSV whose header is given), whole and in order.
    Lines { bytes: Vec<u8>, first_line: u64, header: Option<Arc<[String]>>, arrived: Micros },
    /// Rows of a columnar file, with their share of its bytes.
    Rows { batch: RecordBatch, first_row: u64, arrived: Micros, bytes: u64 },
    /// A file, or a row of it, that is not read: it is rejected as it stands.
    Unread { unread: Unread, arrived: Micros },
    /// Messages of one partition (`Chunk::part`).
    Messages { bytes: Vec<u8>, messages: Vec<Message> },
    /// Rows that were accepted by an earlier run, as the store kept them.
    Stored { batch: RecordBatch },
}

impl Chunk {
    /// Whether its rows were read by an earlier run.
    pub fn is_stored(&self) -> bool {
        matches!(self.payload, Payload::Stored { .. })
    }
}

impl Payload {
    /// How much of a file it is.
    pub fn bytes(&self) -> u64 {
        match self {
            Payload::Lines { bytes, .. } => bytes.len() as u64,
            Payload::Rows { bytes, .. } => *bytes,
            Payload::Unread { .. } | Payload::Messages { .. } | Payload::Stored { .. } => 0,
        }
    }
}

/// What can't be read, and why.
#[derive(Clone, Debug)]
pub struct Unread {
    /// `None`: the whole file.
    pub line: Option<u64>,
    pub code: &'static str,
    pub why: String,
    pub raw: Vec<u8>,
}

impl Unread {
    fn file(why: String) -> Self {
        Unread { line: None, code: "unreadable", why, raw: Vec::new() }
    }
}

/// A Kafka message whose payload lies in its chunk's bytes.
#[derive(Clone, Debug)]
pub struct Message {
    pub offset: u64,
    /// The broker's timestamp.
    pub timestamp: Option<Micros>,
    /// When its latency starts: the broker's timestamp if that is `LogAppendTime`, else its receipt.
    pub arrived: Micros,
    pub key: Option<Range<usize>>,
    /// `None`: a null payload, which deletes a record.
    pub payload: Option<Range<usize>>,
}
