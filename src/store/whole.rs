//! Files that are there whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::fault;

/// Writes a file that is not there yet, whole or not at all; one that is there stays.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = beside(path);
    write(&beside, bytes)?;
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
    replace_by(path, |beside| write(beside, bytes))
}

/// The same of a file that nobody but its owner may read.
pub fn replace_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_by(path, |beside| {
        let mut options = File::options();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(beside)?;
        write_to(file, bytes)
    })
}

fn replace_by(path: &Path, write: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    let beside = beside(path);
    write(&beside)?;
    if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"manifest-")) {
        fault::point("manifest written");
    }
    fs::rename(&beside, path)?;
    sync_folder(path.parent().expect("it lies in a folder"))
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_to(File::create(path)?, bytes)
}

fn write_to(mut file: File, bytes: &[u8]) -> io::Result<()> {
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
