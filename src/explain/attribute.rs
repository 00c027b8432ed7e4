//! Where the value of an attribute comes from: identifiers, sources, and the rows that moved it last.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;

use super::alone::{is_own, own_rows};
use super::attribute_said::{AttributeSaid, Ground, MovingRow, PartSaid, carrier};
use super::error::WhyError;
use super::funnel::steps;
use super::given::{GivenRow, given};
use super::history::{HistoryRow, place};
use super::inquiry::Inquiry;
use super::person::RowSaid;
use super::published::{PublishedSaid, compare_attribute};
use super::ranks::{self};
use super::reading::Origins;
use super::segment::members;
use super::value::ShownValue;
use super::watch::{PersonWatch, Watched};
use crate::definition::sql::predicate_terms;
use crate::plan::{Plan, Step};
use crate::row::{Identifier, Row};
use crate::time::{Micros, rfc3339};

/// How many rows are told.
const ROWS: usize = 10;
/// How many identifiers and sources are told apart.
const PARTS: usize = 50;

#[derive(Debug, Serialize)]
pub struct AttributeAnswer {
    pub person: String,
    pub now: String,
    /// What `now()` follows.
    pub clock: &'static str,
    #[serde(flatten)]
    pub attribute: AttributeSaid,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<PublishedSaid>,
}

impl Inquiry {
    pub fn attribute(&mut self, id: &str, name: &str) -> Result<AttributeAnswer, WhyError> {
        let attribute = self.plan.attributes.iter().find(|of| of.name == name);
        let column = attribute.expect("checked before").column;
        let subject = self.subject(id)?;
        let (rows, now, origins) = self.rows_of(&subject)?;
        let members = members(&subject);
        let everyone = match ranks::within(&self.plan, column).is_empty() {
            true => None,
            false => Some(self.everyone(&subject.identifier)?),
        };
        let now = everyone.as_ref().map_or(now, |everyone| everyone.now);
        let person = match &everyone {
            Some(everyone) => everyone.person(),
            None => self.alone(&subject.identifier, own_rows(&members, &rows), now),
        };
        let Some(person) = person else { return Err(self.nobody(id)) };
        let rows = rows.into_iter().filter(|row| is_own(&members, &row.body)).collect();
        let ground = Ground { now, origins, rows, person, everyone };
        let attribute = self.attribute_said(&ground, column);
        let published = self.compared_with_published(&subject, |profile, differs| {
            compare_attribute(profile, name, &attribute.value, differs);
        });
        Ok(AttributeAnswer {
            person: subject.id.person_id(),
            now: rfc3339(now),
            clock: self.clock_said(),
            attribute,
            published,
        })
    }

    /// The person who holds an identifier, if these were the only rows.
    pub fn alone(&self, identifier: &Identifier, rows: Vec<Row>, now: Micros) -> Option<Watched> {
        PersonWatch::alone(&self.plan, identifier, rows, now).person()
    }

