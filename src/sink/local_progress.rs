//! The progress of a local output: a small file in the data folder, which is replaced in one step.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::commit::DurableOutputs;
use crate::place::path_part;
use crate::store::{Folder, StoreError};
use crate::time::Tick;

/// Where the progress of outputs lies in a data folder.
const OUTPUTS: &str = "outputs";
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
    /// What of a file is committed.
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

    /// Whether it says what the store's rows came to, by the definition as it is now.
    pub fn is_of(&self, durable: &DurableOutputs) -> bool {
        let is_of = self.store == durable.store && self.definition == durable.definition;
        is_of && durable.can_compute(self.tick)
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

/// The latest tick that a local output has committed of a store, as far as its folder says, and the output's file there.
pub fn latest_committed(folder: &Folder, store: &str) -> io::Result<Option<(Tick, PathBuf)>> {
    let entries = match std::fs::read_dir(folder.root.join(OUTPUTS)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    let mut latest = None;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|of| of != "json") {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let told = folder.read::<LocalProgress>(&format!("{OUTPUTS}/{name}")).ok().flatten();
        let committed = told.filter(|told| told.store == store).map(|told| (told.tick, path));
        latest = latest.max(committed);
    }
    Ok(latest)
}

/// Where the progress of an output is kept.
#[derive(Clone, Debug)]
pub struct ProgressFile {
    /// The output's name.
    pub output: String,
    folder: Folder,
    /// The file's path below the folder.
    name: String,
}

impl ProgressFile {
    pub fn new(durable: &DurableOutputs, output: &str) -> Self {
        let name = format!("{OUTPUTS}/{}.json", path_part(output));
        ProgressFile { output: output.to_owned(), folder: durable.folder.clone(), name }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.root.join(&self.name)
    }

    /// What was told last; nothing where that is none, or is not what was written.
    pub fn read(&self) -> io::Result<Option<LocalProgress>> {
        match self.folder.read(&self.name) {
            Err(StoreError::Altered { .. }) => Ok(None),
            read => read.map_err(io::Error::other),
        }
    }

    /// Why nothing is known: for people.
    pub fn why_unknown(&self) -> String {
        let path = self.path();
        let is = if path.exists() { "is not what was written" } else { "is not there" };
        format!("'{}', which tells of which ticks it holds records, {is}", path.display())
    }

    /// Replaces it: after a crash either the old one is there or this one.
    pub fn write(&self, progress: &LocalProgress) -> io::Result<()> {
        let replaced = match progress.file {
            // It is on this machine, too: elsewhere it is read back and compared.
            Some(_) => self.folder.write_here(&self.name, progress),
            None => self.folder.write(&self.name, progress),
        };
        replaced.map_err(io::Error::other)
    }
}
