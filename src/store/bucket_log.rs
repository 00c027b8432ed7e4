//! The logs of a run in a bucket: what would be synced in a folder is an object here, a piece, numbered by the run.
//!
//! ```text
//! log/EPOCH/pPROCESS/NUMBER    a frame of the log's format: a `PieceHeader`, and bytes of a log
//! ```
//! Each process has a row of numbers of its own. A piece is put where nothing is. Who takes a bucket over puts a fence behind the last piece of those who held it
//! before: one of them that comes back finds it at its next number, and knows, before it has promised anything. For that
//! a fence stays, and so does the last number of what has become columnar, as a piece without bytes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::bucket::S3Bucket;
use super::error::StoreError;
use super::frame::{self, PREFIX};

/// What a piece is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PieceHeader {
    pub kind: PieceKind,
    /// The name of the log's file.
    #[serde(default)]
    pub log: String,
    /// The first of its bytes in the log.
    #[serde(default)]
    pub at: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PieceKind {
    Frames,
    /// Its log has become columnar.
    Gone,
    /// Nothing can be put by the run any more.
    Fence,
}

/// A piece that was read.
pub struct LogPiece {
    pub key: String,
    pub number: u64,
    pub header: PieceHeader,
    pub bytes: Vec<u8>,
}

/// Whose pieces are numbered together: those of a process in an epoch.
#[derive(Clone, Copy, Debug)]
pub struct PieceRow {
    pub epoch: u64,
    pub process: usize,
}

impl PieceRow {
    pub fn below(self) -> String {
        format!("log/{:010}/p{}/", self.epoch, self.process)
    }

    fn key(self, number: u64) -> String {
        format!("{}{number:010}", self.below())
    }
}

fn object(header: &PieceHeader, bytes: &[u8]) -> Vec<u8> {
    [&frame::beginning(header, &[bytes])[..], bytes].concat()
}

/// Reads a piece; `None` if it isn't there.
pub fn read(bucket: &S3Bucket, key: &str) -> Result<Option<LogPiece>, StoreError> {
    let Some((object, _)) = bucket.get(key)? else { return Ok(None) };
    let altered = |why: &str| StoreError::altered(Path::new(&bucket.url(key)), why);
    let (start, body) =
        object.split_at_checked(PREFIX).ok_or_else(|| altered("it is too short"))?;
    let told = frame::prefix(start.try_into().expect("so many bytes"));
    let is_whole =
        told.is_some_and(|(length, sum)| body.len() == length && frame::is_whole(body, sum));
    if !is_whole {
        return Err(altered("its checksum differs"));
    }
    let (header, bytes) = frame::header(body).map_err(|why| altered(&why))?;
    let bytes = bytes.to_vec();
    let number = number_of(key).ok_or_else(|| altered("its name is no number"))?;
    Ok(Some(LogPiece { key: key.to_owned(), number, header, bytes }))
}

fn number_of(key: &str) -> Option<u64> {
    key.rsplit_once('/')?.1.parse().ok()
}

/// The row that a piece is in.
pub fn row_of(key: &str) -> Option<&str> {
    let row = key.rsplit_once('/')?.0;
    (row.strip_prefix("log/")?.split('/').count() == 2).then_some(row)
}

/// Has nothing more be put into a row.
pub fn fence(bucket: &S3Bucket, row: PieceRow) -> Result<(), StoreError> {
    let pieces = bucket.list(&row.below())?;
    let last = pieces.iter().filter_map(|(key, _)| number_of(key)).max();
    let mut number = last.map_or(0, |last| last + 1);
    if let Some(last) = last
        && read(bucket, &row.key(last))?.is_some_and(|of| of.header.kind == PieceKind::Fence)
    {
        return Ok(());
    }
    let fence = PieceHeader { kind: PieceKind::Fence, log: String::new(), at: 0 };
    while bucket.put_if(&row.key(number), &object(&fence, &[]), None)?.is_none() {
        number += 1;
    }
    Ok(())
}

/// Where a run puts its pieces.
#[derive(Debug)]
pub struct BucketLog {
    row: PieceRow,
    state: Mutex<LogState>,
}

#[derive(Debug, Default)]
struct LogState {
    next: u64,
    /// By log, the keys of its pieces.
    pieces: BTreeMap<String, Vec<String>>,
    /// The last number, where that is of what has become columnar.
    gone: Option<String>,
    /// By row of another process, its last piece that is known here.
    ends: BTreeMap<String, String>,
}

impl BucketLog {
    /// With the pieces that earlier runs left, by log.
    pub fn new(row: PieceRow, pieces: BTreeMap<String, Vec<String>>) -> Self {
        BucketLog { row, state: Mutex::new(LogState { pieces, ..LogState::default() }) }
    }

    /// Puts bytes of a log; `false`: another run has taken over.
    pub fn append(
        &self,
        bucket: &S3Bucket,
        log: &str,
        at: u64,
        bytes: &[u8],
    ) -> Result<bool, StoreError> {
        let mut state = self.state.lock().expect("no one panics with it");
        let key = self.row.key(state.next);
        let header = PieceHeader { kind: PieceKind::Frames, log: log.to_owned(), at };
        if bucket.put_if(&key, &object(&header, bytes), None)?.is_none() {
            return Ok(false);
        }
        state.next += 1;
        state.pieces.entry(log.to_owned()).or_default().push(key);
        Ok(true)
    }

    /// Learns of a piece that another process has put.
    pub fn know(&self, log: &str, key: &str) {
        let mut state = self.state.lock().expect("no one panics with it");
        let row = row_of(key).unwrap_or_default().to_owned();
        state.ends.insert(row, key.to_owned());
        let known = state.pieces.entry(log.to_owned()).or_default();
        if !known.iter().any(|of| of == key) {
            known.push(key.to_owned());
        }
    }

    /// Takes the pieces of a log away. Where its process goes on behind them, the last one stays without its bytes.
    pub fn delete(&self, bucket: &S3Bucket, log: &str) -> Result<(), StoreError> {
        let mut state = self.state.lock().expect("no one panics with it");
        let keys = state.pieces.remove(log).unwrap_or_default();
        let (ends, mut keys): (Vec<String>, Vec<String>) =
            keys.into_iter().partition(|key| state.ends.values().any(|end| end == key));
        for end in ends {
            let gone = PieceHeader { kind: PieceKind::Gone, log: log.to_owned(), at: 0 };
            bucket.put(&end, &object(&gone, &[]))?;
        }
        let last = state.next.checked_sub(1).map(|last| self.row.key(last));
        if let Some(last) = last.clone()
            && let Some(at) = keys.iter().position(|key| *key == last)
        {
            let gone = PieceHeader { kind: PieceKind::Gone, log: log.to_owned(), at: 0 };
            bucket.put(&keys.swap_remove(at), &object(&gone, &[]))?;
            keys.extend(state.gone.replace(last));
        } else if state.gone.as_ref().is_some_and(|gone| Some(gone) != last.as_ref()) {
            keys.extend(state.gone.take());
        }
        bucket.delete(&keys)
    }
}
