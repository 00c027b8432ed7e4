//! What each identifier's own rows add up to, and which person that is brought to.
//!
//! A row is added up once, for the most trusted of the identifiers that it carries, so that when people merge only
//! what the smaller side holds per identifier moves, never its rows. Its other identifiers hear that it saw them. An
//! identifier is known while a row that stands carries it; when it was first seen is remembered for ever.
//!
//! Invariant: what has been emitted for a component comes to what its identifiers hold. So an identifier
//! that stays where it is emits what changed; one that moves takes back from the component it left what it
//! brought when the tick began, and brings the other one what it holds at its end. While stored rows are read back of
//! which outputs hold all, nothing is emitted ([`IdentifiersTold`]): what comes behind need not take in each of their steps.

use std::sync::Arc;

use super::aggregate::{AggregateState, Brought};
use super::changed::Changed;
use super::contribution::Contribution;
use super::extremes::{ExtremeChanges, Led, travelling};
use super::identifier_state::{Belongs, IdentifierState};
use super::input::{IdentifierInput, SavedIdentifier};
use super::ownership::Ownership;
use super::place::LanePlace;
use super::recent_texts::RecentTexts;
use super::sums::{Layout, Words};
use super::told::IdentifiersTold;
use super::word::to_word;
use crate::flow::{Diff, Emit, Keep, Keyed, consolidate};
use crate::identity::{Component, Sighting, seen};
use crate::plan::Plan;
use crate::row::{Carried, IdentifierHash, Input};
use crate::state::table::Table;
use crate::time::{Micros, Tick};

/// What the operator is called.
pub const IDENTIFIERS: &str = "Identifiers";

/// How the rows of identifiers are added up.
pub struct Identifiers {
    plan: Arc<Plan>,
    layout: Arc<Layout>,
    /// By aggregate.
    in_window: Vec<bool>,
    /// When identifiers that no row carries any more were first seen.
    pub(super) remembered: Table<IdentifierHash, Micros>,
    telling: IdentifiersTold,
    changed: Changed,
    texts: RecentTexts,
}

impl Identifiers {
    /// Before the tick `told_from` nothing is told.
    pub fn new(plan: Arc<Plan>, layout: Arc<Layout>, told_from: Tick) -> Self {
        let in_window = plan.aggregates.iter().map(|of| of.window.is_some()).collect();
        let (remembered, changed) = (Table::default(), Changed::default());
        let (telling, texts) = (IdentifiersTold::new(told_from), RecentTexts::default());
        Identifiers { plan, layout, in_window, remembered, telling, changed, texts }
    }

    fn sight(
        &mut self,
        identifier: &mut IdentifierState,
        of: Carried<'_>,
        seen: Micros,
        stands: bool,
        diff: Diff,
    ) {
        if identifier.text.is_none() {
            identifier.text = Some(of.text().into());
            identifier.kind = of.kind;
            if let Some(first_seen) = self.remembered.remove(&of.hash) {
                identifier.sighted.first_seen = first_seen;
            }
        }
        identifier.sighted.apply(seen, stands, diff);
    }

    fn add(&mut self, identifier: &mut IdentifierState, input: &Input, time: Micros, diff: Diff) {
        let Input { aggregate: number, value } = input;
        let aggregate = &self.plan.aggregates[usize::from(*number)];
        self.changed.takes_back |= diff < 0;
        match self.layout.place(*number) {
            LanePlace::Apart => {}
            place @ LanePlace::Extreme { .. } => {
                self.note_led(identifier, *number);
                return self.layout.lead(place, time, value, &mut identifier.sums);
            }
            LanePlace::Ordered { of, values_of } => {
                if values_of == *number {
                    let layout = Arc::clone(&self.layout);
                    layout.sharing(*number).iter().for_each(|of| self.note_led(identifier, *of));
                    let time = if of.by_time { time } else { 0 };
                    let led = Led { aggregate: *number, time, word: to_word(value) };
                    identifier.led.count(led, diff as i64);
                }
                return;
            }
            place => {
                return self.layout.add(place, value, diff, &mut self.changed.sums);
            }
        }
        let kept = self.layout.kept(*number);
        let aggregate_states = &mut identifier.aggregate_states;
        let index = aggregate_states.binary_search_by_key(number, |(number, _)| *number);
        let index = index.unwrap_or_else(|index| {
            // Most have no others.
            aggregate_states.reserve_exact(1);
            aggregate_states.insert(index, (*number, AggregateState::new(aggregate, kept)));
            index
        });
        let aggregate_state = &mut aggregate_states[index].1;
        if !self.telling.are_changes() {
            aggregate_state.add(aggregate, kept, &self.texts.shared(value), time, diff as i64);
            return;
        }
        if let Some(sum) = aggregate_state.sum() {
            self.changed.add(*number, sum, value, diff);
        } else if kept.travels().is_none() {
            self.changed.note(*number, || aggregate_state.brings(kept));
        }
        let value = &self.texts.shared(value);
        let travels = aggregate_state.add(aggregate, kept, value, time, diff as i64);
        if travels != 0 {
            let time = if kept.travels_with_times() { time } else { 0 };
            self.changed.values.push(((*number, time, value.clone()), travels as Diff));
        }
    }

