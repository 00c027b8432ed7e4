//! By what stored rows are found: the identifiers that they carry, and their ids or keys, hashed with a key of the
//! folder's own.
//!
//! An index holds bits of these hashes alone, and neither an identifier nor an unkeyed hash of one, so that a file of an
//! index that is copied without its folder says nothing of anybody. Who has the folder has the rows as well.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use smallvec::SmallVec;

use super::checked;
use super::error::StoreError;
use super::folder::Folder;
use super::key_file::KeyFile;
use crate::plan::Plan;
use crate::row::{Body, IdentifierHash, Row, Unwanted};

/// Where the key lies, below the folder.
const KEY: &str = "index/key.json";

/// By which rules rows have keys: it is another text where these are others, so that older indexes are made anew.
const RULES: &[u8] = b"also what rows name that do not stand";

/// What makes hashes of identifiers and ids.
#[derive(Clone)]
pub struct KeyHasher([u8; 32]);

/// The hash of an identifier, or of a source's id or key.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    pub hash: u64,
    /// The source whose rows alone have it; `None`: any source may have it.
    pub source: Option<u16>,
}

impl KeyHasher {
    /// The folder's own, which is made if there is none, or it can't be read: then no index fits that there is. Where it
    /// can't be written either, it is anybody's, and whoever asks goes without an index.
    pub fn of(folder: &Folder) -> Result<Self, StoreError> {
        /// One of several threads makes it.
        static MAKING: Mutex<()> = Mutex::new(());
        let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        let path = folder.root.join(KEY);
        if let Some(key) = read(&path) {
            return Ok(KeyHasher(key));
        }
        if path.exists() {
            tracing::warn!(
                "'{}' is not what was written, and is made anew, and with it every index",
                path.display()
            );
        }
        let (key, file) = KeyFile::random().map_err(StoreError::io(&path, "written"))?;
        if let Err(error) = super::whole::replace(&path, &checked::json(&file)) {
            tracing::warn!("rows are found without an index: '{}': {error}", path.display());
        }
        // Where two processes make one at once the later counts for both.
        Ok(KeyHasher(read(&path).unwrap_or(key)))
    }

    pub fn identifier(&self, hash: IdentifierHash) -> RowKey {
        RowKey { hash: self.hash(b'i', &hash.0.to_be_bytes()), source: None }
    }

    /// The key of an event's id or a record's key, in a source of the plan.
    pub fn of_source(&self, source: u16, key: u128) -> RowKey {
        RowKey { hash: self.hash(b'k', &key.to_be_bytes()), source: Some(source) }
    }

    /// By what rows are found that are unwanted.
    pub fn of_unwanted(&self, unwanted: &Unwanted) -> Vec<RowKey> {
        let identifiers = unwanted.identifiers.iter().map(|of| self.identifier(*of));
        let keys = unwanted.keys.iter().map(|(source, key)| self.of_source(*source, *key));
        identifiers.chain(keys).collect()
    }

    fn hash(&self, kind: u8, of: &[u8; 16]) -> u64 {
        let mut bytes = [kind; 17];
        bytes[1..].copy_from_slice(of);
        let hash = blake3::keyed_hash(&self.0, &bytes);
        u64::from_be_bytes(hash.as_bytes()[..8].try_into().expect("8 of 32 bytes"))
    }

    /// By what a row is found: what it carries, or its elements do, and its id or key.
    pub fn own(&self, row: &Row) -> SmallVec<[RowKey; 4]> {
        let said = row.body.iter().flat_map(Body::said);
        let carried = said.flat_map(Body::identifiers);
        let mut keys: SmallVec<[RowKey; 4]> =
            carried.map(|identifier| self.identifier(identifier.hash)).collect();
        keys.extend(row.key.map(|key| self.of_source(row.source, key.bits())));
        keys
    }

    /// The records that a row names in the tables that its source joins.
    pub fn named(&self, plan: &Plan, row: &Row) -> SmallVec<[RowKey; 4]> {
        let Some(joined) = &plan.sources[usize::from(row.source)].joined else {
            return SmallVec::new();
        };
        let said = row.body.iter().flat_map(Body::said);
        let joining = said.filter_map(|body| body.joining());
        let named = joining.flat_map(|joining| joined.tables.iter().zip(&joining.keys));
        named.filter_map(|(of, key)| Some(self.of_source(of.source as u16, (*key)?))).collect()
    }

    /// A hash of all that says which keys a source's rows have: of the key, and of what the definition says of the
    /// source and of identifiers.
    pub fn meaning(&self, plan: &Plan, source: &str) -> String {
        const OTHERS: [&str; 8] = [
            "attributes",
            "segments",
            "outputs",
            "http",
            "kafka",
            "data",
            "target_latency",
            "name",
        ];
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
        hasher.update(RULES);
        for stated in &plan.stated {
            let path: Vec<&str> = stated.path.iter().map(String::as_str).collect();
            let counts = match path[..] {
                ["sources", of, ..] => of == source,
                [first, ..] => !OTHERS.contains(&first),
                [] => true,
            };
            if counts {
                stated.add_to(&mut hasher);
            }
        }
        hasher.finalize().to_hex()[..32].to_owned()
    }
}

fn read(path: &Path) -> Option<[u8; 32]> {
    checked::read::<KeyFile>(path).ok()??.key()
}
