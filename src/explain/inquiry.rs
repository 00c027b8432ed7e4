//! What is known once the sources have been read, and what is wrong with what was asked.

use std::sync::Arc;

use super::reading::AllRows;
use super::watch::PersonWatch;
use crate::identity::whole::Whole;
use crate::plan::Plan;
use crate::row::{Body, Identifier};
use crate::runtime::Clock;
use crate::source::SourceError;
use crate::store::StoreError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum WhyError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "nothing is stored that the answer could be computed of: start the run with --data FOLDER"
    )]
    NothingStored,
    #[error("nobody waits for the answer any more")]
    GivenUp,
    #[error("'{0}' is no cursor")]
    BadCursor(String),
    #[error(
        "source {name} is {connector}, which is gone when it has been read: name the data folder of a run by --data, or \
         keep it in a file, and name that by `files`"
    )]
    Gone { name: String, connector: String },
    #[error("nobody is known as '{id}'{}", suggested(.near))]
    Nobody { id: String, near: Vec<String> },
    #[error("no {what} is named '{name}': {hint}")]
    NoName { what: &'static str, name: String, hint: String },
    #[error("the condition of segment '{name}': {why}")]
    Condition { name: String, why: String },
}

pub fn suggested(near: &[String]) -> String {
    match near {
        [] => String::new(),
        near => format!("; did you mean {}?", near.join(" or ")),
    }
}

/// What is known once the first reading is done.
pub struct Inquiry {
    pub plan: Arc<Plan>,
    pub clock: Clock,
    pub rows: AllRows,
    pub whole: Whole,
    /// Whether the answer is held against what outputs say.
    pub compares: bool,
}

impl Inquiry {
    /// Everyone's rows run through the stages, with an eye on who holds an identifier.
    pub fn everyone(&self, identifier: &Identifier) -> Result<PersonWatch, WhyError> {
        let mut reading = self.rows.read()?;
        let mut watch = PersonWatch::among_all(&self.plan, self.clock, identifier);
        while let Some(together) = reading.next()? {
            watch.arrive(together, reading.now);
        }
        Ok(watch)
    }

    pub fn clock_said(&self) -> &'static str {
        match self.clock {
            Clock::Wall => "wall",
            Clock::Event => "event",
            Clock::Fixed(_) => "fixed",
        }
    }
}

/// What a row says of identifiers alone.
pub fn without_inputs(body: &Body) -> Arc<Body> {
    let Body { identifiers, verdict, .. } = body;
    let (identifiers, verdict) = (identifiers.clone(), *verdict);
    Arc::new(Body {
        identifiers,
        inputs: Vec::new(),
        verdict,
        joining: None,
        elements: thin_vec::ThinVec::new(),
    })
}