    /// What an identifier brings to an aggregate at present.
    fn brings(&self, identifier: &IdentifierState, number: u16) -> Brought {
        match identifier.aggregate_states.binary_search_by_key(&number, |(number, _)| *number) {
            Ok(index) => identifier.aggregate_states[index].1.brings(self.layout.kept(number)),
            Err(_) => Brought::new(),
        }
    }

    /// Notes what led in an aggregate, before the tick's first change of it.
    fn note_led(&mut self, identifier: &IdentifierState, number: u16) {
        if self.telling.are_changes() && !self.changed.led.iter().any(|(noted, _)| *noted == number)
        {
            self.changed.led.push((number, self.led(identifier, number)));
        }
    }

    /// What leads of an identifier in an aggregate that is an extreme of words.
    fn led(&self, identifier: &IdentifierState, aggregate: u16) -> Option<Led> {
        let place = self.layout.place(aggregate);
        if let LanePlace::Ordered { of, values_of } = place {
            let led = identifier.led.leading(values_of, of)?;
            return Some(Led { aggregate, ..led });
        }
        let (time, word) = self.layout.leading(place, &identifier.sums)?;
        Some(Led { aggregate, time, word })
    }

    /// Emits what follows of an identifier from a tick.
    fn emit(
        &self,
        key: &IdentifierHash,
        identifier: &IdentifierState,
        before: Option<Ownership>,
        after: Option<Ownership>,
        out: &mut Emit<(Component, Contribution)>,
    ) {
        match (before, after) {
            (Some(was), Some(is)) if was.component == is.component => {
                if was != is {
                    self.emit_member((key, identifier), was, Words::new(), -1, out);
                    self.emit_member((key, identifier), is, Words::new(), 1, out);
                }
                self.emit_changed(is.component, identifier, 1, out);
            }
            _ => {
                if let Some(was) = before {
                    // What it holds now, less what changed in the tick, is what it had brought.
                    self.emit_all(key, identifier, was, -1, out);
                    self.emit_changed(was.component, identifier, 1, out);
                }
                if let Some(is) = after {
                    self.emit_all(key, identifier, is, 1, out);
                }
            }
        }
    }

    /// Emits the identifier itself, with what it holds of sums, or takes that back.
    fn emit_member(
        &self,
        (key, identifier): (&IdentifierHash, &IdentifierState),
        whose: Ownership,
        sums: Words,
        diff: Diff,
        out: &mut Emit<(Component, Contribution)>,
    ) {
        let member = identifier.member(*key, whose.first_seen);
        out.push((whose.component, Contribution::Member(Box::new((member, sums)))), diff);
    }

    /// Emits an identifier and what it holds, or takes it back.
    fn emit_all(
        &self,
        key: &IdentifierHash,
        identifier: &IdentifierState,
        whose: Ownership,
        diff: Diff,
        out: &mut Emit<(Component, Contribution)>,
    ) {
        let component = whose.component;
        let led = self.layout.extremes().filter_map(|number| self.led(identifier, number));
        let led: ExtremeChanges = led.map(|led| (led, 1)).collect();
        let sums = travelling(&self.layout.summed(&identifier.sums), &led);
        self.emit_member((key, identifier), whose, sums, diff, out);
        for (number, aggregate_state) in &identifier.aggregate_states {
            let kept = self.layout.kept(*number);
            if kept.travels().is_some() {
                aggregate_state.travelled(kept, |time, value, count| {
                    let value = value.clone();
                    let value = Contribution::Value { aggregate: *number, time, value };
                    out.push((component, value), diff * count as Diff);
                });
            } else if let Some(sum) = aggregate_state.sum() {
                Contribution::push_sum(component, *number, sum, diff, out);
            } else {
                let brought = aggregate_state.brings(kept);
                Contribution::push_brought(component, *number, &brought, diff, out);
            }
        }
    }

    /// Emits what changed of an identifier in the tick, or takes that back.
    fn emit_changed(
        &self,
        component: Component,
        identifier: &IdentifierState,
        diff: Diff,
        out: &mut Emit<(Component, Contribution)>,
    ) {
        let Changed { sums, led, values, summed, brought, .. } = &self.changed;
        let mut moved = ExtremeChanges::new();
        for (number, before) in led {
            let after = self.led(identifier, *number);
            if *before != after {
                moved.extend(before.map(|before| (before, -1)));
                moved.extend(after.map(|after| (after, 1)));
            }
        }
        if !sums.is_empty() || !moved.is_empty() {
            out.push((component, Contribution::Sums(travelling(sums, &moved))), diff);
        }
        for ((aggregate, time, value), times) in values {
            let (aggregate, time, value) = (*aggregate, *time, value.clone());
            out.push((component, Contribution::Value { aggregate, time, value }), times * diff);
        }
        for (number, sum) in summed {
            Contribution::push_sum(component, *number, sum, diff, out);
        }
        for (number, before) in brought {
            let after = self.brings(identifier, *number);
            if *before != after {
                Contribution::push_brought(component, *number, before, -diff, out);
                Contribution::push_brought(component, *number, &after, diff, out);
            }
        }
    }
}

