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
mod attribute_said;
mod chain;
mod funnel;
mod given;
mod history;
mod inquiry;
mod lookup;
mod person;
mod published;
mod ranks;
mod segment;
mod term_turn;
mod text;
mod value;
mod watch;

use std::sync::Arc;

use serde::Serialize;

use crate::identity::whole::{Gathering, Whole};
use crate::plan::Plan;

use crate::runtime::Clock;
use crate::source::SourceError;
use crate::standing::RowChange;

pub use crate::plan::RowPlace;

use inquiry::{Inquiry, WhyError, without_inputs};

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
