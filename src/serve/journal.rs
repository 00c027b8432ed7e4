//! What outputs were told of which no file tells who comes back: kept in the data folder, as far as there is room.
//!
//! The folder `changes` has files of lines. Each is named after a tick, and has what was told behind that one. A line is
//! a record with its place and its output, the name of the run that tells what follows, or a tick up to which all was
//! told. What is written at once ends with such a tick and is synced: what stands behind the last one is torn, and cut
//! off when the next run begins. A file that is long enough is followed by another one, and the oldest are deleted.
//!
//! Who follows is told nothing that does not stand here. A restart computes what does not in other, larger ticks: it goes
//! on behind the last tick that was told (`Observer::opened`). Where it can't be gone on from, it is begun anew.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::sink::DurableOutputs;
use crate::time::Tick;

/// Where it lies in a data folder.
const FOLDER: &str = "changes";
const ENDING: &str = "ndjson";

/// How much of it there is.
#[derive(Clone, Copy, Debug)]
pub struct JournalBounds {
    /// A file that has so many bytes is followed by another one.
    pub file: u64,
    /// The files have so many together, beside what was written to the last one at once.
    pub all: u64,
}

impl JournalBounds {
    /// Few files, the last of which is soon read.
    pub fn new(all: u64) -> Self {
        JournalBounds { file: (all / 64).min(64 << 20), all }
    }
}

/// Who tells what follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalTeller {
    store: String,
    definition: String,
    /// The number of the run in the data folder.
    run: u64,
    /// The names of the outputs whose records are kept, in their order.
    outputs: Vec<String>,
}

/// A line, which has one or the other.
#[derive(Debug, Default, Deserialize)]
pub struct JournalLine<'a> {
    /// A record's place.
    pub id: Option<&'a str>,
    pub output: Option<String>,
    #[serde(borrow)]
    pub record: Option<&'a RawValue>,
    told_by: Option<JournalTeller>,
    until: Option<Tick>,
}

/// The files of a journal, each with the tick behind which it tells, the earliest first.
pub fn files(folder: &Path) -> io::Result<Vec<(Tick, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let is_one = path.extension().is_some_and(|of| of == ENDING);
        let behind = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        files.extend(behind.filter(|_| is_one).map(|behind| (behind, path)));
    }
    files.sort_unstable();
    Ok(files)
}

/// Where a data folder has it.
pub fn folder(root: &Path) -> PathBuf {
    root.join(FOLDER)
}

/// Deletes all of it: who comes back from before begins anew.
pub fn delete(root: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder(root)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        deleted => deleted,
    }
}

/// The file that is written.
pub struct JournalFile {
    folder: PathBuf,
    pub path: PathBuf,
    file: File,
    bytes: u64,
    /// All of ticks up to this one is told.
    pub until: Tick,
    teller: JournalTeller,
    /// Whether the file is yet to say who tells.
    is_untold: bool,
    bounds: JournalBounds,
}

/// The end of what an earlier run has told.
struct KnownJournal {
    path: PathBuf,
    bytes: u64,
    until: Tick,
    teller: JournalTeller,
}

impl JournalFile {
    /// Goes on with what there is, or begins anew. With it comes the tick behind which it is told.
    ///
    /// `outputs` are those whose records are kept.
    pub fn open(
        durable: &DurableOutputs,
        outputs: Vec<String>,
        bounds: JournalBounds,
    ) -> io::Result<(Self, Tick)> {
        let folder = folder(&durable.folder.root);
        let DurableOutputs { store, definition, run, replayed, differs_at, .. } = durable.clone();
        let teller = JournalTeller { store, definition, run, outputs };
        // What another machine has told of a bucket stands in its own folder.
        let known = match durable.folder.mirror() {
            None => KnownJournal::read(&folder)?,
            Some(_) => None,
        };
        // What outputs differed by was told behind all that is replayed, and before what happens next.
        let known = known.filter(|known| known.until < differs_at && known.teller.goes_on(&teller));
        // Under another definition the same ticks would say something else: what outputs differ by is told instead.
        let same = known.as_ref().filter(|known| {
            let is_same = known.teller.definition == teller.definition && !durable.comes_at_once;
            is_same && durable.can_compute(known.until)
        });
        let told = same.map(|known| durable.told_up_to(known.until));
        let withheld = told.map_or(replayed, |told| told.min(replayed));
        let opened = match known {
            Some(KnownJournal { path, bytes, until, .. }) => {
                let file = File::options().write(true).open(&path)?;
                file.set_len(bytes)?;
                let is_untold = true;
                let mut opened =
                    JournalFile { folder, path, file, bytes, until, teller, is_untold, bounds };
                // The run before may have ended while it did so.
                opened.turn()?;
                opened
            }
            None => {
                delete(&durable.folder.root)?;
                // In a folder without rows: behind all that another one may have told.
                let until = if replayed == 0 { differs_at.saturating_sub(1) } else { replayed };
                JournalFile::begun(folder, until, teller, bounds)?
            }
        };
        Ok((opened, withheld))
    }

