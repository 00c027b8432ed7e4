//! People as outputs have them: a profile for each output that they are in, the segments that they are in.
//!
//! Nothing is kept of what was said last: it follows from the people as they were. Only profiles that differ are
//! copied out of the room in which they are put together.
//!
//! All that is said of a person by id is said by the worker that has the person's row. So where a profile takes the
//! place of another, and of segments, it is known here what the record says. A profile that comes or goes is a
//! statement: others may tell whom the person was merged into.

use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray};
use smallvec::SmallVec;

use super::pack::pack_value;
use super::profile::Packer;
use super::record::{Record, RecordBody, RecordKey, RecordValue, SegmentChange};
use super::update::{OutputStatement, Router, StatementChange, UndatedRecord};
use crate::flow::Diff;
use crate::metrics::SharedCounts;
use crate::plan::{Plan, Publish};
use crate::row::IdentifierHash;
use crate::segment::{Evaluated, EvaluatedPeople, value_or_null};
use crate::state::batch::Batch;
use crate::time::{Micros, Tick};

/// What outputs have of people.
pub struct PublishedPeople {
    plan: Arc<Plan>,
    router: Router,
    /// Indexes of the outputs of profiles and of segments.
    profiles: Vec<u16>,
    segments: Vec<u16>,
    /// Indexes of the segments, by name.
    segments_by_name: Vec<usize>,
    /// Up to this tick outputs hold it all.
    held_until: Tick,
    /// Where the profile that a person had, and the one that they have, are put together.
    packers: [Packer; 2],
    counts: SharedCounts,
    /// What fails of people as they were has been counted.
    counted: SharedCounts,
}

/// Some people, and what decides on how outputs have them.
struct EvaluatedSide<'a> {
    evaluated: &'a EvaluatedPeople,
    /// By segment, whether they are in it.
    segments: Vec<&'a BooleanArray>,
    /// By output of profiles, whether they are in it; all are where there is no condition.
    members: Vec<Option<BooleanArray>>,
}

/// Which segments a person is in, by 64.
type Bits = SmallVec<[u64; 1]>;

/// What a tick changes of people in outputs.
#[derive(Clone)]
pub enum PersonChange {
    /// Something holds, or holds no longer.
    Statement(StatementChange),
    /// A record says it all; with it is told which worker publishes it.
    Record(u64, Record),
}

/// Where changes of a tick go.
struct Changes<'a> {
    tick: Tick,
    now: Micros,
    out: &'a mut Batch<PersonChange>,
}

impl PublishedPeople {
    pub fn new(plan: Arc<Plan>, router: Router, held_until: Tick, counts: SharedCounts) -> Self {
        let of = |publish: Publish| {
            let outputs = plan.outputs.iter().zip(0u16..);
            let outputs = outputs.filter(|(output, _)| output.publish == publish);
            outputs.map(|(_, index)| index).collect()
        };
        let mut segments_by_name: Vec<usize> = (0..plan.segments.len()).collect();
        segments_by_name.sort_by_key(|index| &plan.segments[*index].name);
        PublishedPeople {
            router,
            profiles: of(Publish::Profiles),
            segments: of(Publish::Segments),
            segments_by_name,
            held_until,
            packers: Default::default(),
            counts,
            counted: SharedCounts::default(),
            plan,
        }
    }

    pub fn apply(&mut self, tick: Tick, evaluated: &Evaluated, out: &mut Batch<PersonChange>) {
        let mut changes = Changes { tick, now: evaluated.now, out };
        let was = self.side(&evaluated.was, &self.counted);
        let is = self.side(&evaluated.is, &self.counts);
        let is_held = tick <= self.held_until;
        let [mut had, mut has] = std::mem::take(&mut self.packers);
        for (id, of_was, of_is) in evaluated.people() {
            let before = of_was.map(|row| (row, was.segments(row)));
            let now = of_is.map(|row| (row, is.segments(row)));
            for (index, output) in self.profiles.iter().enumerate().filter(|_| !is_held) {
                let had = self.put_together(index, &was, before.as_ref(), &mut had);
                let has = self.put_together(index, &is, now.as_ref(), &mut has);
                if had.map(Packer::bytes) == has.map(Packer::bytes) {
                    continue;
                }
                let said = |profile: &Packer| {
                    let value = RecordValue::Profile(profile.profile());
                    (self.router.subject(*output, id), (*output, RecordKey::Person(id), value))
                };
                match (had, has) {
                    (Some(_), Some(has)) => changes.record(said(has)),
                    (Some(had), None) => changes.state(said(had), -1),
                    (None, Some(has)) => changes.state(said(has), 1),
                    (None, None) => {}
                }
            }
            let segments = |side: Option<(usize, Bits)>| side.map(|(_, segments)| segments);
            self.say_segments(id, segments(before), segments(now), &mut changes);
        }
        self.packers = [had, has];
    }

