//! People: what their identifiers bring, put together, and the id they go by.

use std::sync::Arc;

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};

use super::contribution::{Contribution, Member};
use super::gathered::Gathered;
use super::packed::pack;
use super::place::LanePlace;
use super::sums::{Layout, Words};
use crate::aggregate::kept::partial::Partial;
use crate::aggregate::{End, Extreme, Kept, NoRoom};
use crate::flow::{Diff, Emit, Keep, Keyed, Packed, consolidate};
use crate::identity::Component;
use crate::metrics::SharedCounts;
use crate::plan::{Aggregate, Plan};
use crate::row::{Datum, IdentifierHash};
use crate::state::few::FewMap;
use crate::state::slots::{FreeSlots, Slot};
use crate::state::table::Table;
use crate::time::Micros;

/// What is known of a person: a row of attributes before they are derived.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PersonState {
    pub id: IdentifierHash,
    /// In their order: by type, then text.
    pub identifiers: Arc<[Member]>,
    /// One value an aggregate, in the plan's order; `None` is null.
    pub aggregates: Arc<[Option<Datum>]>,
}

impl PersonState {
    pub fn pack(&self) -> Packed {
        let mut bytes = Vec::with_capacity(128);
        let identifiers = self.identifiers.iter().map(|member| (member.kind, &*member.text));
        pack(self.aggregates.iter().cloned(), identifiers, &mut bytes);
        Packed::from(&bytes[..])
    }
}

/// Whose an identifier is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Belonging {
    pub identifier: IdentifierHash,
    pub kind: u8,
    pub text: ArcStr,
    pub person: IdentifierHash,
}

/// What this operator knows: people, each in a slot of this worker, and whom identifiers belong to.
#[derive(Clone, Debug)]
pub enum Known {
    Person(Slot, PersonState),
    Belonging(Belonging),
}

/// A person while its component is there.
#[derive(Default)]
pub struct Person {
    /// As last emitted.
    emitted: Option<(Slot, PersonState)>,
    /// Sorted.
    members: Arc<[Member]>,
    sums: Words,
    /// For each aggregate that is an extreme, what the identifiers bring, in order: each value as often as
    /// it is brought.
    leading: FewMap<(u16, Micros, Datum), u32>,
    /// `None` while there is nothing of it, as with most people.
    rest: Option<Box<Rest>>,
}

/// What only some definitions ask for.
#[derive(Default)]
struct Rest {
    /// By aggregate: sums that are not of words.
    partials: FewMap<u16, Partial>,
    /// By aggregate: those that have to know all values.
    gathered: FewMap<u16, Gathered>,
}

/// How people are put together.
pub struct People {
    plan: Arc<Plan>,
    layout: Arc<Layout>,
    free_slots: FreeSlots,
    counts: SharedCounts,
    /// What a tick brings to the person at hand, in no order: only its outcome can be taken in.
    members: Vec<(Member, Diff)>,
    values: Vec<((u16, Micros, Datum), Diff)>,
}

impl People {
    pub fn new(plan: Arc<Plan>, layout: Arc<Layout>, counts: SharedCounts) -> Self {
        let (members, values) = (Vec::new(), Vec::new());
        People { plan, layout, free_slots: FreeSlots::default(), counts, members, values }
    }

