//! The definition that is in force is noted in the data folder, and who starts another one is told.

use super::definition::Definition;
use crate::runtime::{RunView, meaning};
use crate::store::{InForce, StoreError};

/// Notes which definition a run has that was started.
pub fn note(view: &RunView, definition: &Definition) {
    let Some(recovered) = view.recovered.as_ref().filter(|_| view.options.process == 0) else {
        return;
    };
    let (now, root) = (of(view, definition), recovered.folder.root.as_path());
    let file = root.join(InForce::NAME);
    let before = match InForce::of(root) {
        Ok(None) if recovered.until > 0 => {
            tracing::warn!(
                "'{}' is not there, and is written anew: which definition was in force before is not known",
                file.display()
            );
            None
        }
        Ok(before) => before,
        Err(StoreError::Altered { why, .. }) => {
            tracing::warn!(
                "'{}' is not what was written ({why}), and is written anew: which definition was in force before is \
                 not known",
                file.display()
            );
            None
        }
        Err(error) => return untold(&error),
    };
    if before.as_ref().is_some_and(|before| !before.is_shown(root)) {
        tracing::warn!(
            "'{}' is not there, or is not what was written, and is written anew: it shows which definition is in force, and changes \
             nothing. `selfsame apply FILE` does",
            root.join(InForce::TEXT).display()
        );
    }
    let is_another = |before: &InForce| before.meaning != now.meaning;
    if let Some(before) = before.filter(is_another).filter(|_| recovered.until > 0) {
        tracing::info!(
            "the definition that was in force in '{}' came from '{}' and said something else: this one takes its \
             place, for all stored rows",
            root.display(),
            before.path.display()
        );
    }
    if let Err(error) = now.note(&recovered.folder) {
        untold(&error);
    }
}

/// The run goes on without it.
pub fn untold(error: &StoreError) {
    tracing::warn!("which definition is in force can't be noted: {error}");
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
    InForce { path, meaning, text, clock: view.options.clock.to_string() }
}
