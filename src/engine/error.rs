//! Why an engine could not start or go on.

use serde::{Deserialize, Serialize};

use crate::definition;
use crate::runtime::RunError;
use crate::sink::SinkError;
use crate::source::SourceError;
use crate::store::StoreError;

/// Why an engine could not start or go on. What it says names the place and, where there is one, the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A source can't be read.
    #[error(transparent)]
    Source(SourceError),
    /// An output can't be written.
    #[error(transparent)]
    Output(SinkError),
    /// Nothing can be served over HTTP as it is asked for.
    #[error("{0}")]
    Serve(String),
    /// Rows are pushed into a source, or a function is to take an output, that the definition has not.
    #[error("the definition has no {what} '{name}': {hint}")]
    Unknown {
        /// `source` or `output`.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        hint: String,
    },
    /// Rows are pushed into a source that reads something else.
    #[error(
        "nothing can be pushed into source '{name}', which reads {reads}: name it to `EngineBuilder::source`"
    )]
    NotPushed {
        /// The source.
        name: String,
        /// What it reads.
        reads: String,
    },
    /// A tick is asked for where no source is pushed into.
    #[error(
        "no source is pushed into, so there is nothing to wait for: name one to `EngineBuilder::source`"
    )]
    NothingPushed,
    /// A row is no JSON object.
    #[error("row {number} that was pushed into source '{name}' can't be a row: {why}")]
    Row {
        /// The source.
        name: String,
        /// Counted from 1 over all that was pushed into the source.
        number: u64,
        /// What keeps it from being one.
        why: String,
    },
    /// The clock follows event times, and no source has any.
    #[error(
        "the clock follows the times of rows, and the rows of no source have any: name the column that says when \
         a row happened by `time`, or follow another clock"
    )]
    NoEventTimes,
    /// The data folder can't be used.
    #[error(transparent)]
    Store(StoreError),
    /// Something that the run reads, or another output of it, would be written over.
    #[error("{0}")]
    WouldOverwrite(String),
    /// A change of an engine that runs was not made: everything is as it was.
    #[error("the engine was not changed: {why}")]
    NotChanged {
        /// What kept it from being made.
        because: Unchanged,
        /// The same in words, with what can be done.
        why: String,
    },
    /// What fails anywhere ends the run everywhere.
    #[error("{0}")]
    Failed(String),
}

/// What keeps a change of an engine that runs from being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Unchanged {
    /// Another change is being made.
    Busy,
    /// The run comes to its end, or has.
    Ending,
    /// Nothing is stored that the change could be computed of.
    NothingStored,
    /// It can be made only by a run that is started anew.
    NeedsRestart,
    /// It was begun, and did not go well.
    Failed,
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        EngineError::Store(error)
    }
}

impl From<RunError> for EngineError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Source(error) => EngineError::Source(error),
            RunError::Sink(error) => EngineError::Output(error),
            RunError::Store(error) => EngineError::Store(error),
            RunError::NoEventTimes => EngineError::NoEventTimes,
            RunError::Overlap(why) => EngineError::WouldOverwrite(why),
            RunError::Workers(why) => EngineError::Failed(why),
        }
    }
}

/// That a name is none of those there are.
pub(super) fn unknown<'a>(
    what: &'static str,
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> EngineError {
    let known: Vec<&str> = known.collect();
    EngineError::Unknown { what, name: name.to_owned(), hint: definition::suggest(name, &known) }
}

impl From<crate::serve::ServeError> for EngineError {
    fn from(error: crate::serve::ServeError) -> Self {
        EngineError::Serve(error.to_string())
    }
}
