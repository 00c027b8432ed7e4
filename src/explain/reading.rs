//! Where the rows come from that an answer is computed of: the sources, read again from their beginning to their present
//! end, or the data folder of a run, where one is. Nothing else in `explain` knows which.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;

use arrow::array::RecordBatch;
use hashbrown::HashMap;

use super::about::{self, about};
use super::error::WhyError;
use crate::decode::latest::Latest;
use crate::decode::{Decoded, Decoder};
use crate::plan::Plan;
use crate::row::IdentifierHash;
use crate::runtime::Clock;
use crate::source::{self, Chunk, Feeds, Next};
use crate::store::{
    FilesInUse, FoundRows, Readings, Recovered, RowFinder, RowInBatch, RowKey, StoreError,
    StoredHistory, StoredRows, rows_in_batch,
};
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
    /// Those of the stored rows that concern somebody.
    Some(Arc<SomeRows>),
}

/// Rows that are in memory, what the clock on the wall read when the last of all was stored, and the latest of all, where
/// the clock follows them.
struct SomeRows {
    chunks: Vec<Chunk>,
    reading: Micros,
    latest: Latest,
    until: Tick,
}

/// What is stored by now. While this is there none of its files is deleted by this process.
struct StoredSource {
    recovered: Arc<Recovered>,
    _in_use: FilesInUse,
}

/// All rows that there are, for whoever asks, as long as they wait for the answer.
#[derive(Clone)]
pub struct AllRows {
    pub plan: Arc<Plan>,
    pub clock: Clock,
    from: RowsFrom,
    given_up: GivenUp,
    /// Whether rows are looked up by what they carry.
    are_found: bool,
}

/// Whether nobody waits for an answer any more.
type GivenUp = Arc<dyn Fn() -> bool + Send + Sync>;

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
        Ok(AllRows { plan, clock, from, given_up: Arc::new(|| false), are_found: false })
    }

    /// What earlier runs have stored in a folder that this process holds.
    pub fn of_folder(plan: Arc<Plan>, clock: Clock, recovered: Arc<Recovered>) -> Self {
        let in_use = recovered.folder.reading();
        let from = RowsFrom::Store(Arc::new(StoredSource { recovered, _in_use: in_use }));
        AllRows { plan, clock, from, given_up: Arc::new(|| false), are_found: true }
    }

    /// The same, which are read only until nobody waits for them any more.
    pub fn unless(self, given_up: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        AllRows { given_up: Arc::new(given_up), ..self }
    }

    /// The same, all of which are read for each answer, and none is looked up: what tests hold the answers to.
    pub fn all_read(self) -> Self {
        AllRows { are_found: false, ..self }
    }

    /// What a run that goes on has stored by now.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn of_run(plan: Arc<Plan>, clock: Clock, held: &Recovered) -> Result<Self, WhyError> {
        let _in_use = held.folder.reading();
        Ok(AllRows::of_folder(plan, clock, Arc::new(held.again()?)))
    }

    /// The last stored tick whose rows are there, where they are stored.
    pub fn until(&self) -> Option<Tick> {
        match &self.from {
            RowsFrom::Sources => None,
            RowsFrom::Store(of) => Some(of.recovered.until),
            RowsFrom::Some(of) => Some(of.until),
        }
    }

    /// Those from which all follows that is to be said of whoever holds one of these identifiers; `None` if all have to
    /// be read for that. A clock that follows the times of rows, where `asks_clock`, is read off all of them.
    ///
    /// # Errors
    /// If what is stored can't be read.
    pub fn about(
        &self,
        identifiers: &[IdentifierHash],
        asks_clock: bool,
    ) -> Result<Option<Self>, WhyError> {
        let RowsFrom::Store(of) = &self.from else { return Ok(None) };
        if !self.are_found {
            return Ok(None);
        }
        let recovered = &of.recovered;
        let found = about(recovered, &self.plan, identifiers, &|| self.is_wanted())?;
        let Some(chunks) = found else { return Ok(None) };
        let until = recovered.until;
        let reading = Readings::new(recovered, until).at(until)?;
        let latest = match self.clock {
            Clock::Event if asks_clock => self.latest()?,
            _ => Latest::default(),
        };
        let from = RowsFrom::Some(Arc::new(SomeRows { chunks, reading, latest, until }));
        Ok(Some(AllRows { from, ..self.clone() }))
    }

    /// The latest of all rows.
    fn latest(&self) -> Result<Latest, WhyError> {
        let mut reading = self.read()?;
        while reading.next()?.is_some() {}
        Ok(reading.latest)
    }

    /// Visits the stored rows that carry one of these identifiers, in no order: the source, and the batch in which the
    /// row is as it is stored.
    pub fn carrying(
        &self,
        identifiers: &BTreeSet<IdentifierHash>,
        mut each: impl FnMut(usize, &RecordBatch, RowInBatch),
    ) -> Result<(), WhyError> {
        let RowsFrom::Store(of) = &self.from else { return Err(WhyError::NothingStored) };
        let mut finder = RowFinder::new(&of.recovered, &self.plan)?;
        let keys = identifiers.iter().map(|of| finder.hasher().identifier(*of));
        let keys: Vec<RowKey> = keys.collect();
        let mut decoders = decoders(&self.plan);
        let mut each = |FoundRows { source, batch }| {
            self.is_wanted()?;
            let rows = rows_in_batch(&mut decoders[source], source, &batch).into_iter();
            rows.filter(|of| of.row.carries(identifiers)).for_each(|of| each(source, &batch, of));
            Ok::<(), WhyError>(())
        };
        finder.others(&mut each)?;
        finder.find(&keys, each)
    }

    /// Whether nobody waits for the answer any more.
    pub fn is_wanted(&self) -> Result<(), WhyError> {
        match (self.given_up)() {
            true => Err(WhyError::GivenUp),
            false => Ok(()),
        }
    }

    /// Begins to read them.
    pub fn read(&self) -> Result<RowsReading, WhyError> {
        let plan = &self.plan;
        let from = match &self.from {
            RowsFrom::Sources => ReadingFrom::Sources(Box::new(FeedsReading::start(plan)?)),
            RowsFrom::Store(of) => ReadingFrom::Store(Box::new(StoreReading::start(plan, of))),
            RowsFrom::Some(of) => ReadingFrom::Some(Some(Arc::clone(of))),
        };
        let latest = match &self.from {
            RowsFrom::Some(of) => of.latest.clone(),
            RowsFrom::Sources | RowsFrom::Store(_) => Latest::default(),
        };
        Ok(RowsReading {
            all: self.clone(),
            from,
            decoders: decoders(plan),
            origins: Origins::new(),
            latest,
            now: 0,
        })
    }
}

