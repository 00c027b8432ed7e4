//! People as outputs have them: a profile for each output that they are in, the segments that they are in.
//!
//! Nothing is kept of what was said last: it follows from the people as they were. Of the profiles that they had
//! then, digests are enough; see [`update`](super::update). Only a profile with another digest is copied out
//! of the room in which it was put together.

use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray};
use smallvec::SmallVec;

use super::pack::pack_value;
use super::profile::Packer;
use super::record::{self, RecordKey, RecordValue};
use super::update::{Digest, OutputStatement, Router, StatedValue, StatementChange};
use crate::flow::Diff;
use crate::metrics::SharedCounts;
use crate::plan::{Plan, Publish};
use crate::row::IdentifierHash;
use crate::segment::{Evaluated, EvaluatedPeople, value_or_null};
use crate::state::batch::Batch;
use crate::time::Tick;

/// What outputs have of people.
pub struct PublishedPeople {
    plan: Arc<Plan>,
    router: Router,
    /// Indexes of the outputs of profiles and of segments.
    profiles: Vec<u16>,
    segments: Vec<u16>,
    /// Indexes of the segments, by name.
    segments_by_name: Vec<usize>,
    packer: Packer,
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

/// What is said of a person.
struct PersonSaid {
    id: IdentifierHash,
    /// By output of profiles; `None` where the person is not in it.
    digests: SmallVec<[Option<Digest>; 2]>,
    segments: Bits,
}

/// Which segments a person is in, by 64.
type Bits = SmallVec<[u64; 1]>;

/// Where changes of a tick go.
struct Changes<'a> {
    tick: Tick,
    out: &'a mut Batch<StatementChange>,
}

impl PublishedPeople {
    pub fn new(plan: Arc<Plan>, router: Router, counts: SharedCounts) -> Self {
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
            packer: Packer::default(),
            counts,
            counted: SharedCounts::default(),
            plan,
        }
    }

    pub fn apply(&mut self, tick: Tick, evaluated: &Evaluated, out: &mut Batch<StatementChange>) {
        let mut changes = Changes { tick, out };
        let was = self.side(&evaluated.was, &self.counted);
        let is = self.side(&evaluated.is, &self.counts);
        for (id, of_was, of_is) in evaluated.people() {
            let before = of_was.map(|row| {
                let mut said = was.said(id, row);
                for index in 0..self.profiles.len() {
                    let digest = self.put_together(index, &was, row, &said.segments);
                    said.digests.push(digest);
                }
                said
            });
            let mut now = of_is.map(|row| (row, is.said(id, row)));
            for index in 0..self.profiles.len() {
                if let Some((row, said)) = &mut now {
                    let digest = self.put_together(index, &is, *row, &said.segments);
                    said.digests.push(digest);
                }
                let now = now.as_ref().map(|(_, said)| said);
                self.say_profile(index, before.as_ref(), now, &mut changes);
            }
            self.say_segments(before.as_ref(), now.as_ref().map(|(_, said)| said), &mut changes);
        }
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

    /// Puts the profile together that a person has in an output; its digest, if they are in it.
    fn put_together(
        &mut self,
        index: usize,
        side: &EvaluatedSide<'_>,
        row: usize,
        segments: &Bits,
    ) -> Option<Digest> {
        let members = side.members[index].as_ref();
        if members.is_some_and(|members| !(members.is_valid(row) && members.value(row))) {
            return None;
        }
        let output = &self.plan.outputs[usize::from(self.profiles[index])];
        let packer = &mut self.packer;
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
        Some(Digest::of(packer.bytes()))
    }

    /// Says how a person's profile in an output differs; what holds now has just been put together.
    fn say_profile(
        &self,
        index: usize,
        before: Option<&PersonSaid>,
        now: Option<&PersonSaid>,
        changes: &mut Changes,
    ) {
        let of =
            |said: Option<&PersonSaid>| said.and_then(|said| Some((said.id, said.digests[index]?)));
        let (before, now) = (of(before), of(now));
        if before == now {
            return;
        }
        let output = self.profiles[index];
        let mut say = |(id, digest), profile, diff| {
            let value = StatedValue::Profile { digest, profile };
            changes.say(&self.router, output, id, RecordKey::Person(id), value, diff);
        };
        before.inspect(|before| say(*before, None, -1));
        now.inspect(|now| say(*now, Some(self.packer.profile()), 1));
    }

    fn say_segments(
        &self,
        before: Option<&PersonSaid>,
        now: Option<&PersonSaid>,
        changes: &mut Changes,
    ) {
        let of = |said: Option<&PersonSaid>, segment: usize| {
            let said = said.filter(|said| {
                said.segments.get(segment / 64).is_some_and(|word| word >> (segment % 64) & 1 == 1)
            });
            said.map(|said| said.id)
        };
        for segment in 0..self.plan.segments.len() {
            let (before, now) = (of(before, segment), of(now, segment));
            if before == now {
                continue;
            }
            self.counts.borrow_mut().segments[segment] +=
                i64::from(now.is_some()) - i64::from(before.is_some());
            for output in &self.segments {
                let mut say = |person, diff| {
                    let key = RecordKey::Member { segment: segment as u16, person };
                    let value =
                        StatedValue::Value(RecordValue::Segment(record::SegmentChange::Entered));
                    changes.say(&self.router, *output, person, key, value, diff);
                };
                before.inspect(|person| say(*person, -1));
                now.inspect(|person| say(*person, 1));
            }
        }
    }
}

impl EvaluatedSide<'_> {
    fn said(&self, id: IdentifierHash, row: usize) -> PersonSaid {
        let mut segments: Bits = SmallVec::from_elem(0, self.segments.len().div_ceil(64));
        for (index, segment) in self.segments.iter().enumerate() {
            if segment.is_valid(row) && segment.value(row) {
                segments[index / 64] |= 1 << (index % 64);
            }
        }
        PersonSaid { id, digests: SmallVec::new(), segments }
    }
}

impl Changes<'_> {
    fn say(
        &mut self,
        router: &Router,
        output: u16,
        subject: IdentifierHash,
        key: RecordKey,
        value: StatedValue,
        diff: Diff,
    ) {
        let statement = OutputStatement { output: Some(output), key, value };
        self.out.push(((router.subject(output, subject), statement), self.tick, diff));
    }
}
