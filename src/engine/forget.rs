//! A person is forgotten: the rows that carry their identifiers leave the store.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use super::asks::{Answered, Ask};
use super::control::{Control, cannot_take_over, refused};
use super::definition::Definition;
use super::erase::{self, Erased, Removed};
use super::error::{EngineError, Unchanged};
use super::forgotten::{Forgetting, Forgotten};
use crate::decode::identifiers;
use crate::plan::{DataPlace, Plan};
use crate::profile::PersonRow;
use crate::row::IdentifierHash;
use crate::runtime::{Clock, StoredPeople};
use crate::store::{self, Recovered, StoreError};

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
        let mut recovered = store::open_existing(&data.into()).map_err(EngineError::Store)?;
        if erase::finish(&plan, &recovered)? {
            recovered = recovered.again()?;
            recovered.release();
        }
        let _others = recovered.hold_all().map_err(EngineError::Store)?;
        let wanted = ForgottenPerson::find(&plan, &recovered, clock, id, || false)?;
        let removed = match how.dry_run {
            true => wanted.count(&plan, &recovered)?,
            false => wanted.erased.remove(&plan, &recovered, how.suppress)?,
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
        if let Some(answered) = self.ask_first(|| Ask::Forget { id: id.to_owned(), how }, told) {
            return answered.map(Answered::forgotten);
        }
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
        let definition = changing.definition.clone();
        let built = changing.build(&definition, wanted.erased.hashes.clone())?;
        told("it takes over: rows are removed, and outputs are told");
        let erased = wanted.erased.clone();
        let removed: Arc<Mutex<Removed>> = Arc::default();
        let number = Arc::clone(&removed);
        changing.hand_over(built, move |recovered| {
            let removed = erased.remove(&plan, recovered, how.suppress)?;
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
    erased: Erased,
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
            let erased = Erased { hashes, texts: vec![value_of(id)] };
            return Ok(ForgottenPerson { person: None, identifiers: Vec::new(), erased });
        };
        let (identifiers, hashes): (Vec<String>, _) = all.into_iter().unzip();
        let texts = identifiers.iter().map(|identifier| value_of(identifier)).collect();
        let (person, erased) = (Some(person.person_id()), Erased { hashes, texts });
        Ok(ForgottenPerson { person, identifiers, erased })
    }

    fn count(&self, plan: &Arc<Plan>, recovered: &Recovered) -> Result<Removed, StoreError> {
        self.erased.count(plan, recovered)
    }

    /// Who and what it was; `None` where nobody is known by what was asked for, and nobody is to stay unknown.
    fn forgotten(&self, removed: Removed, how: Forgetting) -> Option<Forgotten> {
        let Removed { rows, records } = removed;
        let (person, identifiers) = (self.person.clone(), self.identifiers.clone());
        let is_known = person.is_some() || !rows.is_empty();
        let is_known = is_known || (how.suppress && !self.erased.hashes.is_empty());
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
