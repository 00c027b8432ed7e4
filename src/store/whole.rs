//! Files that are there whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::fault;

/// Who may read and write a file, as far as the system's mask leaves it: everybody, or its owner alone.
const SHARED: u32 = 0o666;
const PRIVATE: u32 = 0o600;

/// Writes a file that is not there yet, whole or not at all; one that is there stays.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = beside(path);
    write(&beside, bytes, SHARED)?;
    let linked = fs::hard_link(&beside, path);
    fs::remove_file(&beside)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        linked => linked?,
    }
    sync_folder(path.parent().expect("it lies in a folder"))
}

/// Replaces a file in one step.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_as(path, bytes, SHARED)
}

/// The same of a file that nobody but its owner may read.
pub fn replace_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_as(path, bytes, PRIVATE)
}

fn replace_as(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let beside = beside(path);
    write(&beside, bytes, mode)?;
    if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"manifest-")) {
        fault::point("manifest written");
    }
    fs::rename(&beside, path)?;
    sync_folder(path.parent().expect("it lies in a folder"))
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut options = File::options();
    let mut file = options.write(true).create(true).truncate(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Where what will be a file is written before.
pub fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().expect("a file").to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

/// Makes durable which files a folder has.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