impl Keyed for Identifiers {
    type Key = IdentifierHash;
    type Value = IdentifierInput;
    type State = IdentifierState;
    type Face = Option<Ownership>;
    type Output = (Component, Contribution);

    fn route(key: &IdentifierHash) -> u64 {
        key.0 as u64
    }

    /// The text, which is shared with whoever has the identifier, sums, and what there is of other aggregates.
    fn held(of: &IdentifierState) -> usize {
        let text = of.text.as_ref().map_or(0, |text| text.len() + 2 * size_of::<usize>());
        text + size_of_val(&of.sums[..]) + of.led.held() + size_of_val(&of.aggregate_states[..])
    }

    fn prefetch(identifier: &IdentifierState) -> usize {
        let word = identifier.sums.first().map_or(0, |word| *word as usize);
        let led = identifier.led.prefetch();
        word + led
            + identifier.aggregate_states.first().map_or(0, |(number, _)| usize::from(*number))
    }

    fn prefetch_value(input: &IdentifierInput) -> usize {
        match input {
            IdentifierInput::Row { body, .. } => body.prefetch(),
            IdentifierInput::InWindow { inputs, .. } => inputs.len(),
            IdentifierInput::Sighting(sighting) => sighting.identifier.prefetch(),
            IdentifierInput::Belongs(_) | IdentifierInput::Saved(_) => 0,
        }
    }

    fn begin_tick(
        &mut self,
        tick: Tick,
        all: &Table<IdentifierHash, IdentifierState>,
        due: &mut Vec<IdentifierHash>,
    ) {
        if self.telling.begin_tick(tick) == IdentifiersTold::All {
            due.extend(all.iter().map(|(identifier, _)| *identifier));
        }
    }

    /// Whose it was told to be.
    fn face(&self, key: &IdentifierHash, identifier: &IdentifierState) -> Option<Ownership> {
        identifier.whose(*key).filter(|_| self.telling.are_changes())
    }

    fn apply(
        &mut self,
        key: &IdentifierHash,
        identifier: &mut IdentifierState,
        input: &mut IdentifierInput,
        diff: Diff,
    ) {
        // What it holds is given back at once, while it is in the processor's caches.
        let nothing = IdentifierInput::Belongs(Component::alone(*key));
        match std::mem::replace(input, nothing) {
            IdentifierInput::Row { time, body } => {
                let first = body.identifiers().next().expect("a row's own identifier");
                self.sight(identifier, first, seen(&body, time), true, diff);
                for input in body.inputs() {
                    if !self.in_window[usize::from(input.aggregate)] {
                        self.add(identifier, &input, time, diff);
                    }
                }
            }
            IdentifierInput::Sighting(Sighting { identifier: of, seen, stands }) => {
                let [of] = of.each();
                self.sight(identifier, of, seen, stands, diff);
            }
            IdentifierInput::InWindow { time, inputs } => {
                inputs.iter().for_each(|input| self.add(identifier, input, time, diff));
            }
            IdentifierInput::Belongs(component) if diff > 0 => {
                identifier.belongs = Belongs(component);
            }
            // Unless it has been said already whose it is now.
            IdentifierInput::Belongs(component) => {
                if identifier.belongs == Belongs(component) {
                    identifier.belongs = Belongs::UNSAID;
                }
            }
            // It comes before any row, and says nothing of whose it is.
            IdentifierInput::Saved(saved) => {
                let SavedIdentifier { kind, text, sighted, sums, led, aggregate_states, .. } =
                    *saved;
                (identifier.kind, identifier.text) = (kind, text);
                (identifier.sighted, identifier.sums, identifier.led) = (sighted, sums, led);
                identifier.aggregate_states = aggregate_states;
            }
        }
    }

    fn flush(
        &mut self,
        key: &IdentifierHash,
        identifier: &mut IdentifierState,
        before: Option<Ownership>,
        out: &mut Emit<(Component, Contribution)>,
    ) -> Keep {
        self.layout.prune_summed(&mut self.changed.sums);
        self.layout.merge_own(&mut identifier.sums, &self.changed.sums);
        consolidate(&mut self.changed.values);
        let after = identifier.whose(*key);
        if self.telling.is_any() {
            self.emit(key, identifier, before, after, out);
        }
        if self.changed.takes_back {
            identifier.aggregate_states.retain(|(_, aggregate_state)| !aggregate_state.is_empty());
            self.layout.prune_own(&mut identifier.sums);
        }
        self.changed.clear();
        if after.is_some() || !identifier.is_empty() {
            return Keep::Yes;
        }
        if identifier.sighted.first_seen < Micros::MAX {
            self.remembered.insert(*key, identifier.sighted.first_seen);
        }
        Keep::No
    }

    fn remembered(&self) -> usize {
        self.remembered.len()
    }

    fn end_tick(&mut self, _: &Table<IdentifierHash, IdentifierState>) {
        self.remembered.give_back();
    }
}
