//! The peer: differential's propagation of labels over the same links.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use differential_dataflow::algorithms::graphs::propagate::propagate;
use differential_dataflow::consolidation::consolidate;
use differential_dataflow::input::{Input as _, InputSession};
use differential_dataflow::operators::ThresholdTotal;
use selfsame::internals::row::IdentifierHash;
use selfsame::internals::time::Tick;
use timely::dataflow::operators::probe::Handle;
use timely::worker::Worker;

use super::links::{Change, Components, Engine};

/// The least of a component's identifiers labels it, and labels travel link by link.
pub struct Propagated {
    links: InputSession<Tick, (u128, u128), isize>,
    probe: Handle<Tick>,
    components: Rc<RefCell<Components>>,
    told: Rc<RefCell<Vec<LabelChange>>>,
}

/// An identifier and its label, and whether they belong together from now on.
type LabelChange = ((u128, u128), isize);

impl Propagated {
    pub fn build(worker: &mut Worker) -> Self {
        let told: Rc<RefCell<Vec<_>>> = Rc::default();
        let (links, probe) = worker.dataflow_named("propagate", |scope| {
            let (handle, links) = scope.new_collection::<(u128, u128), isize>();
            let edges = links.clone().concat(links.map(|(one, other)| (other, one)));
            let nodes = edges.clone().map(|(one, _)| one).distinct_total();
            let labels = propagate(edges, nodes.map(|one| (one, one)));
            let told = Rc::clone(&told);
            let (probe, _) = labels
                .inspect(move |(label, _, diff)| told.borrow_mut().push((*label, *diff)))
                .probe();
            (handle, probe)
        });
        Propagated { links, probe, components: Rc::default(), told }
    }
}

impl Engine for Propagated {
    fn tick(&mut self, worker: &mut Worker, changes: &[Change]) -> Duration {
        for (one, other, diff) in changes {
            self.links.update((one.hash().0, other.hash().0), isize::from(*diff));
        }
        let started = Instant::now();
        let next = self.links.time() + 1;
        self.links.advance_to(next);
        self.links.flush();
        while self.probe.less_than(&next) {
            worker.step();
        }
        let took = started.elapsed();
        let mut components = self.components.borrow_mut();
        let mut told = std::mem::take(&mut *self.told.borrow_mut());
        consolidate(&mut told);
        told.sort_by_key(|(_, diff)| *diff);
        for ((identifier, label), diff) in told {
            let identifier = IdentifierHash(identifier);
            match diff {
                1 => components.insert(identifier, label),
                _ => components.remove(&identifier),
            };
        }
        took
    }

    fn components(&self) -> &RefCell<Components> {
        &self.components
    }
}
