//! Identity alone, in a dataflow of its own: links in, whose identifiers are out.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use differential_dataflow::input::{Input, InputSession};
use selfsame::internals::identity::{Component, identify};
use selfsame::internals::metrics::SharedCounts;
use selfsame::internals::plan::Plan;
use selfsame::internals::row::{Body, Identifier, IdentifierHash, StandingRow};
use selfsame::internals::time::Tick;
use timely::dataflow::operators::probe::Handle;
use timely::worker::Worker;

/// An identifier by type and number.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct End {
    pub kind: u8,
    pub number: u32,
}

impl End {
    pub fn hash(self) -> IdentifierHash {
        IdentifierHash::of(["k0", "k1"][usize::from(self.kind)], &self.text())
    }

    fn text(self) -> String {
        format!("{:08}", self.number)
    }

    fn identifier(self) -> Identifier {
        Identifier { hash: self.hash(), kind: self.kind, text: self.text().into() }
    }
}

/// A link that comes (1) or goes (-1); the ends in their own order.
pub type Change = (End, End, i8);

/// The identifiers of a component: what it is called, or nothing where an identifier is alone.
pub type Components = HashMap<IdentifierHash, u128>;

/// Something that keeps components while links come and go.
pub trait Engine {
    /// Applies a tick's changes, and says how long that took.
    fn tick(&mut self, worker: &mut Worker, changes: &[Change]) -> Duration;
    /// Whose each identifier is that is not alone.
    fn components(&self) -> &RefCell<Components>;
}

/// Selfsame's own.
pub struct Selfsame {
    rows: InputSession<Tick, StandingRow, isize>,
    probe: Handle<Tick>,
    components: Rc<RefCell<Components>>,
    /// Of the tick at hand.
    changes: Rc<RefCell<Vec<(IdentifierHash, Component, isize)>>>,
}

impl Selfsame {
    pub fn build(worker: &mut Worker, plan: &Plan) -> Self {
        let changes: Rc<RefCell<Vec<_>>> = Rc::default();
        let (rows, probe) = worker.dataflow_named("selfsame", |scope| {
            let (handle, rows) = scope.new_collection::<StandingRow, isize>();
            let (_, seen_only) = scope.new_collection::<StandingRow, isize>();
            let identified = identify(
                plan,
                rows,
                seen_only,
                &SharedCounts::default(),
                &selfsame::internals::flow::Saving::default(),
            );
            let changes = Rc::clone(&changes);
            let belongs = identified.belongs.inspect(move |((identifier, component), _, diff)| {
                changes.borrow_mut().push((*identifier, *component, *diff));
            });
            let (probe, _) = belongs.probe();
            (handle, probe)
        });
        Selfsame { rows, probe, components: Rc::default(), changes }
    }

    fn send(&mut self, changes: &[Change]) {
        for (one, other, diff) in changes {
            let body = Body::of(&[one.identifier(), other.identifier()], &[]);
            let row = StandingRow { source: 0, time: 0, body };
            self.rows.update(row, isize::from(*diff));
        }
    }
}

impl Engine for Selfsame {
    fn tick(&mut self, worker: &mut Worker, changes: &[Change]) -> Duration {
        self.send(changes);
        let started = Instant::now();
        let next = *self.rows.time() + 1;
        self.rows.advance_to(next);
        self.rows.flush();
        while self.probe.less_than(&next) {
            worker.step();
        }
        let took = started.elapsed();
        let mut components = self.components.borrow_mut();
        let mut changes = self.changes.borrow_mut();
        changes.sort_by_key(|(_, _, diff)| *diff);
        for (identifier, component, diff) in changes.drain(..) {
            match diff {
                1.. => components.insert(identifier, component.0),
                _ => components.remove(&identifier),
            };
        }
        took
    }

    fn components(&self) -> &RefCell<Components> {
        &self.components
    }
}

/// A definition of two types of identifiers, with further lines for each.
pub fn plan(first: &str, second: &str) -> Plan {
    let text = format!(
        "name: links\n\
         sources:\n  rows: {{files: rows.ndjson, format: json, kind: events, \
         fields: {{a: text, b: text}}}}\n\
         identity:\n  k0: {{from: {{rows: a}}{first}}}\n  k1: {{from: {{rows: b}}{second}}}\n\
         outputs:\n  identities: {{files: identities.ndjson}}\n"
    );
    selfsame::internals::definition::parse(&text, Path::new("links.yaml"), &|_| None)
        .unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// What several ticks took.
#[derive(Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn push(&mut self, took: Duration) {
        self.0.push(took);
    }

    pub fn greatest(&self) -> Duration {
        self.0.iter().max().copied().unwrap_or_default()
    }

    pub fn median(&self) -> Duration {
        let mut times = self.0.clone();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let millis = |time: Duration| time.as_secs_f64() * 1_000.0;
        let (median, greatest) = (millis(self.median()), millis(self.greatest()));
        write!(f, "median {median:>9.3} ms, max {greatest:>9.3} ms")
    }
}

/// The number that follows a name such as `--identifiers`, or a default.
pub fn argument(name: &str, default: usize) -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    arguments.next().map_or(default, |value| {
        value.parse().unwrap_or_else(|_| panic!("{name} takes a number, not '{value}'"))
    })
}
