//! Identifiers whose rows are not taken in any more, by hashes with a key.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::checked;
use super::error::StoreError;
use super::folder::Folder;
use super::suppressed_key;
use crate::row::{IdentifierHash, KeyedHashes};

/// Whose rows are not taken in again.
const SUPPRESSED: &str = "suppressed.json";

/// What the file holds.
#[derive(Default, Serialize, Deserialize)]
struct SuppressedFile {
    /// Hashes of identifiers, with the key that lies beside, in hex digits.
    #[serde(default)]
    keyed: Vec<String>,
    /// By what it is known that it is this key.
    #[serde(default)]
    key: String,
    /// Hashes without a key, as they were written before there was one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    identifiers: Vec<String>,
}

/// What it says, or that there is none.
fn read(folder: &Folder) -> Result<SuppressedFile, StoreError> {
    let path = folder.root.join(SUPPRESSED);
    if let Some(file) = checked::read(&path)? {
        return Ok(file);
    }
    match folder.store()?.has_suppressed {
        false => Ok(SuppressedFile::default()),
        true => Err(StoreError::altered(
            &path,
            "it is not there, and rows of people who were to stay forgotten would be taken in again",
        )),
    }
}

fn hashes(folder: &Folder, texts: &[String]) -> Result<BTreeSet<u128>, StoreError> {
    let read: Result<_, _> = texts.iter().map(|text| u128::from_str_radix(text, 16)).collect();
    let path = folder.root.join(SUPPRESSED);
    read.map_err(|_| StoreError::altered(&path, "what it lists are no hashes"))
}

/// The identifiers whose rows are dropped.
pub fn suppressed(folder: &Folder) -> Result<KeyedHashes, StoreError> {
    let file = read(folder)?;
    let key = match file.keyed.is_empty() {
        // What has no key yet is hashed with any.
        true => [0; 32],
        false => the_key(folder, &file)?,
    };
    all(folder, &file, key)
}

/// All that the file lists, by hashes with its key.
fn all(folder: &Folder, file: &SuppressedFile, key: [u8; 32]) -> Result<KeyedHashes, StoreError> {
    let mut all = KeyedHashes::new(key, hashes(folder, &file.keyed)?);
    hashes(folder, &file.identifiers)?.into_iter().for_each(|of| all.add(IdentifierHash(of)));
    Ok(all)
}

/// The key of what the file lists.
fn the_key(folder: &Folder, file: &SuppressedFile) -> Result<[u8; 32], StoreError> {
    let path = folder.root.join(suppressed_key::NAME);
    let lost = |why: &str| {
        let why =
            format!("{why}, and rows of people who were to stay forgotten would be taken in again");
        StoreError::altered(&path, why)
    };
    match suppressed_key::read(folder)? {
        None => Err(lost("it is not there")),
        Some(key) if suppressed_key::mark(&key) != file.key => {
            Err(lost("it is not the key of `suppressed.json`"))
        }
        Some(key) => Ok(key),
    }
}

/// Has rows that carry one of the identifiers dropped from now on.
pub fn suppress(folder: &Folder, more: &BTreeSet<IdentifierHash>) -> Result<(), StoreError> {
    let file = read(folder)?;
    let key = match file.keyed.is_empty() {
        true => suppressed_key::make(folder)?,
        false => the_key(folder, &file)?,
    };
    let mut all = all(folder, &file, key)?;
    more.iter().for_each(|of| all.add(*of));
    let keyed = all.hashes().iter().map(|hash| const_hex::encode(hash.to_be_bytes())).collect();
    let (key, identifiers) = (suppressed_key::mark(&key), Vec::new());
    folder.write(SUPPRESSED, &SuppressedFile { keyed, key, identifiers })?;
    folder.note_suppressed()
}

/// Has hashes of an earlier version have a key.
pub fn renew(folder: &Folder) -> Result<(), StoreError> {
    match read(folder)?.identifiers.is_empty() {
        true => Ok(()),
        false => suppress(folder, &BTreeSet::new()),
    }
}
