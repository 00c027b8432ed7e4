//! Where the rows come from that an answer is computed of: the sources, read again from their beginning to their present
//! end, or the data folder of a run, where one is. Nothing else in `explain` knows which.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use hashbrown::HashMap;

use super::error::WhyError;
use crate::decode::latest::Latest;
use crate::decode::{Decoded, Decoder, stored};
use crate::plan::Plan;
use crate::runtime::Clock;
use crate::source::{self, Chunk, Feeds, Next, Payload};
use crate::store::{FilesInUse, Readings, Recovered, StoreError, StoredHistory, StoredRows};
use crate::time::{Micros, Tick, wall_clock};

/// Where parts of sources come from: a file's path, or a topic's name.
pub type Origins = HashMap<(u16, u32), Arc<str>>;

/// Where rows come from.
#[derive(Clone)]
enum RowsFrom {
    /// The files and topics that the definition names.
    Sources,
    /// What a run has stored, whatever it came from.
    Store(Arc<StoredSource>),
}

/// What is stored by now. While this is there none of its files is deleted by this process.
struct StoredSource {
    recovered: Recovered,
    _in_use: FilesInUse,
}

/// All rows that there are, for whoever asks, as long as they wait for the answer.
#[derive(Clone)]
pub struct AllRows {
    pub plan: Arc<Plan>,
    pub clock: Clock,
    from: RowsFrom,
    given_up: Arc<AtomicBool>,
}

impl AllRows {
    /// What the sources of a definition hold by now.
    ///
    /// # Errors
    /// If a source is gone once it has been read.
    pub fn of_sources(mut plan: Plan, clock: Clock) -> Result<Self, WhyError> {
        // What a run began after is part of the history all the same.
        for source in &mut plan.sources {
            let again = source.connector.again();
            source.connector = again.ok_or_else(|| WhyError::Gone {
                name: source.name.clone(),
                connector: source.connector.to_string(),
            })?;
        }
        let (plan, from) = (Arc::new(plan), RowsFrom::Sources);
        Ok(AllRows { plan, clock, from, given_up: Arc::default() })
    }

    /// What earlier runs have stored in a folder that this process holds.
    pub fn of_folder(plan: Plan, clock: Clock, recovered: Recovered) -> Self {
        let in_use = recovered.folder.reading();
        let from = RowsFrom::Store(Arc::new(StoredSource { recovered, _in_use: in_use }));
        AllRows { plan: Arc::new(plan), clock, from, given_up: Arc::default() }
    }

    /// What a run that goes on has stored by now. Once `given_up` is true nobody waits for it.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn of_run(
        plan: Arc<Plan>,
        clock: Clock,
        held: &Recovered,
        given_up: Arc<AtomicBool>,
    ) -> Result<Self, WhyError> {
        let in_use = held.folder.reading();
        let recovered = held.again()?;
        let from = RowsFrom::Store(Arc::new(StoredSource { recovered, _in_use: in_use }));
        Ok(AllRows { plan, clock, from, given_up })
    }

    /// The last stored tick whose rows are there, where they are stored.
    pub fn until(&self) -> Option<Tick> {
        match &self.from {
            RowsFrom::Sources => None,
            RowsFrom::Store(of) => Some(of.recovered.until),
        }
    }

    /// Reads what is stored as it is.
    pub(super) fn read_stored(&self) -> Result<StoreReading, WhyError> {
        match &self.from {
            RowsFrom::Sources => Err(WhyError::NothingStored),
            RowsFrom::Store(of) => Ok(StoreReading::start(&self.plan, of)),
        }
    }

    /// Whether nobody waits for the answer any more.
    pub(super) fn is_wanted(&self) -> Result<(), WhyError> {
        match self.given_up.load(Ordering::Relaxed) {
            true => Err(WhyError::GivenUp),
            false => Ok(()),
        }
    }

    /// Begins to read them.
    pub fn read(&self) -> Result<RowsReading, WhyError> {
        let plan = &self.plan;
        let decoders = (0..plan.sources.len()).map(|source| Decoder::new(Arc::clone(plan), source));
        let from = match &self.from {
            RowsFrom::Sources => ReadingFrom::Sources(Box::new(FeedsReading::start(plan)?)),
            RowsFrom::Store(of) => ReadingFrom::Store(Box::new(StoreReading::start(plan, of))),
        };
        Ok(RowsReading {
            all: self.clone(),
            from,
            decoders: decoders.collect(),
            origins: Origins::new(),
            now: 0,
        })
    }
}

/// A reading of all rows, some at a time.
pub struct RowsReading {
    all: AllRows,
    from: ReadingFrom,
    decoders: Vec<Decoder>,
    pub origins: Origins,
    /// What `now()` has come to.
    pub now: Micros,
}

