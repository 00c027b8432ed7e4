//! Files are not deleted under who reads them: a run that is built beside another one reads what that one stores, and
//! makes into other files, meanwhile.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Who reads the files of a folder in this process, and what is to be deleted once nobody does.
#[derive(Clone, Debug, Default)]
pub struct KeptFiles(Arc<Mutex<KeptState>>);

#[derive(Debug, Default)]
struct KeptState {
    readers: usize,
    unwanted: Vec<PathBuf>,
}

/// Held for as long as files are read.
#[derive(Debug)]
pub struct FilesInUse(KeptFiles);

impl KeptFiles {
    pub fn reading(&self) -> FilesInUse {
        self.0.lock().expect("no one panics with it").readers += 1;
        FilesInUse(self.clone())
    }

    /// Whether a file does not count any more, and is there for who reads it alone.
    pub fn is_unwanted(&self, path: &Path) -> bool {
        self.0.lock().expect("no one panics with it").unwanted.iter().any(|of| of == path)
    }

    /// Deletes a file that does not count any more: at once, or when nobody reads.
    pub fn delete(&self, path: &Path) -> io::Result<()> {
        let mut kept = self.0.lock().expect("no one panics with it");
        match kept.readers {
            0 => fs::remove_file(path),
            _ => {
                kept.unwanted.push(path.to_owned());
                Ok(())
            }
        }
    }
}

impl Drop for FilesInUse {
    fn drop(&mut self) {
        let mut kept = self.0.0.lock().expect("no one panics with it");
        kept.readers -= 1;
        if kept.readers == 0 {
            for path in std::mem::take(&mut kept.unwanted) {
                // What stays does not count, and the next run deletes it.
                let _ = fs::remove_file(path);
            }
        }
    }
}

impl Clone for FilesInUse {
    fn clone(&self) -> Self {
        self.0.reading()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_for_as_long_as_somebody_reads() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rows");
        fs::write(&path, "").expect("it is written");
        let kept = KeptFiles::default();
        let (one, other) = (kept.reading(), kept.clone().reading());
        assert!(!kept.is_unwanted(&path));
        kept.delete(&path).expect("it is noted");
        drop(one);
        assert!(path.exists() && kept.is_unwanted(&path));
        drop(other);
        assert!(!path.exists());
        assert!(kept.delete(&path).is_err(), "at once, and there is none");
    }
}
