//! Another definition takes the place of the one that runs, without an end; or what it would change is told.

use super::applied::Applied;
use super::asks::{Answered, Ask};
use super::change::options_of;
use super::control::{Changing, Control, cannot_take_over, refused};
use super::definition::Definition;
use super::error::{EngineError, Unchanged};
use crate::console::counted;
use crate::plan::changes::DefinitionChanges;
use crate::runtime::{changed_fields, difference, preflight};

impl Control {
    /// Applies a definition to the engine that runs. It is computed of the stored rows beside the running one, which goes
    /// on; then it takes its place at a tick, and outputs are told what differs. `told` is told how far it is.
    ///
    /// Any process of several may be asked: all of them have the definition then, or none.
    ///
    /// # Errors
    /// If the engine can't be changed, or the definition can't be run: then all is as it was.
    pub fn apply(
        &self,
        definition: &Definition,
        told: &dyn Fn(&str),
    ) -> Result<Applied, EngineError> {
        if let Some(answered) = self.ask_first(|| self.ask_of(definition, false), told) {
            return answered.map(Answered::applied);
        }
        let changing = self.change()?;
        let mut applied = begin(&changing, definition)?;
        if applied.changes.is_empty() {
            return Ok(applied);
        }
        let options = options_of(&changing.view, definition);
        preflight(&changing.view, definition.plan(), &options)?;
        told(&format!(
            "{} read back beside what runs",
            counted(applied.rows, "stored row is", "stored rows are")
        ));
        let built = changing.build(definition, Default::default())?;
        applied.rows = built.rows;
        told("it takes over: outputs are read back, and what differs is sent");
        changing.hand_over(built, told, |_| Ok(()))?;
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
        if let Some(answered) = self.ask_first(|| self.ask_of(definition, true), told) {
            return answered.map(Answered::applied);
        }
        let changing = self.change()?;
        let mut applied = begin(&changing, definition)?;
        told(&format!(
            "{} read back, twice",
            counted(applied.rows, "stored row is", "stored rows are")
        ));
        let found = difference(&changing.view, definition.plan())?;
        applied.difference = Some(found);
        Ok(applied)
    }

    fn ask_of(&self, definition: &Definition, dry_run: bool) -> Ask {
        Ask::Apply { definition: self.written(definition), dry_run }
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
    if old.http != new.http {
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
