//! What the identifiers of a person who has many come to, kept up to date: a change of one of them
//! costs the same however many others there are.
//!
//! Sums are exact, so an identifier's old part comes out as it went in. Of extremes every
//! identifier's own is kept, in order.

use std::collections::BTreeSet;

use arcstr::ArcStr;

use super::ordered::Ordered;
use super::partial::Partial;
use super::room::NoRoom;
use super::transfer::Holding;
use crate::row::{Datum, IdentifierHash};
use crate::spec::plan::Plan;
use crate::time::Micros;

pub struct Totals {
    /// By aggregate.
    totals: Vec<Option<Total>>,
    /// The first is the identifier that names the person.
    names: BTreeSet<(u8, Micros, ArcStr, IdentifierHash)>,
}

#[derive(Debug)]
enum Total {
    Sum(Partial),
    Ordered(Ordered),
}

impl Totals {
    pub fn of<'a>(
        plan: &Plan,
        holdings: impl IntoIterator<Item = (&'a IdentifierHash, &'a Box<Holding>)>,
    ) -> Self {
        let totals = (0..plan.aggregates.len()).map(|_| None).collect();
        let mut totals = Totals { totals, names: BTreeSet::new() };
        for (identifier, holding) in holdings {
            totals.replace(plan, *identifier, None, Some(holding));
        }
        totals
    }

    /// Takes in what an identifier holds now, instead of what it held before.
    pub fn replace<'a>(
        &mut self,
        plan: &Plan,
        identifier: IdentifierHash,
        before: Option<&'a Holding>,
        after: Option<&'a Holding>,
    ) {
        let name = |holding: &Holding| {
            (holding.kind, holding.first_seen, ArcStr::clone(&holding.text), identifier)
        };
        let (name_before, name_after) = (before.map(name), after.map(name));
        if name_before != name_after {
            if let Some(name) = name_before {
                self.names.remove(&name);
            }
            self.names.extend(name_after);
        }
        let partials = |of: Option<&'a Holding>| of.map_or(&[][..], |of| &of.partials);
        for (number, partial) in partials(before) {
            let now = after.and_then(|after| after.partial(*number));
            self.replace_partial(plan, *number, Some(partial), now);
        }
        for (number, partial) in partials(after) {
            if before.and_then(|before| before.partial(*number)).is_none() {
                self.replace_partial(plan, *number, None, Some(partial));
            }
        }
    }

    /// Takes in what an identifier brings to one aggregate, instead of what it brought before.
    pub fn replace_partial(
        &mut self,
        plan: &Plan,
        number: u16,
        before: Option<&Partial>,
        after: Option<&Partial>,
    ) {
        if before != after {
            before.into_iter().for_each(|partial| self.add(plan, number, partial, -1));
            after.into_iter().for_each(|partial| self.add(plan, number, partial, 1));
        }
    }

    fn add(&mut self, plan: &Plan, number: u16, partial: &Partial, diff: i64) {
        let function = plan.aggregates[number as usize].function;
        let slot = &mut self.totals[number as usize];
        match partial {
            Partial::Value(value) => Total::ordered(slot).add(0, value.clone(), diff),
            Partial::Timed(time, value) => Total::ordered(slot).add(*time, value.clone(), diff),
            Partial::Recent(values) => {
                let total = Total::ordered(slot);
                values.iter().for_each(|(time, value)| total.add(*time, value.clone(), diff));
            }
            sum => match slot {
                Some(Total::Sum(total)) if diff > 0 => total.merge(function, sum),
                Some(Total::Sum(total)) => total.take_back(sum),
                _ => *slot = Some(Total::Sum(sum.clone())),
            },
        }
        let is_empty = match slot {
            Some(Total::Sum(total)) => total.is_nothing(),
            Some(Total::Ordered(values)) => values.is_empty(),
            None => false,
        };
        if is_empty {
            *slot = None;
        }
    }

    pub fn name(&self) -> IdentifierHash {
        let (_, _, _, identifier) = self.names.first().expect("a person has an identifier");
        *identifier
    }

    /// The aggregate's value; `None` is null.
    pub fn value(&self, plan: &Plan, number: usize) -> Result<Option<Datum>, NoRoom> {
        let aggregate = &plan.aggregates[number];
        match &self.totals[number] {
            Some(Total::Sum(total)) => total.finish(aggregate),
            Some(Total::Ordered(values)) => match values.leading(aggregate.function) {
                Some(leading) => leading.finish(aggregate),
                None => Ok(None),
            },
            None => Ok(Partial::of_nothing(aggregate)),
        }
    }
}

impl Total {
    fn ordered(slot: &mut Option<Total>) -> &mut Ordered {
        match slot.get_or_insert_with(|| Total::Ordered(Ordered::default())) {
            Total::Ordered(values) => values,
            sum => unreachable!("{sum:?} of an extreme"),
        }
    }
}
