//! Where the value of an attribute comes from: identifiers, sources, and the rows that moved it last.

use std::collections::BTreeMap;
use std::ops::Range;

use arrow::array::RecordBatch;
use serde::Serialize;

use super::alone::{is_own, own_rows, person_at};
use super::history::{Origins, Place, Standing};
use super::person::RowSaid;
use super::segment::members;
use super::value::Value;
use super::{Asking, WhyError};
use crate::row::Identifier;
use crate::spec::plan::Step;
use crate::spec::terms;
use crate::time::{Micros, rfc3339};

/// How many rows are told.
const ROWS: usize = 10;
/// How many identifiers and sources are told apart.
const PARTS: usize = 50;

#[derive(Debug, Serialize)]
pub struct AttributeAnswer {
    pub person: String,
    pub now: String,
    #[serde(flatten)]
    pub attribute: AttributeSaid,
}

#[derive(Debug, Serialize)]
pub struct AttributeSaid {
    pub attribute: String,
    /// As it stands in the definition.
    pub sql: String,
    pub value: Value,
    /// Of an attribute from others: these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<AttributeSaid>,
    /// What each identifier brings from each source, those with the most rows first.
    pub parts: Vec<PartSaid>,
    /// How many parts there are.
    pub of_parts: usize,
    /// The rows that moved it last, the newest first.
    pub rows: Vec<Moved>,
    /// How many rows there are.
    pub of_rows: usize,
}

#[derive(Debug, Serialize)]
pub struct PartSaid {
    pub identifier: String,
    pub source: String,
    /// That count now.
    pub rows: usize,
    /// From these rows alone.
    pub value: Value,
}

#[derive(Debug, Serialize)]
pub struct Moved {
    #[serde(flatten)]
    pub row: RowSaid,
    /// The identifier that brings it.
    pub identifier: String,
    /// What it gives to each aggregate of the attribute; nothing where rows are counted.
    pub gives: Vec<Value>,
    /// Of a window: when the row will count, until when it does, since when it does no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enters: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaves: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
}

/// What an answer is made from.
struct Ground {
    now: Micros,
    origins: Origins,
    rows: Vec<Standing>,
    /// The person, in one row.
    columns: RecordBatch,
}

impl Asking {
    pub fn attribute(&mut self, id: &str, name: &str) -> Result<AttributeAnswer, WhyError> {
        let subject = self.subject(id)?;
        let (rows, now, origins) = self.rows_of(&subject)?;
        let members = members(&subject);
        let person = person_at(&self.plan, own_rows(&members, &rows), now);
        let columns = person.expect("rows of a person make a person");
        let rows = rows.into_iter().filter(|row| is_own(&members, &row.body)).collect();
        let ground = Ground { now, origins, rows, columns };
        let attribute = self.plan.attributes.iter().find(|of| of.name == name);
        let column = attribute.expect("checked before").column;
        Ok(AttributeAnswer {
            person: subject.id.person_id(),
            now: rfc3339(now),
            attribute: self.attribute_said(&ground, column),
        })
    }

    fn attribute_said(&self, ground: &Ground, column: usize) -> AttributeSaid {
        let plan = &self.plan;
        let mut said = AttributeSaid {
            attribute: plan.profile_schema.field(column).name().clone(),
            sql: terms::expression(plan, column).text.to_string(),
            value: Value::of(&ground.columns, column),
            from: Vec::new(),
            parts: Vec::new(),
            of_parts: 0,
            rows: Vec::new(),
            of_rows: 0,
        };
        match &plan.steps[column - 2] {
            Step::Derived(expression) => {
                let used = (2..column).filter(|column| expression.uses(*column));
                said.from = used.map(|column| self.attribute_said(ground, column)).collect();
            }
            Step::Aggregates(expression) => {
                let aggregates: Vec<u16> = (0..plan.aggregates.len() as u16)
                    .filter(|aggregate| expression.uses(usize::from(*aggregate)))
                    .collect();
                self.add_rows(ground, column, &aggregates, &mut said);
            }
        }
        said
    }

    fn add_rows(
        &self,
        ground: &Ground,
        column: usize,
        aggregates: &[u16],
        said: &mut AttributeSaid,
    ) {
        let gives = |row: &&Standing| {
            let mut inputs = row.body.inputs.iter();
            inputs.any(|input| aggregates.contains(&input.aggregate))
        };
        let mut rows: Vec<&Standing> = ground.rows.iter().filter(gives).collect();
        rows.sort_by_key(|row| (row.row.time, row.row.source, row.row.position));
        let mut parts: BTreeMap<(&Identifier, u16), Vec<&Standing>> = BTreeMap::new();
        for row in &rows {
            let counts = self.readings(aggregates, row).contains(&ground.now);
            if counts {
                let part = (&row.body.identifiers[0], row.row.source);
                parts.entry(part).or_default().push(row);
            }
        }
        let mut parts: Vec<_> = parts.into_iter().collect();
        parts.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
        said.of_parts = parts.len();
        for ((identifier, source), rows) in parts.into_iter().take(PARTS) {
            let alone = own_rows(&[identifier.hash].into(), rows.iter().copied());
            let person = person_at(&self.plan, alone, ground.now);
            said.parts.push(PartSaid {
                identifier: self.spoken(identifier),
                source: self.plan.sources[usize::from(source)].name.clone(),
                rows: rows.len(),
                value: Value::of(&person.expect("these rows are someone's"), column),
            });
        }
        said.of_rows = rows.len();
        let newest = rows.iter().rev().take(ROWS);
        said.rows = newest.map(|row| self.moved(ground, aggregates, row)).collect();
    }

    /// The readings of `now()` at which a row counts for one of the aggregates at least.
    fn readings(&self, aggregates: &[u16], row: &Standing) -> Range<Micros> {
        let readings = |aggregate: &u16| match self.plan.aggregates[usize::from(*aggregate)].window
        {
            Some(window) => window.readings(row.row.time),
            None => Micros::MIN..Micros::MAX,
        };
        let all = aggregates.iter().map(readings);
        let widest = |one: Range<Micros>, other: Range<Micros>| {
            one.start.min(other.start)..one.end.max(other.end)
        };
        all.reduce(widest).unwrap_or(Micros::MIN..Micros::MAX)
    }

    fn moved(&self, ground: &Ground, aggregates: &[u16], row: &Standing) -> Moved {
        let given = row.body.inputs.iter().filter(|input| aggregates.contains(&input.aggregate));
        let given = given.filter_map(|input| {
            let argument = &self.plan.aggregates[usize::from(input.aggregate)].argument;
            Some(Value::of_datum(argument.as_ref()?, &input.value))
        });
        let readings = self.readings(aggregates, row);
        let instant = |at: Micros, told: bool| (told && at != Micros::MAX).then(|| rfc3339(at));
        let (now, Range { start, end }) = (ground.now, readings);
        Moved {
            row: RowSaid {
                source: self.plan.sources[usize::from(row.row.source)].name.clone(),
                position: Place::of(&self.plan, &ground.origins, &row.row),
                time: rfc3339(row.row.time),
            },
            identifier: self.spoken(&row.body.identifiers[0]),
            gives: given.collect(),
            enters: instant(start, start > now),
            leaves: instant(end, end > now),
            left: instant(end, end <= now),
        }
    }
}
