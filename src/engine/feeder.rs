//! What feeds a dataflow of one's own with rows and ticks.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use serde::Serialize;
use timely::dataflow::{ProbeHandle, Scope};

use super::Inputs;
use super::definition::Definition;
use super::error::EngineError;
use super::pushed::{PushedLines, source_named};
use crate::decode::Decoder;
use crate::plan::{Format, Plan};
use crate::runtime::{Inbox, Ticks, fed, put_in};
use crate::source::Memory;
use crate::time::{Micros, Tick};

/// Feeds the stages of a definition that are built in a dataflow of one's own (see [`build`](crate::build)): one
/// worker's share of the rows, and of the first worker the ticks.
pub struct Feeder {
    plan: Arc<Plan>,
    decoders: Vec<Decoder>,
    pushed: PushedLines,
    inbox: Rc<RefCell<Inbox>>,
    /// The handle that opens ticks, on the first worker.
    ticks: Option<Ticks>,
    /// Passes a tick when the inbox has been read for it.
    read: ProbeHandle<Tick>,
    tick: Tick,
}

impl Feeder {
    /// Makes what feeds the definition's stages, and what they take in. No source of the definition is opened:
    /// all rows are pushed.
    pub fn new<'scope>(
        scope: Scope<'scope, Tick>,
        definition: &Definition,
    ) -> (Self, Inputs<'scope>) {
        let mut plan = Plan::clone(definition.plan());
        for source in &mut plan.sources {
            source.connector = Arc::new(Memory::new().0);
            source.format = Format::Json;
        }
        let plan = Arc::new(plan);
        let decoders =
            (0..plan.sources.len()).map(|source| Decoder::new(Arc::clone(&plan), source));
        let decoders = decoders.collect();
        let leads = scope.index() == 0;
        let (inbox, ticks, read, inputs) = fed(scope, &plan);
        let (pushed, ticks) = (PushedLines::new(&plan), leads.then_some(ticks));
        (Feeder { plan, decoders, pushed, inbox, ticks, read, tick: 0 }, Inputs(inputs))
    }

    /// Pushes rows into a source, for the next tick. With several workers it is the next one that reaches this
    /// one.
    ///
    /// # Errors
    /// If there is no such source, or a row is no object.
    pub fn push<R: Serialize>(
        &mut self,
        source: &str,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<(), EngineError> {
        let source = source_named(&self.plan, source)?;
        self.pushed.add(&self.plan, source, rows)
    }

    /// Opens the next tick, at this reading of `now()`, in microseconds since the epoch, which must not fall, and
    /// closes it to whatever comes later. Says its number: it is complete when a probe behind the collections has
    /// passed it. On all workers but the first it hands over what was pushed, and the tick is the first one's.
    pub fn tick(&mut self, now: Micros) -> Tick {
        for chunk in self.pushed.take() {
            let source = usize::from(chunk.source);
            let decoded = self.decoders[source].decode(&chunk, now);
            self.inbox.borrow_mut().add_rows(source, decoded);
        }
        let is_read = |tick| !self.read.less_equal(&tick);
        while self.inbox.borrow_mut().take_complete(is_read).is_some() {}
        self.tick += 1;
        self.ticks.iter_mut().for_each(|ticks| put_in(ticks, self.tick, now));
        self.tick
    }
}
