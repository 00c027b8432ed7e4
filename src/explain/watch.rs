//! One person watched in an embedded run of the stages, alone or among all others.

use std::cell::{Ref, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use arrow::array::RecordBatch;

use super::ranks::RankedPopulation;
use crate::decode::Decoded;
use crate::plan::Plan;
use crate::row::{Datum, Identifier, IdentifierHash, Row};
use crate::runtime::{Clock, EmbeddedRun};
use crate::segment::Evaluated;
use crate::standing::ArrivalTime;
use crate::time::Micros;

/// Whoever holds an identifier.
pub struct PersonWatch {
    run: EmbeddedRun,
    seen: Rc<RefCell<SeenPerson>>,
    pub now: Micros,
}

struct SeenPerson {
    identifier: Identifier,
    /// The id of whoever has last held it.
    id: Option<IdentifierHash>,
    person: Option<Watched>,
    /// Where all others are watched too: what of them is ranked.
    population: Option<RankedPopulation>,
}

/// A person as last evaluated.
#[derive(Clone)]
pub struct Watched {
    /// One value an aggregate, in the plan's order; `None` is null.
    pub aggregates: Vec<Option<Datum>>,
    /// The columns of `Plan::profile_schema`, in one row.
    pub columns: RecordBatch,
}

impl PersonWatch {
    /// For rows of that person alone.
    pub fn alone(plan: &Arc<Plan>, identifier: &Identifier, rows: Vec<Row>, now: Micros) -> Self {
        // All of these stand already.
        let mut watch = PersonWatch::new(plan, ArrivalTime::Now, identifier, None);
        watch.arrive(vec![(0, Decoded { rows, ..Decoded::default() })], now);
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
        let seen = SeenPerson { identifier, id: None, person: None, population };
        let seen = Rc::new(RefCell::new(seen));
        let seeing = Rc::clone(&seen);
        let run =
            EmbeddedRun::new(plan, arrival, move |evaluated| seeing.borrow_mut().see(evaluated));
        PersonWatch { run, seen, now: Micros::MIN }
    }

    pub fn arrive(&mut self, together: Vec<(usize, Decoded)>, now: Micros) {
        self.run.arrive(together, now);
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
        let Evaluated { was, is, .. } = evaluated;
        if self.id.is_some_and(|id| was.people.contains(&id)) {
            self.person = None;
        }
        let Identifier { kind, text, .. } = &self.identifier;
        for (row, (id, person)) in is.people.iter().enumerate() {
            if person.identifiers().any(|held| held == (*kind, text)) {
                self.id = Some(id);
                let columns = is.columns.slice(row, 1);
                self.person = Some(Watched { aggregates: person.aggregates().collect(), columns });
            }
        }
    }
}
