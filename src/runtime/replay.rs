//! Reading stored rows back, before the sources are read on.
//!
//! 1. Every worker loads some of its share of the rows, and tells the leader up to which tick all of it is loaded.
//! 2. The leader opens a tick of the history that all have loaded, the last such one: all rows up to it happen in it,
//!    with the clock as it read then. It stops at ticks that outputs were committed at, since what comes behind is sent.
//! 3. With the tick, each worker decodes and feeds what it has loaded of the ticks up to it, and loads more.
//!
//! When the last durable tick has been opened, everything is as it was, and the sources follow.

use std::collections::VecDeque;
use std::sync::Arc;

use super::restored::{Restored, SavedSections, StartingCheckpoint};
use crate::decode::{Decoded, Decoder};
use crate::plan::Plan;
use crate::row::Unwanted;
use crate::source::{Chunk, Payload};
use crate::store::{Readings, Recovered, StoreError, StoredHistory, StoredRows};
use crate::time::{Micros, Tick};

/// Rows that a worker has loaded at least before a tick takes them, if there are so many, or what they hold as they are
/// stored, in bytes. The larger a step, the fewer times what many rows concern is looked at.
const LOADED: usize = 1 << 20;
const LOADED_BYTES: u64 = 112 << 20;
/// The same rows of ticks of which nothing is told, which are only added up: as many as a part of those that were taken, and
/// at least these. Then what is known is visited in the order in which it lies in memory, with few gaps, however much it is.
const LOADED_UNTOLD: usize = 1 << 17;
const UNTOLD_PART: usize = 8;

/// One worker's share of the history.
pub struct Replay {
    /// What comes first, where there is a checkpoint.
    restored: Option<Restored>,
    plan: Arc<Plan>,
    history: StoredHistory,
    decoders: Vec<Decoder>,
    /// The last durable tick.
    until: Tick,
    /// Rows that are loaded at least before a tick takes them, if there are so many.
    together: usize,
    /// Nothing is told of the ticks before this one.
    told_from: Tick,
    loaded: Option<Tick>,
    /// The last tick whose rows were taken, and how many there have been.
    taken: Tick,
    rows: usize,
}

impl Replay {
    /// Reads the ticks behind `after`, but for rows that are unwanted; `None` if none is stored.
    pub fn new(
        plan: &Arc<Plan>,
        recovered: &Recovered,
        beginning: Option<&StartingCheckpoint>,
        after: Tick,
        without: &Arc<Unwanted>,
        worker: usize,
        workers: usize,
    ) -> Option<Self> {
        if recovered.until <= after {
            return None;
        }
        let columns = plan.sources.iter().map(|source| {
            let fields = source.raw_fields().iter().map(|field| field.name.clone());
            (source.name.clone(), Some(fields.collect()))
        });
        let behind = beginning.map_or(after, |beginning| beginning.checkpoint.of.tick);
        let history = StoredHistory::new(recovered, behind, worker, workers, columns.collect());
        let restored = beginning.map(|beginning| Restored::new(beginning, worker, workers));
        let decoder = |source| Decoder::new(Arc::clone(plan), source).without(without);
        let decoders = (0..plan.sources.len()).map(decoder).collect();
        let (until, plan) = (recovered.until, Arc::clone(plan));
        Some(Replay {
            restored,
            plan,
            history,
            decoders,
            until,
            together: LOADED,
            told_from: 0,
            loaded: None,
            taken: after,
            rows: 0,
        })
    }

    /// The same, by so many rows at once.
    pub fn together(self, together: usize) -> Self {
        Replay { together, ..self }
    }

    /// The same, where nothing is told of the ticks before this one.
    pub fn told_from(self, told_from: Tick) -> Self {
        Replay { told_from, ..self }
    }

    /// Whether all rows up to a tick are loaded.
    pub fn has_loaded(&self, tick: Tick) -> bool {
        self.loaded.is_some_and(|loaded| loaded >= tick)
    }

    /// Loads some rows, if more are wanted. Returns the tick up to which all are loaded, when that has changed.
    pub fn load(&mut self) -> Result<Option<Tick>, StoreError> {
        let is_enough = |replay: &Replay| {
            replay.loaded.is_some_and(|loaded| {
                let is_untold = loaded < replay.told_from;
                let together = match is_untold {
                    true => LOADED_UNTOLD.max(replay.rows / UNTOLD_PART).min(replay.together),
                    false => replay.together,
                };
                let is_much =
                    replay.history.loaded() >= together || replay.history.held() >= LOADED_BYTES;
                loaded >= replay.until || (loaded > replay.taken && is_much)
            })
        };
        let before = self.loaded;
        if self.restored.is_some() {
            return self.load_restored();
        }
        while !is_enough(self) {
            self.loaded = Some(self.history.load()?);
        }
        // What comes behind may be stored by then.
        Ok(self.loaded.filter(|_| self.loaded != before).map(|loaded| loaded.min(self.until)))
    }