    fn side<'a>(&self, evaluated: &'a EvaluatedPeople, counts: &SharedCounts) -> EvaluatedSide<'a> {
        let columns = &evaluated.columns;
        let segments = self.plan.segments.iter();
        let segments = segments.map(|segment| columns.column(segment.column).as_boolean());
        let members = self.profiles.iter().map(|output| {
            let condition = self.plan.outputs[usize::from(*output)].condition.as_ref()?;
            Some(value_or_null(condition, columns, counts).as_boolean().clone())
        });
        EvaluatedSide { evaluated, segments: segments.collect(), members: members.collect() }
    }

    /// Puts the profile together that a person has in an output, if they are there and in it.
    fn put_together<'p>(
        &self,
        index: usize,
        side: &EvaluatedSide<'_>,
        person: Option<&(usize, Bits)>,
        packer: &'p mut Packer,
    ) -> Option<&'p Packer> {
        let (row, segments) = person?;
        let row = *row;
        let members = side.members[index].as_ref();
        if members.is_some_and(|members| !(members.is_valid(row) && members.value(row))) {
            return None;
        }
        let output = &self.plan.outputs[usize::from(self.profiles[index])];
        packer.clear();
        let person = side.evaluated.people.row(row);
        packer.length(person.identifiers().count());
        for (kind, text) in person.identifiers() {
            packer.name(u16::from(kind));
            packer.text(text);
        }
        packer.length(output.attributes.len());
        for attribute in &output.attributes {
            packer.name(*attribute as u16);
            let column = self.plan.attributes[*attribute].column;
            pack_value(side.evaluated.columns.column(column), row, packer);
        }
        packer.length(segments.iter().map(|word| word.count_ones() as usize).sum());
        for segment in &self.segments_by_name {
            if segments[segment / 64] >> (segment % 64) & 1 == 1 {
                packer.name(*segment as u16);
            }
        }
        Some(packer)
    }

    fn say_segments(
        &self,
        person: IdentifierHash,
        before: Option<Bits>,
        now: Option<Bits>,
        changes: &mut Changes,
    ) {
        let is_in = |bits: &Option<Bits>, segment: usize| {
            bits.as_ref().is_some_and(|bits| bits[segment / 64] >> (segment % 64) & 1 == 1)
        };
        for segment in 0..self.plan.segments.len() {
            let change = match (is_in(&before, segment), is_in(&now, segment)) {
                (false, true) => SegmentChange::Entered,
                (true, false) => SegmentChange::Left,
                _ => continue,
            };
            let mut counts = self.counts.borrow_mut();
            match change {
                SegmentChange::Entered => {
                    counts.segments[segment] += 1;
                    counts.entered[segment] += 1;
                }
                SegmentChange::Left => {
                    counts.segments[segment] -= 1;
                    counts.left[segment] += 1;
                }
            }
            drop(counts);
            let is_held = changes.tick <= self.held_until;
            for output in self.segments.iter().filter(|_| !is_held) {
                let key = RecordKey::Member { segment: segment as u16, person };
                let subject = self.router.subject(*output, person);
                changes.record((subject, (*output, key, RecordValue::Segment(change))));
            }
        }
    }
}

impl EvaluatedSide<'_> {
    fn segments(&self, row: usize) -> Bits {
        let mut bits: Bits = SmallVec::from_elem(0, self.segments.len().div_ceil(64));
        for (index, segment) in self.segments.iter().enumerate() {
            if segment.is_valid(row) && segment.value(row) {
                bits[index / 64] |= 1 << (index % 64);
            }
        }
        bits
    }
}

impl Changes<'_> {
    /// A value takes the place of another, or is an event of its own.
    fn record(&mut self, (subject, (output, key, value)): UndatedRecord) {
        let body = RecordBody::Is { value, at: self.now };
        self.out.push(PersonChange::Record(subject.route, Record { output, key, body }));
    }

    fn state(&mut self, (subject, (output, key, value)): UndatedRecord, diff: Diff) {
        let statement = OutputStatement { output: Some(output), key, value };
        self.out.push(PersonChange::Statement(((subject, statement), self.tick, diff)));
    }
}
