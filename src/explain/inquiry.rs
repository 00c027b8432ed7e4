//! What is known once all rows have been read.

use std::sync::Arc;

use super::error::WhyError;
use super::reading::AllRows;
use super::watch::PersonWatch;
use crate::identity::whole::Whole;
use crate::plan::Plan;
use crate::row::{Body, Carried, Identifier};
use crate::runtime::Clock;

/// What is known once the first reading is done.
pub struct Inquiry {
    pub plan: Arc<Plan>,
    pub clock: Clock,
    /// Those from which all follows but ranks.
    pub rows: AllRows,
    pub all: AllRows,
    pub whole: Whole,
    /// Whether the answer is held against what outputs say.
    pub compares: bool,
}

impl Inquiry {
    /// Everyone's rows run through the stages, with an eye on who holds an identifier.
    pub fn everyone(&self, identifier: &Identifier) -> Result<PersonWatch, WhyError> {
        let mut reading = self.all.read()?;
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
pub fn without_inputs(body: &Body) -> Body {
    let identifiers: Vec<Identifier> = body.identifiers().map(Carried::to_identifier).collect();
    Body::saying(body.verdict(), &identifiers, &[])
}
