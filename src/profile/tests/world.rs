//! A few identifiers, their rows and whose they are, fed to the operators of identifiers and people tick by tick.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};

use super::naive;
use crate::flow::{Diff, During, Emit, KeyedState, Packed, Update};
use crate::identity::{Component, Sighting};
use crate::metrics::Counts;
use crate::plan::{Expression, Plan};
use crate::profile::PersonRow;
use crate::profile::contribution::Contribution;
use crate::profile::identifiers::Identifiers;
use crate::profile::input::IdentifierInput;
use crate::profile::people::{Belonging, Known, People};
use crate::profile::sessions::{self, OverSessions, Parting};
use crate::profile::sums::Layout;
use crate::profile::windows::Windows;
use crate::row::{Body, Datum, Identifier, IdentifierHash, Input, Mentioned, StandingRow};
use crate::state::batch::Batch;
use crate::time::{Micros, SECOND};
use crate::{columns, definition};

pub const IDENTIFIERS: usize = 40;
pub const COMPONENTS: u128 = 3;
/// The number of a tick is nobody's concern.
const TICK: u64 = 0;
/// More rows than are ever taken back.
const KNOWN: Diff = 1_000;
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
    windows: Windows,
    during: During<(IdentifierHash, IdentifierInput)>,
    identifiers: KeyedState<Identifiers>,
    parting: KeyedState<Parting>,
    over_sessions: Vec<OverSessions>,
    people: KeyedState<People>,
    counts: crate::metrics::SharedCounts,
    pub members: Vec<Member>,
    /// What the changes so far come to.
    emitted: BTreeMap<IdentifierHash, Packed>,
    belongs: BTreeMap<IdentifierHash, IdentifierHash>,
    now: Micros,
    has_begun: bool,
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
    /// By aggregate, for how many its values are kept in order.
    pub fn sharing(&self) -> impl Iterator<Item = usize> {
        let layout = Layout::new(&self.plan);
        (0..self.plan.aggregates.len() as u16).map(move |number| layout.sharing(number).len())
    }

    pub fn new(attributes: &str) -> Self {
        let text = format!("{SOURCES}{attributes}");
        let plan = definition::parse(&text, Path::new("test.yaml"), &|_| None);
        let plan = Arc::new(plan.unwrap_or_else(|wrong| panic!("{wrong}")));
        let members = (0..IDENTIFIERS).map(|number| {
            let kind = (number % 3 > 0) as u8;
            let text = format!("{:02}", number * 7 % IDENTIFIERS);
            let hash = IdentifierHash::of(&plan.identifiers[kind as usize].name, &text);
            let identifier = Identifier { hash, kind, text: text.into() };
            Member { identifier, first_seen: 20 * TIME, component: None, rows: Vec::new() }
        });
        let counts = crate::metrics::SharedCounts::new(Counts::new(2, 0, 1).into());
        let layout = Arc::new(Layout::new(&plan));
        let over = (0..plan.sessions.len()).map(|index| OverSessions::new(&plan, index, &counts));
        let over_sessions: Vec<OverSessions> = over.collect();
        let identifiers = Identifiers::new(Arc::clone(&plan), Arc::clone(&layout), 0);
        let looks = over_sessions.iter().map(|over| over.looks.clone()).collect();
        World {
            windows: Windows::new(&plan),
            during: During::default(),
            identifiers: KeyedState::new(identifiers),
            parting: KeyedState::new(Parting::new(looks)),
            over_sessions,
            people: KeyedState::new(People::new(Arc::clone(&plan), layout, counts.clone())),
            counts,
            members: members.collect(),
            emitted: BTreeMap::new(),
            belongs: BTreeMap::new(),
            plan,
            all_go: false,
            now: Micros::MIN,
            has_begun: false,
        }
    }

    pub fn tick(&mut self, now: Micros, steps: &[Step]) {
        self.now = self.now.max(now);
        let stands = |member: &Member| (member.component, member.first_seen);
        let before: Vec<_> = self.members.iter().map(stands).collect();
        let mut rows = Vec::new();
        for step in steps {
            self.take(step, &mut rows);
        }
        let mut inputs = Batch::default();
        for (of, (before, _)) in before.into_iter().enumerate() {
            let Member { identifier, component, first_seen, .. } = &self.members[of];
            let hash = identifier.hash;
            let mut post = |input, diff| inputs.push(((hash, input), TICK, diff));
            if *component != before {
                before.into_iter().for_each(|before| post(IdentifierInput::Belongs(before), -1));
                component.iter().for_each(|after| post(IdentifierInput::Belongs(*after), 1));
            }
            // Whoever is in a component is known, and nobody else, whatever rows there are.
            let sighting = |seen, stands| {
                let identifier = Mentioned::alone(std::array::from_ref(identifier));
                IdentifierInput::Sighting(Sighting { identifier, seen, stands })
            };
            post(sighting(*first_seen, false), 1);
            match (before.is_some(), component.is_some()) {
                (false, true) => post(sighting(*first_seen, true), 2 * KNOWN),
                (true, false) => post(sighting(*first_seen, true), -2 * KNOWN),
                _ => {}
            }
            if !self.has_begun {
                post(sighting(*first_seen, true), -KNOWN);
            }
        }
        self.has_begun = true;
        self.post(rows, inputs);
    }

    fn take(&mut self, step: &Step, rows: &mut Vec<(usize, Row, Diff)>) {
        match *step {
            Step::Add { of, source, time, value } => {
                let row = Row { source, time: time * TIME, value };
                rows.push((of, row.clone(), 1));
                let member = &mut self.members[of];
                member.first_seen = member.first_seen.min(row.time);
                member.rows.push(row);
            }
            Step::TakeBack { of, row } => {
                let of_it = &mut self.members[of].rows;
                if of_it.get(row).is_some_and(|row| self.all_go || row.source == 1) {
                    rows.push((of, of_it.remove(row), -1));
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

    /// What the row gives for itself, and what it gives while it is in a window.
    fn standing(&self, of: usize, row: &Row) -> StandingRow {
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
        let inputs: Vec<Input> = inputs.collect();
        let body = Body::of(std::slice::from_ref(&self.members[of].identifier), &inputs);
        StandingRow { source: row.source as u16, time: row.time, body }
    }

    fn post(
        &mut self,
        rows: Vec<(usize, Row, Diff)>,
        mut inputs: Batch<Update<(IdentifierHash, IdentifierInput)>>,
    ) {
        let mut in_window = Batch::default();
        for (of, row, diff) in rows {
            let row = self.standing(of, &row);
            let hash = self.members[of].identifier.hash;
            for (input, readings) in self.windows.inputs(&row) {
                in_window.push((((hash, input), readings), TICK, diff));
            }
            let StandingRow { time, body, .. } = row;
            inputs.push(((hash, IdentifierInput::Row { time, body }), TICK, diff));
        }
        let mut out = Emit::at(TICK);
        self.during.apply_tick(Some(self.now), in_window, &mut out);
        inputs.extend(out.into_updates());
        let mut out = Emit::at(TICK);
        self.identifiers.apply_tick(None, inputs, &mut out);
        let (mut contributions, mut of_sessions) = (Batch::default(), Batch::default());
        for ((component, contribution), tick, diff) in out.into_updates() {
            let timeline =
                |aggregate: u16| self.plan.sessions.iter().position(|of| of.timeline == aggregate);
            match contribution {
                Contribution::Value { aggregate, time, value } if timeline(aggregate).is_some() => {
                    let index = timeline(aggregate).expect("just found") as u16;
                    of_sessions.push(((component, (index, time, value)), tick, diff));
                }
                other => contributions.push(((component, other), tick, diff)),
            }
        }
        let mut parted = Emit::at(TICK);
        self.parting.apply_tick(Some(self.now), of_sessions, &mut parted);
        let mut out = Emit::at(TICK);
        sessions::contributions(&self.over_sessions, parted.into_updates(), &mut out);
        contributions.extend(out.into_updates());
        let mut out = Emit::at(TICK);
        self.people.apply_tick(None, contributions, &mut out);
        let mut joined = Vec::new();
        let mut came = Vec::new();
        for (known, _, diff) in out.into_updates() {
            match (known, diff) {
                (Known::Person(id, row), 1) => came.push((id, row)),
                (Known::Person(id, row), _) => {
                    assert_eq!(self.emitted.remove(&id), Some(row), "as it was told");
                }
                (Known::Belonging(Belonging { identifier, person, .. }), 1) => {
                    joined.push((identifier, person));
                }
                (Known::Belonging(Belonging { identifier, person, .. }), _) => {
                    assert_eq!(self.belongs.remove(&identifier), Some(person));
                }
            }
        }
        for (id, row) in came {
            assert!(self.emitted.insert(id, row).is_none(), "taken back as well");
        }
        for (identifier, person) in joined {
            assert_eq!(self.belongs.insert(identifier, person), None);
        }
    }

    /// What was told is what there is.
    pub fn check(&self) {
        let components: BTreeSet<_> = self.members.iter().filter_map(|m| m.component).collect();
        assert_eq!(self.emitted.len(), components.len());
        for (id, emitted) in &self.emitted {
            let emitted = PersonRow::new(emitted.as_ref());
            let named = |member: &&Member| {
                let Identifier { kind, text, .. } = &member.identifier;
                let is_it = |of: (u8, &str)| of == (*kind, text.as_str());
                member.component.is_some() && emitted.identifiers().any(is_it)
            };
            let component = self.members.iter().find(named).expect("someone is told of").component;
            let of = |member: &&Member| member.component == component;
            let members: Vec<&Member> = self.members.iter().filter(of).collect();
            let first = members.iter().min_by_key(|member| {
                (member.identifier.kind, member.first_seen, &member.identifier.text)
            });
            let first = first.expect("a component has members").identifier.hash;
            assert_eq!(*id, first);
            let mut identifiers: Vec<_> = members
                .iter()
                .map(|member| (member.identifier.kind, member.identifier.text.clone()))
                .collect();
            identifiers.sort();
            let emitted_of = emitted.identifiers().map(|(kind, text)| (kind, text.into()));
            assert_eq!(emitted_of.collect::<Vec<_>>(), identifiers);
            let emitted: Vec<Option<Datum>> = emitted.aggregates().collect();
            for member in &members {
                assert_eq!(self.belongs[&member.identifier.hash], first);
            }
            for (number, aggregate) in self.plan.aggregates.iter().enumerate() {
                let expected = naive::value(&self.plan, number as u16, &members, self.now);
                assert_eq!(emitted[number], expected, "{aggregate:?} of {members:?}");
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
        assert_eq!(self.people.entries() + self.parting.entries(), 0);
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
        DataType::Timestamp(..) => Datum::Timestamp(row.time),
        DataType::Utf8 => Datum::Text(format!("{}", (b'a' + row.value as u8) as char).into()),
        other => unreachable!("the tests have no column of {other}"),
    }
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{:?}", self.identifier.text, self.rows)
    }
}
