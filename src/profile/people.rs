//! People: what their identifiers bring, put together, and the id they go by.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};

use super::contribution::{Contribution, Member};
use super::extremes;
use super::gathered::Gathered;
use super::led_list::LedList;
use super::packed::pack;
use super::place::{LanePlace, argument};
use super::rest::Rest;
use super::sums::{Layout, Words};
use super::word::of_word;
use crate::aggregate::NoRoom;
use crate::flow::{Diff, Emit, Keep, Keyed, Packed, consolidate};
use crate::identity::Component;
use crate::metrics::SharedCounts;
use crate::plan::{Aggregate, Plan};
use crate::row::{Datum, IdentifierHash};
use crate::time::Micros;

/// Whose an identifier is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Belonging {
    pub identifier: IdentifierHash,
    pub kind: u8,
    pub text: ArcStr,
    pub person: IdentifierHash,
}

/// What this operator knows: people by id, each with a row for `PersonRow`, and whom identifiers belong to.
#[derive(Clone, Debug)]
pub enum Known {
    Person(IdentifierHash, Packed),
    Belonging(Belonging),
}

/// A person while its component is there. What was last emitted of it is not kept: it follows from the rest.
#[derive(Default)]
pub struct Person {
    /// In their order: by type, then text.
    members: Box<[Member]>,
    sums: Words,
    /// The values of aggregates that are extremes of words.
    led: LedList,
    /// `None` while there is nothing of it, as with most people.
    rest: Option<Box<Rest>>,
}

/// How people are put together.
pub struct People {
    plan: Arc<Plan>,
    layout: Arc<Layout>,
    counts: SharedCounts,
    /// What a tick brings to the person at hand, in no order: only its outcome can be taken in.
    members: Vec<(Member, Diff)>,
    values: Vec<((u16, Micros, Datum), Diff)>,
    /// Whether something of the person at hand is taken back: only then can anything come to nothing.
    takes_back: bool,
    /// The room in which rows are put together.
    room: Cell<Vec<u8>>,
}

impl People {
    pub fn new(plan: Arc<Plan>, layout: Arc<Layout>, counts: SharedCounts) -> Self {
        let (members, values, room) = (Vec::new(), Vec::new(), Cell::default());
        People { plan, layout, counts, members, values, takes_back: false, room }
    }

    /// Takes in who came and who went, and emits whose they are no longer, if that was told. Returns who came.
    fn change_members(
        &mut self,
        person: &mut Person,
        before: Option<IdentifierHash>,
        out: &mut Emit<Known>,
    ) -> Vec<Member> {
        // An identifier that was only seen earlier than was known is in it both as it was and as it is.
        consolidate(&mut self.members);
        let (came, went): (Vec<_>, Vec<_>) =
            self.members.drain(..).partition(|(_, diff)| *diff > 0);
        if came.is_empty() && went.is_empty() {
            return Vec::new();
        }
        if let Some(before) = before {
            let gone = went.iter().map(|(member, _)| belonging(member, before));
            gone.for_each(|gone| out.push(Known::Belonging(gone), -1));
        }
        let mut counts = self.counts.borrow_mut();
        counts.identifiers += came.len() as i64 - went.len() as i64;
        let stayed = person.members.iter();
        let stayed =
            stayed.filter(|member| went.binary_search_by(|(gone, _)| gone.cmp(member)).is_err());
        let mut members: Vec<Member> = stayed.cloned().collect();
        let came: Vec<Member> = came.into_iter().map(|(member, _)| member).collect();
        members.extend(came.iter().cloned());
        // Two runs, each sorted: that is one walk over them.
        members.sort();
        person.members = members.into();
        came
    }

    /// Adds a summand, and the extremes that come or go with it.
    fn add(&self, person: &mut Person, sums: &Words, diff: Diff) {
        if sums.is_empty() {
            return;
        }
        let (blocks, extremes) = self.layout.parts(sums);
        self.layout.merge(&mut person.sums, blocks, diff);
        for (led, times) in extremes::each(extremes) {
            person.led.count(led, times as i64 * diff as i64);
        }
    }

