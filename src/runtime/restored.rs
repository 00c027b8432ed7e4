//! A worker's share of a checkpoint, put back before the rows behind it are read.
//!
//! Chunks are dealt out to the workers that there are now, and go to whoever has their keys by the dataflow. First comes all but
//! identifiers, then these, in some ticks up to that of the checkpoint: so that people find their components there, and
//! no tick holds everybody. These ticks bear numbers of ticks that are behind it, which nothing else happens in any more.

use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, Weak};

use hashbrown::{HashMap, HashSet};

use arcstr::ArcStr;

use crate::identity::{self, named_links};
use crate::profile::{self, saved_names};
use crate::row::IdentifierHash;
use crate::state::saved::SavedChunk;
use crate::store::Checkpoint;
use crate::time::Tick;

/// Chunks of identifiers that a worker puts back with a tick: some tens of thousands.
const CHUNKS: usize = 40;

/// The types and texts of identifiers that have links.
type LinkedNames = HashMap<IdentifierHash, (u8, ArcStr)>;

/// The checkpoint that a process begins with.
#[derive(Clone)]
pub struct StartingCheckpoint {
    pub checkpoint: Arc<Checkpoint>,
    /// What the workers of a process share while they need it.
    names: Arc<Mutex<Weak<LinkedNames>>>,
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

    fn names(&self) -> io::Result<Arc<LinkedNames>> {
        let mut shared = self.names.lock().expect("no one panics with it");
        if let Some(names) = shared.upgrade() {
            return Ok(names);
        }
        let mut linked = HashSet::new();
        for chunk in self.checkpoint.chunks(identity::LINKS) {
            linked.extend(identity::saved_ends(&chunk()?));
        }
        let mut names = LinkedNames::new();
        if !linked.is_empty() {
            for chunk in self.checkpoint.chunks(profile::IDENTIFIERS) {
                let chunk = chunk()?;
                let of_linked = saved_names(&chunk).filter(|(hash, ..)| linked.contains(hash));
                names.extend(of_linked.map(|(hash, kind, text)| (hash, (kind, text))));
            }
        }
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
                true => named_links(&chunk, |hash| names.get(&hash).cloned()),
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
