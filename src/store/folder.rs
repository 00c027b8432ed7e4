//! Where what lies in a data folder.
//!
//! ```text
//! store.json                 the store's id and the number of its layout
//! manifest-0.json            by process: the columnar files that count, and what they hold
//! lock-0                     by process: held by the run that uses the folder
//! log/RUN-p0-000001.log      what has not become columnar yet
//! rows/SOURCE/RUN-p0-….parquet   accepted rows
//! index/SOURCE/RUN-p0-….index    where in such a file whose rows are; made anew where it is missing (`row_index`)
//! ticks/RUN-p0-….parquet     each tick and its reading of the clock
//! outputs/                   how far outputs are committed (`sink`)
//! changes/                   what outputs were told last (`serve`)
//! ```

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::checked;
use super::entries::entries;
use super::error::StoreError;
use super::frame::LogHeader;
use super::kept::{FilesInUse, KeptFiles};
use super::log_index::LogIndexes;
use super::mirror::Mirror;
use super::whole::{create, replace, replace_private};
use crate::place::path_part;

/// The number of the layout that this version writes, and the latest that it reads.
const LAYOUT: u32 = 1;

/// A data folder.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Where files are on this machine.
    pub root: PathBuf,
    kept: KeptFiles,
    /// The bucket that has all that counts, where it lies in one.
    mirror: Option<Arc<Mirror>>,
    /// Which rows of its logs carry whom, as far as somebody has asked.
    pub log_indexes: LogIndexes,
}

/// What a data folder is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoreFile {
    pub layout: u32,
    /// Made with the folder, so that what is said of one store is never taken for another's.
    pub store: String,
    /// Whether somebody's rows are dropped when they come again: the list lies beside it then.
    #[serde(default)]
    pub has_suppressed: bool,
}

/// Whether a run has stored anything there.
pub fn is_there(root: &Path) -> bool {
    root.join("store.json").exists() || holds_rows(root)
}

/// Whether there is something that says of rows, which is not written before the folder is a store.
fn holds_rows(root: &Path) -> bool {
    let is_one = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("manifest-") || name.ends_with(".log")
    };
    [root.to_owned(), root.join("log")]
        .iter()
        .any(|within| entries(within).is_ok_and(|found| found.iter().any(is_one)))
}

impl Folder {
    /// Makes the folder, or finds it as it is.
    pub fn open(root: &Path, mirror: Option<Arc<Mirror>>) -> Result<(Self, StoreFile), StoreError> {
        let folder = Folder {
            root: root.to_owned(),
            kept: KeptFiles::default(),
            mirror,
            log_indexes: LogIndexes::default(),
        };
        for part in ["log", "rows", "ticks", "outputs", "index"] {
            let path = root.join(part);
            fs::create_dir_all(&path).map_err(StoreError::io(&path, "made"))?;
        }
        let path = root.join("store.json");
        // Of several processes that begin at once, one may have made it a store and stored something meanwhile.
        if !path.exists() && holds_rows(root) && !path.exists() {
            return Err(StoreError::altered(&path, "it is not there, and the folder holds rows"));
        }
        if !path.exists() {
            // Where several processes begin at once, the first one's counts.
            let json = checked::json(&new_store(&path)?);
            folder.mirror.iter().try_for_each(|mirror| mirror.replace("store.json", &json))?;
            create(&path, &json).map_err(StoreError::io(&path, "written"))?;
        }
        let store = folder.store()?;
        Ok((folder, store))
    }

    /// What it is.
    pub fn store(&self) -> Result<StoreFile, StoreError> {
        let path = self.root.join("store.json");
        let store: StoreFile = checked::there(&path, checked::read(&path)?)?;
        if store.layout > LAYOUT {
            let (path, found, known) = (self.root.clone(), store.layout, LAYOUT);
            return Err(StoreError::Later { path, found, known });
        }
        Ok(store)
    }

