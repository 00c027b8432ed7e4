//! A person is forgotten: the rows that carry their identifiers leave the store.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray};
use arrow::datatypes::{UInt32Type, UInt64Type};

use super::definition::Definition;
use super::error::EngineError;
use crate::decode::stored::{OFFSET, PART, by_part};
use crate::decode::{Decoder, identifiers};
use crate::plan::Plan;
use crate::profile::PersonRow;
use crate::row::IdentifierHash;
use crate::runtime::{Clock, StoredPeople};
use crate::source::{Chunk, Payload};
use crate::store::{self, Recovered};
use crate::time::Micros;

/// Who was forgotten, and what of them was there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Forgotten {
    /// The person's id; `None` where only rows that do not stand carried the identifier.
    pub person: Option<String>,
    /// Their identifiers, as `type:value`.
    pub identifiers: Vec<String>,
    /// The rows that carried any of them, by source.
    pub rows: BTreeMap<String, u64>,
}

/// How somebody is forgotten.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forgetting {
    /// Rows that carry one of their identifiers are dropped from now on, too. Of the identifiers only hashes are kept
    /// for it.
    pub suppress: bool,
    /// Nothing is done: it is only told what would be.
    pub dry_run: bool,
}

impl Definition {
    /// Has a person's rows leave a data folder that no run uses. The person is asked for by their id, or by an
    /// identifier, as `type:value` or by the value alone. `None` if nobody has it.
    ///
    /// The next run with the folder tells its outputs the difference: tombstones, where nothing is left.
    ///
    /// # Errors
    /// If the folder can't be used, or another run uses it.
    pub fn forget(
        &self,
        data: &Path,
        clock: Clock,
        id: &str,
        how: Forgetting,
    ) -> Result<Option<Forgotten>, EngineError> {
        let plan = Arc::new(Plan::clone(self.plan()));
        let recovered = store::open(data, 0).map_err(EngineError::Store)?;
        let _others = recovered.hold_all().map_err(EngineError::Store)?;
        let found = person(&plan, &recovered, clock, id)?;
        // Nobody may have it any more, and rows that do not stand may carry it still.
        let hashes: BTreeSet<IdentifierHash> = match &found {
            Some((_, all)) => all.iter().map(|(_, hash)| *hash).collect(),
            None => asked(&plan, id).into_iter().collect(),
        };
        let rows = match how.dry_run {
            true => recovered.count(|source, batch| of_person(&plan, source, batch, &hashes)),
            false => recovered.remove(|source, batch| of_person(&plan, source, batch, &hashes)),
        };
        let rows = rows.map_err(EngineError::Store)?;
        if how.suppress && !how.dry_run {
            let hashes: Vec<IdentifierHash> = hashes.into_iter().collect();
            store::suppress(&recovered.folder, &hashes).map_err(EngineError::Store)?;
        }
        let (person, all) = match found {
            Some((person, all)) => (Some(person.person_id()), all),
            None => (None, Vec::new()),
        };
        let identifiers: Vec<String> = all.into_iter().map(|(text, _)| text).collect();
        let is_known = person.is_some() || !rows.is_empty();
        Ok(is_known.then_some(Forgotten { person, identifiers, rows }))
    }
}

/// A person, and their identifiers with the hashes of these.
type FoundPerson = (IdentifierHash, Vec<(String, IdentifierHash)>);

/// Who has an identifier, once all that is stored has been read back.
fn person(
    plan: &Arc<Plan>,
    recovered: &Recovered,
    clock: Clock,
    id: &str,
) -> Result<Option<FoundPerson>, EngineError> {
    let asked: BTreeSet<IdentifierHash> = asked(plan, id).into_iter().collect();
    let mut people = StoredPeople::read(plan, clock, recovered).map_err(EngineError::Store)?;
    let mut found = None;
    people.for_each(|person, row: PersonRow<'_>| {
        let all: Vec<(String, IdentifierHash)> = row
            .identifiers()
            .map(|(kind, text)| {
                let name = &plan.identifiers[usize::from(kind)].name;
                (format!("{name}:{text}"), IdentifierHash::of(name, text))
            })
            .collect();
        if asked.contains(&person) || all.iter().any(|(_, hash)| asked.contains(hash)) {
            found = Some((person, all));
        }
    });
    Ok(found)
}

/// The identifiers that may be meant.
fn asked(plan: &Plan, id: &str) -> Vec<IdentifierHash> {
    let mut asked: Vec<IdentifierHash> = IdentifierHash::of_person_id(id).into_iter().collect();
    for of in &plan.identifiers {
        let named = id.strip_prefix(of.name.as_str()).and_then(|rest| rest.strip_prefix(':'));
        for value in [named, Some(id)].into_iter().flatten() {
            asked.push(IdentifierHash::of(&of.name, value));
            let normalised = identifiers::normalised(of, value);
            asked.extend(normalised.map(|value| IdentifierHash::of(&of.name, &value)));
        }
    }
    asked
}

/// The rows of a batch that carry one of the identifiers.
fn of_person(
    plan: &Arc<Plan>,
    source: &str,
    batch: &arrow::array::RecordBatch,
    hashes: &BTreeSet<IdentifierHash>,
) -> BooleanArray {
    let mut carrying: BTreeSet<(u32, u64)> = BTreeSet::new();
    if let Some(source) = plan.sources.iter().position(|of| of.name == source) {
        let mut decoder = Decoder::new(Arc::clone(plan), source);
        for (part, origin, batch) in by_part(batch) {
            let payload = Payload::Stored { batch };
            let chunk = Chunk { source: source as u16, part, origin, payload, reached: None };
            for row in decoder.decode(&chunk, Micros::MAX).rows {
                if row.carries(hashes) {
                    carrying.insert((row.position.part, row.position.offset));
                }
            }
        }
    }
    let parts =
        batch.column_by_name(PART).expect("the store gives it").as_primitive::<UInt32Type>();
    let offsets =
        batch.column_by_name(OFFSET).expect("the store gives it").as_primitive::<UInt64Type>();
    let places = parts.values().iter().zip(offsets.values());
    places.map(|(part, offset)| Some(carrying.contains(&(*part, *offset)))).collect()
}