enum ReadingFrom {
    Sources(Box<FeedsReading>),
    Store(Box<StoreReading>),
}

struct FeedsReading {
    feeds: Feeds,
    latest: Latest,
}

/// A reading of what is stored, in the order in which it came.
pub struct StoreReading {
    plan: Arc<Plan>,
    history: StoredHistory,
    readings: Readings,
    until: Tick,
    is_over: bool,
}

impl RowsReading {
    /// What happens together next: rows by source. Rows that are read back come with their arrival.
    pub fn next(&mut self) -> Result<Option<Vec<(usize, Decoded)>>, WhyError> {
        self.all.is_wanted()?;
        match &mut self.from {
            ReadingFrom::Sources(of) => {
                let Some(chunk) = of.next()? else { return Ok(None) };
                let wall = wall_clock();
                let decoded = decode(&mut self.decoders, &mut self.origins, &chunk, wall);
                of.latest.add_all(&decoded.1.latest);
                self.now = match self.all.clock {
                    Clock::Wall => wall,
                    Clock::Event => of.latest.followed().unwrap_or(0).max(0),
                    Clock::Fixed(instant) => instant,
                };
                Ok(Some(vec![decoded]))
            }
            ReadingFrom::Store(of) => {
                let Some((chunks, reading)) = of.next()? else { return Ok(None) };
                self.now = match self.all.clock {
                    // It has gone on since the last row was stored.
                    Clock::Wall if of.is_over => wall_clock().max(self.now),
                    Clock::Wall | Clock::Event => reading.max(self.now),
                    Clock::Fixed(instant) => instant,
                };
                // None of them is too far ahead: that was looked at when it came.
                let decoded = chunks
                    .iter()
                    .map(|chunk| decode(&mut self.decoders, &mut self.origins, chunk, Micros::MAX));
                Ok(Some(decoded.collect()))
            }
        }
    }
}

fn decode(
    decoders: &mut [Decoder],
    origins: &mut Origins,
    chunk: &Chunk,
    wall: Micros,
) -> (usize, Decoded) {
    let origin = || Arc::clone(&chunk.origin);
    origins.entry((chunk.source, chunk.part)).or_insert_with(origin);
    let source = usize::from(chunk.source);
    (source, decoders[source].decode(chunk, wall))
}

impl FeedsReading {
    fn start(plan: &Arc<Plan>) -> Result<Self, WhyError> {
        let reader = thread::current();
        let options = source::SourceOptions { until_end: true, ..source::SourceOptions::default() };
        let feeds = source::start(plan, &options, Arc::new(move || reader.unpark()))?;
        Ok(FeedsReading { feeds, latest: Latest::default() })
    }

    fn next(&mut self) -> Result<Option<Chunk>, WhyError> {
        loop {
            match self.feeds.workers[0].try_next() {
                Next::Chunk(chunk) => return Ok(Some(chunk)),
                Next::Together(..) => unreachable!("what is pushed is not read again"),
                Next::Empty => thread::park(),
                Next::Ended => return Ok(None),
                Next::Failed(error) => return Err(error.into()),
            }
        }
    }
}

impl StoreReading {
    fn start(plan: &Arc<Plan>, of: &StoredSource) -> Self {
        let recovered = &of.recovered;
        let columns = plan.sources.iter().map(|source| {
            let fields = source.raw_fields().iter().map(|field| field.name.clone());
            (source.name.clone(), Some(fields.collect()))
        });
        StoreReading {
            plan: Arc::clone(plan),
            history: StoredHistory::new(recovered, 0, 0, 1, columns.collect()),
            readings: Readings::new(recovered, 0),
            until: recovered.until,
            is_over: false,
        }
    }

    /// The rows of the next ticks, and what the clock read at the last of these. With the last ones it is over.
    pub fn next(&mut self) -> Result<Option<(Vec<Chunk>, Micros)>, StoreError> {
        if self.is_over {
            return Ok(None);
        }
        let loaded = self.history.load()?.min(self.until);
        self.is_over = loaded >= self.until;
        let mut chunks = Vec::new();
        for StoredRows { source, batch } in self.history.take(loaded) {
            let known = self.plan.sources.iter().position(|of| of.name == source);
            let Some(source) = known else { continue };
            let of_part = |(part, origin, batch)| {
                let payload = Payload::Stored { batch };
                Chunk { source: source as u16, part, origin, payload, reached: None }
            };
            chunks.extend(stored::by_part(&batch).into_iter().map(of_part));
        }
        Ok(Some((chunks, self.readings.at(loaded)?)))
    }
}
