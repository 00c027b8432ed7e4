//! Checkpoints: what operators kept at the end of a tick, so that a restart reads back only the rows behind it.
//!
//! ```text
//! checkpoints/TICK/RUN-w0            by worker: chunks of sections, each with its checksum
//! checkpoints/TICK/complete-0.json   by process: written last, when all of the tick is durable and committed
//! ```
//!
//! Whatever is amiss with one, it is passed over: everything in it follows from the rows. Deleting them is always
//! right. Where the data folder lies in a bucket, that says which there are (`bucket_checkpoints`).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::bucket_checkpoints;
use super::checked;
use super::checkpoint_of::{CheckpointOf, CompleteFile};
use super::entries::remove;
use super::folder::Folder;
use super::spread::SpreadFile;
use super::whole::{replace, sync_folder};
use crate::state::saved::{SavedChunk, Savers};
use crate::time::Tick;

/// How many are kept, so that one that turns out to be damaged is not the last.
const KEPT: usize = 2;
/// The lengths of a chunk's section, of its content and of that as it is stored, and a checksum of what follows.
const PREFIX: usize = 4 + 4 + 4 + 8;

/// A checkpoint that a run may begin with.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    pub of: CheckpointOf,
    chunks: Vec<ChunkPlace>,
}

/// Where a chunk lies.
#[derive(Clone, Debug)]
struct ChunkPlace {
    path: PathBuf,
    section: String,
    /// Where the chunk's prefix lies.
    at: u64,
}

fn root(folder: &Folder) -> PathBuf {
    folder.root.join("checkpoints")
}

fn folder_of(folder: &Folder, tick: Tick) -> PathBuf {
    root(folder).join(name_of(tick))
}

fn name_of(tick: Tick) -> String {
    // As many digits as any tick has, so that names sort.
    format!("{tick:020}")
}

/// Makes the folder of a checkpoint, and names the file of a worker's part of it.
pub fn prepare(folder: &Folder, tick: Tick, run: u64, worker: usize) -> io::Result<PathBuf> {
    let path = folder_of(folder, tick);
    fs::create_dir_all(&path)?;
    let mark = folder.mirror().map(|mirror| mirror.mark()).unwrap_or_default();
    Ok(path.join(format!("{mark}{run}-w{worker}")))
}

/// Writes a worker's part of a checkpoint, as long as that is wanted.
pub fn write(path: &Path, savers: &Savers, is_wanted: impl Fn() -> bool) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, SpreadFile::new(File::create(path)?));
    savers.save(&mut |section, chunk| {
        if !is_wanted() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let stored = lz4_flex::block::compress(chunk);
        let mut body = Vec::with_capacity(section.len() + stored.len());
        body.extend_from_slice(section.as_bytes());
        body.extend_from_slice(&stored);
        for length in [section.len(), chunk.len(), stored.len()] {
            file.write_all(&(length as u32).to_le_bytes())?;
        }
        file.write_all(&xxh3_64(&body).to_le_bytes())?;
        file.write_all(&body)
    })?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?.finish()
}

/// Says that a process's part is there. Those before the last few go.
pub fn complete(
    folder: &Folder,
    process: usize,
    of: &CheckpointOf,
    files: &[PathBuf],
) -> io::Result<()> {
    let path = folder_of(folder, of.tick);
    let mut lengths = BTreeMap::new();
    for file in files {
        let name = file.file_name().expect("a file").to_string_lossy().into_owned();
        lengths.insert(name, file.metadata()?.len());
    }
    let json = CompleteFile::new(of.clone(), lengths);
    let complete = path.join(format!("complete-{process}.json"));
    replace(&complete, &checked::json(&json))?;
    sync_folder(&root(folder))?;
    if let Some(mirror) = folder.mirror() {
        bucket_checkpoints::put(mirror, files, &complete)?;
    }
    let mut all = ticks_here(folder)?;
    if let (0, Some(mirror)) = (process, folder.mirror()) {
        all.extend(bucket_checkpoints::ticks(mirror)?);
    }
    all.retain(|tick| *tick <= of.tick);
    all.sort_unstable();
    all.dedup();
    let is_own = process == 0 || folder.mirror().is_some();
    for tick in all.iter().rev().skip(KEPT).filter(|_| is_own) {
        if let (0, Some(mirror)) = (process, folder.mirror()) {
            bucket_checkpoints::discard(mirror, Some(&name_of(*tick)))?;
        }
        remove(&folder_of(folder, *tick))?;
    }
    Ok(())
}

/// Takes away one that could not be completed.
pub fn discard(folder: &Folder, tick: Tick) {
    if let Some(mirror) = folder.mirror() {
        let _ = bucket_checkpoints::discard(mirror, Some(&name_of(tick)));
    }
    let _ = remove(&folder_of(folder, tick));
}

/// Takes all of them away.
pub fn discard_all(folder: &Folder) -> io::Result<()> {
    if let Some(mirror) = folder.mirror() {
        bucket_checkpoints::discard(mirror, None)?;
    }
    remove(&root(folder))
}

/// The ticks that there are checkpoints of, or beginnings of them: in a bucket, where the folder lies in one, so that all
/// processes see the same.
fn ticks(folder: &Folder) -> io::Result<Vec<Tick>> {
    match folder.mirror() {
        Some(mirror) => bucket_checkpoints::ticks(mirror),
        None => ticks_here(folder),
    }
}

