//! What a file holds that does not grow: a hash of all of its bytes, made while they are unfolded, or before they are read by
//! columns.

use std::fs::File;
use std::io::{self, Read};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::paths::Stamp;
use super::seen::read_at;

/// A file that was written so lately may be written again without a later time of change.
const GRAIN: Duration = Duration::from_secs(2);

/// All bytes of a file, by their hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileContent {
    hash: u128,
    /// The file's, where it holds this as long as it has that.
    stamp: Option<Stamp>,
}

impl FileContent {
    /// Whether a file holds it. `is_same`: it is the one that was read, and so need not be read for that if it was not
    /// changed since.
    pub(super) fn is_in(&self, file: &File, is_same: bool) -> io::Result<bool> {
        if is_same && self.stamp == Some(Stamp::of(&file.metadata()?)) {
            return Ok(true);
        }
        Ok(read_whole(file)?.hash() == self.hash)
    }
}

/// The hash of all of a file's bytes, which are read for it.
pub(super) fn read_whole(file: &File) -> io::Result<Hashing> {
    let (mut bytes, hashing) = hashed(file)?;
    let mut buffer = vec![0; 128 << 10];
    while bytes.read(&mut buffer)? > 0 {}
    Ok(hashing)
}

/// A file's bytes from the first one on, and the hash of those that were read.
pub(super) fn hashed(file: &File) -> io::Result<(impl Read + Send + 'static, Hashing)> {
    let hashing = Hashing { begun: Stamp::of(&file.metadata()?), read: Arc::default() };
    let (file, read) = (file.try_clone()?, Arc::clone(&hashing.read));
    Ok((HashedBytes { file, read }, hashing))
}

/// The hash of the bytes that were read of a file.
pub(super) struct Hashing {
    begun: Stamp,
    read: Arc<Mutex<ReadBytes>>,
}

#[derive(Default)]
struct ReadBytes {
    length: u64,
    hasher: Xxh3,
}

impl Hashing {
    fn hash(&self) -> u128 {
        self.read.lock().expect("nothing fails while it is held").hasher.digest128()
    }

    /// What the file holds, if it was read to its end.
    pub fn content(&self, file: &File) -> io::Result<Option<FileContent>> {
        let stamp = Stamp::of(&file.metadata()?);
        let length = self.read.lock().expect("nothing fails while it is held").length;
        if length != stamp.length {
            return Ok(None);
        }
        let (seconds, nanoseconds) = stamp.modified;
        let modified = Duration::new(seconds.max(0) as u64, nanoseconds as u32);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let is_known = stamp == self.begun && now > modified + GRAIN;
        Ok(Some(FileContent { hash: self.hash(), stamp: is_known.then_some(stamp) }))
    }
}

struct HashedBytes {
    file: File,
    read: Arc<Mutex<ReadBytes>>,
}

impl Read for HashedBytes {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut read = self.read.lock().expect("nothing fails while it is held");
        let length = read_at(&self.file, into, read.length)?;
        read.hasher.update(&into[..length]);
        read.length += length as u64;
        Ok(length)
    }
}
