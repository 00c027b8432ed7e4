//! A change of an engine that runs: what is to take its place is built beside it, in all processes, and takes it.

use std::sync::Arc;

use crossbeam_channel::{RecvTimeoutError, bounded};

use super::control::{Changing, Control, ENDED, refused};
use super::definition::Definition;
use super::error::{EngineError, Unchanged};
use super::followers::ChangeStep;
use super::switch::{TakeOver, Turn};
use super::waiting::{Reminder, until_outputs_go_on};
use crate::row::Unwanted;
use crate::runtime::{Blueprint, RunError, RunOptions, RunView, Successor};
use crate::serve::Published;
use crate::sink::Failure;
use crate::store::Recovered;

/// What is to take the place of the run.
pub struct Built {
    successor: Successor,
    definition: Definition,
    pub published: Option<Arc<Published>>,
    /// Stored rows of which it was computed.
    pub rows: u64,
}

/// How messages call the file of a definition that took the place of the one that a run was started with.
const APPLIED: &str = "the definition that is applied";

/// The options of a run, with another definition. The file that it was started with is still read when it is started
/// again.
pub fn options_of(view: &RunView, definition: &Definition) -> RunOptions {
    let mut options = view.options.clone();
    options.reads.retain(|(what, _)| *what != APPLIED);
    let path = definition.path();
    if !options.reads.is_empty() && options.reads.iter().all(|(_, known)| known != path) {
        options.reads.push((APPLIED, path.to_owned()));
    }
    options
}

/// What a definition's run is built of, in place of another one.
pub fn blueprint(
    control: &Control,
    view: &RunView,
    definition: &Definition,
    without: Unwanted,
    change: u64,
) -> Result<(Blueprint, Option<Arc<Published>>), EngineError> {
    let (plan, serving) = control.serving(definition.plan(), view)?;
    let (published, observer) = serving.map(|of| (of.published, of.observer)).unzip();
    let (options, failure) = (options_of(view, definition), Failure::default());
    Ok((Blueprint { plan, options, without, observer, failure, change }, published))
}

impl Changing<'_> {
    /// Builds a run of a definition of the rows that are stored by now, without those that carry some identifiers.
    pub fn build(&self, definition: &Definition, without: Unwanted) -> Result<Built, EngineError> {
        let (control, followers) = (self.control, self.control.followers());
        let is_another = definition.text() != self.definition.text()
            || definition.path() != self.definition.path();
        let written = is_another.then(|| control.written(definition));
        followers.take(&ChangeStep::Check { definition: written })?;
        let change = self.change;
        let (blueprint, published) =
            blueprint(control, &self.view, definition, without.clone(), change)?;
        let (step, failure) = (ChangeStep::Build { change, without }, blueprint.failure.clone());
        let begin = || Successor::begin(&self.view, blueprint);
        let successor = match followers.take_with(&step, &failure, begin) {
            Ok(successor) => successor,
            Err((built, error)) => {
                built.into_iter().for_each(Successor::give_up);
                return Err(error);
            }
        };
        let others =
            |until| followers.take(&ChangeStep::ReadBack { until }).map_err(EngineError::from);
        match followers.unless_still(&failure, || successor.catch_up(others)) {
            Ok(rows) => Ok(Built { successor, definition: definition.clone(), published, rows }),
            Err(error) => {
                successor.fail(&error.to_string());
                followers.give_up(&error);
                successor.give_up();
                Err(error)
            }
        }
    }

    /// Has it take the place of the run, and waits until outputs hold what it comes to. `before` is done to the folder
    /// while nobody uses it.
    ///
    /// # Errors
    /// If outputs of what runs take nothing, or anything else fails: then all is as it was. If only the outputs of what took
    /// its place do not settle, it is in force.
    pub fn hand_over(
        mut self,
        built: Built,
        told: &dyn Fn(&str),
        before: impl FnOnce(&Recovered) -> Result<(), RunError> + Send + 'static,
    ) -> Result<(), EngineError> {
        let Built { successor, definition, published, .. } = built;
        let (control, change) = (self.control, self.change);
        if let Err(error) = until_outputs_go_on(&self.view) {
            successor.fail(&error.to_string());
            control.followers().give_up(&error);
            successor.give_up();
            return Err(error);
        }
        let (answer, answered) = bounded(1);
        let room = control.followers().say(&ChangeStep::MakeRoom);
        // Nobody makes other files of them any more.
        drop(self.in_use.take());
        let turn = Turn::Leads { room, before: Box::new(before) };
        control.replace(TakeOver { successor, definition, published, change, turn, answer });
        // If nothing answers it has ended before.
        let mut reminder = Reminder::new();
        let settled = loop {
            match answered.recv_timeout(Reminder::every()) {
                Ok(Ok(settled)) => break settled,
                Ok(Err(refusal)) => return Err(refusal.into()),
                Err(RecvTimeoutError::Timeout) => {
                    reminder.remind(told, || control.what_is_missing())
                }
                Err(RecvTimeoutError::Disconnected) => return refused(Unchanged::Ending, ENDED),
            }
        };
        control.wait_until_settled(&settled, told)?;
        control.followers().take(&ChangeStep::Settle).map_err(|refusal| {
            EngineError::Failed(format!("the change is in force, but: {}", refusal.why))
        })
    }
}
