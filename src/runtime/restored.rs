//! A worker's share of a checkpoint, put back before the rows behind it are read.
//!
//! Chunks are dealt out to the workers that there are now, and go to whoever has their keys by the dataflow. First comes all but
//! identifiers, then these, in some ticks up to that of the checkpoint: so that people find their components there, and
//! no tick holds everybody. These ticks bear numbers of ticks that are behind it, which nothing else happens in any more.

use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, Weak};

use hashbrown::HashMap;

use arcstr::ArcStr;

use crate::identity::{self, named_links};
use crate::profile::{self, saved_names};
use crate::row::IdentifierHash;
use crate::state::saved::SavedChunk;
use crate::store::Checkpoint;
use crate::time::Tick;

/// Chunks of identifiers that a worker puts back with a tick: some tens of thousands.
const CHUNKS: usize = 40;

/// The types and texts of identifiers, which links are put back with: maps side by side, since several threads make them.
struct SavedNames {
    shards: Vec<HashMap<IdentifierHash, (u8, ArcStr)>>,
}

/// A name that was read.
type SavedName = (IdentifierHash, (u8, ArcStr));

impl SavedNames {
    /// Reads a part of the chunks on each of some threads, and makes a map of what all of them have for it.
    fn read(checkpoint: &Checkpoint, threads: usize) -> io::Result<Self> {
        let part = |thread: usize| -> io::Result<Vec<Vec<SavedName>>> {
            let mut read = vec![Vec::new(); threads];
            for chunk in checkpoint.chunks(profile::IDENTIFIERS).skip(thread).step_by(threads) {
                for (hash, kind, text) in saved_names(&chunk()?) {
                    read[shard(hash, threads)].push((hash, (kind, text)));
                }
            }
            Ok(read)
        };
        let parts: io::Result<Vec<_>> = on_each_of(threads, part).into_iter().collect();
        let mut of_shards: Vec<Vec<Vec<SavedName>>> = vec![Vec::new(); threads];
        for part in parts? {
            of_shards.iter_mut().zip(part).for_each(|(shard, names)| shard.push(names));
        }
        let of_shards: Vec<_> = of_shards.into_iter().map(Mutex::new).collect();
        let map = |thread: usize| {
            let names =
                std::mem::take(&mut *of_shards[thread].lock().expect("no one panics with it"));
            let mut map = HashMap::with_capacity(names.iter().map(Vec::len).sum());
            map.extend(names.into_iter().flatten());
            map
        };
        Ok(SavedNames { shards: on_each_of(threads, map) })
    }

    fn get(&self, hash: IdentifierHash) -> Option<(u8, ArcStr)> {
        self.shards[shard(hash, self.shards.len())].get(&hash).cloned()
    }
}

fn shard(hash: IdentifierHash, shards: usize) -> usize {
    (hash.0 >> 64) as usize % shards
}

/// What a function comes to on each of so many threads.
fn on_each_of<T: Send>(threads: usize, run: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let run = &run;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|of| scope.spawn(move || run(of))).collect();
        threads.into_iter().map(|of| of.join().expect("it doesn't panic")).collect()
    })
}

/// The checkpoint that a process begins with.
#[derive(Clone)]
pub struct StartingCheckpoint {
    pub checkpoint: Arc<Checkpoint>,
    /// What the workers of a process share while they need it.
    names: Arc<Mutex<Weak<SavedNames>>>,
}

impl StartingCheckpoint {
    pub fn new(checkpoint: Checkpoint) -> Self {
        StartingCheckpoint { checkpoint: Arc::new(checkpoint), names: Arc::default() }
    }

    /// The ticks in which it is put back by so many workers, and how many of a worker's chunks of identifiers with each.
    pub fn ticks(&self, workers: usize) -> (RangeInclusive<Tick>, usize) {
        let last = self.checkpoint.of.tick;
        let all = self.checkpoint.chunks(profile::IDENTIFIERS).count().div_ceil(workers);
        // At the very first ticks there are not many before.
        let number = (all.div_ceil(CHUNKS).max(1) as Tick).min(last - 1);
        (last - number..=last, all.div_ceil(number.max(1) as usize))
    }

