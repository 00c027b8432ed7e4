//! The sources, read again from their beginning to their present end.
//!
//! Rows are decoded and admitted as in a run, so that the rows that stand are the same. A chunk is a
//! tick.

use std::sync::Arc;
use std::thread;

use hashbrown::HashMap;
use thin_vec::ThinVec;

use crate::decode::latest::Latest;
use crate::decode::{Decoded, Decoder};
use crate::plan::{Plan, RowPlace};
use crate::row::{Body, Position, Row};
use crate::runtime::Clock;
use crate::source::{self, Feeds, Next, SourceError};
use crate::standing::{Admission, RowChange, RowStatus, Stages};
use crate::state::batch::Batch;
use crate::time::{Micros, wall_clock};

/// A row that stands.
#[derive(Clone, Debug)]
pub struct HistoryRow {
    pub row: Row,
    pub body: Arc<Body>,
}

/// Where parts of sources come from: a file's path, or a topic's name.
pub type Origins = HashMap<(u16, u32), Arc<str>>;

/// A reading of all sources, chunk by chunk.
pub struct SourcesReading {
    feeds: Feeds,
    decoders: Vec<Decoder>,
    clock: Clock,
    latest: Latest,
    pub origins: Origins,
    /// What `now()` has come to.
    pub now: Micros,
}

impl SourcesReading {
    pub fn start(plan: &Arc<Plan>, clock: Clock) -> Result<Self, SourceError> {
        let reader = thread::current();
        let options = source::SourceOptions { until_end: true, ..source::SourceOptions::default() };
        let feeds = source::start(plan, &options, Arc::new(move || reader.unpark()))?;
        let decoders = (0..plan.sources.len()).map(|source| Decoder::new(Arc::clone(plan), source));
        let (decoders, origins, latest) = (decoders.collect(), Origins::new(), Latest::default());
        Ok(SourcesReading { feeds, decoders, clock, latest, origins, now: 0 })
    }

    /// The next chunk of a source.
    pub fn next(&mut self) -> Result<Option<(usize, Decoded)>, SourceError> {
        let chunk = loop {
            match self.feeds.workers[0].try_next() {
                Next::Chunk(chunk) => break chunk,
                Next::Together(..) => unreachable!("what is pushed is not read again"),
                Next::Empty => thread::park(),
                Next::Ended => return Ok(None),
                Next::Failed(error) => return Err(error),
            }
        };
        let origin = || Arc::clone(&chunk.origin);
        self.origins.entry((chunk.source, chunk.part)).or_insert_with(origin);
        let (source, wall) = (usize::from(chunk.source), wall_clock());
        let decoded = self.decoders[source].decode(&chunk, wall);
        self.latest.add_all(&decoded.latest);
        self.now = match self.clock {
            Clock::Wall => wall,
            Clock::Event => self.latest.followed().unwrap_or(0).max(0),
            Clock::Fixed(instant) => instant,
        };
        Ok(Some((source, decoded)))
    }
}

/// Reads everything, and hands on what each tick changes of the rows that stand: a row, and what is
/// said of it. Of a row that `keep` does not want only its id or key is remembered.
pub fn changes(
    plan: &Arc<Plan>,
    clock: Clock,
    keep: impl Fn(&Body) -> Option<Arc<Body>>,
    mut change: impl FnMut(&Row, RowChange),
) -> Result<SourcesReading, SourceError> {
    let mut reading = SourcesReading::start(plan, clock)?;
    let mut admission = Admission::new(plan, clock.arrival());
    let mut stages = Stages::new(plan);
    let joins: Vec<bool> = (0..plan.sources.len()).map(|source| takes_part(plan, source)).collect();
    let mut joining: HashMap<Id, Row> = HashMap::new();
    while let Some((_, decoded)) = reading.next()? {
        let mut to_join = Batch::default();
        let mut admitted = |row: Row, status| {
            let head = Row { body: None, ..row.clone() };
            match joins[usize::from(row.source)] {
                true => RowChange::each(row, status, |change| to_join.push(change)),
                false => RowChange::each(row, status, |told| change(&head, told)),
            }
        };
        for row in decoded.rows {
            let row = if joins[usize::from(row.source)] {
                joining.insert((row.source, row.position), Row { body: None, ..row.clone() });
                row
            } else {
                Row { body: row.body.as_ref().and_then(|body| kept(body, &keep)), ..row }
            };
            admission.admit(row, reading.now, &mut admitted);
        }
        admission.end_tick(reading.now, &mut admitted);
        for mut told in stages.apply(to_join) {
            let of =
                told.row.body.joining.as_ref().expect("a row that takes part in a join says so");
            let row = &joining[&(of.source, of.position)];
            if let Some(body) = keep(&told.row.body) {
                told.row.body = body;
                change(row, told);
            }
        }
    }
    Ok(reading)
}

/// What is wanted of a row, or of its elements.
fn kept(body: &Arc<Body>, keep: impl Fn(&Body) -> Option<Arc<Body>>) -> Option<Arc<Body>> {
    if body.elements.is_empty() {
        return keep(body);
    }
    let elements: ThinVec<_> = body.elements.iter().filter_map(|element| keep(element)).collect();
    (!elements.is_empty()).then(|| Arc::new(Body { elements, ..Body::clone(body) }))
}

/// A row's source and position.
type Id = (u16, Position);

/// Whether a source's rows are joined with others: then all that they say is kept, since what counts of
/// it may change.
fn takes_part(plan: &Plan, source: usize) -> bool {
    let mut joined = plan.sources.iter().filter_map(|source| source.joined.as_ref());
    plan.sources[source].joined.is_some()
        || joined.any(|joined| joined.tables.iter().any(|table| table.source == source))
}

/// Reads everything, and returns the rows that stand in the end and that `keep` wants.
pub fn standing(
    plan: &Arc<Plan>,
    clock: Clock,
    keep: impl Fn(&Body) -> Option<Arc<Body>>,
) -> Result<(Vec<HistoryRow>, SourcesReading), SourceError> {
    let mut rows: Vec<Option<HistoryRow>> = Vec::new();
    let mut known: HashMap<(Id, u32), Vec<usize>> = HashMap::new();
    let reading = changes(plan, clock, keep, |row, change| {
        // Of those that join tables each element comes and goes by itself.
        let element = change.row.body.joining.as_ref().map_or(0, |joining| joining.element);
        let id = ((row.source, row.position), element);
        match change.status {
            RowStatus::Stands => {
                known.entry(id).or_default().push(rows.len());
                rows.push(Some(HistoryRow { row: row.clone(), body: change.row.body }));
            }
            RowStatus::Gone => {
                known.remove(&id).unwrap_or_default().into_iter().for_each(|at| rows[at] = None);
            }
            RowStatus::SeenOnly => {}
        }
    })?;
    Ok((rows.into_iter().flatten().collect(), reading))
}

/// Where a row stood, as users find it.
pub fn place(plan: &Plan, origins: &Origins, row: &Row) -> RowPlace {
    let origin = Arc::clone(&origins[&(row.source, row.position.part)]);
    plan.sources[usize::from(row.source)].connector.place(origin, row.position)
}
