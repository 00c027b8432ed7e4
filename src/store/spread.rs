//! A file that goes to the disk a little at a time while it is written. A sync of the log, for which outputs wait, waits for
//! whatever lies before it on the way to the disk, and of a large file that is written at once that would be much.

use std::fs::File;
use std::io::{self, Write};

/// So many bytes go to the disk at once.
const TOGETHER: usize = 1 << 20;

pub struct SpreadFile {
    file: File,
    /// Bytes that were written since the last sync.
    written: usize,
}

impl SpreadFile {
    pub fn new(file: File) -> Self {
        SpreadFile { file, written: 0 }
    }

    /// All that was written is on the disk.
    pub fn finish(self) -> io::Result<()> {
        self.file.sync_all()
    }
}

impl Write for SpreadFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(&bytes[..bytes.len().min(TOGETHER)])?;
        self.written += written;
        if self.written >= TOGETHER {
            self.file.sync_data()?;
            self.written = 0;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_written_is_in_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let bytes: Vec<u8> = (0..5 * TOGETHER / 2).map(|at| (at % 251) as u8).collect();
        let mut file = SpreadFile::new(File::create(&path).expect("a file"));
        for part in bytes.chunks(TOGETHER / 3 * 4 + 5) {
            file.write_all(part).expect("it is written");
        }
        file.finish().expect("it is synced");
        assert_eq!(std::fs::read(&path).expect("a file"), bytes);
    }
}
