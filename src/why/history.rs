//! The sources, read again from their beginning to their present end.
//!
//! Rows are decoded and admitted as in a run, so that the rows that stand are the same. A chunk is a
//! tick.

use std::sync::Arc;
use std::thread;

use hashbrown::HashMap;

use crate::decode::Decoder;
use crate::decode::admit::{Admission, RowChange};
use crate::decode::join::{self, Joins};
use crate::row::{Body, Position, Row};
use crate::runtime::Clock;
use crate::source::{self, Next, SourceError};
use crate::spec::plan::{Kind, Plan};
use crate::time::{Micros, wall_clock};

/// A row that stands.
#[derive(Clone, Debug)]
pub struct Standing {
    pub row: Row,
    pub body: Arc<Body>,
}

/// Where parts of sources come from: a file's path, or a topic's name.
pub type Origins = HashMap<(u16, u32), Arc<str>>;

/// What a reading found beside rows.
pub struct Ending {
    pub origins: Origins,
    /// What `now()` came to.
    pub now: Micros,
}

/// Reads everything, and hands on what each tick changes of the rows that stand. Of a row that `keep`
/// does not want only its id or key is remembered.
pub fn changes(
    plan: &Arc<Plan>,
    clock: Clock,
    keep: impl Fn(&Body) -> Option<Arc<Body>>,
    mut change: impl FnMut(&Row, Vec<RowChange>),
) -> Result<Ending, SourceError> {
    let reader = thread::current();
    let options =
        source::Options { process: 0, processes: 1, workers: 1, until_end: true, follow: false };
    let mut feeds = source::start(plan, &options, Arc::new(move || reader.unpark()))?;
    let mut decoders: Vec<Decoder> =
        (0..plan.sources.len()).map(|source| Decoder::new(Arc::clone(plan), source)).collect();
    let mut admission = Admission::new(plan);
    let mut joins = Joins::new(plan);
    let mut origins = Origins::new();
    let mut now = Micros::MIN;
    loop {
        let chunk = match feeds.workers[0].try_next() {
            Next::Chunk(chunk) => chunk,
            Next::Empty => {
                thread::park();
                continue;
            }
            Next::Ended => break,
            Next::Failed(error) => return Err(error),
        };
        origins.entry((chunk.source, chunk.part)).or_insert_with(|| Arc::clone(&chunk.origin));
        let wall = wall_clock();
        let decoded = decoders[chunk.source as usize].decode(&chunk, wall);
        now = match clock {
            Clock::Wall => wall,
            Clock::Event => now.max(decoded.latest.unwrap_or(now)),
            Clock::Fixed(instant) => instant,
        };
        let mut joining = Vec::new();
        for row in decoded.rows {
            let kept = |body: &Body| keep(body).or_else(|| table_record(plan, row.source, body));
            let row = Row { body: row.body.as_deref().and_then(kept), ..row };
            let mut changes = Vec::new();
            admission.admit(row.clone(), now, &mut changes);
            joining.extend(changes.iter().filter(|change| change.body.joining.is_some()).cloned());
            changes.retain(|change| !join::joins(plan, change));
            change(&row, changes);
        }
        for joined in joins.apply(joining) {
            change(&row_of(&joined), vec![joined]);
        }
    }
    Ok(Ending { origins, now })
}

/// Reads everything, and returns the rows that stand in the end and that `keep` wants.
pub fn standing(
    plan: &Arc<Plan>,
    clock: Clock,
    keep: impl Fn(&Body) -> Option<Arc<Body>>,
) -> Result<(Vec<Standing>, Ending), SourceError> {
    let mut rows: Vec<Option<Standing>> = Vec::new();
    let mut by_key: HashMap<(u16, u128), usize> = HashMap::new();
    let mut joined: HashMap<(u16, Position), usize> = HashMap::new();
    let ending = changes(plan, clock, keep, |row, changes| {
        let of_source = &plan.sources[row.source as usize];
        if of_source.joined.is_some() {
            for change in changes {
                let id = (row.source, row.position);
                if let Some(index) = joined.remove(&id).filter(|_| change.diff < 0) {
                    rows[index] = None;
                } else if change.diff > 0 {
                    joined.insert(id, rows.len());
                    rows.push(Some(Standing { row: row.clone(), body: change.body }));
                }
            }
            return;
        }
        let is_record = of_source.kind == Kind::Records;
        let key = row.key.filter(|_| is_record).map(|key| (row.source, key));
        if changes.iter().any(|change| change.diff < 0)
            && let Some(index) = key.and_then(|key| by_key.remove(&key))
        {
            rows[index] = None;
        }
        for change in changes.into_iter().filter(|change| change.diff > 0) {
            by_key.extend(key.map(|key| (key, rows.len())));
            rows.push(Some(Standing { row: row.clone(), body: change.body }));
        }
    })?;
    Ok((rows.into_iter().flatten().collect(), ending))
}

/// Of a table's record all that others look at, also where nothing else is wanted of it.
fn table_record(plan: &Plan, source: u16, body: &Body) -> Option<Arc<Body>> {
    let is_table = !plan.sources[source as usize].looked_up.is_empty();
    let (identifiers, inputs) = Default::default();
    is_table.then(|| {
        let (verdict, joining) = (body.verdict, body.joining.clone());
        Arc::new(Body { identifiers, inputs, verdict, joining })
    })
}

/// The row of a source that joins tables.
fn row_of(change: &RowChange) -> Row {
    let position = join::position(change);
    let RowChange { source, time, body, .. } = change.clone();
    Row { source, key: None, time, position, body: Some(body) }
}

/// Where a row stood, as users find it: `orders.ndjson:12`, or `web.events[0]@4711`.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(untagged)]
pub enum Place {
    File { file: Arc<str>, line: u64 },
    Topic { topic: Arc<str>, partition: u32, offset: u64 },
}

impl Place {
    pub fn of(plan: &Plan, origins: &Origins, row: &Row) -> Self {
        use crate::spec::plan::Connector;
        let Position { part, offset } = row.position;
        let origin = Arc::clone(&origins[&(row.source, part)]);
        match plan.sources[row.source as usize].connector {
            Connector::Files { .. } => Place::File { file: origin, line: offset },
            Connector::Kafka { .. } => Place::Topic { topic: origin, partition: part, offset },
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::File { file, line } => write!(f, "{file}:{line}"),
            Place::Topic { topic, partition, offset } => write!(f, "{topic}[{partition}]@{offset}"),
        }
    }
}
