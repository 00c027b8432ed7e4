//! The key of the hashes in the list of identifiers whose rows are dropped, in a file of its own: whoever has the list alone
//! can't look in it for anybody.

use std::io::Error;

use serde::{Deserialize, Serialize};

use super::checked;
use super::error::StoreError;
use super::folder::Folder;

/// Where the key lies, below the folder.
pub const NAME: &str = "suppressed-key.json";

#[derive(Serialize, Deserialize)]
struct SuppressedKeyFile {
    /// 32 random bytes, in hex digits.
    key: String,
}

/// The key, if there is one.
pub fn read(folder: &Folder) -> Result<Option<[u8; 32]>, StoreError> {
    let path = folder.root.join(NAME);
    let Some(SuppressedKeyFile { key }) = checked::read(&path)? else { return Ok(None) };
    let key = const_hex::decode_to_array(key);
    key.map(Some).map_err(|_| StoreError::altered(&path, "it holds no key"))
}

/// The key, which is made if there is none.
pub fn make(folder: &Folder) -> Result<[u8; 32], StoreError> {
    if let Some(key) = read(folder)? {
        return Ok(key);
    }
    let mut key = [0; 32];
    let failed = |error: getrandom::Error| Error::other(error.to_string());
    let path = folder.root.join(NAME);
    getrandom::fill(&mut key).map_err(failed).map_err(StoreError::io(&path, "written"))?;
    let file = SuppressedKeyFile { key: const_hex::encode(key) };
    folder.replace_private(NAME, &checked::json(&file))?;
    Ok(key)
}

/// What the list says of its key.
pub fn mark(key: &[u8; 32]) -> String {
    blake3::keyed_hash(key, b"suppressed").to_hex()[..16].to_owned()
}
