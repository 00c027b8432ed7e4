//! Identifiers whose rows are not taken in any more, by their hashes.

use std::collections::BTreeSet;
use std::fs;

use super::error::StoreError;
use super::folder::{Folder, replace};
use crate::row::IdentifierHash;

/// Whose rows are not taken in again.
const SUPPRESSED: &str = "suppressed.json";

/// The identifiers whose rows are dropped, by their hashes.
pub fn suppressed(folder: &Folder) -> Result<BTreeSet<IdentifierHash>, StoreError> {
    let path = folder.root.join(SUPPRESSED);
    let json = match fs::read(&path) {
        Ok(json) => json,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(StoreError::io(&path, "read")(error)),
    };
    let hashes: Vec<String> = serde_json::from_slice(&json)
        .map_err(|error| StoreError::altered(&path, error.to_string()))?;
    let hash = |text: &String| u128::from_str_radix(text, 16).ok().map(IdentifierHash);
    let read: Option<BTreeSet<IdentifierHash>> = hashes.iter().map(hash).collect();
    read.ok_or_else(|| StoreError::altered(&path, "what it lists are no hashes"))
}

/// Has rows that carry one of the identifiers dropped from now on.
pub fn suppress(folder: &Folder, hashes: &[IdentifierHash]) -> Result<(), StoreError> {
    let mut all = suppressed(folder)?;
    all.extend(hashes);
    let all: Vec<String> = all.iter().map(|hash| const_hex::encode(hash.0.to_be_bytes())).collect();
    let path = folder.root.join(SUPPRESSED);
    let json = serde_json::to_vec_pretty(&all).expect("JSON");
    replace(&path, &json).map_err(StoreError::io(&path, "written"))
}
