//! Small files of JSON that say what a folder holds, each with a checksum of its content.

use std::fs;
use std::io::{Error, ErrorKind};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use xxhash_rust::xxh3::xxh3_64;

use super::error::StoreError;

/// What such a file is.
#[derive(Serialize, Deserialize)]
struct CheckedFile<R> {
    /// XXH3 of the content's text.
    checksum: String,
    content: R,
}

/// What a file holds; `None` if it isn't there. One that an earlier version wrote has no checksum, and is the content.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    let json = match fs::read(path) {
        Ok(json) => json,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io(path, "read")(error)),
    };
    parse(path, &json).map(Some)
}

/// What such a file holds, of its bytes.
pub fn parse<T: DeserializeOwned>(path: &Path, json: &[u8]) -> Result<T, StoreError> {
    let content = match serde_json::from_slice::<CheckedFile<&RawValue>>(json) {
        Err(_) => serde_json::from_slice(json),
        Ok(CheckedFile { checksum, content }) if checksum == sum(content) => {
            serde_json::from_str(content.get())
        }
        Ok(_) => return Err(StoreError::altered(path, "its checksum is of something else")),
    };
    content.map_err(|error| StoreError::altered(path, error.to_string()))
}

/// The content of such a file that is as it was written; `None` of any other.
pub fn content(json: &[u8]) -> Option<Box<RawValue>> {
    let CheckedFile { checksum, content } =
        serde_json::from_slice::<CheckedFile<Box<RawValue>>>(json).ok()?;
    (checksum == sum(&content)).then_some(content)
}

/// What a file is to hold, with its checksum.
pub fn json(content: &impl Serialize) -> Vec<u8> {
    let content = to_raw_value(content).expect("JSON");
    let file = CheckedFile { checksum: sum(&content), content };
    serde_json::to_vec_pretty(&file).expect("JSON")
}

fn sum(content: &RawValue) -> String {
    format!("{:016x}", xxh3_64(content.get().as_bytes()))
}

/// The content of a file that has to be there.
pub fn there<T>(path: &Path, content: Option<T>) -> Result<T, StoreError> {
    content.ok_or_else(|| StoreError::io(path, "read")(Error::from(ErrorKind::NotFound)))
}
