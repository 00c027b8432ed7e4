//! One person: what their identifiers bring, put together.
//!
//! A person of a few identifiers is put together anew at each change, which is quick and takes no
//! memory; for one of many the totals are kept.

use std::borrow::Cow;
use std::sync::Arc;

use arcstr::ArcStr;
use smallvec::SmallVec;

use super::gathered::Gathered;
use super::partial::Partial;
use super::room::NoRoom;
use super::timeline::{Looks, Timeline, Told};
use super::totals::Totals;
use super::transfer::Holding;
use crate::few::{FewMap, FewWithin};
use crate::row::{Datum, IdentifierHash};
use crate::seats::Seat;
use crate::spec::plan::{Aggregate, Plan};
use crate::time::Micros;

/// From more identifiers than this on, totals are kept …
const MANY: usize = 16;
/// … until there are fewer than this.
const FEW: usize = 8;

#[derive(Default)]
pub struct Members {
    /// As last settled; `None` before.
    pub id: Option<IdentifierHash>,
    pub seat: Option<Seat>,
    pub holdings: FewWithin<IdentifierHash, Box<Holding>, 1>,
    totals: Option<Box<Totals>>,
    /// Sorted, as last settled.
    identifiers: Arc<[(u8, ArcStr)]>,
    /// By aggregate whose values travel, or whose rows come with sessions; those without any are
    /// left out.
    gathered: FewMap<u16, Gathered>,
    /// By index of `Plan::sessions`; those without any row are left out.
    timelines: FewMap<u16, Timeline>,
    /// When time alone changes something next; other entries of the queue are out of date.
    pub turn: Option<Micros>,
}

impl Members {
    /// Returns what the identifier held before.
    pub fn hold(
        &mut self,
        plan: &Plan,
        identifier: IdentifierHash,
        holding: Box<Holding>,
    ) -> Option<Box<Holding>> {
        if let Some(totals) = &mut self.totals {
            let before = self.holdings.get(&identifier).map(|before| &**before);
            totals.replace(plan, identifier, before, Some(&holding));
        }
        self.holdings.insert(identifier, holding)
    }

    /// Takes in what the identifier brings to some aggregates, instead of what it brought before.
    pub fn bring(
        &mut self,
        plan: &Plan,
        identifier: IdentifierHash,
        partials: Vec<(u16, Option<Partial>)>,
    ) {
        let holding = self.holdings.get_mut(&identifier).expect("an identifier that stays is here");
        for (number, partial) in partials {
            if let Some(totals) = &mut self.totals {
                totals.replace_partial(plan, number, holding.partial(number), partial.as_ref());
            }
            holding.replace(number, partial);
        }
    }

    /// Returns what the identifier held.
    pub fn leave(&mut self, plan: &Plan, identifier: IdentifierHash) -> Option<Holding> {
        let before = self.holdings.remove(&identifier)?;
        if let Some(totals) = &mut self.totals {
            totals.replace(plan, identifier, Some(&before), None);
        }
        Some(*before)
    }

    /// Takes in what became of a value in a tick.
    pub fn gather(&mut self, plan: &Plan, number: u16, time: Micros, value: &Datum, diff: i64) {
        let aggregate = &plan.aggregates[number as usize];
        let gathered = self.gathered.get_or_insert_with(number, || Gathered::new(aggregate));
        gathered.add(aggregate, time, value, diff);
        if gathered.is_empty() {
            self.gathered.remove(&number);
        }
    }

    /// Takes in what became of a source's rows in a tick, and tells what follows.
    pub fn change_rows(
        &mut self,
        index: u16,
        looks: &Looks,
        rows: &[(Micros, Datum, i64)],
        now: Micros,
    ) -> Told {
        let mut told = Told::new();
        let timeline = self.timelines.get_or_insert_with(index, Timeline::default);
        timeline.change(looks, rows, now, &mut told);
        if timeline.is_empty() {
            self.timelines.remove(&index);
        }
        told
    }

    /// Whether nothing is left of what identifiers brought.
    pub fn is_empty(&self) -> bool {
        self.holdings.is_empty() && self.gathered.is_empty() && self.timelines.is_empty()
    }