    fn take_in_values(&mut self, person: &mut Person) {
        consolidate(&mut self.values);
        for ((number, time, value), diff) in self.values.drain(..) {
            let aggregate = &self.plan.aggregates[usize::from(number)];
            let gathered = &mut person.rest.get_or_insert_default().gathered;
            let kept = self.layout.kept(number);
            let of = gathered.get_or_insert_with(number, || Gathered::new(aggregate, kept));
            of.add(aggregate, kept, time, &value, diff as i64);
            if of.is_empty() {
                gathered.remove(&number);
            }
        }
    }

    /// One value an aggregate, null where it has no room, and the identifiers.
    fn row(&self, person: &Person, mut has_no_room: impl FnMut(&Aggregate)) -> Packed {
        let value_or_null = |(number, aggregate): (usize, &Aggregate)| {
            self.value(person, number as u16, aggregate).unwrap_or_else(|NoRoom| {
                has_no_room(aggregate);
                None
            })
        };
        let aggregates = self.plan.aggregates.iter().enumerate().map(value_or_null);
        let identifiers = person.members.iter().map(|member| (member.kind, &*member.text));
        let mut bytes = self.room.take();
        bytes.clear();
        pack(aggregates, identifiers, &mut bytes);
        let row = Packed::from(&bytes[..]);
        self.room.set(bytes);
        row
    }

    fn count_no_room(&self, aggregate: &Aggregate) {
        let function = aggregate.function;
        tracing::debug!("{function:?} of a person has no room in {}", aggregate.output);
        self.counts.borrow_mut().failed_expressions += 1;
    }

    fn value(
        &self,
        person: &Person,
        number: u16,
        aggregate: &Aggregate,
    ) -> Result<Option<Datum>, NoRoom> {
        let kept = self.layout.kept(number);
        let place = self.layout.place(number);
        let rest = person.rest.as_deref();
        if let LanePlace::Extreme { of, .. } | LanePlace::Ordered { of, .. } = place {
            let led = person.led.leading(number, of);
            return Ok(led.map(|led| of_word(argument(aggregate), led.word)));
        }
        if self.leads(number) {
            return Ok(rest.and_then(|rest| rest.leading(number, kept)));
        }
        let partial = match place {
            LanePlace::Count { .. } | LanePlace::Sum { .. } | LanePlace::Truths { .. } => {
                self.layout.partial(place, &person.sums).map(Cow::Owned)
            }
            LanePlace::Extreme { .. } | LanePlace::Ordered { .. } | LanePlace::Apart => {
                if let Some(gathered) = rest.and_then(|rest| rest.gathered.get(&number)) {
                    return gathered.value(aggregate, kept);
                }
                rest.and_then(|rest| rest.partials.get(&number).map(Cow::Borrowed))
            }
        };
        match partial {
            Some(partial) => kept.value(&partial, aggregate.types()),
            None => Ok(kept.of_nothing()),
        }
    }

    /// Whether the person's value is the leading one of those that identifiers bring.
    fn leads(&self, number: u16) -> bool {
        self.layout.kept(number).leads()
            && self.plan.aggregates[usize::from(number)].sessions.is_none()
    }
}

impl Keyed for People {
    type Key = Component;
    type Value = Contribution;
    type State = Person;
    /// The id and the row that were told of a person, if they were there.
    type Face = Option<(IdentifierHash, Packed)>;
    type Output = Known;

    fn route(key: &Component) -> u64 {
        key.route()
    }

    /// The list of identifiers without their texts, sums, and what there is of other aggregates.
    fn held(person: &Person) -> usize {
        let Person { members, sums, led, rest } = person;
        let rest = rest.as_ref().map_or(0, |_| size_of::<Rest>());
        size_of_val(&members[..]) + size_of_val(&sums[..]) + led.held() + rest
    }

    fn prefetch(person: &Person) -> usize {
        let word = person.sums.first().map_or(0, |word| *word as usize);
        let texts = person.members.iter().take(4).map(|member| member.text.len());
        word + person.led.prefetch() + texts.sum::<usize>()
    }

