//! A file that holds a key.

use std::io::Error;

use serde::{Deserialize, Serialize};

/// What such a file holds.
#[derive(Serialize, Deserialize)]
pub struct KeyFile {
    /// 32 random bytes, in hex digits.
    key: String,
}

impl KeyFile {
    /// A new key, and the file that holds it.
    pub fn random() -> Result<([u8; 32], Self), Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| Error::other(error.to_string()))?;
        Ok((key, KeyFile { key: const_hex::encode(key) }))
    }

    /// The key; `None` if that is none.
    pub fn key(&self) -> Option<[u8; 32]> {
        const_hex::decode_to_array(&self.key).ok()
    }
}
