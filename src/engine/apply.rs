//! Another definition takes the place of the one that runs, without an end; or what it would change is told.

use serde::{Deserialize, Serialize};

use super::control::{Changing, Control, cannot_take_over, refused};
use super::definition::Definition;
use super::error::{EngineError, Unchanged};
use crate::plan::Plan;
use crate::plan::changes::DefinitionChanges;
use crate::runtime::{Difference, Successor, changed_fields, difference, preflight};

/// What became of a definition that was applied, or what would.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Applied {
    /// In what the definitions differ.
    pub changes: DefinitionChanges,
    /// Stored rows from which all was computed anew.
    pub rows: u64,
    /// Fields that stored rows do not have, or have otherwise, and what can be done.
    pub fields: Vec<String>,
    /// How people differ; only where nothing was to be done but to tell it.
    pub difference: Option<Difference>,
}

impl Control {
    /// Applies a definition to the engine that runs. It is computed of the stored rows beside the running one, which goes
    /// on; then it takes its place at a tick, and outputs are told what differs. `told` is told how far it is.
    ///
    /// # Errors
    /// If the engine can't be changed, or the definition can't be run: then all is as it was.
    pub fn apply(
        &self,
        definition: &Definition,
        told: &dyn Fn(&str),
    ) -> Result<Applied, EngineError> {
        let changing = self.change()?;
        let mut applied = begin(&changing, definition)?;
        if applied.changes.is_empty() {
            return Ok(applied);
        }
        let mut options = changing.view.options.clone();
        for (what, path) in &mut options.reads {
            if *what == "the definition" {
                *path = definition.path().to_owned();
            }
        }
        let plan = definition.plan();
        preflight(&changing.view, plan, &options)?;
        told(&format!("{} stored rows are read back beside what runs", applied.rows));
        let (plan, serving) = self.serving(plan, &changing.view)?;
        let (published, observer) = serving.map(|of| (of.published, of.observer)).unzip();
        let without = Default::default();
        let successor = Successor::begin(&changing.view, plan, options, without, observer)?;
        match successor.catch_up() {
            Ok((_, rows)) => applied.rows = rows,
            Err(why) => {
                successor.give_up();
                return Err(why.into());
            }
        }
        told("it takes over: outputs are read back, and what differs is sent");
        changing.hand_over(successor, definition.clone(), published, |_| Ok(()))?;
        Ok(applied)
    }

    /// Says what applying a definition would change, and does nothing: people are computed by both definitions of the
    /// rows that are stored by now.
    ///
    /// # Errors
    /// As [`Control::apply`].
    pub fn preview(
        &self,
        definition: &Definition,
        told: &dyn Fn(&str),
    ) -> Result<Applied, EngineError> {
        let changing = self.change()?;
        let mut applied = begin(&changing, definition)?;
        told(&format!("{} stored rows are read back, twice", applied.rows));
        let found = difference(&changing.view, definition.plan())?;
        applied.difference = Some(found);
        Ok(applied)
    }
}

/// Looks at what is to be applied.
fn begin(changing: &Changing<'_>, definition: &Definition) -> Result<Applied, EngineError> {
    let (old, new) = (changing.definition.plan(), definition.plan());
    if new.data.is_some() && new.data != old.data {
        return refused(
            Unchanged::NeedsRestart,
            "its `data` is another one: rows stay in the folder of the run, so leave it as it is",
        );
    }
    let http = |plan: &Plan| {
        let stated = plan.stated.iter().filter(|of| of.path.first().is_some_and(|of| of == "http"));
        stated.cloned().collect::<Vec<_>>()
    };
    if http(old) != http(new) {
        let why = "its `http` is another one: end the run, and start it with what is new";
        return refused(Unchanged::NeedsRestart, why);
    }
    if let Some(why) = [old, new].into_iter().find_map(|plan| cannot_take_over(plan)) {
        let why = format!("{why}: end the run, and start it with what is new");
        return refused(Unchanged::NeedsRestart, &why);
    }
    let recovered = changing.view.recovered.as_ref().expect("what can be changed is stored");
    let recovered = recovered.again().map_err(EngineError::Store)?;
    Ok(Applied {
        changes: DefinitionChanges::between(old, new),
        rows: recovered.rows.values().sum(),
        fields: changed_fields(new, &recovered),
        difference: None,
    })
}