    fn attribute_said(&self, ground: &Ground, column: usize) -> AttributeSaid {
        let plan = &self.plan;
        let attribute = plan.attributes.iter().find(|of| of.column == column);
        let mut said = AttributeSaid {
            attribute: plan.profile_schema.field(column).name().clone(),
            sql: predicate_terms::expression(plan, column).text.to_string(),
            note: attribute.and_then(|of| of.note.clone()),
            value: ShownValue::of(&ground.person.columns, column),
            ranks: Vec::new(),
            from: Vec::new(),
            steps: Vec::new(),
            parts: Vec::new(),
            of_parts: 0,
            rows: Vec::new(),
            of_rows: 0,
        };
        match &plan.steps[column - 2] {
            Step::Derived(_) => {
                let (from, ranks) = made_from(plan, column);
                let population = ground.everyone.as_ref().and_then(PersonWatch::population);
                let stands = |population: &ranks::RankedPopulation| {
                    let stand = |rank: &usize| population.stands(*rank, &ground.person.columns);
                    ranks.iter().map(stand).collect()
                };
                said.ranks = population.map(|population| stands(&population)).unwrap_or_default();
                let from = from.into_iter().map(|column| self.attribute_said(ground, column));
                said.from = from.collect();
            }
            Step::Rank(_) => unreachable!("its column is nobody's attribute"),
            Step::Aggregates(expression) => {
                let aggregates: Vec<u16> = (0..plan.aggregates.len() as u16)
                    .filter(|aggregate| expression.uses(usize::from(*aggregate)))
                    .collect();
                self.add_rows(ground, column, &aggregates, &mut said);
                steps(self, ground, &aggregates, &mut said);
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
        let rows = given(&self.plan, aggregates, &ground.rows);
        let mut parts: BTreeMap<(Identifier, u16), usize> = BTreeMap::new();
        for GivenRow { standing, .. } in &rows {
            if self.readings(aggregates, standing).contains(&ground.now) {
                *parts.entry((carrier(standing), standing.row.source)).or_default() += 1;
            }
        }
        let mut parts: Vec<_> = parts.into_iter().collect();
        parts.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
        said.of_parts = parts.len();
        for ((identifier, source), rows) in parts.into_iter().take(PARTS) {
            let brings = |row: &&HistoryRow| carrier(row) == identifier && row.row.source == source;
            let alone = own_rows(&[identifier.hash].into(), ground.rows.iter().filter(brings));
            let person = self.alone(&identifier, alone, ground.now);
            said.parts.push(PartSaid {
                identifier: self.spoken(&identifier),
                source: self.plan.sources[usize::from(source)].name.clone(),
                rows,
                value: ShownValue::of(&person.expect("these rows are someone's").columns, column),
            });
        }
        said.of_rows = rows.len();
        let newest = rows.into_iter().rev().take(ROWS);
        said.rows = newest.map(|row| self.moved(ground, aggregates, row)).collect();
    }

    /// The readings of `now()` at which a row counts for one of the aggregates at least.
    fn readings(&self, aggregates: &[u16], row: &HistoryRow) -> Range<Micros> {
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

    fn moved(&self, ground: &Ground, aggregates: &[u16], row: GivenRow<'_>) -> MovingRow {
        let GivenRow { standing, gives, session } = row;
        let Range { start, end } = self.readings(aggregates, standing);
        let instant = |at: Micros, told: bool| (told && at != Micros::MAX).then(|| rfc3339(at));
        MovingRow {
            row: self.row_said(&ground.origins, standing),
            identifier: self.spoken(&carrier(standing)),
            gives,
            session,
            enters: instant(start, start > ground.now),
            leaves: instant(end, end > ground.now),
            left: instant(end, end <= ground.now),
        }
    }

    pub fn row_said(&self, origins: &Origins, standing: &HistoryRow) -> RowSaid {
        let source = &self.plan.sources[usize::from(standing.row.source)];
        RowSaid {
            source: source.name.clone(),
            position: place(&self.plan, origins, &standing.row),
            time: source.is_dated().then(|| rfc3339(standing.row.time)),
        }
    }
}

/// What a derived attribute is made from: attributes, and ranks.
fn made_from(plan: &Plan, column: usize) -> (Vec<usize>, Vec<usize>) {
    let (mut from, mut ranks) = (Vec::new(), Vec::new());
    let expression = predicate_terms::expression(plan, column);
    for used in (2..column).filter(|used| expression.uses(*used)) {
        match &plan.steps[used - 2] {
            Step::Rank(rank) => {
                ranks.push(*rank);
                let ranked = &plan.ranks[*rank].expression;
                from.extend((2..plan.ranked_columns).filter(|other| ranked.uses(*other)));
            }
            _ => from.push(used),
        }
    }
    let mut told = std::collections::BTreeSet::new();
    from.retain(|column| told.insert(*column));
    (from, ranks)
}
