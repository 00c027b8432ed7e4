//! What is changed over HTTP: as the command line has it changed over its socket.

use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

use super::control::{Control, WeakControl};
use super::definition::Definition;
use super::error::{EngineError, Unchanged};
use super::forgotten::Forgetting;
use crate::definition::{DefinitionError, Diagnostic};
use crate::serve::{Administration, Undone};

/// An engine, as its server asks it for changes.
#[derive(Clone, Default)]
pub struct AdministeredEngine(Arc<OnceLock<WeakControl>>);

impl AdministeredEngine {
    /// Says which engine it is, once it runs.
    pub fn is_of(&self, control: &Control) {
        // Said once.
        let _ = self.0.set(control.downgrade());
    }

    fn control(&self) -> Result<Control, Undone> {
        let control = self.0.get().and_then(WeakControl::control);
        control.ok_or_else(|| Undone::Ending("it does not run".to_owned()))
    }
}

impl Administration for AdministeredEngine {
    fn definition(&self) -> Result<String, Undone> {
        Ok(self.control()?.definition().text().to_owned())
    }

    fn apply(&self, text: &str, is_dry: bool) -> Result<Value, Undone> {
        let control = self.control()?;
        // Paths in it are relative to the folder of the one that it takes the place of.
        let definition = Definition::parse(text, control.definition().path()).map_err(wrong)?;
        let told = |text: &str| tracing::info!("a definition is applied: {text}");
        let applied = match is_dry {
            true => control.preview(&definition, &told),
            false => control.apply(&definition, &told),
        };
        Ok(serde_json::to_value(applied.map_err(undone)?).expect("it is JSON"))
    }

    fn forget(&self, id: &str, suppress: bool, is_dry: bool) -> Result<Option<Value>, Undone> {
        let how = Forgetting { suppress, dry_run: is_dry };
        let told = |text: &str| tracing::info!("a person is forgotten: {text}");
        let forgotten = self.control()?.forget(id, how, &told).map_err(undone)?;
        Ok(forgotten.map(|forgotten| forgotten.to_json(how)))
    }
}

fn wrong(error: DefinitionError) -> Undone {
    let mistakes: Vec<Value> = match &error {
        DefinitionError::File { .. } => Vec::new(),
        DefinitionError::Wrong(found) => found.found().iter().map(mistake).collect(),
    };
    Undone::Wrong { why: error.to_string(), mistakes: mistakes.into() }
}

fn mistake(of: &Diagnostic) -> Value {
    json!({"line": of.place.line, "column": of.place.column, "message": of.message})
}

fn undone(error: EngineError) -> Undone {
    match error {
        EngineError::NotChanged { because, why } => match because {
            Unchanged::Busy => Undone::Busy(why),
            Unchanged::Ending => Undone::Ending(why),
            Unchanged::NothingStored => Undone::NothingStored(why),
            Unchanged::NeedsRestart => Undone::NeedsRestart(why),
            Unchanged::Failed => Undone::Failed(why),
        },
        // A source or an output of the new definition that is not there, or can't be had.
        error => Undone::Failed(error.to_string()),
    }
}
