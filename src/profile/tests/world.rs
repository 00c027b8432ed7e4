//! A few identifiers, their rows and whose they are, fed to accounts and people tick by tick.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use smallvec::smallvec;

use super::super::accounts::{Accounts, Posting};
use super::super::people::{Arrival, Change, People, Person, PersonState};
use super::naive;
use crate::batch::Batch;
use crate::columns;
use crate::held::Holds;
use crate::identity::{Belongs, Component, Named};
use crate::metrics::Counts;
use crate::row::{Body, Datum, Identifier, IdentifierHash, Input, Verdict};
use crate::seats::Seat;
use crate::spec;
use crate::spec::plan::Plan;
use crate::spec::sql::Expression;
use crate::time::{Micros, SECOND};

pub const IDENTIFIERS: usize = 40;
pub const COMPONENTS: u128 = 3;
/// Times of rows are few, and this far apart.
pub const TIME: Micros = SECOND / 2;

/// What a tick brings.
#[derive(Clone, Debug)]
pub enum Step {
    Add {
        of: usize,
        source: usize,
        time: Micros,
        value: i64,
    },
    /// One of the identifier's rows. Those of `web` stand for good, unless all may go.
    TakeBack {
        of: usize,
        row: usize,
    },
    Move {
        of: usize,
        to: Option<u128>,
    },
    MoveAll {
        from: usize,
        until: usize,
        to: Option<u128>,
    },
    /// If that is earlier than it was known.
    SeenAt {
        of: usize,
        time: Micros,
    },
}

#[derive(Clone, Debug)]
pub struct Row {
    pub source: usize,
    pub time: Micros,
    pub value: i64,
}

pub struct Member {
    pub identifier: Identifier,
    pub first_seen: Micros,
    pub component: Option<Component>,
    pub rows: Vec<Row>,
}

pub struct World {
    pub plan: Arc<Plan>,
    /// Whether rows of `web` may be taken back too.
    pub all_go: bool,
    accounts: Accounts,
    people: People,
    counts: crate::metrics::SharedCounts,
    pub members: Vec<Member>,
    /// What the changes so far come to.
    told: BTreeMap<Seat, PersonState>,
    belongs: BTreeMap<IdentifierHash, IdentifierHash>,
    now: Micros,
}

