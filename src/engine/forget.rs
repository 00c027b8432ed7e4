//! A person is forgotten: the rows that carry their identifiers leave the store.

use std::sync::{Arc, Mutex};

use super::asks::{Answered, Ask};
use super::control::{Control, cannot_take_over, refused};
use super::definition::Definition;
use super::erase::{self, Erased, Removed, unread};
use super::error::{EngineError, Unchanged};
use super::forgotten::{Forgetting, Forgotten};
use crate::explain::{self, AllRows};
use crate::plan::{DataPlace, Plan};
use crate::row::Unwanted;
use crate::runtime::Clock;
use crate::store;

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
        let recovered = Arc::new(recovered);
        let _others = recovered.hold_all().map_err(EngineError::Store)?;
        let all = AllRows::of_folder(Arc::clone(&plan), clock, Arc::clone(&recovered));
        let mut wanted = ForgottenPerson::find(&all, id)?;
        let removed = match how.dry_run {
            true => wanted.erased.count(&all, &recovered)?,
            false => wanted.erased.clone().remove(&plan, &recovered, how.suppress)?,
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
        let recovered = Arc::new(recovered.again().map_err(EngineError::Store)?);
        told("the stored rows are looked through");
        let stop = view.stop.clone();
        let all = AllRows::of_folder(Arc::clone(&plan), view.options.clock, Arc::clone(&recovered));
        let all = all.unless(move || stop.asked().is_some());
        let mut wanted = ForgottenPerson::find(&all, id)?;
        let there = wanted.erased.count(&all, &recovered)?;
        drop((all, recovered));
        if how.dry_run || (there.rows.is_empty() && !how.suppress) {
            return Ok(wanted.forgotten(there, how));
        }
        told("what is left is read back beside what runs");
        let definition = changing.definition.clone();
        let built = changing.build(&definition, wanted.erased.unwanted.clone())?;
        told("it takes over: rows are removed, and outputs are told");
        let erased = wanted.erased.clone();
        let removed: Arc<Mutex<Removed>> = Arc::default();
        let number = Arc::clone(&removed);
        let (before, next) = (self.published(), built.published.clone());
        changing.hand_over(built, told, move |recovered| {
            let texts = erased.named(&plan);
            let mut removed = erased.remove(&plan, recovered, how.suppress)?;
            // Who follows outputs is told that the person is gone, and nothing else of them any more.
            before.iter().for_each(|before| {
                before.leave_out(|record, line| texts.are_said(Some(record), line))
            });
            let withdrawn = std::mem::take(&mut removed.withdrawn);
            next.iter().for_each(|next| next.withdraw(withdrawn.clone()));
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
    fn find(all: &AllRows, id: &str) -> Result<Self, EngineError> {
        let Some((person, own)) = explain::person(all, id).map_err(unread)? else {
            let meant = explain::meant(&all.plan, id).into_iter().collect();
            let erased = Erased { unwanted: Unwanted::of(meant), texts: vec![value_of(id)] };
            return Ok(ForgottenPerson { person: None, identifiers: Vec::new(), erased });
        };
        let unwanted = Unwanted::of(own.iter().map(|identifier| identifier.hash).collect());
        let identifiers: Vec<String> =
            own.iter().map(|identifier| all.plan.spoken(identifier)).collect();
        let texts = identifiers.iter().map(|identifier| value_of(identifier)).collect();
        let (person, erased) = (Some(person.person_id()), Erased { unwanted, texts });
        Ok(ForgottenPerson { person, identifiers, erased })
    }

    /// Who and what it was; `None` where nobody is known by what was asked for, and nobody is to stay unknown.
    fn forgotten(&self, removed: Removed, how: Forgetting) -> Option<Forgotten> {
        let Removed { rows, records, .. } = removed;
        let (person, identifiers) = (self.person.clone(), self.identifiers.clone());
        let is_known = person.is_some() || !rows.is_empty();
        let is_known = is_known || (how.suppress && !self.erased.unwanted.is_empty());
        is_known.then_some(Forgotten { person, identifiers, rows, records })
    }
}

/// An identifier without its type.
fn value_of(identifier: &str) -> String {
    identifier.split_once(':').map_or(identifier, |(_, value)| value).to_owned()
}
