//! A person is forgotten: the rows that carry their identifiers leave the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::{UInt32Type, UInt64Type};
use serde::{Deserialize, Serialize};

use super::control::{Control, cannot_take_over, refused};
use super::definition::Definition;
use super::error::{EngineError, Unchanged};
use super::redacted;
use crate::decode::stored::{OFFSET, PART, TICK, by_part};
use crate::decode::{Decoder, identifiers};
use crate::plan::{DataPlace, Plan};
use crate::profile::PersonRow;
use crate::row::IdentifierHash;
use crate::runtime::{Clock, RunError, StoredPeople, Successor};
use crate::source::{Chunk, Payload};
use crate::store::{self, Recovered, StoreError};
use crate::time::{Micros, Tick};

/// Who was forgotten, and what of them was there.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Forgotten {
    /// The person's id; `None` where only rows that do not stand carried the identifier.
    pub person: Option<String>,
    /// Their identifiers, as `type:value`.
    pub identifiers: Vec<String>,
    /// The rows that carried any of them, by source.
    pub rows: BTreeMap<String, u64>,
    /// Records that named any of them in files of outputs, by output.
    #[serde(default)]
    pub records: BTreeMap<String, u64>,
}

/// How somebody is forgotten.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Forgetting {
    /// Rows that carry one of their identifiers are dropped from now on, too. Of the identifiers only hashes are kept
    /// for it.
    pub suppress: bool,
    /// Nothing is done: it is only told what would be.
    pub dry_run: bool,
}

impl Forgotten {
    /// What was done, or would be, as it is told in JSON.
    pub fn to_json(&self, how: Forgetting) -> serde_json::Value {
        serde_json::json!({
            "person": self.person,
            "identifiers": self.identifiers,
            "rows": self.rows,
            "records": self.records,
            "suppressed": how.suppress && !how.dry_run,
            "done": !how.dry_run,
        })
    }
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
        data: impl Into<DataPlace>,
        clock: Clock,
        id: &str,
        how: Forgetting,
    ) -> Result<Option<Forgotten>, EngineError> {
        let plan = Arc::new(Plan::clone(self.plan()));
        let recovered = store::open_existing(&data.into(), 0).map_err(EngineError::Store)?;
        let _others = recovered.hold_all().map_err(EngineError::Store)?;
        let wanted = ForgottenPerson::find(&plan, &recovered, clock, id, || false)?;
        let removed = match how.dry_run {
            true => wanted.count(&plan, &recovered)?,
            false => wanted.remove(&plan, &recovered, how)?,
        };
        recovered.folder.release();
        Ok(wanted.forgotten(removed, how))
    }
}

impl Control {
    /// As [`Definition::forget`], of an engine that runs: what is left is computed beside it, and takes its place.
    /// `told` is told how far it is.
    ///
    /// # Errors
    /// If the engine can't be changed: then all is as it was.
    pub fn forget(
        &self,
        id: &str,
        how: Forgetting,
        told: &dyn Fn(&str),
    ) -> Result<Option<Forgotten>, EngineError> {
        let changing = self.change()?;
        let (plan, view) = (Arc::clone(&changing.view.plan), changing.view.clone());
        if let Some(why) = cannot_take_over(&plan) {
            return refused(Unchanged::NeedsRestart, &format!("{why}: end the run before"));
        }
        let recovered = view.recovered.as_ref().expect("what can be changed is stored");
        let recovered = recovered.again().map_err(EngineError::Store)?;
        told("the stored rows are looked through");
        let is_stopped = || view.stop.asked().is_some();
        let wanted = ForgottenPerson::find(&plan, &recovered, view.options.clock, id, is_stopped)?;
        let there = wanted.count(&plan, &recovered)?;
        drop(recovered);
        if how.dry_run || (there.rows.is_empty() && !how.suppress) {
            return Ok(wanted.forgotten(there, how));
        }
        told("what is left is read back beside what runs");
        let (options, without) = (view.options.clone(), wanted.hashes.clone());
        let (served, serving) = self.serving(&plan, &view)?;
        let (published, observer) = serving.map(|of| (of.published, of.observer)).unzip();
        let successor = Successor::begin(&view, served, options, without, observer)?;
        if let Err(why) = successor.catch_up() {
            successor.give_up();
            return Err(why.into());
        }
        told("it takes over: rows are removed, and outputs are told");
        let wanted = Arc::new(wanted);
        let removed: Arc<Mutex<Removed>> = Arc::default();
        let (removing, number) = (Arc::clone(&wanted), Arc::clone(&removed));
        let definition = changing.definition.clone();
        changing.hand_over(successor, definition, published, move |recovered| {
            let removed = removing.remove(&plan, recovered, how).map_err(RunError::Store)?;
            *number.lock().expect("no one panics with it") = removed;
            Ok(())
        })?;
        let removed = std::mem::take(&mut *removed.lock().expect("no one panics with it"));
        Ok(wanted.forgotten(removed, how))
    }
}

/// Who is to be forgotten.
struct ForgottenPerson {
    /// `None`: nobody has the identifier any more, and rows that do not stand may carry it still.
    person: Option<String>,
    /// As `type:value`.
    identifiers: Vec<String>,
    hashes: BTreeSet<IdentifierHash>,
    /// What files of outputs are looked through for.
    texts: Vec<String>,
}

