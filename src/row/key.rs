//! The ids of events and the keys of records.

use std::num::NonZeroU128;

use serde::{Deserialize, Serialize};

/// The id of an event, or the key of a record: 128 bits of the BLAKE3 hash of its text. Where there is none, that takes no
/// bytes of its own; aligned to 8 bytes, as most that is held of a row is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(Rust, packed(8))]
pub struct OwnKey(NonZeroU128);

impl OwnKey {
    pub fn new(bits: u128) -> Self {
        // Of 2¹²⁸ hashes one has to be told as another.
        OwnKey(NonZeroU128::new(bits).unwrap_or(NonZeroU128::MAX))
    }

    pub fn bits(self) -> u128 {
        self.0.get()
    }
}
