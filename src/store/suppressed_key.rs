//! The key of the hashes in the list of identifiers whose rows are dropped, in a file of its own: whoever has the list alone
//! can't look in it for anybody.

use super::checked;
use super::error::StoreError;
use super::folder::Folder;
use super::key_file::KeyFile;

/// Where the key lies, below the folder.
pub const NAME: &str = "suppressed-key.json";

/// The key, if there is one.
pub fn read(folder: &Folder) -> Result<Option<[u8; 32]>, StoreError> {
    let path = folder.root.join(NAME);
    let Some(file) = checked::read::<KeyFile>(&path)? else { return Ok(None) };
    file.key().map(Some).ok_or_else(|| StoreError::altered(&path, "it holds no key"))
}

/// The key, which is made if there is none.
pub fn make(folder: &Folder) -> Result<[u8; 32], StoreError> {
    if let Some(key) = read(folder)? {
        return Ok(key);
    }
    let path = folder.root.join(NAME);
    let (key, file) = KeyFile::random().map_err(StoreError::io(&path, "written"))?;
    folder.replace_private(NAME, &checked::json(&file))?;
    Ok(key)
}

/// What the list says of its key.
pub fn mark(key: &[u8; 32]) -> String {
    blake3::keyed_hash(key, b"suppressed").to_hex()[..16].to_owned()
}