    fn names(&self) -> io::Result<Arc<SavedNames>> {
        let mut shared = self.names.lock().expect("no one panics with it");
        if let Some(names) = shared.upgrade() {
            return Ok(names);
        }
        let has_links = self.checkpoint.chunks(identity::LINKS).next().is_some();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let names = match has_links {
            true => SavedNames::read(&self.checkpoint, threads)?,
            false => SavedNames { shards: vec![HashMap::new()] },
        };
        let names = Arc::new(names);
        *shared = Arc::downgrade(&names);
        Ok(names)
    }
}

/// One worker's share.
pub struct Restored {
    beginning: StartingCheckpoint,
    worker: usize,
    workers: usize,
    /// The tick in which all but identifiers is put back.
    first: Tick,
    /// The next one that is not read.
    next: Tick,
    /// A worker's chunks of identifiers in a tick.
    chunks: usize,
    /// What was read and not taken.
    read: BTreeMap<Tick, SavedSections>,
}

/// Chunks by section.
pub type SavedSections = BTreeMap<String, Vec<SavedChunk>>;

impl Restored {
    pub fn new(beginning: &StartingCheckpoint, worker: usize, workers: usize) -> Self {
        let (ticks, chunks) = beginning.ticks(workers);
        let first = *ticks.start();
        let (beginning, read) = (beginning.clone(), BTreeMap::new());
        Restored { beginning, worker, workers, first, next: first, chunks, read }
    }

    /// Reads what is put back with the next tick, and names that. `None`: all is read.
    pub fn load(&mut self) -> io::Result<Option<Tick>> {
        let (tick, last) = (self.next, self.beginning.checkpoint.of.tick);
        if tick > last {
            return Ok(None);
        }
        let mut sections = SavedSections::new();
        if tick == self.first {
            sections = self.others()?;
        }
        if tick > self.first || tick == last {
            let before = (tick - self.first).saturating_sub(1) as usize * self.chunks;
            let chunks = self.beginning.checkpoint.chunks(profile::IDENTIFIERS);
            let own = chunks.skip(self.worker).step_by(self.workers);
            let read: io::Result<_> =
                own.skip(before).take(self.chunks).map(|chunk| chunk()).collect();
            sections.insert(profile::IDENTIFIERS.to_owned(), read?);
        }
        self.read.insert(tick, sections);
        self.next += 1;
        Ok(Some(tick))
    }

    /// All but identifiers.
    fn others(&self) -> io::Result<SavedSections> {
        let checkpoint = &self.beginning.checkpoint;
        let names = self.beginning.names()?;
        let mut sections = SavedSections::new();
        for section in checkpoint.sections() {
            if section == profile::IDENTIFIERS {
                continue;
            }
            let own = checkpoint.chunks(&section).skip(self.worker).step_by(self.workers);
            let named = |chunk: SavedChunk| match section == identity::LINKS {
                true => named_links(&chunk, |hash| names.get(hash)),
                false => chunk,
            };
            let read: io::Result<_> = own.map(|chunk| chunk().map(named)).collect();
            sections.insert(section.clone(), read?);
        }
        Ok(sections)
    }

    /// What is put back with the ticks up to this one.
    pub fn take(&mut self, tick: Tick) -> SavedSections {
        let later = self.read.split_off(&(tick + 1));
        let mut taken = SavedSections::new();
        for (section, mut chunks) in
            std::mem::replace(&mut self.read, later).into_values().flatten()
        {
            taken.entry(section).or_default().append(&mut chunks);
        }
        taken
    }

    /// Whether all was taken.
    pub fn is_over(&self) -> bool {
        self.next > self.beginning.checkpoint.of.tick && self.read.is_empty()
    }
}
