//! Identifiers, and how they are known.

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};

/// What is no longer is hashed at once, which takes less time than part by part.
const SHORT: usize = 128;

/// An identifier, known by the first 128 bits of the BLAKE3 hash of `type:value`.
///
/// A person's id is the hash of one of their identifiers, so the two share this type's bits.
/// Aligned to 8 bytes, as most that is held of an identifier is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(C, packed(8))]
pub struct IdentifierHash(pub u128);

impl IdentifierHash {
    /// The hash of an identifier type's name and a normalised text.
    pub fn of(kind: &str, text: &str) -> Self {
        let parts = [kind.as_bytes(), b":", text.as_bytes()];
        let (mut together, mut length) = ([0; SHORT], 0);
        let hash = match kind.len() + 1 + text.len() <= SHORT {
            true => {
                for part in parts {
                    together[length..length + part.len()].copy_from_slice(part);
                    length += part.len();
                }
                blake3::hash(&together[..length])
            }
            false => {
                let mut hasher = blake3::Hasher::new();
                for part in parts {
                    hasher.update(part);
                }
                hasher.finalize()
            }
        };
        let first: [u8; 16] = hash.as_bytes()[..16].try_into().expect("16 of 32 bytes");
        IdentifierHash(u128::from_be_bytes(first))
    }

    /// The id of the person who is named after this identifier: `p_` and 32 hex digits.
    pub fn person_id(self) -> String {
        let mut id = String::with_capacity(34);
        self.write_person_id(&mut id);
        id
    }

    /// The hash that a person's id is written from; `None` for what is no such id.
    pub fn of_person_id(id: &str) -> Option<Self> {
        let hex = id.strip_prefix("p_")?;
        let is_written = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let bytes: [u8; 16] = const_hex::decode_to_array(hex).ok()?;
        hex.bytes().all(is_written).then(|| IdentifierHash(u128::from_be_bytes(bytes)))
    }

    /// Appends the id of the person who is named after this identifier.
    pub fn write_person_id(self, out: &mut String) {
        out.push_str("p_");
        out.push_str(const_hex::Buffer::<16>::new().format(&self.0.to_be_bytes()));
    }
}

/// An identifier as a row carries it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identifier {
    pub hash: IdentifierHash,
    /// Index into `Plan::identifiers`, so the smaller is the more trusted.
    pub kind: u8,
    /// The normalised text.
    pub text: ArcStr,
}
