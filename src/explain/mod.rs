//! Why: what makes some identifiers one person or keeps two apart, why someone is in a segment, where
//! an attribute's value comes from.
//!
//! It is computed when asked, from the rows themselves ([`AllRows`]: of the sources, or as they are stored), and by the
//! stages' own parts: the engine keeps nothing for it, and the answer is what a run comes to from the same rows. They are
//! read twice: first for identifiers and links, then for the rows of the person. Of stored rows these are those that
//! say something of the person ([`about`]); of sources, and for what is known of everyone, where a rank is asked about,
//! all. Beside it stands what the outputs say.

mod about;
mod ahead;
mod alone;
mod attribute;
mod attribute_said;
mod chain;
mod error;
mod funnel;
mod given;
mod history;
mod inquiry;
mod lookup;
mod person;
mod published;
mod ranks;
mod reading;
mod segment;
mod term_turn;
mod text;
mod timeline;
mod value;
mod watch;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::identity::whole::{Gathering, Whole, name};
use crate::row::{Identifier, IdentifierHash};
use crate::standing::RowChange;

pub use crate::plan::RowPlace;
pub use error::WhyError;
pub use reading::AllRows;
pub use timeline::{TimelinePage, TimelineRow, timeline};

use inquiry::{Inquiry, without_inputs};
pub use lookup::meant;

/// What is asked of somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
/// whatever type. `compares`: what outputs say stands beside it.
pub fn why(
    rows: AllRows,
    compares: bool,
    id: &str,
    question: &Question,
) -> Result<Answer, WhyError> {
    let (plan, clock) = (Arc::clone(&rows.plan), rows.clock);
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
    let mut identifiers = meant(&plan, id);
    if let Question::With(other) = question {
        identifiers.extend(meant(&plan, other));
    }
    let answer = |of: AllRows| {
        let (whole, plan, all) = (read_identities(&of)?, Arc::clone(&plan), rows.clone());
        let mut asking = Inquiry { plan, clock, rows: of, all, whole, compares };
        match question {
            Question::Person => asking.person(id).map(Answer::Person),
            Question::With(other) => asking.chain(id, other).map(Answer::Chain),
            Question::Segment(name) => asking.segment(id, name).map(Answer::Segment),
            Question::Attribute(name) => asking.attribute(id, name).map(Answer::Attribute),
        }
    };
    let asks_clock = matches!(question, Question::Segment(_) | Question::Attribute(_));
    match rows.about(&identifiers, asks_clock)?.map(answer) {
        // Whose name is near, all rows say.
        None | Some(Err(WhyError::Nobody { .. })) => answer(rows.clone()),
        Some(answered) => answered,
    }
}

/// A person by what is stored: their identifier that the id is given for, and all that they have; `None` if nobody is
/// known by what was asked for.
///
/// # Errors
/// If what is stored can't be read.
pub fn person(
    rows: &AllRows,
    id: &str,
) -> Result<Option<(IdentifierHash, Vec<Identifier>)>, WhyError> {
    let identifiers = meant(&rows.plan, id);
    let mut whole = match rows.about(&identifiers, false)? {
        Some(about) => read_identities(&about)?,
        None => read_identities(rows)?,
    };
    let Some(known) = identifiers.into_iter().find(|of| whole.member(*of).is_some()) else {
        return Ok(None);
    };
    let members = whole.person(known);
    let id = name(&members).expect("a person has an identifier");
    Ok(Some((id, members.into_iter().map(|member| member.identifier).collect())))
}

fn read_identities(rows: &AllRows) -> Result<Whole, WhyError> {
    let mut gathering = Gathering::new(&rows.plan);
    let mut waiting: Vec<RowChange> = Vec::new();
    history::changes(
        rows,
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