fn ticks_here(folder: &Folder) -> io::Result<Vec<Tick>> {
    let entries = match fs::read_dir(root(folder)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut ticks = Vec::new();
    for entry in entries {
        ticks.extend(entry?.file_name().to_str().and_then(|name| name.parse::<Tick>().ok()));
    }
    ticks.sort_unstable();
    Ok(ticks)
}

/// The latest checkpoint of a store and a definition that is whole, up to a tick.
pub fn latest(folder: &Folder, store: &str, definition: &str, until: Tick) -> Option<Checkpoint> {
    let ticks = ticks(folder).unwrap_or_else(|error| {
        tracing::warn!("checkpoints are passed over: {error}");
        Vec::new()
    });
    let fits = ticks.into_iter().rev().filter(|tick| *tick <= until);
    fits.filter_map(|tick| match open(folder, tick, store, definition) {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            let path = folder_of(folder, tick);
            tracing::warn!("the checkpoint '{}' is passed over: {error}", path.display());
            None
        }
    })
    .next()
}

/// A checkpoint, unless it is of something else or was never completed.
fn open(
    folder: &Folder,
    tick: Tick,
    store: &str,
    definition: &str,
) -> io::Result<Option<Checkpoint>> {
    let path = folder_of(folder, tick);
    let (mut found, mut chunks) = (None::<CheckpointOf>, Vec::new());
    for process in 0.. {
        let complete = path.join(format!("complete-{process}.json"));
        if let Some(mirror) = folder.mirror()
            && !bucket_checkpoints::bring(mirror, &complete)?
        {
            return Ok(None);
        }
        let json = match fs::read(&complete) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            json => json?,
        };
        let complete: CompleteFile = checked::parse(&complete, &json).map_err(io::Error::other)?;
        let fits = complete.fits(store, definition);
        let CompleteFile { of, files, .. } = complete;
        let is_same = found.as_ref().is_none_or(|found| *found == of);
        if !fits || !is_same {
            return Ok(None);
        }
        for (name, length) in files {
            chunks.extend(indexed(folder, &path.join(name), length)?);
        }
        let processes = of.processes;
        found = Some(of);
        if process + 1 == processes {
            break;
        }
    }
    Ok(found.map(|of| Checkpoint { of, chunks }))
}

/// The chunks of a file, which is brought here where it is not, or is another one.
fn indexed(folder: &Folder, path: &Path, length: u64) -> io::Result<Vec<ChunkPlace>> {
    match (index(path, length), folder.mirror()) {
        (Err(_), Some(mirror)) => {
            if !bucket_checkpoints::bring(mirror, path)? {
                return Err(altered(path, "is not in the bucket"));
            }
            index(path, length)
        }
        (chunks, _) => chunks,
    }
}

/// Finds the chunks of a file, and whether each is what was written.
fn index(path: &Path, length: u64) -> io::Result<Vec<ChunkPlace>> {
    let mut chunks = Vec::new();
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    if file.get_ref().metadata()?.len() != length {
        return Err(io::Error::other(format!("'{}' is not as long as it was", path.display())));
    }
    let (mut at, mut body) = (0, Vec::new());
    while at < length {
        let ([section, _, stored], sum) = prefix(&mut file)?;
        body.clear();
        if (&mut file).take((section + stored) as u64).read_to_end(&mut body)? < section + stored
            || xxh3_64(&body) != sum
        {
            return Err(altered(path, "is not what was written: its checksum differs"));
        }
        let section = String::from_utf8(body[..section].to_vec()).map_err(io::Error::other)?;
        chunks.push(ChunkPlace { path: path.to_owned(), section, at });
        at += (PREFIX + body.len()) as u64;
    }
    Ok(chunks)
}

fn altered(path: &Path, why: &str) -> io::Error {
    io::Error::other(format!("'{}' {why}", path.display()))
}

/// The lengths of a chunk's section, of its content and of that as it is stored, and the checksum of what follows.
fn prefix(file: &mut impl Read) -> io::Result<([usize; 3], u64)> {
    let mut prefix = [0; PREFIX];
    file.read_exact(&mut prefix)?;
    let length = |at: usize| u32::from_le_bytes(prefix[at..at + 4].try_into().expect("4 of 20"));
    let sum = u64::from_le_bytes(prefix[12..].try_into().expect("8 of 20"));
    Ok(([0, 4, 8].map(|at| length(at) as usize), sum))
}

impl ChunkPlace {
    fn read(&self) -> io::Result<SavedChunk> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.at))?;
        let ([section, content, stored], sum) = prefix(&mut file)?;
        let mut body = vec![0; section + stored];
        file.read_exact(&mut body)?;
        if xxh3_64(&body) != sum {
            return Err(altered(&self.path, "is not what was written: its checksum differs"));
        }
        lz4_flex::block::decompress(&body[section..], content)
            .map_err(|error| altered(&self.path, &format!("can't be read: {error}")))
    }
}

impl Checkpoint {
    /// The chunks of a section, each to be read when it is wanted.
    pub fn chunks(
        &self,
        section: &str,
    ) -> impl Iterator<Item = impl FnOnce() -> io::Result<SavedChunk>> {
        let of_section = move |place: &&ChunkPlace| place.section == section;
        self.chunks.iter().filter(of_section).map(|place| || place.read())
    }

    /// The names of its sections.
    pub fn sections(&self) -> Vec<String> {
        let mut sections: Vec<String> =
            self.chunks.iter().map(|place| place.section.clone()).collect();
        sections.sort_unstable();
        sections.dedup();
        sections
    }
}
