//! What links cost that come and go among many identifiers: long chains, large stars, cycles, and
//! people who merge and part all the time. Beside it differential's `propagate` on the same links, at
//! a size that it can bear.
//!
//! After every step the components are those that the links were made from; a time is told only when
//! that holds.

#[path = "../links/mod.rs"]
mod links;
mod propagated;

use std::collections::HashMap;
use std::time::Duration;

use links::{Change, End, Engine, Selfsame, Times};
use propagated::Propagated;
use timely::worker::Worker;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Links that come with one tick, as many as a tick of the engine has rows.
const TICK: usize = 8_192;
/// Pairs that merge, and that part, in a tick of heavy churn.
const MERGES: usize = 1_000;
/// What one link that goes may take in a component of 10,000.
const UNLINK_TARGET: Duration = Duration::from_millis(50);

/// Identifiers and the links between them, in components that are known.
#[derive(Default)]
struct World {
    /// By identifier: its component's number.
    component: Vec<u32>,
    components: u32,
    links: Vec<(u32, u32)>,
    chains: Vec<Span>,
    stars: Vec<Span>,
    cycles: Vec<Span>,
    pairs: Vec<Span>,
}

/// The identifiers of a component: one after the other.
#[derive(Clone, Copy)]
struct Span {
    first: u32,
    length: u32,
}

impl Span {
    fn at(self, place: u32) -> u32 {
        self.first + place
    }
}

impl World {
    /// Two fifths in chains, a fifth in stars, a little in cycles, the rest in pairs; more identifiers
    /// than are asked for where that would leave too few pairs to merge.
    fn new(identifiers: u32, chain: u32, star: u32) -> Self {
        let mut world = World::default();
        for _ in 0..(identifiers * 2 / 5 / chain).max(2) {
            let span = world.span(chain);
            world.links.extend((1..chain).map(|place| (span.at(place - 1), span.at(place))));
            world.chains.push(span);
        }
        for length in
            [chain, chain].into_iter().chain((0..(identifiers / 5 / star).max(1)).map(|_| star))
        {
            let span = world.span(length);
            world.links.extend((1..length).map(|place| (span.first, span.at(place))));
            world.stars.push(span);
        }
        for _ in 0..2 {
            let span = world.span(chain);
            world.links.extend((1..chain).map(|place| (span.at(place - 1), span.at(place))));
            world.links.push((span.first, span.at(chain - 1)));
            world.cycles.push(span);
        }
        while (world.component.len() as u32) < identifiers || world.pairs.len() < 2 * MERGES {
            let span = world.span(2);
            world.links.push((span.first, span.at(1)));
            world.pairs.push(span);
        }
        world
    }

    fn span(&mut self, length: u32) -> Span {
        let first = self.component.len() as u32;
        self.component.extend((0..length).map(|_| self.components));
        self.components += 1;
        Span { first, length }
    }

    /// Asserts that the engine's components are these.
    fn check(&self, engine: &dyn Engine) {
        let found = engine.components().borrow();
        let mut names: HashMap<u128, u32> = HashMap::new();
        let mut named = vec![false; self.components as usize];
        for (number, component) in self.component.iter().enumerate() {
            let hash = end(number as u32).hash();
            let name = *found.get(&hash).unwrap_or_else(|| panic!("{number} is alone"));
            assert_eq!(*names.entry(name).or_insert(*component), *component, "{number} is joined");
            named[*component as usize] = true;
        }
        assert_eq!(names.len(), named.iter().filter(|named| **named).count(), "torn apart");
        assert_eq!(found.len(), self.component.len(), "who should be alone is not");
    }
}

fn end(number: u32) -> End {
    End { kind: 0, number }
}

fn change((one, other): (u32, u32), diff: i8) -> Change {
    (end(one.min(other)), end(one.max(other)), diff)
}

struct Bench<'a> {
    engine: Box<dyn Engine>,
    worker: &'a mut Worker,
    world: &'a World,
}