    pub fn timelines(&self) -> impl Iterator<Item = (u16, &Timeline)> {
        self.timelines.iter().map(|(index, timeline)| (*index, timeline))
    }

    /// Brings what is kept up to date with the identifiers that joined and left.
    pub fn settle(&mut self, plan: &Plan, joined: &[IdentifierHash], left: &[Holding]) {
        if self.totals.is_none() && self.holdings.len() > MANY {
            self.totals = Some(Box::new(Totals::of(plan, self.holdings.iter())));
        } else if self.totals.is_some() && self.holdings.len() < FEW {
            self.totals = None;
        }
        if joined.is_empty() && left.is_empty() {
            return;
        }
        let entry = |holding: &Holding| (holding.kind, ArcStr::clone(&holding.text));
        let mut left: Vec<_> = left.iter().map(entry).collect();
        left.sort_unstable();
        let stayed = self.identifiers.iter().filter(|entry| left.binary_search(entry).is_err());
        let joined = joined.iter().map(|identifier| entry(&self.holdings[identifier]));
        let mut identifiers: Vec<_> = stayed.cloned().chain(joined).collect();
        // Two runs, of which the first is sorted: that is one walk over it.
        identifiers.sort();
        self.identifiers = identifiers.into();
    }

    /// The most trusted type it has, of that the one first seen, of those the least text.
    pub fn name(&self) -> IdentifierHash {
        if let Some(totals) = &self.totals {
            return totals.name();
        }
        let (hash, _) = self
            .holdings
            .iter()
            .min_by_key(|(_, holding)| (holding.kind, holding.first_seen, &holding.text))
            .expect("a person has an identifier");
        *hash
    }

    /// Sorted: by type, then text.
    pub fn identifiers(&self) -> Arc<[(u8, ArcStr)]> {
        Arc::clone(&self.identifiers)
    }

    /// One value an aggregate, in the plan's order; `None` is null. What has no room is null, and told with
    /// its aggregate.
    pub fn aggregates(
        &self,
        plan: &Plan,
        mut no_room: impl FnMut(&Aggregate),
    ) -> Arc<[Option<Datum>]> {
        let alone = self.alone();
        let few = self.totals.is_none() && alone.is_none();
        let merged = if few { self.merged(plan) } else { SmallVec::new() };
        let value = |number: usize| {
            let aggregate = &plan.aggregates[number];
            if let Some(gathered) = self.gathered.get(&(number as u16)) {
                return gathered.value(aggregate);
            }
            if let Some(totals) = &self.totals {
                return totals.value(plan, number);
            }
            let partial = match alone {
                Some(holding) => holding.partial(number as u16),
                None => merged[number].as_deref(),
            };
            match partial {
                Some(partial) => partial.finish(aggregate),
                None => Ok(Partial::of_nothing(aggregate)),
            }
        };
        let value_or_null = |number: usize| {
            value(number).unwrap_or_else(|NoRoom| {
                no_room(&plan.aggregates[number]);
                None
            })
        };
        (0..plan.aggregates.len()).map(value_or_null).collect()
    }

    /// What the only identifier holds, as most people are of one.
    fn alone(&self) -> Option<&Holding> {
        match self.holdings.len() {
            1 => self.holdings.values().next().map(|holding| &**holding),
            _ => None,
        }
    }

    /// By aggregate. Most aggregates are of one of several identifiers: then there is nothing to
    /// merge, nor to clone.
    fn merged(&self, plan: &Plan) -> SmallVec<[Option<Cow<'_, Partial>>; 32]> {
        let mut merged: SmallVec<[Option<Cow<'_, Partial>>; 32]> =
            std::iter::repeat_n(None, plan.aggregates.len()).collect();
        for holding in self.holdings.values() {
            for (number, partial) in &holding.partials {
                let function = plan.aggregates[*number as usize].function;
                match &mut merged[*number as usize] {
                    Some(sum) => sum.to_mut().merge(function, partial),
                    nothing => *nothing = Some(Cow::Borrowed(partial)),
                }
            }
        }
        merged
    }
}
