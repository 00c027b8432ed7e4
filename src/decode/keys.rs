//! Ids and keys: their texts, and the hashes by which they are remembered.

use arrow::array::{ArrayRef, StringArray};

/// First 128 bits of the BLAKE3 hash of an id's or a key's text.
pub fn key_hash(text: &str) -> u128 {
    let hash = blake3::hash(text.as_bytes());
    u128::from_be_bytes(hash.as_bytes()[..16].try_into().expect("16 of 32 bytes"))
}

/// A column as text: what an id or a key is hashed by.
pub fn texts(column: &ArrayRef) -> StringArray {
    crate::definition::texts(column).expect("an id or a key has a text")
}
