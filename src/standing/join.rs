//! Rows beside the records of a table that they name, and what they say while both stand.
//!
//! A row says something as soon as it stands, whether its record is there or not; a change of the
//! record makes it say something else. A source that joins several tables passes through as many
//! stages, each of which holds its rows by the key that they name of one table; the last evaluates
//! them. After a tick, what has been told of a row is what it says with the records that stand then.

use std::sync::Arc;

use super::change::{RowChange, RowStatus};
use super::held::{Emitted, HeldJoin, JoinKey, JoinedRow, Records, RowId};
use super::joined::{Evaluation, JoinCandidate, JoinedInputs};
use super::joining::{JoiningRow, StageInput, StageOutput, joining};
use crate::plan::Plan;
use crate::row::{Body, Joining, StandingRow};
use crate::state::batch::Batch;
use crate::state::entries::{StateSize, drained};
use crate::state::table::Table;
use crate::time::Micros;
use hashbrown::HashMap;

/// What is held of a key.
#[derive(Default)]
struct Group {
    record: Option<Arc<Joining>>,
    /// Changes of the record come one by one: the newest stands before the one before it goes.
    records: i32,
    rows: HashMap<RowId, JoinedRow>,
}

/// What a tick touches of a key.
struct TouchedKey {
    record_before: Option<Arc<Joining>>,
    rows: Vec<RowId>,
}

/// One worker's share of a stage.
pub struct Stage {
    plan: Arc<Plan>,
    /// Which of a source's tables it is for.
    number: usize,
    /// By source: those for which it is the last stage.
    last: Vec<Option<Evaluation>>,
    groups: Table<JoinKey, Group>,
    /// The keys that the tick at hand touches.
    touched: HashMap<JoinKey, TouchedKey>,
}

impl Stage {
    pub fn new(plan: &Arc<Plan>, number: usize) -> Self {
        let is_last = |source: usize| {
            let joined = plan.sources[source].joined.as_ref();
            joined.is_some_and(|joined| joined.tables.len() == number + 1)
        };
        let sources = 0..plan.sources.len();
        let last = sources.map(|index| Evaluation::new(plan, index).filter(|_| is_last(index)));
        Stage {
            last: last.collect(),
            plan: Arc::clone(plan),
            number,
            groups: Table::default(),
            touched: HashMap::new(),
        }
    }

    /// Whether a record's table is joined at this stage.
    pub fn takes(plan: &Plan, number: usize, arrival: &StageInput) -> bool {
        let StageInput::Record(record, _) = arrival else { return true };
        let mut joined = plan.sources.iter().filter_map(|source| source.joined.as_ref());
        joined.any(|joined| {
            let table = joined.tables.get(number);
            table.is_some_and(|table| table.source == usize::from(record.source))
        })
    }

    /// Which worker holds it.
    pub fn route(number: usize, arrival: &StageInput) -> u64 {
        match arrival {
            StageInput::Record(record, _) => record.keys[0].expect("a record has a key") as u64,
            StageInput::Row(row) => {
                let joining = row.joining();
                joining.keys[number].map_or(joining.position.offset, |key| key as u64)
            }
            StageInput::Held(held) => held.route(),
        }
    }

    /// Applies what a tick brings; how many expressions failed.
    pub fn apply(
        &mut self,
        batch: impl IntoIterator<Item = StageInput>,
        outcomes: &mut Batch<StageOutput>,
    ) -> u64 {
        for arrival in batch {
            match arrival {
                StageInput::Record(record, diff) => self.apply_record(record, diff),
                StageInput::Row(row) => self.apply_row(row, outcomes),
                StageInput::Held(held) => self.put_back(*held),
            }
        }
        let mut failed = 0;
        for (source, standing) in self.asked().into_iter().enumerate() {
            match self.last[source].take() {
                None => self.pass_on(&standing, outcomes),
                Some(evaluation) => {
                    failed += self.emit(&evaluation, &standing, outcomes);
                    self.last[source] = Some(evaluation);
                }
            }
        }
        for (key, _) in drained(&mut self.touched) {
            if self.groups[&key].is_empty() {
                self.groups.remove(&key);
            }
        }
        failed
    }

    /// Everything that is held.
    pub fn held(&self, mut each: impl FnMut(HeldJoin)) {
        for (key, group) in self.groups.iter() {
            if key.1.is_some() {
                each(HeldJoin::Record(*key, group.record.clone(), group.records));
            }
            let rows = group.rows.iter();
            rows.for_each(|(id, row)| each(HeldJoin::Row(*key, *id, row.clone())));
        }
    }

    /// Has back what was held, before anything is joined.
    pub fn put_back(&mut self, held: HeldJoin) {
        match held {
            HeldJoin::Record(key, record, records) => {
                let group = self.groups.entry(key).or_default();
                (group.record, group.records) = (record, records);
            }
            HeldJoin::Row(key, id, row) => {
                self.groups.entry(key).or_default().rows.insert(id, row);
            }
        }
    }

    fn touch(&mut self, key: JoinKey) -> (&mut Group, &mut TouchedKey) {
        let group = self.groups.entry(key).or_default();
        let touched = self.touched.entry(key).or_insert_with(|| TouchedKey {
            record_before: group.record.clone(),
            rows: Vec::new(),
        });
        (group, touched)
    }

    fn apply_record(&mut self, record: Arc<Joining>, diff: i8) {
        let (group, _) = self.touch((record.source, record.keys[0]));
        group.records += i32::from(diff);
        if diff > 0 {
            group.record = Some(record);
        } else if group.records == 0 {
            group.record = None;
        }
    }

