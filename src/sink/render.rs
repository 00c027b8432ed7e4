//! People as they are published: a profile for each output, the segments that they are in.

use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use smallvec::SmallVec;

use super::json::{write_text, write_value};
use super::message::{Digest, Message, Router, Value};
use crate::metrics::SharedCounts;
use crate::plan::{Output, Plan, Publish};
use crate::profile::{Member, PersonState};
use crate::row::IdentifierHash;
use crate::segment::{Evaluated, value_or_null};
use crate::state::batch::{Batch, Prefetch, apply_prefetched};
use crate::state::held::Holds;
use crate::state::slots::{Slot, Slots};

/// Somebody in a row of the columns.
type Row<'a> = (usize, &'a (Slot, PersonState));

/// One worker's share of the people, as published.
pub struct Renderer {
    plan: Arc<Plan>,
    router: Router,
    names: Names,
    /// Indexes of the outputs of profiles and of segments.
    profiles: Vec<u16>,
    segments: Vec<u16>,
    /// Indexes of the segments, by name.
    segments_by_name: Vec<usize>,
    people: Slots<Published>,
    /// Bytes that a profile mostly takes.
    room: usize,
    counts: SharedCounts,
}

/// Names as JSON: each is written for everybody.
struct Names {
    identifiers: Vec<String>,
    attributes: Vec<String>,
    segments: Vec<String>,
}

impl Names {
    fn new(plan: &Plan) -> Self {
        let quoted = |name: &String| {
            let mut json = String::new();
            write_text(name, &mut json);
            json
        };
        Names {
            identifiers: plan.identifiers.iter().map(|of| quoted(&of.name)).collect(),
            attributes: plan.attributes.iter().map(|of| quoted(&of.name)).collect(),
            segments: plan.segments.iter().map(|of| quoted(&of.name)).collect(),
        }
    }
}

impl Holds for Renderer {
    /// People, as they were last told.
    fn held(&self) -> usize {
        self.people.len()
    }
}

struct Published {
    id: IdentifierHash,
    /// By output of profiles; `None` where the person is not in it.
    digests: SmallVec<[Option<Digest>; 2]>,
    segments: Bits,
}

/// Bytes of `at`, which is added to a profile when it is published.
const AT: usize = 48;

/// Which segments a person is in, by 64.
type Bits = SmallVec<[u64; 1]>;

impl Renderer {
    pub fn new(plan: Arc<Plan>, local: u64, counts: SharedCounts) -> Self {
        let of = |publish: Publish| {
            let outputs = plan.outputs.iter().enumerate();
            outputs
                .filter(|(_, output)| output.publish == publish)
                .map(|(index, _)| index as u16)
                .collect()
        };
        let mut segments_by_name: Vec<usize> = (0..plan.segments.len()).collect();
        segments_by_name.sort_by_key(|index| &plan.segments[*index].name);
        Renderer {
            router: Router::new(&plan, local),
            names: Names::new(&plan),
            profiles: of(Publish::Profiles),
            segments: of(Publish::Segments),
            segments_by_name,
            people: Slots::default(),
            room: 512,
            counts,
            plan,
        }
    }

    pub fn render(&mut self, evaluated: &Evaluated, messages: &mut Batch<Message>) {
        let Evaluated { people, columns, gone } = evaluated;
        for slot in gone {
            if let Some(before) = self.people.remove(*slot) {
                self.tell(Some(before), None, messages);
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
                let output = &plan.outputs[*output as usize];
                let members = output.condition.as_ref().map(|condition| {
                    value_or_null(condition, columns, &self.counts).as_boolean().clone()
                });
                (output, members)
            })
            .collect();
        let (mut profiles, mut bytes) = (0, 0);
        let rows: Batch<_> = people.iter().enumerate().collect();
        let prefetches: [Prefetch<Self, Row>; 2] = [
            |renderer, (_, (slot, state))| {
                renderer.people.prefetch(*slot)
                    + state.identifiers.first().map_or(0, |member| usize::from(member.kind))
            },
            |_, (_, (_, state))| state.identifiers.iter().map(|member| member.text.len()).sum(),
        ];
        apply_prefetched(rows, self, &prefetches, |renderer, (row, (slot, state))| {
            let mut bits: Bits = SmallVec::from_elem(0, plan.segments.len().div_ceil(64));
            for (index, segment) in segments.iter().enumerate() {
                if segment.is_valid(row) && segment.value(row) {
                    bits[index / 64] |= 1 << (index % 64);
                }
            }
            let mut values: SmallVec<[Option<Value>; 2]> = SmallVec::new();
            for (output, members) in &outputs {
                let is_in = members
                    .as_ref()
                    .is_none_or(|members| members.is_valid(row) && members.value(row));
                values.push(is_in.then(|| {
                    let json = renderer.profile(output, state, columns, row, &bits);
                    (profiles, bytes) = (profiles + 1, bytes + json.len());
                    Value::new(json)
                }));
            }
            let published = Published {
                id: state.id,
                digests: values.iter().map(|value| value.as_ref().map(|v| v.digest)).collect(),
                segments: bits,
            };
            let before = renderer.people.insert(*slot, published);
            let published = renderer.people.get(*slot).expect("inserted just now");
            renderer.tell(before, Some((published, values)), messages);
        });
        if let Some(bytes) = bytes.checked_div(profiles) {
            self.room = bytes * 5 / 4 + AT;
        }
    }

