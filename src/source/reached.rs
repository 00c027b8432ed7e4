//! How far a source is read once a chunk is: every chunk says what part of its origin it holds.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::content::FileContent;
use crate::place::FileId;

/// First and last bytes that tell a file from others that is read as a whole.
const ENDS: u64 = 64 << 10;

/// What of a source a chunk holds. Of what can't be read again (standard input, rows that a program
/// pushes, a file that is rejected as a whole) nothing is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// The source's name.
    pub source: Arc<str>,
    /// `Position::part` of the chunk's rows.
    pub part: u32,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Span {
    /// Messages of a topic's partition, from the first offset up to the one that is read next: those that
    /// hold no row, too. There may be none: then it says where reading begins.
    Topic {
        topic: Arc<str>,
        /// What the brokers call this topic and no other one of the same name, where they say it.
        id: Option<Arc<str>>,
        partition: i32,
        /// How many topics of this name were read before this one.
        generation: u32,
        from: u64,
        next: u64,
    },
    /// Rows of a file. Texts are measured in bytes and columnar files in rows; a columnar file's bytes are
    /// its rows' share of them.
    File {
        file: Arc<FileMark>,
        start: PartStart,
        bytes: Range<u64>,
        /// Lines, or the numbers of rows, from 1.
        rows: Range<u64>,
        /// The print of the bytes up to the end of `bytes`; empty for a columnar file.
        before: Print,
    },
}

/// A place between two rows of a file: the byte, and the line or the row's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileOffset {
    pub byte: u64,
    pub row: u64,
}

impl FileOffset {
    /// A file's beginning.
    pub const FIRST: FileOffset = FileOffset { byte: 0, row: 1 };
}

/// Where a part's rows begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartStart {
    pub at: FileOffset,
    /// The part under which the bytes before that were read: then the file was cut off or written anew from
    /// there on, or was gone for a while.
    pub after: Option<u32>,
}

impl PartStart {
    pub(super) const FIRST: PartStart = PartStart { at: FileOffset::FIRST, after: None };
}

/// What tells a file from others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileMark {
    /// How often it was gone on with: of two marks up to one place the later one says where the file is by now.
    #[serde(default)]
    pub again: u32,
    pub id: FileId,
    /// As shown to users.
    pub path: Arc<str>,
    /// The print of the first bytes of a text; for a file that does not grow, of its length, its first bytes and its
    /// last.
    pub print: Print,
    /// How many rows a columnar file has: it does not grow.
    pub rows: Option<u64>,
    /// The length of the text that is unfolded from the file's bytes: it does not grow either.
    #[serde(default)]
    pub unfolded: Option<TextLength>,
    /// All that such a file holds, or a columnar one: of the former once it was read to its end.
    #[serde(default)]
    pub content: Option<FileContent>,
}

/// How many bytes a text has that is unfolded from a file's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TextLength {
    /// It was not read to its end.
    Unknown,
    Known(u64),
}

/// So many bytes, and their hash.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Print {
    pub length: u64,
    hash: u128,
}

impl Print {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Print { length: bytes.len() as u64, hash: xxh3_128(bytes) }
    }

    /// The print of a file that is read as a whole: of its length, its beginning and its end.
    pub(super) fn of_whole(file: &File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let mut bytes = length.to_le_bytes().to_vec();
        for from in [0, length.saturating_sub(ENDS)] {
            let had = bytes.len();
            bytes.resize(had + ENDS.min(length) as usize, 0);
            file.read_exact_at(&mut bytes[had..], from)?;
        }
        Ok(Print { length, hash: xxh3_128(&bytes) })
    }

    /// Whether a file has these bytes up to a place.
    pub(super) fn stands_before(&self, file: &File, at: u64) -> io::Result<bool> {
        let Some(from) = at.checked_sub(self.length) else { return Ok(false) };
        // Nothing is known of what comes before it.
        if self.length == 0 {
            return Ok(true);
        }
        let mut bytes = vec![0; self.length as usize];
        match file.read_exact_at(&mut bytes, from) {
            Ok(()) => Ok(Print::of(&bytes) == *self),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }
}