    fn apply_row(&mut self, row: JoiningRow, outcomes: &mut Batch<StageOutput>) {
        let key = self.key_of(row.joining());
        let id = row.id();
        // Later stages are told of a row whenever its records change.
        let again = u32::from(self.number == 0);
        let (group, touched) = self.touch(key);
        if row.diff > 0 {
            let JoiningRow { time, body, records, .. } = row;
            touched.rows.push(id);
            match group.rows.get_mut(&id) {
                Some(held) => {
                    held.again += again;
                    held.records = records;
                }
                None => {
                    let held =
                        JoinedRow { time, body, records, emitted: Emitted::Nothing, again: 0 };
                    group.rows.insert(id, held);
                }
            }
            return;
        }
        let held = group.rows.get_mut(&id).expect("a row that goes has stood");
        if held.again > 0 {
            held.again -= 1;
            return;
        }
        let held = group.rows.remove(&id).expect("just found");
        let is_last = self.last[usize::from(id.0)].is_some();
        match held.emitted {
            // It came and went: what it says of when something was first seen stands.
            Emitted::Nothing => {
                outcomes.push(StageOutput::Change(held.change(RowStatus::SeenOnly)))
            }
            Emitted::Standing if is_last => {
                outcomes.push(StageOutput::Change(held.change(RowStatus::Gone)))
            }
            Emitted::Standing => outcomes.push(StageOutput::Row(held.into_row(-1))),
            Emitted::Withheld => {}
        }
    }

    fn key_of(&self, row: &Joining) -> JoinKey {
        let joined = self.plan.sources[usize::from(row.source)].joined.as_ref();
        let table = joined.expect("it joins").tables[self.number].source;
        (table as u16, row.keys[self.number])
    }

    /// The rows that stand and may say something else than before, by source.
    fn asked(&self) -> Vec<Vec<(JoinKey, RowId)>> {
        let mut asked = vec![Vec::new(); self.last.len()];
        for (key, touched) in &self.touched {
            let group = &self.groups[key];
            let mut ask = |id: &RowId| asked[usize::from(id.0)].push((*key, *id));
            if values(&touched.record_before) == values(&group.record) {
                let rows = touched.rows.iter();
                rows.filter(|id| group.rows.contains_key(*id)).for_each(&mut ask);
            } else {
                group.rows.keys().for_each(ask);
            }
        }
        asked
    }

    /// Sends rows with their records to the next stage.
    fn pass_on(&mut self, standing: &[(JoinKey, RowId)], outcomes: &mut Batch<StageOutput>) {
        for (key, id) in standing {
            let group = self.groups.get_mut(key).expect("it has rows");
            let held = group.rows.get_mut(id).expect("it stands");
            held.emitted = Emitted::Standing;
            let mut records = held.records.clone();
            records.push(group.record.clone());
            let (time, body) = (held.time, Arc::clone(&held.body));
            outcomes.push(StageOutput::Row(JoiningRow { time, diff: 1, body, records }));
        }
    }

    /// Emits what rows say now where that is not what was emitted; returns how many expressions failed.
    fn emit(
        &mut self,
        evaluation: &Evaluation,
        standing: &[(JoinKey, RowId)],
        outcomes: &mut Batch<StageOutput>,
    ) -> u64 {
        let rows = standing.iter().map(|(key, id)| {
            let group = &self.groups[key];
            let held = &group.rows[id];
            asking(&held.body, &held.records, group.record.as_ref())
        });
        let (output, failed) = evaluation.evaluate(&rows.collect::<Vec<_>>());
        for ((key, id), output) in standing.iter().zip(output) {
            let group = self.groups.get_mut(key).expect("it has rows");
            let held = group.rows.get_mut(id).expect("it stands");
            held.flush(evaluation, output, outcomes);
        }
        failed
    }
}

impl StateSize for Stage {
    /// How many keys have a record or rows.
    fn entries(&self) -> usize {
        self.groups.len()
    }

    fn give_back(&mut self) {
        self.groups.give_back();
    }
}

fn values(record: &Option<Arc<Joining>>) -> Option<&[u8]> {
    record.as_ref().map(|record| &*record.values)
}

fn asking<'a>(
    body: &'a Body,
    before: &'a Records,
    record: Option<&'a Arc<Joining>>,
) -> JoinCandidate<'a> {
    let before = before.iter().map(Option::as_deref);
    JoinCandidate {
        row: joining(body),
        records: before.chain([record.map(|record| &**record)]).collect(),
    }
}

fn change(time: Micros, status: RowStatus, body: Arc<Body>) -> RowChange {
    RowChange { status, row: StandingRow { source: joining(&body).source, time, body } }
}

impl Group {
    fn is_empty(&self) -> bool {
        self.record.is_none() && self.records == 0 && self.rows.is_empty()
    }
}

impl JoinedRow {
    /// Tells what the row says, unless that has been told.
    fn flush(
        &mut self,
        evaluation: &Evaluation,
        output: JoinedInputs,
        outcomes: &mut Batch<StageOutput>,
    ) {
        let stood = self.emitted == Emitted::Standing;
        self.emitted = if output.counts { Emitted::Standing } else { Emitted::Withheld };
        if !output.counts {
            if stood {
                outcomes.push(StageOutput::Change(self.change(RowStatus::Gone)));
            }
            return;
        }
        let body = evaluation.body(&self.body, output.inputs);
        if stood && Arc::ptr_eq(&body, &self.body) {
            return;
        }
        if stood {
            outcomes.push(StageOutput::Change(self.change(RowStatus::Gone)));
        }
        self.body = body;
        outcomes.push(StageOutput::Change(self.change(RowStatus::Stands)));
    }

    fn change(&self, status: RowStatus) -> RowChange {
        change(self.time, status, Arc::clone(&self.body))
    }

    fn into_row(self, diff: i8) -> JoiningRow {
        JoiningRow { time: self.time, diff, body: self.body, records: self.records }
    }
}