    /// Makes it another store: what was said of the one that it was says nothing of what it holds now.
    pub fn renew(&self) -> Result<(), StoreError> {
        let path = self.root.join("store.json");
        let has_suppressed = self.store()?.has_suppressed;
        self.write("store.json", &StoreFile { has_suppressed, ..new_store(&path)? })
    }

    /// Replaces a small file of JSON in one step, by its name.
    pub fn write(&self, name: &str, content: &impl Serialize) -> Result<(), StoreError> {
        self.replace(name, &checked::json(content))
    }

    /// What such a file holds, by its path below the folder; `None` if it isn't there.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        checked::read(&self.root.join(name))
    }

    /// Replaces a small file of JSON that says nothing on another machine.
    pub fn write_here(&self, name: &str, content: &impl Serialize) -> Result<(), StoreError> {
        self.replace_here(name, &checked::json(content))
    }

    /// Replaces a small file in one step, by its path below the folder: in the bucket first, where there is one.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.mirror.iter().try_for_each(|mirror| mirror.replace(name, bytes))?;
        self.replace_here(name, bytes)
    }

    /// The same, of one that nobody but its owner may read.
    pub fn replace_private(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.mirror.iter().try_for_each(|mirror| mirror.replace(name, bytes))?;
        let path = self.root.join(name);
        replace_private(&path, bytes).map_err(StoreError::io(&path, "written"))
    }

    /// The same, of one that says nothing on another machine.
    pub fn replace_here(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.root.join(name);
        replace(&path, bytes).map_err(StoreError::io(&path, "written"))
    }

    /// A file is there whole, by its path below the folder: nothing may name it before.
    pub fn publish(&self, path: &str) -> Result<(), StoreError> {
        self.mirror.iter().try_for_each(|mirror| mirror.publish(path))
    }

    /// Where it is, for people: a bucket, with where this machine has it.
    pub fn shown(&self) -> String {
        let root = self.root.display();
        match &self.mirror {
            Some(mirror) => format!("{} (here in {root})", mirror.bucket.place.url()),
            None => root.to_string(),
        }
    }

    /// Nothing more is written: another machine need not wait.
    pub fn release(&self) {
        self.mirror.iter().for_each(|mirror| mirror.release());
    }

    /// The bucket that has all that counts, where it lies in one.
    pub fn mirror(&self) -> Option<&Arc<Mirror>> {
        self.mirror.as_ref()
    }

    /// Notes that there is a list of identifiers whose rows are dropped, so that it is missed where it has gone.
    pub fn note_suppressed(&self) -> Result<(), StoreError> {
        let store = self.store()?;
        match store.has_suppressed {
            true => Ok(()),
            false => self.write("store.json", &StoreFile { has_suppressed: true, ..store }),
        }
    }

    /// Holds the folder for a process, until the file is dropped.
    pub fn lock(&self, process: usize) -> Result<File, StoreError> {
        Folder::lock_at(&self.root, process)
    }

    pub fn lock_at(root: &Path, process: usize) -> Result<File, StoreError> {
        let path = root.join(format!("lock-{process}"));
        let file = File::create(&path).map_err(StoreError::io(&path, "written"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Held { path: root.to_owned() });
            }
            Err(TryLockError::Error(error)) => {
                tracing::warn!(
                    "'{}' can't be locked, so nothing keeps another run out: {error}",
                    path.display()
                );
            }
        }
        Ok(file)
    }

    /// Keeps the files that there are for as long as what is returned is held.
    pub fn reading(&self) -> FilesInUse {
        self.kept.reading()
    }

    /// Deletes a file that does not count any more, and its index, once nobody in this process reads the folder.
    pub fn delete(&self, path: &Path) -> Result<(), StoreError> {
        self.mirror.iter().try_for_each(|mirror| mirror.delete(path))?;
        if let Some(path) = path.strip_prefix(&self.root).ok().and_then(Path::to_str) {
            // It may have none.
            let _ = self.kept.delete(&self.index(path));
        }
        self.kept.delete(path).map_err(StoreError::io(path, "deleted"))
    }

    /// Deletes what does not count any more on this machine alone, once nobody in this process reads the folder.
    pub fn delete_here(&self, path: &Path) {
        if let Some(below) = path.strip_prefix(&self.root).ok().and_then(Path::to_str) {
            let _ = self.kept.delete(&self.index(below));
        }
        // Whoever made it may have done so.
        let _ = self.kept.delete(path);
    }

    /// Where the index of a file of rows is, by that one's path below the folder.
    pub fn index(&self, rows: &str) -> PathBuf {
        let path = rows.strip_prefix("rows/").unwrap_or(rows);
        self.root.join("index").join(path).with_extension("index")
    }

    /// The numbers of files with such names.
    pub fn numbered(&self, before: &str, after: &str) -> Result<Vec<usize>, StoreError> {
        let entries = fs::read_dir(&self.root).map_err(StoreError::io(&self.root, "read"))?;
        let mut numbers = Vec::new();
        for entry in entries {
            let name = entry.map_err(StoreError::io(&self.root, "read"))?.file_name();
            let number =
                name.to_str().and_then(|name| name.strip_prefix(before)?.strip_suffix(after));
            numbers.extend(number.and_then(|number| number.parse::<usize>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    pub fn log(&self, header: &LogHeader) -> PathBuf {
        self.root.join("log").join(format!("{}.log", name(header)))
    }

    pub fn logs(&self) -> Result<Vec<PathBuf>, StoreError> {
        let path = self.root.join("log");
        let entries = fs::read_dir(&path).map_err(StoreError::io(&path, "read"))?;
        let mut logs = Vec::new();
        for entry in entries {
            let path = entry.map_err(StoreError::io(&path, "read"))?.path();
            // One that is to be deleted, once nobody reads it, is not for the next run to make other files of.
            if path.extension().is_some_and(|end| end == "log") && !self.kept.is_unwanted(&path) {
                logs.push(path);
            }
        }
        logs.sort();
        Ok(logs)
    }

    /// The path, below the folder, of the columnar file of a source's rows.
    pub fn rows(&self, header: &LogHeader, source: &str) -> String {
        let source = path_part(source);
        self.own(format!("rows/{source}/{}.parquet", name(header)))
    }

    pub fn ticks(&self, header: &LogHeader) -> String {
        self.own(format!("ticks/{}.parquet", name(header)))
    }

    /// In a bucket, a path that no other run writes to.
    fn own(&self, path: String) -> String {
        match self.mirror {
            Some(_) => self.free(&path),
            None => path,
        }
    }

    /// The path of what takes a columnar file's place: the first that is free.
    pub fn free(&self, path: &str) -> String {
        let (of, file) = path.rsplit_once('/').expect("it lies in a folder");
        let stem = file.trim_end_matches(".parquet");
        let stem = stem.split_once('~').map_or(stem, |(stem, _)| stem);
        let mark = self.mirror.as_ref().map(|mirror| mirror.mark()).unwrap_or_default();
        let mut paths = (1..).map(|number| format!("{of}/{stem}~{mark}{number}.parquet"));
        paths.find(|path| !self.root.join(path).exists()).expect("a number is free")
    }
}

/// What says which store it is, of a new one.
fn new_store(path: &Path) -> Result<StoreFile, StoreError> {
    let mut random = [0; 16];
    let failed = |error: getrandom::Error| io::Error::other(error.to_string());
    getrandom::fill(&mut random).map_err(failed).map_err(StoreError::io(path, "written"))?;
    Ok(StoreFile { layout: LAYOUT, store: const_hex::encode(random), has_suppressed: false })
}

fn name(header: &LogHeader) -> String {
    format!("{}-p{}-{:06}", header.run, header.process, header.number)
}
