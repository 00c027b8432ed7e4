//! Identifiers whose rows are not taken in any more, by their hashes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::checked;
use super::error::StoreError;
use super::folder::Folder;
use crate::row::IdentifierHash;

/// Whose rows are not taken in again.
const SUPPRESSED: &str = "suppressed.json";

/// What the file holds.
#[derive(Serialize, Deserialize)]
struct SuppressedFile {
    /// Hashes of identifiers, in hex digits.
    identifiers: Vec<String>,
}

/// The identifiers whose rows are dropped, by their hashes.
pub fn suppressed(folder: &Folder) -> Result<BTreeSet<IdentifierHash>, StoreError> {
    let path = folder.root.join(SUPPRESSED);
    let Some(SuppressedFile { identifiers }) = checked::read(&path)? else {
        return match folder.store()?.has_suppressed {
            false => Ok(BTreeSet::new()),
            true => Err(StoreError::altered(
                &path,
                "it is not there, and rows of people who were to stay forgotten would be taken in again",
            )),
        };
    };
    let hash = |text: &String| u128::from_str_radix(text, 16).ok().map(IdentifierHash);
    let read: Option<BTreeSet<IdentifierHash>> = identifiers.iter().map(hash).collect();
    read.ok_or_else(|| StoreError::altered(&path, "what it lists are no hashes"))
}

/// Has rows that carry one of the identifiers dropped from now on.
pub fn suppress(folder: &Folder, hashes: &BTreeSet<IdentifierHash>) -> Result<(), StoreError> {
    let mut all = suppressed(folder)?;
    all.extend(hashes);
    let hex = |hash: &IdentifierHash| const_hex::encode(hash.0.to_be_bytes());
    let identifiers = all.iter().map(hex).collect();
    folder.write(SUPPRESSED, &SuppressedFile { identifiers })?;
    folder.note_suppressed()
}
