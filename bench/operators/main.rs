//! What operators of ours gain over differential's of the same meaning: an arrangement, a join, a state by key, links
//! with support, gates of shared identifiers, sums of people, records. (Of clusters, `bench/identity` tells.)
//!
//! Each pair takes the same changes in ticks of 1,000, 10,000 and 65,536, in a dataflow of its own on one worker; what
//! both say in all is compared before a time is told.
//!
//! `cargo bench --bench operators`

mod gated;
mod joined;
mod kept;
mod recorded;
mod stored;
mod summed;
mod supported;

use std::time::{Duration, Instant};

use differential_dataflow::input::{Input, InputSession};
use selfsame::internals::flow::{Collection, Diff};
use selfsame::internals::time::Tick;
use timely::dataflow::operators::probe::{Handle, Probe};
use timely::worker::Worker;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How many changes a measurement takes in, unless `--changes` says it.
const CHANGES: usize = 1 << 20;
const TICKS: [usize; 3] = [1_000, 10_000, 65_536];
const ROUNDS: usize = 3;

pub fn number_of_changes() -> usize {
    let mut after = std::env::args().skip_while(|argument| argument != "--changes").skip(1);
    after.next().map_or(CHANGES, |number| number.parse().expect("--changes takes a number"))
}

/// Numbers that look drawn and are the same in every run.
pub struct Drawn(u64);

impl Drawn {
    pub fn seeded() -> Self {
        Drawn(0x9E37_79B9_7F4A_7C15)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A sum over all changes of an output, whatever their order: equal outputs have equal ones.
pub type Digest = std::rc::Rc<std::cell::Cell<u64>>;

/// Adds up what a collection says, update by update.
pub fn digest<D: Clone + 'static>(
    collection: Collection<'_, D>,
    number: impl Fn(&D) -> u64 + 'static,
) -> (Collection<'_, D>, Digest) {
    let digest = Digest::default();
    let adding = std::rc::Rc::clone(&digest);
    let collection = collection.inspect(move |(data, _, diff)| {
        let said = number(data).wrapping_mul(*diff as u64);
        adding.set(adding.get().wrapping_add(said));
    });
    (collection, digest)
}

/// Feeds changes in ticks of so many, and tells how long the worker took, and what is done `behind` each tick.
pub fn feed<D: differential_dataflow::Data>(
    worker: &mut Worker,
    input: &mut InputSession<Tick, D, Diff>,
    probe: &Handle<Tick>,
    changes: &[(D, Diff)],
    tick: usize,
    mut behind: impl FnMut(Tick),
) -> Duration {
    let mut taken = Duration::ZERO;
    for changes in changes.chunks(tick) {
        for (data, diff) in changes {
            input.update(data.clone(), *diff);
        }
        let next = *input.time() + 1;
        let start = Instant::now();
        input.advance_to(next);
        input.flush();
        while probe.less_than(&next) {
            worker.step();
        }
        behind(next);
        taken += start.elapsed();
    }
    taken
}

/// Feeds changes to what says something of them, on one worker: how long it took, and a digest of what it said.
pub fn measured<D: differential_dataflow::Data + Send + Sync, R: Clone + 'static>(
    changes: Vec<(D, Diff)>,
    tick: usize,
    number: impl Fn(&R) -> u64 + Send + Sync + 'static,
    said: impl for<'scope> Fn(Collection<'scope, D>) -> Collection<'scope, R> + Send + Sync + 'static,
) -> (Duration, u64) {
    timely::execute_directly(move |worker| {
        let probe = Handle::new();
        let (mut input, digest) = worker.dataflow::<Tick, _, _>(|scope| {
            let (input, changes) = scope.new_collection::<D, Diff>();
            let (said, digest) = digest(said(changes), number);
            said.inner.probe_with(&probe);
            (input, digest)
        });
        let taken = feed(worker, &mut input, &probe, &changes, tick, |_| ());
        (taken, digest.get())
    })
}

/// One way to say something: the time that it took, and a digest of what it said.
pub type Way = fn(usize) -> (Duration, u64);

fn compare(what: &str, ours: Way, theirs: Way) {
    for tick in TICKS {
        let (mut of_ours, mut of_theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let ((ours, said), (theirs, also)) = (ours(tick), theirs(tick));
            assert_eq!(said, also, "{what}: they say the same");
            of_ours.push(ours);
            of_theirs.push(theirs);
        }
        let median = |times: &mut Vec<Duration>| {
            times.sort();
            times[ROUNDS / 2].as_nanos() as f64 / number_of_changes() as f64
        };
        let (ours, theirs) = (median(&mut of_ours), median(&mut of_theirs));
        println!("{what:<12} {tick:>7} {ours:>9.0} {theirs:>9.0} {:>9.2}", theirs / ours);
    }
}

fn main() {
    println!("             changes        ns a change   theirs /");
    println!("               /tick      ours    theirs      ours");
    compare("arrangement", stored::ours, stored::theirs);
    compare("join", joined::ours, joined::theirs);
    compare("keyed", kept::ours, kept::theirs);
    compare("links", supported::ours, supported::theirs);
    compare("gates", gated::ours, gated::theirs);
    compare("sums", summed::ours, summed::theirs);
    compare("records", recorded::ours, recorded::theirs);
}
