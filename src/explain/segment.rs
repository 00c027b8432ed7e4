//! Why somebody is in a segment or not: each term of its condition, and when `now()` turns it.

use std::cell::Ref;
use std::sync::Arc;

use arrow::array::RecordBatch;
use hashbrown::HashSet;
use serde::Serialize;

use super::ahead::forecast;
use super::alone::own_rows;
use super::error::WhyError;
use super::history::{HistoryRow, standing};
use super::inquiry::Inquiry;
use super::lookup::AskedPerson;
use super::published::{PublishedSaid, compare_segment};
use super::ranks::{self, RankSaid, RankedPopulation};
use super::reading::Origins;
use super::term_turn::{TermTurn, is_in};
use super::value::ShownValue;
use super::watch::{PersonWatch, Watched};
use crate::definition::sql::predicate_terms;
use crate::definition::sql::predicate_terms::Condition;
use crate::plan::Plan;
use crate::row::{Body, IdentifierHash};
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
    /// What `now()` follows.
    pub clock: &'static str,
    pub is_in: bool,
    pub terms: TermSaid,
    /// When time alone changes it, if no row comes.
    pub turns: Option<TermTurn>,
    /// Where there is too much to look at: until when it was looked ahead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked_until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<PublishedSaid>,
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
        /// What becomes of it by time alone.
        turns: Vec<TermTurn>,
    },
}

#[derive(Debug, Serialize)]
pub struct AttributeValue {
    pub name: String,
    pub value: ShownValue,
    /// How the person stands among all, where that is what it says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ranks: Vec<RankSaid>,
}

impl Inquiry {
    pub fn segment(&mut self, id: &str, name: &str) -> Result<SegmentAnswer, WhyError> {
        let plan = Arc::clone(&self.plan);
        let index = plan.segments.iter().position(|of| of.name == name).expect("checked before");
        let segment = &plan.segments[index];
        let subject = self.subject(id)?;
        let condition = predicate_terms::terms(&plan, index)
            .map_err(|error| WhyError::Condition { name: name.to_owned(), why: error.message })?;
        let mut watch = match ranks::within(&plan, segment.column).is_empty() {
            true => {
                let (rows, now, _) = self.rows_of(&subject)?;
                let own = own_rows(&members(&subject), &rows);
                PersonWatch::alone(&plan, &subject.identifier, own, now)
            }
            false => self.everyone(&subject.identifier)?,
        };
        let Some(Watched { columns: person, .. }) = watch.person() else {
            return Err(self.nobody(id));
        };
        let now = watch.now;
        let said = ConditionState { plan: &plan, person: &person, population: watch.population() };
        let mut terms = said.condition(&condition);
        drop(said);
        let ahead = forecast(&plan, &mut watch, &condition, segment.column);
        let mut turns = ahead.terms.into_iter();
        terms.turn(&mut || turns.next().expect("one a term"));
        let is_in = is_in(&person, segment.column);
        let published = self.compared_with_published(&subject, |profile, differs| {
            compare_segment(profile, name, is_in, differs);
        });
        Ok(SegmentAnswer {
            person: subject.id.person_id(),
            segment: name.to_owned(),
            description: segment.description.clone(),
            condition: predicate_terms::expression(&plan, segment.column).text.to_string(),
            now: rfc3339(now),
            clock: self.clock_said(),
            is_in,
            terms,
            turns: ahead.turns,
            looked_until: ahead.until.map(rfc3339),
            published,
        })
    }

    /// The rows that concern a person, what `now()` is, and where parts of sources come from.
    pub fn rows_of(
        &self,
        subject: &AskedPerson,
    ) -> Result<(Vec<HistoryRow>, Micros, Origins), WhyError> {
        let members = members(subject);
        let keep = |body: &Body| {
            let concerns = body.identifiers().any(|of| members.contains(&of.hash));
            concerns.then(|| body.clone())
        };
        let (rows, ending) = standing(&self.rows, keep)?;
        Ok((rows, ending.now, ending.origins))
    }
}

/// What is said of a condition now.
struct ConditionState<'a> {
    plan: &'a Plan,
    person: &'a RecordBatch,
    population: Option<Ref<'a, RankedPopulation>>,
}

impl ConditionState<'_> {
    fn condition(&self, condition: &Condition) -> TermSaid {
        let said = |part: &Condition| self.condition(part);
        let of = match condition {
            Condition::All(parts) => TermOf::All(parts.iter().map(said).collect()),
            Condition::Any(parts) => TermOf::Any(parts.iter().map(said).collect()),
            Condition::Not(inner) => TermOf::Not(Box::new(said(inner))),
            Condition::Segment(segment, within) => TermOf::Segment {
                name: self.plan.segments[*segment].name.clone(),
                terms: Box::new(said(within)),
            },
            Condition::Term(term) => TermOf::Term {
                sql: term.text.clone(),
                attributes: term.columns.iter().map(|column| self.attribute(*column)).collect(),
                turns: Vec::new(),
            },
        };
        TermSaid { value: condition.value(self.person), of }
    }

    fn attribute(&self, column: usize) -> AttributeValue {
        let stands = |rank| Some(self.population.as_ref()?.stands(rank, self.person));
        // The first is what identifiers there are.
        let ranks = if column < 2 { Vec::new() } else { ranks::within(self.plan, column) };
        AttributeValue {
            name: self.plan.profile_schema.field(column).name().clone(),
            value: ShownValue::of(self.person, column),
            ranks: ranks.into_iter().filter_map(stands).collect(),
        }
    }
}

impl TermSaid {
    /// Gives each term its turns, in the order of the condition.
    fn turn(&mut self, next: &mut dyn FnMut() -> Vec<TermTurn>) {
        match &mut self.of {
            TermOf::All(parts) | TermOf::Any(parts) => {
                parts.iter_mut().for_each(|part| part.turn(next));
            }
            TermOf::Not(inner) | TermOf::Segment { terms: inner, .. } => inner.turn(next),
            TermOf::Term { turns, .. } => *turns = next(),
        }
    }
}

pub fn members(subject: &AskedPerson) -> HashSet<IdentifierHash> {
    subject.members.iter().map(|member| member.identifier.hash).collect()
}