const SOURCES: &str = "
sources:
  web:
    files: web.ndjson
    kind: events
    time: at
    sessions: {gap: 1 second}
    fields: &fields {key: text, at: timestamp, value: integer, number: number,
                     amount: \"decimal(12,2)\", odd: boolean, letter: text}
  crm:
    files: crm.ndjson
    kind: records
    key: key
    time: at
    fields: *fields
identity:
  account: {from: {web: key, crm: key}}
  device: {from: {web: key}}
outputs:
  profiles: {files: out.ndjson}
";

impl World {
    pub fn new(attributes: &str) -> Self {
        let text = format!("{SOURCES}{attributes}");
        let plan = spec::parse(&text, Path::new("test.yaml"), &|_| None);
        let plan = Arc::new(plan.unwrap_or_else(|wrong| panic!("{wrong}")));
        let members = (0..IDENTIFIERS).map(|number| {
            let kind = (number % 3 > 0) as u8;
            let text = format!("{:02}", number * 7 % IDENTIFIERS);
            let hash = IdentifierHash::of(&plan.identifiers[kind as usize].name, &text);
            let identifier = Identifier { hash, kind, text: text.into() };
            Member { identifier, first_seen: 20 * TIME, component: None, rows: Vec::new() }
        });
        let counts = crate::metrics::SharedCounts::new(Counts::new(2, 0, 1).into());
        World {
            accounts: Accounts::new(Arc::clone(&plan)),
            people: People::new(Arc::clone(&plan), counts.clone()),
            counts,
            members: members.collect(),
            told: BTreeMap::new(),
            belongs: BTreeMap::new(),
            plan,
            all_go: false,
            now: Micros::MIN,
        }
    }

    pub fn tick(&mut self, now: Micros, steps: &[Step]) {
        self.now = self.now.max(now);
        let mut postings = vec![Posting::Now(0, now)];
        let stands = |member: &Member| (member.component, member.first_seen);
        let before: Vec<_> = self.members.iter().map(stands).collect();
        for step in steps {
            self.take(step, &mut postings);
        }
        for (of, (before, first_seen)) in before.into_iter().enumerate() {
            let Member { identifier: Identifier { hash, .. }, component, .. } = self.members[of];
            if component != before {
                let component = component.unwrap_or(Component::alone(hash));
                postings.push(Posting::Belongs(Belongs { identifier: hash, component }));
            }
            if component.is_none() != before.is_none() || first_seen != self.members[of].first_seen
            {
                postings.push(self.named(of));
            }
        }
        self.post(postings);
    }

    fn take(&mut self, step: &Step, postings: &mut Vec<Posting>) {
        match *step {
            Step::Add { of, source, time, value } => {
                let row = Row { source, time: time * TIME, value };
                postings.push(self.posting(of, &row, 1));
                self.members[of].rows.push(row);
            }
            Step::TakeBack { of, row } => {
                let rows = &mut self.members[of].rows;
                if rows.get(row).is_some_and(|row| self.all_go || row.source == 1) {
                    let row = rows.remove(row);
                    postings.push(self.posting(of, &row, -1));
                }
            }
            Step::Move { of, to } => self.members[of].component = to.map(Component),
            Step::MoveAll { from, until, to } => {
                let all = from.min(until)..from.max(until);
                all.for_each(|of| self.members[of].component = to.map(Component));
            }
            Step::SeenAt { of, time } => {
                let member = &mut self.members[of];
                member.first_seen = member.first_seen.min(time * TIME);
            }
        }
    }

    fn named(&self, of: usize) -> Posting {
        let Member { identifier: Identifier { hash, kind, text }, first_seen, component, .. } =
            &self.members[of];
        Posting::Named(Named {
            hash: *hash,
            kind: *kind,
            text: text.clone(),
            first_seen: *first_seen,
            known: component.is_some(),
        })
    }

    fn posting(&self, of: usize, row: &Row, diff: i8) -> Posting {
        let source = &self.plan.sources[row.source];
        let batch = batch_of(&source.schema, row);
        let inputs = source.inputs.iter().filter_map(|input| {
            let condition = input.condition.as_ref();
            if condition.is_some_and(|it| evaluated(it, &batch) != Some(Datum::Boolean(true))) {
                return None;
            }
            let value = match &input.argument {
                None => Datum::Boolean(true),
                Some(argument) => evaluated(argument, &batch)?,
            };
            Some(Input { aggregate: input.aggregate, value })
        });
        let identifiers = smallvec![self.members[of].identifier.clone()];
        let verdict = Verdict::Together;
        let body = Body { identifiers, inputs: inputs.collect(), verdict, joining: None };
        Posting::Row { time: row.time, diff, body: Arc::new(body) }
    }

    fn post(&mut self, postings: Vec<Posting>) {
        let (mut transfers, mut changes) = (Batch::default(), Batch::default());
        self.accounts.apply(postings.into(), &mut transfers);
        let mut arrivals = vec![Arrival::Now(0, self.now)];
        arrivals.extend(transfers.into_iter().map(Arrival::Transfer));
        self.people.apply(arrivals.into(), &mut changes);
        let mut joined = Vec::new();
        for change in changes {
            match change {
                Change::Person(Person { seat, state: Some(state) }) => {
                    self.told.insert(seat, state);
                }
                Change::Person(Person { seat, state: None }) => {
                    self.told.remove(&seat).expect("who goes was there");
                }
                Change::Belonging(belonging) => {
                    if let Some(before) = belonging.before {
                        let known = self.belongs.remove(&belonging.identifier);
                        assert_eq!(known, Some(before));
                    }
                    joined.extend(belonging.after.map(|after| (belonging.identifier, after)));
                }
            }
        }
        for (identifier, person) in joined {
            assert_eq!(self.belongs.insert(identifier, person), None);
        }
    }

    /// What was told is what there is.
    pub fn check(&self) {
        let components: BTreeSet<_> = self.members.iter().filter_map(|m| m.component).collect();
        assert_eq!(self.told.len(), components.len());
        for told in self.told.values() {
            let named = |member: &&Member| {
                let Identifier { kind, text, .. } = &member.identifier;
                member.component.is_some() && told.identifiers.contains(&(*kind, text.clone()))
            };
            let component = self.members.iter().find(named).expect("someone is told of").component;
            let of = |member: &&Member| member.component == component;
            let members: Vec<&Member> = self.members.iter().filter(of).collect();
            let first = members.iter().min_by_key(|member| {
                (member.identifier.kind, member.first_seen, &member.identifier.text)
            });
            let first = first.expect("a component has members").identifier.hash;
            assert_eq!(told.id, first);
            let mut identifiers: Vec<_> = members
                .iter()
                .map(|member| (member.identifier.kind, member.identifier.text.clone()))
                .collect();
            identifiers.sort();
            assert_eq!(*told.identifiers, *identifiers);
            for member in &members {
                assert_eq!(self.belongs[&member.identifier.hash], first);
            }
            for (number, aggregate) in self.plan.aggregates.iter().enumerate() {
                let expected = naive::value(&self.plan, number as u16, &members, self.now);
                assert_eq!(told.aggregates[number], expected, "{aggregate:?} of {members:?}");
            }
        }
        let known = self.members.iter().filter(|member| member.component.is_some()).count();
        assert_eq!(self.belongs.len(), known);
        assert_eq!(self.counts.borrow().people, components.len() as i64);
        assert_eq!(self.counts.borrow().identifiers, known as i64);
    }

    /// Takes every row back that can be, and everyone from everybody.
    pub fn retract_everything(&mut self) {
        let mut steps = Vec::new();
        for of in 0..IDENTIFIERS {
            let rows = self.members[of].rows.len();
            steps.extend((0..rows).rev().map(|row| Step::TakeBack { of, row }));
        }
        steps.push(Step::MoveAll { from: 0, until: IDENTIFIERS, to: None });
        self.tick(self.now, &steps);
        self.check();
        assert_eq!(self.people.held(), 0);
    }
}

/// A row as its source has it.
pub fn batch_of(schema: &SchemaRef, row: &Row) -> RecordBatch {
    let columns = schema.fields().iter().map(|field| {
        let value = match field.name().as_str() {
            "key" => None,
            "at" | "time" => Some(Datum::Timestamp(row.time)),
            _ => Some(value_of(field.data_type(), row)),
        };
        columns::array(field.data_type(), [value.as_ref()])
    });
    RecordBatch::try_new(Arc::clone(schema), columns.collect()).expect("of the source's types")
}

pub fn evaluated(expression: &Expression, batch: &RecordBatch) -> Option<Datum> {
    columns::datum(&expression.evaluate(batch).expect("nothing in it fails"), 0)
}

/// A row's value as a column of a type.
pub fn value_of(data_type: &DataType, row: &Row) -> Datum {
    match data_type {
        DataType::Int64 => Datum::Integer(row.value),
        DataType::Float64 => Datum::Number(row.value as f64 / 4.0),
        DataType::Decimal128(..) => Datum::decimal(row.value as i128 * 25),
        DataType::Boolean => Datum::Boolean(row.value % 2 == 1),
        DataType::Utf8 => Datum::Text(format!("{}", (b'a' + row.value as u8) as char).into()),
        other => unreachable!("the tests have no column of {other}"),
    }
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{:?}", self.identifier.text, self.rows)
    }
}
