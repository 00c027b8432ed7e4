//! What is stored of somebody, looked through before it leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::recognised::Recognised;
use crate::decode::Decoder;
use crate::decode::stored::shown;
use crate::plan::{Kind, Plan};
use crate::row::{Row, Unwanted};
use crate::store::{FoundRows, Recovered, RowFinder, RowInBatch, StoreError, all_in_batch};

/// What is stored of somebody.
pub struct Surveyed {
    /// What their rows are known by.
    pub unwanted: Unwanted,
    /// How many rows these are, by source.
    pub rows: BTreeMap<String, u64>,
    /// How these write the identifiers.
    pub texts: BTreeSet<String>,
}

/// The rows of a batch, with the places of those that carry some identifiers, or name them and do not stand.
pub fn carrying(
    decoder: &mut Decoder,
    source: usize,
    batch: &arrow::array::RecordBatch,
    unwanted: &Unwanted,
) -> (Vec<RowInBatch>, BTreeSet<usize>) {
    let (rows, named) = all_in_batch(decoder, source, batch);
    let carried = rows.iter().filter(|of| unwanted.names(&of.row)).map(|of| of.place);
    let named = named.iter().filter(|of| unwanted.has(of.hash)).map(|of| of.place);
    let places = carried.chain(named).collect();
    (rows, places)
}

/// Looks for whoever has some identifiers. To their rows belong those that say of a record that it is gone, where only they
/// were in it: what has the key of a record of theirs, and of which no other row is left. `noted` are those of which that
/// was found before some of the rows left.
pub fn survey<E: From<StoreError>>(
    plan: &Arc<Plan>,
    recovered: &Recovered,
    noted: &Unwanted,
    mut is_wanted: impl FnMut() -> Result<(), E>,
) -> Result<Surveyed, E> {
    let mut unwanted = Unwanted::of(noted.identifiers.clone());
    let mut keys = noted.keys.clone();
    let mut rows: BTreeMap<String, u64> = BTreeMap::new();
    let (recognised, mut texts) = (Recognised::of(plan, &unwanted), BTreeSet::new());
    let decoder = |of| Decoder::new(Arc::clone(plan), of).naming_all();
    let mut decoders: Vec<Decoder> = (0..plan.sources.len()).map(decoder).collect();
    each_row::<E>(plan, recovered, &unwanted, |FoundRows { source, batch }| {
        is_wanted()?;
        let (found, places) = carrying(&mut decoders[source], source, &batch, &unwanted);
        let of = &plan.sources[source];
        if of.kind == Kind::Records {
            let leaving = found.iter().filter(|of| places.contains(&of.place));
            let key = |of: &RowInBatch| of.row.key.map(|key| (source as u16, key.bits()));
            keys.extend(leaving.filter_map(key));
        }
        for place in &places {
            let (shown, deleted) = shown(&batch, *place);
            texts.extend(recognised.texts(source, &shown));
            let deleted = deleted.filter(|key| recognised.is_one(Some(source), key));
            texts.extend(deleted.map(str::to_owned));
        }
        if !places.is_empty() {
            *rows.entry(of.name.clone()).or_default() += places.len() as u64;
        }
        Ok(())
    })?;
    if keys.is_empty() {
        return Ok(Surveyed { unwanted, rows, texts });
    }
    let (mut kept, mut gone) = (BTreeSet::new(), BTreeMap::<_, u64>::new());
    let by_key = Unwanted { keys, ..Unwanted::default() };
    each_row::<E>(plan, recovered, &by_key, |FoundRows { source, batch }| {
        is_wanted()?;
        let (found, places) = carrying(&mut decoders[source], source, &batch, &unwanted);
        let key = |row: &Row| row.key.map(|key| (row.source, key.bits()));
        for RowInBatch { row, .. } in found.iter().filter(|of| !places.contains(&of.place)) {
            let Some(key) = key(row).filter(|key| by_key.keys.contains(key)) else { continue };
            match &row.body {
                Some(_) => drop(kept.insert(key)),
                None => *gone.entry(key).or_default() += 1,
            }
        }
        Ok(())
    })?;
    unwanted.keys = by_key.keys.difference(&kept).copied().collect();
    for ((source, _), number) in gone.into_iter().filter(|(key, _)| !kept.contains(key)) {
        let name = plan.sources[usize::from(source)].name.clone();
        *rows.entry(name).or_default() += number;
    }
    Ok(Surveyed { unwanted, rows, texts })
}

/// Visits stored rows among which all are that are known by something.
fn each_row<E: From<StoreError>>(
    plan: &Arc<Plan>,
    recovered: &Recovered,
    by: &Unwanted,
    mut each: impl FnMut(FoundRows) -> Result<(), E>,
) -> Result<(), E> {
    let mut finder = RowFinder::new(recovered, plan)?;
    let keys = finder.hasher().of_unwanted(by);
    finder.others(&mut each)?;
    finder.find(&keys, each)
}