impl Bench<'_> {
    fn tick(&mut self, changes: &[Change]) -> Duration {
        self.engine.tick(self.worker, changes)
    }

    /// Whose an identifier is; its own hash where it is alone.
    fn of(&self, number: u32) -> u128 {
        let hash = end(number).hash();
        self.engine.components().borrow().get(&hash).copied().unwrap_or(hash.0)
    }

    /// Returns the ticks' times and their sum in seconds.
    fn load(&mut self) -> (Times, f64) {
        let mut links = self.world.links.clone();
        Draws(1).shuffle(&mut links);
        let (mut times, mut seconds) = (Times::default(), 0.0);
        for links in links.chunks(TICK) {
            let changes: Vec<_> = links.iter().map(|link| change(*link, 1)).collect();
            let took = self.tick(&changes);
            seconds += took.as_secs_f64();
            times.push(took);
        }
        self.world.check(&*self.engine);
        (times, seconds)
    }

    /// Takes links away and brings them back, one a tick. `parts`: they hold two parts together.
    fn unlink(&mut self, links: &[(u32, u32)], parts: bool) -> (Times, Times) {
        let (mut gone, mut back) = (Times::default(), Times::default());
        for link in links {
            gone.push(self.tick(&[change(*link, -1)]));
            assert_eq!(self.of(link.0) != self.of(link.1), parts, "after {link:?} went");
            back.push(self.tick(&[change(*link, 1)]));
            assert_eq!(self.of(link.0), self.of(link.1), "after {link:?} came back");
        }
        (gone, back)
    }

    /// Takes all links of a component away in one tick, and brings them back in another.
    fn dissolve(&mut self, of: Span, links: &[(u32, u32)]) -> (Times, Times) {
        let changes = |diff| links.iter().map(|link| change(*link, diff)).collect::<Vec<Change>>();
        let (mut gone, mut back) = (Times::default(), Times::default());
        for _ in 0..5 {
            gone.push(self.tick(&changes(-1)));
            let alone = |place| self.of(of.at(place)) == end(of.at(place)).hash().0;
            assert!((0..of.length).all(alone), "all links went");
            back.push(self.tick(&changes(1)));
        }
        (gone, back)
    }

    /// In each tick many pairs of components merge, and those of the tick before part.
    fn churn(&mut self, of: &[Span], merges: usize, ticks: usize) -> Times {
        let mut draws = Draws(2);
        let mut times = Times::default();
        let mut before: Vec<(u32, u32)> = Vec::new();
        let mut order: Vec<Span> = of.to_vec();
        for tick in 0..=ticks {
            draws.shuffle(&mut order);
            let ends = order.chunks_exact(2).take(if tick < ticks { merges } else { 0 });
            let links: Vec<_> = ends
                .map(|two| (two[0].at(two[0].length - 1), two[1].first))
                .filter(|link| !before.contains(link))
                .collect();
            let parting = before.iter().map(|link| change(*link, -1));
            let changes: Vec<_> =
                links.iter().map(|link| change(*link, 1)).chain(parting).collect();
            times.push(self.tick(&changes));
            for (one, other) in &links {
                assert_eq!(self.of(*one), self.of(*other), "merged");
            }
            before = links;
        }
        self.world.check(&*self.engine);
        times
    }
}

fn main() {
    let identifiers = links::argument("--identifiers", 10_000_000) as u32;
    let peer = links::argument("--peer-identifiers", 100_000) as u32;
    timely::execute_directly(move |worker| {
        let plan = links::plan("", "");
        println!("selfsame beside propagate, the same {peer} identifiers:");
        let small = World::new(peer, 1_000, 10_000);
        let engine = Selfsame::build(worker, &plan);
        let ours = run("selfsame", worker, Box::new(engine), &small);
        let engine = Propagated::build(worker);
        let theirs = run("propagate", worker, Box::new(engine), &small);
        for ((step, ours), (_, theirs)) in ours.iter().zip(&theirs) {
            println!("  {step}: propagate takes {:.0} times as long", theirs / ours);
        }

        println!("\nselfsame, {identifiers} identifiers:");
        let before = peak_memory();
        let world = World::new(identifiers, 10_000, 100_000);
        let engine = Selfsame::build(worker, &plan);
        let steps = run("selfsame", worker, Box::new(engine), &world);
        let memory = (peak_memory() - before) as f64;
        println!(
            "  peak memory {:.0} MiB, the links and the answers included: {:.0} bytes an identifier",
            memory / f64::from(1 << 20),
            memory / f64::from(identifiers)
        );
        let target = UNLINK_TARGET.as_secs_f64();
        let worst = steps.iter().filter(|(step, _)| step.starts_with("unlink"));
        let worst = worst.map(|(_, median)| *median).fold(0.0, f64::max);
        let met = if worst <= target { "met" } else { "MISSED" };
        println!(
            "  one unlink in a component of 10,000: at most {:.3} ms in the median, target {:.0} ms: {met}",
            worst * 1_000.0,
            target * 1_000.0
        );
    });
}

