//! The stored rows that say something of who holds some identifiers: what carries one of them, whatever has the id or
//! key of such a row, the records that it joins, and so on with the identifiers that these carry.
//!
//! What follows for these people of all rows follows of those alone: links, gates and guards look at what is tied
//! together, whether it counts or not; which rows stand is decided by id and key. Ranks alone are over everybody.

use hashbrown::{HashMap, HashSet};
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use smallvec::SmallVec;

use super::error::WhyError;
use crate::decode::Decoder;
use crate::decode::stored::by_part;
use crate::plan::Plan;
use crate::row::IdentifierHash;
use crate::source::{Chunk, Payload};
use crate::store::{FoundRows, KeyHasher, Recovered, RowFinder, RowKey, rows_in_batch};

/// Where there are more rows than these it is not looked up who is tied to whom: all are read, in the order in which
/// they came.
const MOST: usize = 1 << 20;

/// Rows that were read, by what they are found by.
struct RowPool {
    plan: Arc<Plan>,
    hasher: KeyHasher,
    decoders: Vec<Decoder>,
    batches: Vec<(usize, RecordBatch)>,
    rows: Vec<PooledRow>,
    by_key: HashMap<RowKey, SmallVec<[u32; 2]>>,
}

struct PooledRow {
    batch: u32,
    place: u32,
    /// By what it is found, and what it names.
    keys: Box<[RowKey]>,
    is_taken: bool,
}

/// Nobody waits for them any more, where this fails.
type StillWanted<'a> = &'a dyn Fn() -> Result<(), WhyError>;

/// The rows, as they are read back; `None` if they are too many.
pub fn about(
    recovered: &Recovered,
    plan: &Arc<Plan>,
    identifiers: &[IdentifierHash],
    is_wanted: StillWanted<'_>,
) -> Result<Option<Vec<Chunk>>, WhyError> {
    let mut finder = RowFinder::new(recovered, plan)?;
    if finder.without_index() > 2 * MOST as u64 {
        return Ok(None);
    }
    let mut pool = RowPool::new(plan, finder.hasher());
    finder.others(|rows| {
        is_wanted()?;
        pool.add(rows);
        Ok::<(), WhyError>(())
    })?;
    let keys = identifiers.iter().map(|of| pool.hasher.identifier(*of));
    let mut ahead: Vec<RowKey> = keys.collect();
    let mut known: HashSet<RowKey> = ahead.iter().copied().collect();
    let mut taken = 0;
    while !ahead.is_empty() {
        finder.find(&ahead, |rows| {
            is_wanted()?;
            pool.add(rows);
            Ok::<(), WhyError>(())
        })?;
        let mut next = Vec::new();
        for key in ahead {
            taken += pool.take(key, |named| {
                if known.insert(named) {
                    next.push(named);
                }
            });
        }
        if taken > MOST || pool.rows.len() > 4 * MOST {
            return Ok(None);
        }
        ahead = next;
    }
    Ok(Some(pool.taken()))
}

impl RowPool {
    fn new(plan: &Arc<Plan>, hasher: &KeyHasher) -> Self {
        RowPool {
            plan: Arc::clone(plan),
            hasher: hasher.clone(),
            decoders: (0..plan.sources.len())
                .map(|of| Decoder::new(Arc::clone(plan), of))
                .collect(),
            batches: Vec::new(),
            rows: Vec::new(),
            by_key: HashMap::new(),
        }
    }

    fn add(&mut self, FoundRows { source, batch }: FoundRows) {
        let in_batch = self.batches.len() as u32;
        for of in rows_in_batch(&mut self.decoders[source], source, &batch) {
            let (number, mut keys) = (self.rows.len() as u32, self.hasher.own(&of.row));
            keys.iter().for_each(|key| self.by_key.entry(*key).or_default().push(number));
            keys.extend(self.hasher.named(&self.plan, &of.row));
            let (keys, place) = (keys.into_boxed_slice(), of.place as u32);
            self.rows.push(PooledRow { batch: in_batch, place, keys, is_taken: false });
        }
        self.batches.push((source, batch));
    }

    /// Takes the rows that have a key, and says what else they have and name. Returns how many they are.
    fn take(&mut self, key: RowKey, mut named: impl FnMut(RowKey)) -> usize {
        let mut taken = 0;
        for number in self.by_key.get(&key).into_iter().flatten() {
            let row = &mut self.rows[*number as usize];
            if !std::mem::replace(&mut row.is_taken, true) {
                row.keys.iter().for_each(|key| named(*key));
                taken += 1;
            }
        }
        taken
    }

    fn taken(self) -> Vec<Chunk> {
        let mut places: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for row in self.rows.iter().filter(|row| row.is_taken) {
            places.entry(row.batch).or_default().push(row.place);
        }
        let chunks = places.into_iter().flat_map(|(batch, mut places)| {
            places.sort_unstable();
            let (source, batch) = &self.batches[batch as usize];
            let rows = take_record_batch(batch, &UInt32Array::from(places)).expect("its rows");
            chunks(*source, &rows)
        });
        chunks.collect()
    }
}

/// Stored rows as a source hands them over.
pub fn chunks(source: usize, batch: &RecordBatch) -> Vec<Chunk> {
    let of_part = |(part, origin, batch)| {
        let payload = Payload::Stored { batch };
        Chunk { source: source as u16, part, origin, payload, reached: None }
    };
    by_part(batch).into_iter().map(of_part).collect()
}