    /// Says what a person's keys were and are, where that differs.
    fn tell(
        &self,
        before: Option<Published>,
        after: Option<(&Published, SmallVec<[Option<Value>; 2]>)>,
        messages: &mut Batch<Message>,
    ) {
        let id_before = before.as_ref().map(|before| before.id);
        let id_after = after.as_ref().map(|(after, _)| after.id);
        let none = Bits::new();
        let bits_before = before.as_ref().map_or(&none, |before| &before.segments);
        let bits_after = after.as_ref().map_or(&none, |(after, _)| &after.segments);
        self.tell_segments(id_before, bits_before, id_after, bits_after, messages);
        let mut values = after.map(|(_, values)| values.into_iter());
        for (index, output) in self.profiles.iter().enumerate() {
            let digest = before.as_ref().and_then(|before| before.digests[index]);
            let value = values.as_mut().and_then(|values| values.next().expect("one an output"));
            let message = |person: IdentifierHash, before, after| Message::Profile {
                route: self.router.route(*output, person.0),
                output: *output,
                person,
                before,
                after,
            };
            if id_before == id_after {
                let Some(id) = id_after else { continue };
                if digest != value.as_ref().map(|value| value.digest) {
                    messages.push(message(id, digest, value));
                }
                continue;
            }
            if let Some(id) = id_before
                && digest.is_some()
            {
                messages.push(message(id, digest, None));
            }
            if let Some(id) = id_after
                && value.is_some()
            {
                messages.push(message(id, None, value));
            }
        }
    }

    fn tell_segments(
        &self,
        id_before: Option<IdentifierHash>,
        bits_before: &Bits,
        id_after: Option<IdentifierHash>,
        bits_after: &Bits,
        messages: &mut Batch<Message>,
    ) {
        let is_in = |bits: &Bits, segment: usize| {
            bits.get(segment / 64).is_some_and(|word| word >> (segment % 64) & 1 == 1)
        };
        for segment in 0..self.plan.segments.len() {
            let (before, after) = (is_in(bits_before, segment), is_in(bits_after, segment));
            if !before && !after {
                continue;
            }
            self.counts.borrow_mut().segments[segment] += after as i64 - before as i64;
            let mut message = |output: u16, person: IdentifierHash, before, after| {
                messages.push(Message::Segment {
                    route: self.router.route(output, person.0),
                    output,
                    segment: segment as u16,
                    person,
                    before,
                    after,
                })
            };
            for output in &self.segments {
                match (id_before, id_after) {
                    (Some(one), Some(other)) if one == other => {
                        if before != after {
                            message(*output, one, before, after);
                        }
                    }
                    _ => {
                        id_before
                            .filter(|_| before)
                            .inspect(|id| message(*output, *id, true, false));
                        id_after.filter(|_| after).inspect(|id| message(*output, *id, false, true));
                    }
                }
            }
        }
    }

    /// A profile's JSON less `at` and the closing brace.
    fn profile(
        &self,
        output: &Output,
        state: &PersonState,
        columns: &RecordBatch,
        row: usize,
        segments: &Bits,
    ) -> String {
        let mut json = String::with_capacity(self.room);
        json.push_str("{\"person\":\"");
        state.id.write_person_id(&mut json);
        json.push_str("\",\"identifiers\":{");
        let mut kind = None;
        for Member { kind: of, text, .. } in state.identifiers.iter() {
            if kind != Some(*of) {
                json.push_str(if kind.is_some() { "]," } else { "" });
                json.push_str(&self.names.identifiers[usize::from(*of)]);
                json.push_str(":[");
                kind = Some(*of);
            } else {
                json.push(',');
            }
            write_text(text, &mut json);
        }
        json.push_str("]},\"attributes\":{");
        for (place, index) in output.attributes.iter().enumerate() {
            json.push_str(if place > 0 { "," } else { "" });
            json.push_str(&self.names.attributes[*index]);
            json.push(':');
            let column = self.plan.attributes[*index].column;
            write_value(columns.column(column), row, &mut json);
        }
        json.push_str("},\"segments\":[");
        let mut first = true;
        for index in &self.segments_by_name {
            if segments[index / 64] >> (index % 64) & 1 == 1 {
                json.push_str(if first { "" } else { "," });
                json.push_str(&self.names.segments[*index]);
                first = false;
            }
        }
        json.push(']');
        json
    }
}