/// By source.
pub fn decoders(plan: &Arc<Plan>) -> Vec<Decoder> {
    (0..plan.sources.len()).map(|source| Decoder::new(Arc::clone(plan), source)).collect()
}

/// A reading of all rows, some at a time.
pub struct RowsReading {
    all: AllRows,
    from: ReadingFrom,
    decoders: Vec<Decoder>,
    pub origins: Origins,
    /// The latest of the rows that were read.
    latest: Latest,
    /// What `now()` has come to.
    pub now: Micros,
}

enum ReadingFrom {
    Sources(Box<FeedsReading>),
    Store(Box<StoreReading>),
    /// `None` once they are read.
    Some(Option<Arc<SomeRows>>),
}

struct FeedsReading {
    feeds: Feeds,
}

/// A reading of what is stored, in the order in which it came.
struct StoreReading {
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
                self.latest.add_all(&decoded.1.latest);
                self.read_clock(wall);
                Ok(Some(vec![decoded]))
            }
            ReadingFrom::Store(of) => {
                let Some((chunks, reading)) = of.next()? else { return Ok(None) };
                let is_over = of.is_over;
                Ok(Some(self.read_back(&chunks, reading, is_over)))
            }
            ReadingFrom::Some(of) => {
                let Some(of) = of.take() else { return Ok(None) };
                Ok(Some(self.read_back(&of.chunks, of.reading, true)))
            }
        }
    }

    /// Decodes stored rows, up to a tick with this reading of the clock.
    fn read_back(
        &mut self,
        chunks: &[Chunk],
        reading: Micros,
        is_over: bool,
    ) -> Vec<(usize, Decoded)> {
        let (decoders, origins) = (&mut self.decoders, &mut self.origins);
        // None of them is too far ahead: that was looked at when it came.
        let together: Vec<(usize, Decoded)> =
            chunks.iter().map(|chunk| decode(decoders, origins, chunk, Micros::MAX)).collect();
        together.iter().for_each(|(_, decoded)| self.latest.add_all(&decoded.latest));
        // The clock on the wall has gone on since the last row was stored.
        self.read_clock(if is_over { wall_clock() } else { reading });
        together
    }

    /// Takes in what the clock on the wall reads. No clock goes back.
    fn read_clock(&mut self, wall: Micros) {
        self.now = match self.all.clock {
            Clock::Wall => wall.max(self.now),
            Clock::Event => self.latest.followed().unwrap_or(0).max(0),
            Clock::Fixed(instant) => instant,
        };
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
        Ok(FeedsReading { feeds })
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
    fn next(&mut self) -> Result<Option<(Vec<Chunk>, Micros)>, StoreError> {
        if self.is_over {
            return Ok(None);
        }
        let loaded = self.history.load()?.min(self.until);
        self.is_over = loaded >= self.until;
        let mut chunks = Vec::new();
        for StoredRows { source, batch } in self.history.take(loaded) {
            let known = self.plan.sources.iter().position(|of| of.name == source);
            let Some(source) = known else { continue };
            chunks.extend(about::chunks(source, &batch));
        }
        Ok(Some((chunks, self.readings.at(loaded)?)))
    }
}
