//! PublishedPeople as outputs have them: a profile for each output that they are in, the segments that they are in.
//!
//! The profiles that were said last are not kept, but their digests; see [`update`](super::update). Only a
//! profile with another digest is copied out of the room in which it was put together.

use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use smallvec::SmallVec;

use super::pack::pack_value;
use super::profile::Packer;
use super::record::{self, RecordKey, RecordValue};
use super::update::{Digest, OutputStatement, Router, StatedValue, StatementChange};
use crate::flow::Diff;
use crate::metrics::SharedCounts;
use crate::plan::{Output, Plan, Publish};
use crate::profile::{Member, PersonState};
use crate::row::IdentifierHash;
use crate::segment::{Evaluated, value_or_null};
use crate::state::batch::{Batch, Prefetch, apply_prefetched};
use crate::state::held::Holds;
use crate::state::slots::{Slot, Slots};
use crate::time::Tick;

/// Somebody in a row of the columns.
type ColumnRow<'a> = (usize, &'a (Slot, PersonState));

/// One worker's share of the people, as outputs have them.
pub struct PublishedPeople {
    plan: Arc<Plan>,
    router: Router,
    /// Indexes of the outputs of profiles and of segments.
    profiles: Vec<u16>,
    segments: Vec<u16>,
    /// Indexes of the segments, by name.
    segments_by_name: Vec<usize>,
    people: Slots<LastSaid>,
    packer: Packer,
    counts: SharedCounts,
}

impl Holds for PublishedPeople {
    /// PublishedPeople, as they were last told.
    fn held(&self) -> usize {
        self.people.len()
    }
}

/// What was said of a person.
#[derive(Clone)]
struct LastSaid {
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
            people: Slots::default(),
            packer: Packer::default(),
            counts,
            plan,
        }
    }

    pub fn apply(&mut self, tick: Tick, evaluated: &Evaluated, out: &mut Batch<StatementChange>) {
        let Evaluated { people, columns, gone } = evaluated;
        let mut changes = Changes { tick, out };
        for slot in gone {
            if let Some(before) = self.people.remove(*slot) {
                for index in 0..self.profiles.len() {
                    self.say_profile(index, Some(&before), None, &mut changes);
                }
                self.say_segments(Some(&before), None, &mut changes);
            }
        }
        let plan = Arc::clone(&self.plan);
        let segments: Vec<&BooleanArray> = plan
            .segments
            .iter()
            .map(|segment| columns.column(segment.column).as_boolean())
            .collect();
        let outputs: Vec<(&Output, Option<BooleanArray>)> = self
            .profiles
            .iter()
            .map(|output| {
                let output = &plan.outputs[usize::from(*output)];
                let members = output.condition.as_ref().map(|condition| {
                    value_or_null(condition, columns, &self.counts).as_boolean().clone()
                });
                (output, members)
            })
            .collect();
        let rows: Batch<_> = people.iter().enumerate().collect();
        let prefetches: [Prefetch<Self, ColumnRow>; 2] = [
            |all, (_, (slot, state))| {
                all.people.prefetch(*slot)
                    + state.identifiers.first().map_or(0, |member| usize::from(member.kind))
            },
            |_, (_, (_, state))| state.identifiers.iter().map(|member| member.text.len()).sum(),
        ];
        apply_prefetched(rows, self, &prefetches, |all, (row, (slot, state))| {
            let mut bits: Bits = SmallVec::from_elem(0, plan.segments.len().div_ceil(64));
            for (index, segment) in segments.iter().enumerate() {
                if segment.is_valid(row) && segment.value(row) {
                    bits[index / 64] |= 1 << (index % 64);
                }
            }
            let before = all.people.get(*slot).cloned();
            let mut now = LastSaid { id: state.id, digests: SmallVec::new(), segments: bits };
            for (index, (output, members)) in outputs.iter().enumerate() {
                let is_in = members
                    .as_ref()
                    .is_none_or(|members| members.is_valid(row) && members.value(row));
                let digest = is_in.then(|| {
                    all.pack(output, state, columns, row, &now.segments);
                    Digest::of(all.packer.bytes())
                });
                now.digests.push(digest);
                all.say_profile(index, before.as_ref(), Some(&now), &mut changes);
            }
            all.say_segments(before.as_ref(), Some(&now), &mut changes);
            all.people.insert(*slot, now);
        });
    }

    /// RecordBody how a person's profile in an output differs; what holds now has just been put together.
    fn say_profile(
        &self,
        index: usize,
        before: Option<&LastSaid>,
        now: Option<&LastSaid>,
        changes: &mut Changes,
    ) {
        let of =
            |said: Option<&LastSaid>| said.and_then(|said| Some((said.id, said.digests[index]?)));
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
        before: Option<&LastSaid>,
        now: Option<&LastSaid>,
        changes: &mut Changes,
    ) {
        let of = |said: Option<&LastSaid>, segment: usize| {
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

    /// Puts a profile together.
    fn pack(
        &mut self,
        output: &Output,
        state: &PersonState,
        columns: &RecordBatch,
        row: usize,
        segments: &Bits,
    ) {
        let packer = &mut self.packer;
        packer.clear();
        packer.length(state.identifiers.len());
        for Member { kind, text, .. } in state.identifiers.iter() {
            packer.name(u16::from(*kind));
            packer.text(text);
        }
        packer.length(output.attributes.len());
        for attribute in &output.attributes {
            packer.name(*attribute as u16);
            pack_value(columns.column(self.plan.attributes[*attribute].column), row, packer);
        }
        packer.length(segments.iter().map(|word| word.count_ones() as usize).sum());
        for segment in &self.segments_by_name {
            if segments[segment / 64] >> (segment % 64) & 1 == 1 {
                packer.name(*segment as u16);
            }
        }
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
