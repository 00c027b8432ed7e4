//! More versions than memory is for, parted by key: those of one key come back together.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use super::error::StoreError;
use super::folder::Folder;
use super::superseded::Version;

/// So many versions are held at once, about.
const HELD: u64 = 1 << 19;
/// Files that are open at once, at most.
const FILES: u64 = 256;

/// Versions that are laid down in files which have no name any more: nothing of them is left whenever the process ends.
pub struct LaidDown {
    path: PathBuf,
    files: Vec<BufWriter<File>>,
}

impl LaidDown {
    /// For about so many versions.
    pub fn new(folder: &Folder, process: usize, versions: u64) -> Result<Self, StoreError> {
        let path = folder.root.join(format!("versions-{process}"));
        let file = |_| {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(&path)?;
            fs::remove_file(&path)?;
            Ok(BufWriter::new(file))
        };
        let number = versions.div_ceil(HELD).clamp(1, FILES);
        let files = (0..number).map(file).collect::<Result<_, _>>();
        let files = files.map_err(StoreError::io(&path, "written"))?;
        Ok(LaidDown { path, files })
    }

    pub fn add(&mut self, version: Version) -> Result<(), StoreError> {
        // Keys are hashes.
        let of = (version.key % self.files.len() as u128) as usize;
        let written = self.files[of].write_all(&version.to_bytes());
        written.map_err(StoreError::io(&self.path, "written"))
    }

    /// Hands all of them back, those of one key at once.
    pub fn each(self, mut take: impl FnMut(&mut [Version])) -> Result<(), StoreError> {
        for file in self.files {
            let mut versions = read(file).map_err(StoreError::io(&self.path, "read"))?;
            take(&mut versions);
        }
        Ok(())
    }
}

fn read(file: BufWriter<File>) -> std::io::Result<Vec<Version>> {
    let mut file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    let number = file.stream_position()? as usize / Version::BYTES;
    file.seek(SeekFrom::Start(0))?;
    let mut file = BufReader::new(file);
    let mut bytes = [0; Version::BYTES];
    let mut versions = Vec::with_capacity(number);
    for _ in 0..number {
        file.read_exact(&mut bytes)?;
        versions.push(Version::of_bytes(&bytes));
    }
    Ok(versions)
}