/// Every step's name, with its median (or whole) time in seconds.
fn run(
    name: &str,
    worker: &mut Worker,
    engine: Box<dyn Engine>,
    world: &World,
) -> Vec<(&'static str, f64)> {
    let mut bench = Bench { engine, worker, world };
    let mut steps = Vec::new();
    let mut told = |step: &'static str, times: &Times, seconds: f64| {
        println!("  {name:<10}{step:<44}{times}");
        steps.push((step, seconds));
    };
    let (load, seconds) = bench.load();
    told("load, in any order, 8,192 links a tick", &load, seconds);
    let rate = world.links.len() as f64 / seconds;
    println!("  {name:<10}{:<44}{rate:.0} links a second", "");

    let mut draws = Draws(3);
    let mut some = |spans: &[Span], link: &dyn Fn(Span, &mut Draws) -> (u32, u32)| {
        (0..20).map(|round| link(spans[round % spans.len()], &mut draws)).collect::<Vec<_>>()
    };
    let middle =
        |span: Span, _: &mut Draws| (span.at(span.length / 2), span.at(span.length / 2 + 1));
    let tail = |span: Span, _: &mut Draws| (span.at(span.length - 2), span.at(span.length - 1));
    let leaf = |span: Span, draws: &mut Draws| {
        (span.first, span.at(1 + draws.below(span.length as usize - 1) as u32))
    };
    let around = |span: Span, draws: &mut Draws| {
        let place = draws.below(span.length as usize - 1) as u32;
        (span.at(place), span.at(place + 1))
    };
    // Stars as long as chains, and far larger ones.
    let (star, stars) = world.stars.split_at(2);
    for (step, back, links, parts) in [
        ("unlink in the middle of a chain", "link it again", some(&world.chains, &middle), true),
        ("unlink at the end of a chain", "link it again", some(&world.chains, &tail), true),
        ("unlink a leaf of a star", "link it again", some(star, &leaf), true),
        ("take a leaf of a tenfold star", "link it again", some(stars, &leaf), true),
        ("unlink in a cycle", "link it again", some(&world.cycles, &around), false),
    ] {
        let (gone, came) = bench.unlink(&links, parts);
        told(step, &gone, gone.median().as_secs_f64());
        told(back, &came, came.median().as_secs_f64());
    }
    let links = |span: Span| {
        let last = span.first + span.length;
        let within = |link: &&(u32, u32)| (span.first..last).contains(&link.0);
        world.links.iter().filter(within).copied().collect::<Vec<_>>()
    };
    for (step, back, span) in [
        ("all links of a chain go in one tick", "all come again", world.chains[0]),
        ("all links of a tenfold star go in one tick", "all come again", stars[0]),
    ] {
        let (gone, came) = bench.dissolve(span, &links(span));
        told(step, &gone, gone.median().as_secs_f64());
        told(back, &came, came.median().as_secs_f64());
    }
    let pairs = bench.churn(&world.pairs, MERGES, 50);
    told("1,000 pairs merge, 1,000 part, each tick", &pairs, pairs.median().as_secs_f64());
    let chains = bench.churn(&world.chains, 10, 20);
    told("10 chains merge, 10 part, each tick", &chains, chains.median().as_secs_f64());
    world.check(&*bench.engine);
    steps
}

/// Draws that are the same in every run (SplitMix64).
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(bits ^ (bits >> 31)) * bound as u128) >> 64) as usize
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// The most memory that this process has had, in bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kibibytes.and_then(|number| number.parse::<u64>().ok()).map_or(0, |number| number << 10)
}
