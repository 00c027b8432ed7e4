//! The progress of a local output: a small file in the data folder, which is replaced in one step.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::commit::DurableOutputs;
use crate::place::path_part;
use crate::store::Mirror;
use crate::time::Tick;

/// So many bytes at a file's beginning and before its committed end tell it from another one.
const LOOKED_AT: u64 = 4_096;

/// What a local output has committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalProgress {
    pub store: String,
    pub definition: String,
    /// All of ticks up to this one is committed, and of no later one.
    pub tick: Tick,
    /// Later ticks of which something may have been sent, where that can't be taken back: the same records are to be
    /// sent again, so a replay ends a step at each of them.
    #[serde(default)]
    pub sending: Vec<Tick>,
    /// Of a file, what is committed.
    pub file: Option<FilePart>,
}

/// So much of a file, and what tells it from other files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePart {
    pub bytes: u64,
    /// A hash of how it begins and how this part ends.
    pub print: String,
}

impl LocalProgress {
    pub fn of(durable: &DurableOutputs, tick: Tick, file: Option<FilePart>) -> Self {
        let (store, definition) = (durable.store.clone(), durable.definition.clone());
        LocalProgress { store, definition, tick, sending: Vec::new(), file }
    }

    pub fn is_of(&self, durable: &DurableOutputs) -> bool {
        self.store == durable.store && self.definition == durable.definition
    }
}

impl FilePart {
    /// The part of a file up to this byte.
    pub fn of(file: &File, bytes: u64) -> io::Result<Self> {
        let looked_at = LOOKED_AT.min(bytes);
        let mut hasher = blake3::Hasher::new();
        let mut seen = vec![0; looked_at as usize];
        for from in [0, bytes - looked_at] {
            file.read_exact_at(&mut seen, from)?;
            hasher.update(&seen);
        }
        Ok(FilePart { bytes, print: hasher.finalize().to_hex()[..32].to_owned() })
    }

    /// Whether a file still begins with it.
    pub fn is_in(&self, file: &File) -> bool {
        let is_long = file.metadata().is_ok_and(|found| found.len() >= self.bytes);
        is_long && FilePart::of(file, self.bytes).is_ok_and(|found| found == *self)
    }
}

/// Where the progress of an output is kept.
#[derive(Clone, Debug)]
pub struct ProgressFile {
    /// The output's name.
    pub output: String,
    folder: PathBuf,
    name: String,
    mirror: Option<Arc<Mirror>>,
}

impl ProgressFile {
    pub fn new(durable: &DurableOutputs, output: &str) -> Self {
        let (folder, name) = (durable.folder.join("outputs"), path_part(output) + ".json");
        let mirror = durable.mirror.clone();
        ProgressFile { output: output.to_owned(), folder, name, mirror }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// What was told last; nothing where that is none, or can't be understood.
    pub fn read(&self) -> io::Result<Option<LocalProgress>> {
        match std::fs::read(self.path()) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces it: after a crash either the old one is there or this one.
    ///
    /// Of a file, the bucket in which the data folder lies need not know: it is read back and compared elsewhere.
    pub fn write(&self, progress: &LocalProgress) -> io::Result<()> {
        let json = serde_json::to_vec(progress).expect("it is plain");
        if let (Some(mirror), None) = (&self.mirror, &progress.file) {
            let path = format!("outputs/{}", self.name);
            mirror.replace(&path, &json).map_err(io::Error::other)?;
        }
        std::fs::create_dir_all(&self.folder)?;
        let fresh = self.folder.join(format!("{}.new", self.name));
        let mut file = File::create(&fresh)?;
        file.write_all(&json)?;
        file.sync_all()?;
        std::fs::rename(&fresh, self.path())?;
        File::open(&self.folder)?.sync_all()
    }
}
