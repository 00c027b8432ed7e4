//! Identifiers that are recognised, and by which nobody else is: hashes with a key, of which nothing can be told without it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::IdentifierHash;

/// Identifiers by hashes with a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyedHashes {
    key: [u8; 32],
    hashes: BTreeSet<u128>,
}

impl KeyedHashes {
    pub fn new(key: [u8; 32], hashes: BTreeSet<u128>) -> Self {
        KeyedHashes { key, hashes }
    }

    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    pub fn has(&self, identifier: IdentifierHash) -> bool {
        !self.hashes.is_empty() && self.hashes.contains(&self.keyed(identifier))
    }

    pub fn add(&mut self, identifier: IdentifierHash) {
        self.hashes.insert(self.keyed(identifier));
    }

    pub fn hashes(&self) -> &BTreeSet<u128> {
        &self.hashes
    }

    fn keyed(&self, identifier: IdentifierHash) -> u128 {
        let hash = blake3::keyed_hash(&self.key, &identifier.0.to_be_bytes());
        u128::from_be_bytes(hash.as_bytes()[..16].try_into().expect("16 of 32 bytes"))
    }
}