    /// A new file of what is told behind a tick.
    fn begun(
        folder: PathBuf,
        until: Tick,
        teller: JournalTeller,
        bounds: JournalBounds,
    ) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{until:020}.{ENDING}"));
        let file = File::create(&path)?;
        File::open(&folder)?.sync_all()?;
        Ok(JournalFile { folder, path, file, bytes: 0, until, teller, is_untold: true, bounds })
    }

    /// What is to be added for lines of ticks up to one: with who tells them, and the end.
    pub fn part(&self, lines: &[u8], until: Tick) -> Vec<u8> {
        let mut part = Vec::new();
        if self.is_untold {
            part.extend_from_slice(format!("{}\n", json!({"told_by": self.teller})).as_bytes());
        }
        part.extend_from_slice(lines);
        part.extend_from_slice(format!("{}\n", json!({"until": until})).as_bytes());
        part
    }

    /// Writes a part, and makes it stay; where that fails, it may be tried again.
    pub fn write(&self, part: &[u8]) -> io::Result<()> {
        self.file.write_all_at(part, self.bytes)?;
        self.file.sync_data()
    }

    /// A part has been written, which tells ticks up to this one.
    pub fn written(&mut self, part: &[u8], until: Tick) {
        self.bytes += part.len() as u64;
        (self.until, self.is_untold) = (self.until.max(until), false);
    }

    /// Goes on in another file, where this one is long enough, and deletes the oldest.
    pub fn turn(&mut self) -> io::Result<()> {
        if self.bytes < self.bounds.file {
            return Ok(());
        }
        // Room for the next one. The one that was written last is there for those who are just behind.
        let mut room = self.bounds.all.saturating_sub(self.bounds.file + self.bytes);
        let mut is_too_old = false;
        for (_, path) in files(&self.folder)?.iter().rev().filter(|(_, path)| *path != self.path) {
            let bytes = fs::metadata(path)?.len();
            is_too_old = is_too_old || bytes > room;
            room = room.saturating_sub(bytes);
            if is_too_old {
                fs::remove_file(path)?;
            }
        }
        let (folder, teller) = (self.folder.clone(), self.teller.clone());
        *self = JournalFile::begun(folder, self.until, teller, self.bounds)?;
        Ok(())
    }
}

impl JournalTeller {
    /// Whether another one goes on behind it: no run that told something nobody kept lies in between.
    fn goes_on(&self, next: &JournalTeller) -> bool {
        let is_next = next.run == self.run || next.run == self.run + 1;
        is_next && self.store == next.store && self.outputs == next.outputs
    }
}

impl KnownJournal {
    /// What was told last. Files in which nothing was told to its end are deleted.
    fn read(folder: &Path) -> io::Result<Option<Self>> {
        let mut files = files(folder)?;
        while let Some((_, path)) = files.pop() {
            if let Some(known) = KnownJournal::of(&path)? {
                return Ok(Some(known));
            }
            fs::remove_file(&path)?;
        }
        Ok(None)
    }

    fn of(path: &Path) -> io::Result<Option<Self>> {
        let (text, mut at) = (fs::read(path)?, 0);
        let (mut teller, mut known) = (None, None);
        while let Some(length) = memchr::memchr(b'\n', &text[at..]) {
            let line = serde_json::from_slice::<JournalLine>(&text[at..at + length]);
            at += length + 1;
            let Ok(line) = line else { break };
            teller = line.told_by.or(teller);
            if let (Some(until), Some(teller)) = (line.until, &teller) {
                known = Some((at as u64, until, JournalTeller::clone(teller)));
            }
        }
        let known = known.map(|(bytes, until, teller)| {
            let path = path.to_owned();
            KnownJournal { path, bytes, until, teller }
        });
        Ok(known)
    }
}
