//! What is taken back takes its memory with it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::decode::Decoder;
use crate::definition;
use crate::runtime::Clock;
use crate::runtime::dataflow::{Beside, Dataflow};
use crate::sink::{MemoryTarget, Writers};
use crate::source::{Chunk, Payload};
use crate::time::{DAY, Micros, Tick};

/// Counts the bytes that each thread has allocated and not freed.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // A thread that ends has nothing to tell.
    let _ = LIVE.try_with(|live| live.set(live.get() + bytes));
}

fn live() -> isize {
    LIVE.with(Cell::get)
}

// SAFETY: every call is the system allocator's own, with the arguments that came; the counter is
// made without allocating and has nothing to drop.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        unsafe { System.realloc(block, layout, size) }
    }
}

const DEFINITION: &str = "
sources:
  crm:
    files: crm.ndjson
    kind: records
    key: id
    time: at
    deleted: gone
    join: {plans: plan}
    fields: {id: text, at: timestamp, gone: boolean, user: text, device: text, plan: text, n: integer}
  plans:
    files: plans.ndjson
    kind: records
    key: plan
    time: at
    deleted: gone
    fields: {plan: text, at: timestamp, gone: boolean, price: integer}
identity:
  user: {from: {crm: user}, at_most: 1}
  device: {from: {crm: device}, shared_after: 3}
attributes:
  seen: {from: crm, select: max(time)}
  n: {from: crm, select: sum(n), within: 1 day}
  paid: {from: crm, select: sum(price)}
  often: {from: crm, select: mode(n)}
  rank: {sql: 'ntile(often, 5)'}
segments:
  present: seen > now() - interval '1 day'
outputs:
  profiles: {files: profiles.ndjson}
  segments: {files: segments.ndjson}
  identities: {files: identities.ndjson}
  conflicts: {files: conflicts.ndjson}
";

const PEOPLE: usize = 4_000;
const START: Micros = 1_751_673_600_000_000;

/// One worker, on this thread, and what it has been told.
struct Run<'a> {
    worker: &'a mut timely::worker::Worker,
    dataflow: Dataflow,
    decoders: Vec<Decoder>,
    records: MemoryTarget,
    tick: Tick,
    now: Micros,
}

impl<'a> Run<'a> {
    fn new(worker: &'a mut timely::worker::Worker, definition: &str) -> Self {
        let plan = definition::parse(definition, Path::new("test.yaml"), &|_| None);
        let plan = Arc::new(plan.unwrap_or_else(|wrong| panic!("{wrong}")));
        let records = MemoryTarget::default();
        let writers = Writers::all(&plan, &records);
        let dataflow = Dataflow::build(worker, &plan, Clock::Wall, writers, 1, Beside::default());
        let decoders = (0..plan.sources.len()).map(|of| Decoder::new(Arc::clone(&plan), of));
        let decoders = decoders.collect();
        Run { worker, dataflow, decoders, records, tick: 0, now: START }
    }

    /// Returns how many records are sent.
    fn step(&mut self, source: u16, rows: impl Iterator<Item = Value>) -> usize {
        self.tick += 1;
        let bytes: String = rows.map(|row| format!("{row}\n")).collect();
        let (bytes, first_line) = (bytes.into_bytes(), self.tick * 1_000_000);
        let payload = Payload::Lines { bytes, first_line, header: None, arrived: self.now };
        let chunk = Chunk { source, part: 0, origin: "test".into(), payload, reached: None };
        let decoded = self.decoders[usize::from(source)].decode(&chunk, self.now);
        self.dataflow.inbox.borrow_mut().add(source.into(), decoded, &self.dataflow.counts);
        self.dataflow.run_tick(self.worker, self.tick, self.now);
        self.records.take().values().flatten().count()
    }

    fn instant(&self) -> i64 {
        self.now / 1_000
    }

    /// Everyone comes, two to a device and some to one that is shared; takes another plan; and goes,
    /// and so does the day after.
    fn round(&mut self) -> isize {
        let plans = |at: i64, gone: bool| {
            (0..10).map(
                move |plan| json!({"plan": plan.to_string(), "at": at, "gone": gone, "price": 5}),
            )
        };
        let people = |at: i64, gone: bool, plan: usize| {
            (0..PEOPLE).map(move |number| {
                let device =
                    if number % 10 == 0 { "kiosk".to_owned() } else { (number / 2).to_string() };
                let plan = (number + plan) % 10;
                json!({"id": number.to_string(), "at": at, "gone": gone, "user": number.to_string(),
                       "device": device, "plan": plan.to_string(), "n": number % 100})
            })
        };
        let at = self.instant();
        assert!(self.step(1, plans(at, false)) == 0);
        assert!(self.step(0, people(at, false, 0)) > PEOPLE, "they are sent");
        let most = live();
        self.step(0, people(at + 1, false, 1));
        self.step(1, plans(at + 1, true));
        self.now += DAY / 2;
        assert!(self.step(0, people(at + 2, true, 1)) > PEOPLE, "they are taken back");
        self.now += DAY;
        // The room that many take in one tick is given back with the next few.
        self.step(0, people(at + 3, false, 1).take(1));
        self.step(0, people(at + 4, true, 1).take(1));
        self.now += DAY;
        self.step(1, std::iter::empty());
        most
    }
}

