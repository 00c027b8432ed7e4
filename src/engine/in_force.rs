//! The definition that is in force is noted in the data folder, and who starts another one is told.

use super::definition::Definition;
use crate::runtime::{RunView, meaning};
use crate::store::{InForce, StoreError};

/// Notes which definition a run has that was started.
pub fn note(view: &RunView, definition: &Definition) {
    let Some(recovered) = view.recovered.as_ref().filter(|_| view.options.process == 0) else {
        return;
    };
    let now = of(view, definition);
    let noted = InForce::of(&recovered.folder.root).and_then(|before| {
        let is_another = |before: &InForce| before.meaning != now.meaning;
        if let Some(before) = before.filter(is_another).filter(|_| recovered.until > 0) {
            tracing::info!(
                "the definition that was in force in '{}' came from '{}' and said something else: this one takes its \
                 place, for all stored rows",
                recovered.folder.root.display(),
                before.path.display()
            );
        }
        now.note(&recovered.folder)
    });
    if let Err(error) = noted {
        tracing::warn!("which definition is in force can't be noted: {error}");
    }
}

/// Decides that a run's definition is in force from now on.
pub fn decide(view: &RunView, definition: &Definition) -> Result<(), StoreError> {
    let recovered = view.recovered.as_ref().expect("what takes another's place is stored");
    of(view, definition).note(&recovered.folder)
}

fn of(view: &RunView, definition: &Definition) -> InForce {
    let path = std::path::absolute(definition.path());
    let path = path.unwrap_or_else(|_| definition.path().to_owned());
    let (meaning, text) = (meaning(&view.plan, &view.options), definition.text().to_owned());
    InForce { path, meaning, text }
}