    /// Takes in who came and who went, and emits whose they are no longer. Returns who came.
    fn change_members(&mut self, person: &mut Person, out: &mut Emit<Known>) -> Vec<Member> {
        let before = person.id();
        // Of one that was only seen earlier than was known, both are in it.
        consolidate(&mut self.members);
        let (came, went): (Vec<_>, Vec<_>) =
            self.members.drain(..).partition(|(_, diff)| *diff > 0);
        if came.is_empty() && went.is_empty() {
            return Vec::new();
        }
        for (member, _) in &went {
            out.push(Known::Belonging(belonging(member, before.expect("somebody was there"))), -1);
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

    /// One value an aggregate, in the plan's order; `None` is null. What has no room is null, and counted.
    fn aggregates(&self, person: &Person) -> Arc<[Option<Datum>]> {
        let value_or_null = |(number, aggregate): (usize, &Aggregate)| {
            self.value(person, number as u16, aggregate).unwrap_or_else(|NoRoom| {
                let function = aggregate.function;
                tracing::debug!("{function:?} of a person has no room in {}", aggregate.output);
                self.counts.borrow_mut().failed_expressions += 1;
                None
            })
        };
        self.plan.aggregates.iter().enumerate().map(value_or_null).collect()
    }

    fn value(
        &self,
        person: &Person,
        number: u16,
        aggregate: &Aggregate,
    ) -> Result<Option<Datum>, NoRoom> {
        let kept = self.layout.kept(number);
        if self.leads(number) {
            return Ok(person.leading(number, kept));
        }
        let place = self.layout.place(number);
        let rest = person.rest.as_deref();
        let partial = match place {
            LanePlace::Count { .. } | LanePlace::Sum { .. } | LanePlace::Truths { .. } => {
                self.layout.partial(place, &person.sums)
            }
            LanePlace::Extreme { .. } | LanePlace::Apart => {
                if let Some(gathered) = rest.and_then(|rest| rest.gathered.get(&number)) {
                    return gathered.value(aggregate, kept);
                }
                rest.and_then(|rest| rest.partials.get(&number).cloned())
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
    type Face = ();
    type Output = Known;

    fn route(key: &Component) -> u64 {
        key.route()
    }

    fn prefetch(person: &Person) -> usize {
        let word = person.sums.first().map_or(0, |word| *word as usize);
        word + person.members.first().map_or(0, |member| usize::from(member.kind))
    }

    fn face(&self, _: &Component, _: &Person) {}

    fn apply(
        &mut self,
        _: &Component,
        person: &mut Person,
        contribution: &Contribution,
        diff: Diff,
    ) {
        match contribution {
            Contribution::Member(member) => self.members.push(((**member).clone(), diff)),
            Contribution::Sums(words) => self.layout.merge(&mut person.sums, words, diff),
            Contribution::Partial { aggregate: number, partial } => {
                let partials = &mut person.rest.get_or_insert_default().partials;
                let sum = partials.get_or_insert_with(*number, || partial.nothing());
                sum.merge(partial, diff as i64);
            }
            Contribution::Value { aggregate, time, value } => {
                let value = (*aggregate, *time, value.clone());
                if self.leads(*aggregate) {
                    person.leading.count(value, diff as i64);
                } else {
                    self.values.push((value, diff));
                }
            }
        }
    }

    fn flush(&mut self, _: &Component, person: &mut Person, (): (), out: &mut Emit<Known>) -> Keep {
        let members_changed = !self.members.is_empty();
        let came = self.change_members(person, out);
        self.take_in_values(person);
        self.layout.prune_summed(&mut person.sums);
        person.rest.take_if(|rest| rest.prune());
        if person.members.is_empty() {
            debug_assert!(person.brings_nothing(), "whoever left took all along");
            if let Some((slot, state)) = person.emitted.take() {
                self.counts.borrow_mut().people -= 1;
                self.free_slots.leave(slot);
                out.push(Known::Person(slot, state), -1);
            }
            return Keep::No;
        }
        let before = person.id();
        let id = match before {
            Some(id) if !members_changed => id,
            _ => person.name(),
        };
        if before != Some(id) {
            for member in person.members.iter() {
                if came.binary_search(member).is_err() {
                    out.push(Known::Belonging(belonging(member, before.expect("it stayed"))), -1);
                }
                out.push(Known::Belonging(belonging(member, id)), 1);
            }
        } else {
            came.iter().for_each(|member| out.push(Known::Belonging(belonging(member, id)), 1));
        }
        let identifiers = Arc::clone(&person.members);
        let state = PersonState { id, identifiers, aggregates: self.aggregates(person) };
        let slot = match &person.emitted {
            Some((_, emitted)) if *emitted == state => return Keep::Yes,
            Some((slot, _)) => *slot,
            None => {
                self.counts.borrow_mut().people += 1;
                self.free_slots.take()
            }
        };
        if let Some((slot, emitted)) = person.emitted.replace((slot, state.clone())) {
            out.push(Known::Person(slot, emitted), -1);
        }
        out.push(Known::Person(slot, state), 1);
        Keep::Yes
    }

    fn end_tick(&mut self, _: &Table<Component, Person>) {
        self.free_slots.end_tick();
    }
}

fn belonging(member: &Member, person: IdentifierHash) -> Belonging {
    let Member { kind, text, hash, .. } = member;
    Belonging { identifier: *hash, kind: *kind, text: ArcStr::clone(text), person }
}

impl Rest {
    /// Leaves out what comes to nothing; whether nothing is left.
    fn prune(&mut self) -> bool {
        self.partials.retain(|_, partial| !partial.is_nothing());
        self.partials.is_empty() && self.gathered.is_empty()
    }
}

impl Person {
    fn id(&self) -> Option<IdentifierHash> {
        self.emitted.as_ref().map(|(_, state)| state.id)
    }

    /// The most trusted type it has, of that the one first seen, of those the least text.
    fn name(&self) -> IdentifierHash {
        let order = |member: &&Member| (member.kind, member.first_seen, member.text.clone());
        self.members.iter().min_by_key(order).expect("a person has an identifier").hash
    }

    /// What leads of what identifiers bring to an aggregate; `None` is null.
    fn leading(&self, number: u16, kept: &Kept) -> Option<Datum> {
        /// Less than any value that a row brings, or as little.
        const LEAST: Datum = Datum::Boolean(false);
        let mut below = self.leading.below(&(number + 1, Micros::MIN, LEAST));
        let mut newest = below.by_ref().take_while(|((of, _, _), _)| *of == number);
        match kept {
            Kept::Extreme(Extreme { end: End::Least, .. }) => {
                let mut from = self.leading.from(&(number, Micros::MIN, LEAST));
                let least = from.next().filter(|((of, _, _), _)| *of == number);
                least.map(|((_, _, value), _)| value.clone())
            }
            Kept::Extreme(Extreme { end: End::Greatest, .. }) => {
                newest.next().map(|((_, _, value), _)| value.clone())
            }
            Kept::Newest(most) => {
                let each = newest
                    .flat_map(|((_, _, value), count)| (0..*count).map(move |_| value.clone()));
                let mut newest = each.take(usize::from(*most)).peekable();
                newest.peek().is_some().then(|| Datum::List(newest.collect()))
            }
            other => unreachable!("{other:?} have no leading value"),
        }
    }

    fn brings_nothing(&self) -> bool {
        self.sums.is_empty() && self.leading.is_empty() && self.rest.is_none()
    }
}