/// What was removed, or would be.
#[derive(Default)]
struct Removed {
    rows: BTreeMap<String, u64>,
    records: BTreeMap<String, u64>,
}

impl ForgottenPerson {
    fn find(
        plan: &Arc<Plan>,
        recovered: &Recovered,
        clock: Clock,
        id: &str,
        is_stopped: impl Fn() -> bool,
    ) -> Result<Self, EngineError> {
        let Some((person, all)) = person(plan, recovered, clock, id, is_stopped)? else {
            let hashes = asked(plan, id).into_iter().collect();
            let (identifiers, texts) = (Vec::new(), vec![value_of(id)]);
            return Ok(ForgottenPerson { person: None, identifiers, hashes, texts });
        };
        let (identifiers, hashes): (Vec<String>, _) = all.into_iter().unzip();
        let texts = identifiers.iter().map(|identifier| value_of(identifier)).collect();
        Ok(ForgottenPerson { person: Some(person.person_id()), identifiers, hashes, texts })
    }

    fn count(&self, plan: &Arc<Plan>, recovered: &Recovered) -> Result<Removed, StoreError> {
        let rows = recovered.count(|source, batch| of_person(plan, source, batch, &self.hashes))?;
        Ok(Removed { rows, records: self.redact(plan, recovered, true)? })
    }

    /// Has the files of outputs go without records that name the person.
    fn redact(
        &self,
        plan: &Plan,
        recovered: &Recovered,
        is_dry: bool,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        let redacted = redacted::redact(plan, &self.texts, is_dry);
        let io = StoreError::io(&recovered.folder.root, "cleared of what outputs were told");
        redacted.map(|all| all.into_iter().collect()).map_err(io)
    }

    fn remove(
        &self,
        plan: &Arc<Plan>,
        recovered: &Recovered,
        how: Forgetting,
    ) -> Result<Removed, StoreError> {
        // First of all: if the process ends here, the next run finds what is missing there, and tells it.
        let records = self.redact(plan, recovered, false)?;
        let leaves =
            |source: &str, batch: &RecordBatch| of_person(plan, source, batch, &self.hashes);
        let rows = recovered.remove(leaves)?;
        if how.suppress {
            let hashes: Vec<IdentifierHash> = self.hashes.iter().copied().collect();
            store::suppress(&recovered.folder, &hashes)?;
        }
        Ok(Removed { rows, records })
    }

    /// Who and what it was; `None` where nobody is known by what was asked for, and nobody is to stay unknown.
    fn forgotten(&self, removed: Removed, how: Forgetting) -> Option<Forgotten> {
        let Removed { rows, records } = removed;
        let (person, identifiers) = (self.person.clone(), self.identifiers.clone());
        let is_known = person.is_some() || !rows.is_empty();
        let is_known = is_known || (how.suppress && !self.hashes.is_empty());
        is_known.then_some(Forgotten { person, identifiers, rows, records })
    }
}

/// An identifier without its type.
fn value_of(identifier: &str) -> String {
    identifier.split_once(':').map_or(identifier, |(_, value)| value).to_owned()
}

/// A person, and their identifiers with the hashes of these.
type FoundPerson = (IdentifierHash, Vec<(String, IdentifierHash)>);

/// Who has an identifier, once all that is stored has been read back.
fn person(
    plan: &Arc<Plan>,
    recovered: &Recovered,
    clock: Clock,
    id: &str,
    is_stopped: impl Fn() -> bool,
) -> Result<Option<FoundPerson>, EngineError> {
    let asked: BTreeSet<IdentifierHash> = asked(plan, id).into_iter().collect();
    let mut people = StoredPeople::read(plan, clock, recovered, |_| (), is_stopped)?;
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
    batch: &RecordBatch,
    hashes: &BTreeSet<IdentifierHash>,
) -> BooleanArray {
    // Rows of several runs may have one place, where a topic was made anew.
    let mut carrying: BTreeSet<(Tick, u32, u64)> = BTreeSet::new();
    if let Some(source) = plan.sources.iter().position(|of| of.name == source) {
        let mut decoder = Decoder::new(Arc::clone(plan), source);
        for (part, origin, batch) in by_part(batch) {
            let payload = Payload::Stored { batch };
            let chunk = Chunk { source: source as u16, part, origin, payload, reached: None };
            for row in decoder.decode(&chunk, Micros::MAX).rows {
                if row.carries(hashes) {
                    carrying.insert((row.arrived.tick, row.position.part, row.position.offset));
                }
            }
        }
    }
    let parts =
        batch.column_by_name(PART).expect("the store gives it").as_primitive::<UInt32Type>();
    let offsets =
        batch.column_by_name(OFFSET).expect("the store gives it").as_primitive::<UInt64Type>();
    let ticks =
        batch.column_by_name(TICK).expect("the store gives it").as_primitive::<UInt64Type>();
    let places = ticks.values().iter().zip(parts.values()).zip(offsets.values());
    let leaves = |((tick, part), offset): ((&Tick, &u32), &u64)| {
        Some(carrying.contains(&(*tick, *part, *offset)))
    };
    places.map(leaves).collect()
}
