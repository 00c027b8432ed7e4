//! Why somebody is in a segment or not: each term of its condition, and when `now()` turns it.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use hashbrown::HashSet;
use serde::Serialize;

use super::alone::{only, own_rows};
use super::history::{Standing, standing};
use super::lookup::Subject;
use super::value::Value;
use super::{Asking, WhyError};
use crate::row::{Body, IdentifierHash};
use crate::runtime::foresee;
use crate::spec::terms::{self, Condition, Term};
use crate::time::{Micros, rfc3339};

#[derive(Debug, Serialize)]
pub struct SegmentAnswer {
    pub person: String,
    pub segment: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// As it stands in the definition.
    pub condition: String,
    pub now: String,
    pub is_in: bool,
    pub terms: TermSaid,
    /// When time alone changes it, if no row comes.
    pub turns: Option<Turn>,
}

/// A condition or a part of one, with its value now: null where neither true nor false follows.
#[derive(Debug, Serialize)]
pub struct TermSaid {
    pub value: Option<bool>,
    #[serde(flatten)]
    pub of: TermOf,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TermOf {
    All(Vec<TermSaid>),
    Any(Vec<TermSaid>),
    Not(Box<TermSaid>),
    Segment {
        name: String,
        terms: Box<TermSaid>,
    },
    Term {
        sql: String,
        /// What it looks at.
        attributes: Vec<AttributeValue>,
        /// What becomes of it by time alone, the attributes as they are.
        turns: Vec<Turn>,
    },
}

#[derive(Debug, Serialize)]
pub struct AttributeValue {
    pub name: String,
    pub value: Value,
}

#[derive(Debug, Serialize)]
pub struct Turn {
    pub at: String,
    pub value: Option<bool>,
}

impl Asking {
    pub fn segment(&mut self, id: &str, name: &str) -> Result<SegmentAnswer, WhyError> {
        let subject = self.subject(id)?;
        let plan = Arc::clone(&self.plan);
        let index = plan.segments.iter().position(|of| of.name == name).expect("checked before");
        let segment = &plan.segments[index];
        let condition = terms::terms(&plan, index)
            .map_err(|error| WhyError::Condition { name: name.to_owned(), why: error.message })?;
        let (rows, now, _) = self.rows_of(&subject)?;
        let column = segment.column;
        let own = own_rows(&members(&subject), &rows);
        let mut before = None;
        let (first, last) = foresee(&plan, own, now, move |glimpse| {
            let is_in = glimpse.people.iter().any(|(_, person)| is_in(person, column));
            *before.get_or_insert(is_in) == is_in
        });
        let person = only(first).expect("rows of a person make a person");
        let is_in_now = is_in(&person, column);
        let turns = last.and_then(|last| {
            let at = rfc3339(last.now);
            let then = only(last).is_some_and(|person| is_in(&person, column));
            (then != is_in_now).then_some(Turn { at, value: Some(then) })
        });
        Ok(SegmentAnswer {
            person: subject.id.person_id(),
            segment: name.to_owned(),
            description: segment.description.clone(),
            condition: terms::expression(&plan, column).text.to_string(),
            now: rfc3339(now),
            is_in: is_in_now,
            terms: self.said(&condition, &person, now),
            turns,
        })
    }

    /// The rows that concern a person, what `now()` is, and where parts of sources come from.
    pub fn rows_of(
        &self,
        subject: &Subject,
    ) -> Result<(Vec<Standing>, Micros, super::history::Origins), WhyError> {
        let members = members(subject);
        let keep = |body: &Body| {
            let concerns = body.identifiers.iter().any(|of| members.contains(&of.hash));
            concerns.then(|| Arc::new(body.clone()))
        };
        let (rows, ending) = standing(&self.plan, self.clock, keep)?;
        Ok((rows, ending.now, ending.origins))
    }

    fn said(&self, condition: &Condition, person: &RecordBatch, now: Micros) -> TermSaid {
        let said = |part: &Condition| self.said(part, person, now);
        let of = match condition {
            Condition::All(parts) => TermOf::All(parts.iter().map(said).collect()),
            Condition::Any(parts) => TermOf::Any(parts.iter().map(said).collect()),
            Condition::Not(inner) => TermOf::Not(Box::new(said(inner))),
            Condition::Segment(segment, within) => TermOf::Segment {
                name: self.plan.segments[*segment].name.clone(),
                terms: Box::new(said(within)),
            },
            Condition::Term(term) => self.term_said(term, person, now),
        };
        TermSaid { value: condition.value(person), of }
    }

    fn term_said(&self, term: &Term, person: &RecordBatch, now: Micros) -> TermOf {
        let schema = &self.plan.profile_schema;
        let attribute = |column: &usize| AttributeValue {
            name: schema.field(*column).name().clone(),
            value: Value::of(person, *column),
        };
        let future = term.turns(person).into_iter().filter(|at| *at > now);
        let turn = |at: Micros| {
            let value = term.value(&terms::at(&self.plan, person, at));
            Turn { at: rfc3339(at), value }
        };
        let mut turns: Vec<Turn> = future.map(turn).collect();
        let mut before = term.value(person);
        turns.retain(|turn| std::mem::replace(&mut before, turn.value) != turn.value);
        TermOf::Term {
            sql: term.text.clone(),
            attributes: term.columns.iter().map(attribute).collect(),
            turns,
        }
    }
}

pub fn members(subject: &Subject) -> HashSet<IdentifierHash> {
    subject.members.iter().map(|member| member.identifier.hash).collect()
}

/// Null counts as not in.
fn is_in(person: &RecordBatch, column: usize) -> bool {
    let values = person.column(column).as_boolean();
    values.is_valid(0) && values.value(0)
}