    /// Reads what is put back next, one tick ahead of what was taken.
    fn load_restored(&mut self) -> Result<Option<Tick>, StoreError> {
        let Some(restored) = &mut self.restored else { return Ok(None) };
        if self.loaded.is_some_and(|loaded| loaded > self.taken) {
            return Ok(None);
        }
        let loaded = restored.load().map_err(StoreError::Checkpoint)?;
        self.loaded = loaded.or(self.loaded);
        Ok(loaded)
    }

    /// What a checkpoint puts back with the ticks up to this one.
    pub fn take_saved(&mut self, tick: Tick) -> SavedSections {
        let taken = self.restored.as_mut().map(|restored| restored.take(tick));
        self.restored.take_if(|restored| restored.is_over());
        taken.unwrap_or_default()
    }

    /// The rows of the ticks up to this one that are not taken.
    pub fn take(&mut self, tick: Tick) -> Vec<(usize, Decoded)> {
        self.taken = tick;
        let mut decoded = Vec::new();
        for StoredRows { source, batch } in self.history.take(tick) {
            let known = self.plan.sources.iter().position(|of| of.name == source);
            let Some(source) = known else { continue };
            for (part, origin, batch) in crate::decode::stored::by_part(&batch) {
                let chunk = Chunk {
                    source: source as u16,
                    part,
                    origin,
                    payload: Payload::Stored { batch },
                    reached: None,
                };
                // None of them is too far ahead: that was looked at when it came.
                let of_part = self.decoders[source].decode(&chunk, Micros::MAX);
                self.rows += of_part.rows.len();
                decoded.push((source, of_part));
            }
        }
        for reject in self.history.take_rejects(tick) {
            if let Some((source, reject)) = reject.again(&self.plan) {
                let rejects = vec![reject];
                decoded.push((source, Decoded { rejects, rows_in: 1, ..Decoded::default() }));
            }
        }
        decoded
    }

    /// Whether all was taken.
    pub fn is_over(&self) -> bool {
        self.taken >= self.until
    }
}

/// The leader's part in it.
pub struct ReplayLead {
    readings: Readings,
    /// The tick of the checkpoint, and what the clock read then.
    checkpoint: Option<(Tick, Micros)>,
    /// Ticks at which a step has to end, ascending.
    stops: VecDeque<Tick>,
    until: Tick,
}

impl ReplayLead {
    /// Leads through the ticks behind `after`; `None` if none is stored.
    pub fn new(
        recovered: &Recovered,
        beginning: Option<&StartingCheckpoint>,
        after: Tick,
        stops: Vec<Tick>,
    ) -> Option<Self> {
        let until = recovered.until;
        let checkpoint = beginning.map(|beginning| &beginning.checkpoint.of);
        let mut stops: Vec<Tick> = stops.into_iter().filter(|stop| *stop < until).collect();
        if let Some(of) = checkpoint {
            stops.retain(|stop| *stop > of.tick);
            stops.push(of.tick);
        }
        stops.sort_unstable();
        let behind = checkpoint.map_or(after, |of| of.tick);
        (until > after).then(|| ReplayLead {
            readings: Readings::new(recovered, behind),
            checkpoint: checkpoint.map(|of| (of.tick, of.at)),
            stops: stops.into(),
            until,
        })
    }

    /// The next tick to be opened behind the last one, with its reading; `None` if it is not loaded yet. `loaded` are,
    /// by worker, the ticks up to which each has loaded all.
    pub fn next(
        &mut self,
        loaded: &[Tick],
        last: Tick,
    ) -> Result<Option<(Tick, Micros)>, StoreError> {
        while self.stops.pop_front_if(|stop| *stop <= last).is_some() {}
        let loaded = loaded.iter().copied().min().unwrap_or(0);
        let tick = loaded.min(self.until).min(self.stops.front().copied().unwrap_or(Tick::MAX));
        if tick <= last {
            return Ok(None);
        }
        match self.checkpoint {
            Some((of, at)) if tick <= of => Ok(Some((tick, at))),
            _ => Ok(Some((tick, self.readings.at(tick)?))),
        }
    }

    pub fn is_over(&self, last: Tick) -> bool {
        last >= self.until
    }
}
