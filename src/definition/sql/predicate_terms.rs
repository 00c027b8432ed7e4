//! A segment's condition taken apart at `and`, `or` and `not`, for one who asks why it holds.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use datafusion_sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};

use super::parse::parse;
use super::{Dialect, SqlError, instant};
use crate::plan::{Expression, Instant, Plan, Step};
use crate::time::Micros;

/// A condition, or a part of one.
#[derive(Debug)]
pub enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Term(Term),
    /// Another segment, by its index in `Plan::segments`, and what that says.
    Segment(usize, Box<Condition>),
}

/// A part of a condition that is not taken apart further.
#[derive(Debug)]
pub struct Term {
    pub text: String,
    /// Over `Plan::profile_schema`.
    pub expression: Expression,
    /// The columns that it looks at, `now()` left out.
    pub columns: Vec<usize>,
    turns: Vec<Instant>,
}

/// Takes the condition of a segment apart, and those of the segments that it builds on, each where it stands
/// first: else they would double with each that names another twice.
pub fn terms(plan: &Plan, segment: usize) -> Result<Condition, SqlError> {
    let told = vec![false; plan.segments.len()];
    let dialect = Dialect::new(&plan.time_zone).with_limits(plan.limits);
    Splitter { plan, dialect, told }.segment(segment)
}

/// How a column from the third on is made.
pub fn expression(plan: &Plan, column: usize) -> &Expression {
    match &plan.steps[column - 2] {
        Step::Aggregates(expression) | Step::Derived(expression) => expression,
        Step::Rank(rank) => &plan.ranks[*rank].expression,
    }
}

struct Splitter<'a> {
    plan: &'a Plan,
    dialect: Dialect,
    /// By segment, whether it has been taken apart.
    told: Vec<bool>,
}

impl Splitter<'_> {
    fn segment(&mut self, segment: usize) -> Result<Condition, SqlError> {
        self.told[segment] = true;
        let text = &expression(self.plan, self.plan.segments[segment].column).text;
        let parsed = parse(text, &self.plan.profile_schema)?;
        self.split(&parsed)
    }

    fn split(&mut self, part: &Expr) -> Result<Condition, SqlError> {
        match part {
            Expr::Nested(inner) => self.split(inner),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                let mut parts = Vec::new();
                for side in [left, right] {
                    match self.split(side)? {
                        Condition::All(more) => parts.extend(more),
                        other => parts.push(other),
                    }
                }
                Ok(Condition::All(parts))
            }
            Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
                let mut parts = Vec::new();
                for side in [left, right] {
                    match self.split(side)? {
                        Condition::Any(more) => parts.extend(more),
                        other => parts.push(other),
                    }
                }
                Ok(Condition::Any(parts))
            }
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
                Ok(Condition::Not(Box::new(self.split(expr)?)))
            }
            Expr::Identifier(name) => {
                let segments = &self.plan.segments;
                match segments.iter().position(|segment| segment.name == name.value) {
                    Some(segment) if !self.told[segment] => {
                        let within = self.segment(segment)?;
                        Ok(Condition::Segment(segment, Box::new(within)))
                    }
                    _ => self.term(part),
                }
            }
            _ => self.term(part),
        }
    }

    fn term(&self, part: &Expr) -> Result<Condition, SqlError> {
        let (schema, text) = (&self.plan.profile_schema, part.to_string());
        let planned = self.dialect.plan(&text, schema)?;
        let mut turns = Vec::new();
        for turn in instant::turns(&planned, self.dialect.zone())? {
            let wanted = self.dialect.timestamp();
            let after = turn.after;
            let at = self.dialect.compile(turn.instant(&wanted), schema, Some(&wanted), &text)?;
            turns.push(Instant { at, after });
        }
        let expression = self.dialect.compile(planned, schema, Some(&DataType::Boolean), &text)?;
        let columns = (0..schema.fields().len()).filter(|column| *column != 1);
        let columns = columns.filter(|column| expression.uses(*column)).collect();
        Ok(Condition::Term(Term { text, expression, columns, turns }))
    }
}

impl Term {
    /// For the person in a batch's only row; `None` is null, as where it fails.
    pub fn value(&self, person: &RecordBatch) -> Option<bool> {
        let value = self.expression.evaluate(person).ok()?;
        value.as_boolean_opt()?.iter().next()?
    }

    /// When `now()` turns it, for that person: past and future, sorted.
    pub fn turns(&self, person: &RecordBatch) -> Vec<Micros> {
        let turn = |instant: &Instant| {
            let at = instant.at.evaluate(person).ok()?;
            let at = at.as_primitive_opt::<TimestampMicrosecondType>()?.iter().next()??;
            Some(at.saturating_add(Micros::from(instant.after)))
        };
        let mut turns: Vec<Micros> = self.turns.iter().filter_map(turn).collect();
        turns.sort_unstable();
        turns.dedup();
        turns
    }
}

impl Condition {
    /// As SQL has it: null where neither true nor false follows.
    pub fn value(&self, person: &RecordBatch) -> Option<bool> {
        match self {
            Condition::Term(term) => term.value(person),
            Condition::Not(inner) => inner.value(person).map(|value| !value),
            Condition::All(parts) => outcome(parts, person, false),
            Condition::Any(parts) => outcome(parts, person, true),
            // Null counts as not in, but to SQL it is null.
            Condition::Segment(_, within) => within.value(person),
        }
    }
}

/// The outcome of parts, where one that has the `deciding` value decides.
fn outcome(parts: &[Condition], person: &RecordBatch, deciding: bool) -> Option<bool> {
    let values: Vec<Option<bool>> = parts.iter().map(|part| part.value(person)).collect();
    if values.contains(&Some(deciding)) {
        Some(deciding)
    } else if values.contains(&None) {
        None
    } else {
        Some(!deciding)
    }
}

/// The same person at another reading of `now()`, their attributes as they are.
pub fn at(plan: &Plan, person: &RecordBatch, now: Micros) -> RecordBatch {
    use arrow::array::{ArrayRef, TimestampMicrosecondArray};
    let zone = Arc::clone(&plan.time_zone);
    let reading: ArrayRef =
        Arc::new(TimestampMicrosecondArray::from_value(now, person.num_rows()).with_timezone(zone));
    let mut columns = person.columns().to_vec();
    columns[1] = reading;
    RecordBatch::try_new(person.schema(), columns).expect("now() is a timestamp in the plan's zone")
}
