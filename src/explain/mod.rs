//! Why: what makes some identifiers one person or keeps two apart, why someone is in a segment, where
//! an attribute's value comes from.
//!
//! It is computed when asked, from the sources themselves, and by the stages' own parts: the engine
//! keeps nothing for it, and the answer is what a run comes to from the same rows. The sources are
//! read twice: first for the identifiers and links of everyone, then for the rows of the person; and
//! once more, for what is known of everyone, where a rank is asked about. Beside it stands what the
//! outputs say.

mod ahead;
mod alone;
mod attribute;
mod chain;
mod funnel;
mod given;
mod history;
mod lookup;
mod person;
mod published;
mod ranks;
mod segment;
mod text;
mod value;
mod watch;

use std::sync::Arc;

use serde::Serialize;

use crate::identity::whole::{Gathering, Whole};
use crate::plan::Plan;
use crate::row::{Body, Identifier};
use crate::runtime::Clock;
use crate::source::SourceError;
use crate::standing::RowChange;

pub use crate::plan::RowPlace;

use history::SourcesReading;
use watch::PersonWatch;

/// What is asked of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// What makes them one person.
    Person,
    /// What makes them and somebody else one, or keeps the two apart.
    With(String),
    /// Why they are in a segment, or not.
    Segment(String),
    /// Where an attribute's value comes from.
    Attribute(String),
}

/// The answer: text for people, or to be serialised.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    Person(person::PersonAnswer),
    Chain(chain::ChainAnswer),
    Segment(segment::SegmentAnswer),
    Attribute(attribute::AttributeAnswer),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum WhyError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(
        "source {name} is {connector}, which is gone when it has been read: keep it in a file, and \
         name that by `files`"
    )]
    Gone { name: String, connector: String },
    #[error("nobody is known as '{id}'{}", suggested(.near))]
    Nobody { id: String, near: Vec<String> },
    #[error("no {what} is named '{name}': {hint}")]
    NoName { what: &'static str, name: String, hint: String },
    #[error("the condition of segment '{name}': {why}")]
    Condition { name: String, why: String },
}

fn suggested(near: &[String]) -> String {
    match near {
        [] => String::new(),
        near => format!("; did you mean {}?", near.join(" or ")),
    }
}

/// Answers a question about the person who is known by `id`: a person id, `type:value`, or a value of
/// whatever type.
pub fn why(
    mut plan: Plan,
    clock: Clock,
    id: &str,
    question: &Question,
) -> Result<Answer, WhyError> {
    // What a run began after is part of the history all the same.
    for source in &mut plan.sources {
        let again = source.connector.again();
        source.connector = again.ok_or_else(|| WhyError::Gone {
            name: source.name.clone(),
            connector: source.connector.to_string(),
        })?;
    }
    let plan = Arc::new(plan);
    let known = |what, name: &str, names: Vec<&str>| match names.contains(&name) {
        true => Ok(()),
        false => {
            let hint = crate::definition::suggest(name, &names);
            Err(WhyError::NoName { what, name: name.to_owned(), hint })
        }
    };
    match question {
        Question::Segment(name) => {
            known("segment", name, plan.segments.iter().map(|of| of.name.as_str()).collect())?;
        }
        Question::Attribute(name) => {
            known("attribute", name, plan.attributes.iter().map(|of| of.name.as_str()).collect())?;
        }
        Question::Person | Question::With(_) => {}
    }
    let whole = read_identities(&plan, clock)?;
    let mut asking = Inquiry { plan, clock, whole };
    match question {
        Question::Person => asking.person(id).map(Answer::Person),
        Question::With(other) => asking.chain(id, other).map(Answer::Chain),
        Question::Segment(name) => asking.segment(id, name).map(Answer::Segment),
        Question::Attribute(name) => asking.attribute(id, name).map(Answer::Attribute),
    }
}

fn read_identities(plan: &Arc<Plan>, clock: Clock) -> Result<Whole, SourceError> {
    let mut gathering = Gathering::new(plan);
    let mut waiting: Vec<RowChange> = Vec::new();
    history::changes(
        plan,
        clock,
        |body| Some(without_inputs(body)),
        |_, change| {
            waiting.push(change);
            if waiting.len() >= 1_000 {
                gathering.add(std::mem::take(&mut waiting));
            }
        },
    )?;
    gathering.add(waiting);
    Ok(gathering.finish())
}

/// What a row says of identifiers alone.
fn without_inputs(body: &Body) -> Arc<Body> {
    let Body { identifiers, verdict, .. } = body;
    let (identifiers, verdict) = (identifiers.clone(), *verdict);
    Arc::new(Body { identifiers, inputs: Vec::new(), verdict, joining: None })
}

/// What is known once the first reading is done.
struct Inquiry {
    plan: Arc<Plan>,
    clock: Clock,
    whole: Whole,
}

impl Inquiry {
    /// Everyone's rows run through the stages, with an eye on who holds an identifier.
    fn everyone(&self, identifier: &Identifier) -> Result<PersonWatch, SourceError> {
        let mut reading = SourcesReading::start(&self.plan, self.clock)?;
        let mut watch = PersonWatch::among_all(&self.plan, self.clock, identifier);
        while let Some((source, decoded)) = reading.next()? {
            watch.arrive(source, decoded, reading.now);
        }
        Ok(watch)
    }

    fn clock_said(&self) -> &'static str {
        match self.clock {
            Clock::Wall => "wall",
            Clock::Event => "event",
            Clock::Fixed(_) => "fixed",
        }
    }
}