    fn prefetch_value(contribution: &Contribution) -> usize {
        match contribution {
            Contribution::Member(member) => member.0.kind.into(),
            Contribution::Sums(words) => words.len(),
            Contribution::Partial { .. } | Contribution::Value { .. } => 0,
        }
    }

    fn face(&self, _: &Component, person: &Person) -> Self::Face {
        // What has no room was counted when it came to be so.
        (!person.members.is_empty()).then(|| (person.name(), self.row(person, |_| {})))
    }

    fn apply(
        &mut self,
        _: &Component,
        person: &mut Person,
        contribution: &mut Contribution,
        diff: Diff,
    ) {
        self.takes_back |= diff < 0;
        // What it holds is given back at once, while it is in the processor's caches.
        match std::mem::replace(contribution, Contribution::Sums(Words::new())) {
            Contribution::Member(member) => {
                let (member, sums) = *member;
                self.members.push((member, diff));
                self.add(person, &sums, diff);
            }
            Contribution::Sums(sums) => self.add(person, &sums, diff),
            Contribution::Partial { aggregate: number, partial } => {
                let partials = &mut person.rest.get_or_insert_default().partials;
                let kept = self.layout.kept(number);
                let nothing = || kept.at_person(partial.nothing());
                let sum = partials.get_or_insert_with(number, nothing);
                sum.merge(&partial, diff as i64);
                self.takes_back |= sum.is_nothing();
            }
            Contribution::Value { aggregate, time, value } => {
                let value = (aggregate, time, value);
                if self.leads(aggregate) {
                    person.rest.get_or_insert_default().leading.count(value, diff as i64);
                } else {
                    self.values.push((value, diff));
                }
            }
        }
    }

    fn flush(
        &mut self,
        _: &Component,
        person: &mut Person,
        before: Self::Face,
        out: &mut Emit<Known>,
    ) -> Keep {
        let id_before = before.as_ref().map(|(id, _)| *id);
        let members_changed = !self.members.is_empty();
        let came = self.change_members(person, id_before, out);
        self.take_in_values(person);
        if std::mem::take(&mut self.takes_back) {
            self.layout.prune_summed(&mut person.sums);
            person.rest.take_if(|rest| rest.prune());
        }
        if person.members.is_empty() {
            assert!(person.brings_nothing(), "whoever left took all along");
            self.counts.borrow_mut().people -= i64::from(before.is_some());
            if let Some((id, row)) = before {
                out.push(Known::Person(id, row), -1);
            }
            return Keep::No;
        }
        self.counts.borrow_mut().people += i64::from(before.is_none());
        let id = match id_before {
            Some(id) if !members_changed => id,
            _ => person.name(),
        };
        match id_before {
            Some(id_before) if id_before != id => {
                for member in person.members.iter() {
                    if came.binary_search(member).is_err() {
                        out.push(Known::Belonging(belonging(member, id_before)), -1);
                    }
                    out.push(Known::Belonging(belonging(member, id)), 1);
                }
            }
            _ => {
                came.iter().for_each(|member| out.push(Known::Belonging(belonging(member, id)), 1))
            }
        }
        let now = (id, self.row(person, |aggregate| self.count_no_room(aggregate)));
        if before.as_ref() != Some(&now) {
            before.into_iter().for_each(|(id, row)| out.push(Known::Person(id, row), -1));
            out.push(Known::Person(now.0, now.1), 1);
        }
        Keep::Yes
    }
}

fn belonging(member: &Member, person: IdentifierHash) -> Belonging {
    let Member { kind, text, hash, .. } = member;
    Belonging { identifier: *hash, kind: *kind, text: ArcStr::clone(text), person }
}

impl Person {
    /// The most trusted type it has, of that the one first seen, of those the least text.
    fn name(&self) -> IdentifierHash {
        fn order(member: &Member) -> (u8, Micros, &str) {
            (member.kind, member.first_seen, &member.text)
        }
        let first = self.members.iter().min_by(|one, other| order(one).cmp(&order(other)));
        first.expect("a person has an identifier").hash
    }

    fn brings_nothing(&self) -> bool {
        self.sums.is_empty() && self.led.is_empty() && self.rest.is_none()
    }
}