#[test]
fn memory_comes_back_near_its_start_however_often_everyone_comes_and_goes() {
    let counted = timely::execute_directly(|worker| {
        let mut run = Run::new(worker, DEFINITION);
        run.step(1, std::iter::empty());
        let start = live();
        [(); 4].map(|()| {
            let most = run.round() - start;
            (most, live() - start)
        })
    });
    // What is left is remembered for ever (a key, an identifier or two, a link), and the room that
    // a large tick takes.
    let (most, left) = counted[0];
    assert!(left < most / 5 && left < 500 * PEOPLE as isize, "{counted:?}");
    for (_, later) in counted {
        assert!((later - left).abs() < 50_000, "{counted:?}");
    }
}

const VISITS: &str = "
sources:
  web:
    files: web.ndjson
    kind: events
    time: at
    sessions: {gap: 30 minutes}
    join: {feeds: feed}
    fields: {at: timestamp, user: text, device: text, n: integer, feed: {type: text, default: web}}
    where: feeds.feed is not null
  feeds:
    files: feeds.ndjson
    kind: records
    key: feed
    deleted: gone
    fields: {feed: text, gone: boolean}
  rulings:
    files: rulings.ndjson
    kind: records
    key: id
    deleted: gone
    fields: {id: text, gone: boolean, one: text, other: text, verdict: text}
identity:
  user: {from: {web: user}}
  device: {from: {web: device}}
  decisions: {from: rulings, one: one, other: other, verdict: verdict}
attributes:
  visits: {from: web, select: max(session)}
  longest: {from: web, select: max(session_seconds), within: 2 days}
  way: {from: web, within: 1 hour, funnel: [n = 0, n = 1, n = 2]}
  spent: {from: web, select: sum(n)}
  rfm: {rfm: {recency: visits, frequency: way, monetary: spent}}
outputs:
  profiles: {files: profiles.ndjson}
  conflicts: {files: conflicts.ndjson}
";

/// Events stay in the join, which waits for the record that makes them count; of sessions, funnels,
/// ranks and people nothing may.
#[test]
fn memory_comes_back_near_its_start_however_often_a_record_makes_events_count() {
    let counted = timely::execute_directly(|worker| {
        let mut run = Run::new(worker, VISITS);
        let minute = |at: i64, minutes: i64| at - minutes * 60_000;
        let at = run.instant();
        let visits = (0..PEOPLE).flat_map(|number| {
            [(0, 200), (1, 190), (2, 180), (3, 20)].map(|(n, minutes)| {
                json!({"at": minute(at, minutes), "user": number.to_string(),
                       "device": (number / 2).to_string(), "n": n})
            })
        });
        run.step(0, visits);
        // Every fifth pair that a device makes one is looked at: they are parted, and one is made another's.
        let rulings = |gone: bool| {
            (0..PEOPLE / 5).map(move |ruling| {
                let (one, verdict) = (10 * (ruling / 2), ["different", "same"][ruling % 2]);
                let other = if verdict == "same" { one + 5 } else { one + 1 };
                json!({"id": ruling.to_string(), "gone": gone, "verdict": verdict,
                       "one": format!("user:{one}"), "other": format!("user:{other}")})
            })
        };
        let start = live();
        [(); 3].map(|()| {
            run.step(2, rulings(false));
            assert!(run.step(1, [json!({"feed": "web"})].into_iter()) > PEOPLE / 4, "they count");
            let most = live() - start;
            run.step(1, [json!({"feed": "web", "gone": true})].into_iter());
            run.step(2, rulings(true));
            // The room that many take in one tick is given back with the next few.
            run.step(2, rulings(false).take(1));
            run.step(2, rulings(true).take(1));
            run.now += 3 * DAY;
            run.step(2, std::iter::empty());
            (most, live() - start)
        })
    });
    let (most, left) = counted[0];
    assert!(left < most / 12, "{counted:?}");
    for (_, later) in counted {
        assert!((later - left).abs() < 50_000, "{counted:?}");
    }
}

/// The instants that they move away from would otherwise wait for their time to come, one a row.
#[test]
fn of_a_person_only_the_next_instant_waits_however_often_it_moves() {
    let definition = "
sources:
  web:
    files: web.ndjson
    kind: events
    time: at
    sessions: {gap: 1 minute}
    fields: {at: timestamp, user: text}
identity:
  user: {from: {web: user}}
attributes:
  seen: {from: web, select: max(time)}
  busy: {from: web, select: max(session), within: 30 days}
segments:
  present: seen > now() - interval '30 days'
outputs:
  profiles: {files: profiles.ndjson}
";
    let held = timely::execute_directly(|worker| {
        let mut run = Run::new(worker, definition);
        for step in 1..100 {
            // The earliest row is the next to leave a window, the latest keeps the person present.
            let rows = [-step, step].map(|minutes| run.instant() + minutes * 60_000);
            run.step(0, rows.into_iter().map(|at| json!({"at": at, "user": "a"})));
        }
        run.dataflow.counts.borrow().entries.clone()
    });
    assert!(held["People"] <= 3 && held["Segments"] <= 3, "{held:#?}");
}
