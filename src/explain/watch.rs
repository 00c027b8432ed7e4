//! One person watched in an embedded run of the stages, alone or among all others.

use std::cell::{Ref, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use arrow::array::RecordBatch;

use super::ranks::RankedPopulation;
use crate::decode::Decoded;
use crate::plan::Plan;
use crate::profile::{Member, PersonState};
use crate::row::{Identifier, Row};
use crate::runtime::{Clock, EmbeddedRun};
use crate::segment::Evaluated;
use crate::standing::ArrivalTime;
use crate::state::slots::Slot;
use crate::time::Micros;

/// Whoever holds an identifier.
pub struct PersonWatch {
    run: EmbeddedRun,
    seen: Rc<RefCell<SeenPerson>>,
    pub now: Micros,
}

struct SeenPerson {
    identifier: Identifier,
    slot: Slot,
    person: Option<Watched>,
    /// Where all others are watched too: what of them is ranked.
    population: Option<RankedPopulation>,
}

/// A person as last evaluated.
#[derive(Clone)]
pub struct Watched {
    pub state: PersonState,
    /// The columns of `Plan::profile_schema`, in one row.
    pub columns: RecordBatch,
}

impl PersonWatch {
    /// For rows of that person alone.
    pub fn alone(plan: &Arc<Plan>, identifier: &Identifier, rows: Vec<Row>, now: Micros) -> Self {
        // All of these stand already.
        let mut watch = PersonWatch::new(plan, ArrivalTime::Now, identifier, None);
        watch.arrive(0, Decoded { rows, ..Decoded::default() }, now);
        watch
    }

    /// For everyone's rows.
    pub fn among_all(plan: &Arc<Plan>, clock: Clock, identifier: &Identifier) -> Self {
        PersonWatch::new(plan, clock.arrival(), identifier, Some(RankedPopulation::new(plan)))
    }

    fn new(
        plan: &Arc<Plan>,
        arrival: ArrivalTime,
        identifier: &Identifier,
        population: Option<RankedPopulation>,
    ) -> Self {
        let identifier = identifier.clone();
        let seen = SeenPerson { identifier, slot: Slot(0), person: None, population };
        let seen = Rc::new(RefCell::new(seen));
        let seeing = Rc::clone(&seen);
        let run =
            EmbeddedRun::new(plan, arrival, move |evaluated| seeing.borrow_mut().see(evaluated));
        PersonWatch { run, seen, now: Micros::MIN }
    }

    pub fn arrive(&mut self, source: usize, decoded: Decoded, now: Micros) {
        self.run.arrive(source, decoded, now);
        self.now = now;
    }

    /// Lets time pass to where it may change something of someone, if there is such an instant.
    pub fn pass(&mut self) -> Option<Micros> {
        let at = self.run.pass()?;
        self.now = at;
        Some(at)
    }

    pub fn person(&self) -> Option<Watched> {
        self.seen.borrow().person.clone()
    }

    pub fn population(&self) -> Option<Ref<'_, RankedPopulation>> {
        Ref::filter_map(self.seen.borrow(), |seen| seen.population.as_ref()).ok()
    }
}

impl SeenPerson {
    fn see(&mut self, evaluated: &Evaluated) {
        if let Some(population) = &mut self.population {
            population.see(evaluated);
        }
        let is_ours = |(slot, _): &(Slot, PersonState)| *slot == self.slot;
        if evaluated.gone.contains(&self.slot) || evaluated.people.iter().any(is_ours) {
            self.person = None;
        }
        let Identifier { kind, text, .. } = &self.identifier;
        for (row, (slot, state)) in evaluated.people.iter().enumerate() {
            let by_order = |of: &Member| (of.kind, &*of.text).cmp(&(*kind, &**text));
            if state.identifiers.binary_search_by(by_order).is_ok() {
                self.slot = *slot;
                let columns = evaluated.columns.slice(row, 1);
                self.person = Some(Watched { state: state.clone(), columns });
            }
        }
    }
}
