//! What one more change costs where much hangs on one key: a person with a million values, whose
//! distinct, median or most frequent ones are asked for; a table's row that a million rows refer to.
//!
//! A record of the million is corrected, one a tick: its value goes and another comes. The same is done
//! with a thousand, so that the two times tell whether the cost grows with what is there. After each
//! change the value is the one that follows from the numbers; a time is told only when that holds.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::util::display::array_value_to_string;
use selfsame::internals::decode::Decoder;
use selfsame::internals::plan::Plan;
use selfsame::internals::runtime::EmbeddedRun;
use selfsame::internals::segment::Evaluated;
use selfsame::internals::source::{Chunk, Payload};
use selfsame::internals::standing::ArrivalTime;
use selfsame::internals::time::Micros;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Rows of a tick while there is much to load.
const TICK: usize = 8_192;
/// How often a change is made.
const ROUNDS: usize = 20;
/// 2025-07-01T00:00:00Z.
const NOW: Micros = 1_751_328_000_000_000;

/// What a select gives by how many values there are and how many were corrected.
type Expected = fn(usize, usize) -> String;

fn main() {
    let many = argument("--values", 1_000_000);
    let few = many.min(1_000);
    println!("a person with {many} values (and with {few}), one of them is corrected:");
    let n = |number: usize| number as f64;
    let expected: [(&str, Expected); 10] = [
        ("count(distinct v)", |all, _| all.to_string()),
        ("median(v)", |all, gone| format!("{:.1}", gone as f64 + (all as f64 + 1.0) / 2.0)),
        ("mode(v)", |_, gone| (gone + 1).to_string()),
        ("min(v)", |_, gone| (gone + 1).to_string()),
        ("last(v)", |all, gone| (all + gone).to_string()),
        ("recent(v, 2)", |all, gone| format!("[{}, {}]", all + gone, all + gone - 1)),
        ("top(v, 2)", |_, gone| {
            format!("[{{value: {}, count: 1}}, {{value: {}, count: 1}}]", gone + 1, gone + 2)
        }),
        ("top(v, 2, sum(v))", |all, gone| {
            let newest = all + gone;
            format!("[{{value: {newest}, sum: {newest}}}, {{value: {0}, sum: {0}}}]", newest - 1)
        }),
        ("mode(v, sum(v))", |all, gone| (all + gone).to_string()),
        ("sum(v)", |all, gone| ((1 + all) * all / 2 + gone * all).to_string()),
    ];
    for (select, expected) in expected {
        let [one, other] = [few, many].map(|values| correct(select, values, expected));
        let growth = other.as_secs_f64() / one.as_secs_f64();
        println!(
            "  {select:<20}median {:>7.3} ms, of {few}: {:>7.3} ms, {growth:.1} times",
            millis(other),
            millis(one)
        );
    }
    println!("\na table's row that {many} rows of {} people refer to, ten each:", many / 10);
    let (hot, cool) = look_up(many);
    let each = hot.as_secs_f64() * 1e6 / n(many);
    println!("  it changes                    {:>9.3} ms, {each:.2} µs a row", millis(hot));
    println!("  another one, that ten refer to{:>9.3} ms in the median", millis(cool));
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// The stages, and what they last said of someone.
struct Bench {
    plan: Arc<Plan>,
    decoders: Vec<Decoder>,
    beside: EmbeddedRun,
    /// Every row stands at a line of its own.
    next_line: u64,
    said: Rc<RefCell<Said>>,
}

/// In a tick.
#[derive(Default)]
struct Said {
    people: usize,
    /// Of whoever came last.
    value: String,
}

impl Bench {
    fn new(definition: &str) -> Self {
        let plan =
            selfsame::internals::definition::parse(definition, Path::new("hot.yaml"), &|_| None)
                .unwrap_or_else(|wrong| panic!("{wrong}"));
        let plan = Arc::new(plan);
        let said: Rc<RefCell<Said>> = Rc::default();
        let hears = Rc::clone(&said);
        let beside = EmbeddedRun::new(&plan, ArrivalTime::Now, move |evaluated: &Evaluated| {
            let is = &evaluated.is;
            let value = is.columns.column_by_name("a").expect("the attribute");
            let mut said = hears.borrow_mut();
            said.people += is.people.len();
            let last = is.people.len() - 1;
            said.value = array_value_to_string(value, last).expect("it can be shown");
        });
        let decoders = (0..plan.sources.len()).map(|of| Decoder::new(Arc::clone(&plan), of));
        Bench { decoders: decoders.collect(), plan, beside, next_line: 1, said }
    }

    /// Lets lines arrive in a source in one tick, and says how long that took.
    fn tick(&mut self, source: &str, lines: String) -> Duration {
        let source = self.plan.sources.iter().position(|of| of.name == source).expect("a source");
        let bytes = lines.into_bytes();
        let first_line = self.next_line;
        self.next_line += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        let payload = Payload::Lines { bytes, first_line, header: None, arrived: NOW };
        let (part, origin) = (0, "rows".into());
        let chunk = Chunk { source: source as u16, part, origin, payload, reached: None };
        let decoded = self.decoders[source].decode(&chunk, NOW);
        assert!(decoded.rejects.is_empty(), "{:?}", decoded.rejects[0].reasons);
        self.said.borrow_mut().people = 0;
        let started = Instant::now();
        self.beside.arrive(vec![(source, decoded)], NOW);
        started.elapsed()
    }

    fn load(&mut self, source: &str, lines: impl Iterator<Item = String>) {
        let mut waiting = String::new();
        for (number, line) in lines.enumerate() {
            waiting += &line;
            if number % TICK == TICK - 1 {
                self.tick(source, std::mem::take(&mut waiting));
            }
        }
        self.tick(source, waiting);
    }
}

/// Loads values from 1 on and corrects the first so many, each into one beyond the last; returns what a
/// correction takes in the median.
fn correct(select: &str, values: usize, expected: fn(usize, usize) -> String) -> Duration {
    let definition = format!(
        "name: hot\nsources:\n  rows: {{files: rows.ndjson, format: json, kind: records, key: k, \
         time: t, fields: {{k: text, p: text, v: integer, t: timestamp}}}}\n\
         identity:\n  p: {{from: {{rows: p}}, at_most: 1}}\n\
         attributes:\n  a: {{from: rows, select: \"{select}\"}}\n\
         outputs:\n  profiles: {{files: profiles.ndjson}}\n"
    );
    let mut bench = Bench::new(&definition);
    let row = |key: usize, value: usize| {
        let time = NOW / 1_000 - 10_000_000 + value as i64;
        format!("{{\"k\":\"{key}\",\"p\":\"ada\",\"v\":{value},\"t\":{time}}}\n")
    };
    bench.load("rows", (1..=values).map(|value| row(value, value)));
    assert_eq!(bench.said.borrow().value, expected(values, 0), "{select} of {values}");
    let mut times = Vec::new();
    for round in 1..=ROUNDS {
        times.push(bench.tick("rows", row(round, values + round)));
        let value = &bench.said.borrow().value;
        assert_eq!(*value, expected(values, round), "{select} of {values}, {round} corrected");
    }
    times.sort_unstable();
    times[ROUNDS / 2]
}

/// Ten rows a person refer to one record of a table, and ten of somebody to another; returns what it
/// takes when the one changes, and when the other does.
fn look_up(rows: usize) -> (Duration, Duration) {
    let definition = "name: hot
sources:
  rows: {files: rows.ndjson, format: json, kind: events, fields: {p: text, s: text}, join: {items: s}}
  items: {files: items.ndjson, format: json, kind: records, key: s, fields: {s: text, title: text}}
identity:
  p: {from: {rows: p}, at_most: 1}
attributes:
  a: {from: rows, select: last(title)}
outputs:
  profiles: {files: profiles.ndjson}
";
    let mut bench = Bench::new(definition);
    let people = rows / 10;
    let item = |key: &str, title: &str| format!("{{\"s\":\"{key}\",\"title\":\"{title}\"}}\n");
    let row = |person: usize, key: &str| format!("{{\"p\":\"{person}\",\"s\":\"{key}\"}}\n");
    bench.tick("items", item("hot", "hats"));
    bench.load("rows", (0..rows).map(|number| row(number % people, "hot")));
    assert_eq!(bench.said.borrow().value, "hats");
    let hot = bench.tick("items", item("hot", "shoes"));
    let said = |bench: &Bench| (bench.said.borrow().people, bench.said.borrow().value.clone());
    assert_eq!(said(&bench), (people, "shoes".to_owned()), "all are told anew");
    bench.tick("items", item("cool", "coats"));
    bench.tick("rows", row(people, "cool").repeat(10));
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let title = format!("coats {round}");
        times.push(bench.tick("items", item("cool", &title)));
        assert_eq!(said(&bench), (1, title));
    }
    times.sort_unstable();
    (hot, times[ROUNDS / 2])
}

/// The number that follows a name such as `--values`, or a default.
fn argument(name: &str, default: usize) -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    arguments.next().map_or(default, |value| {
        value.parse().unwrap_or_else(|_| panic!("{name} takes a number, not '{value}'"))
    })
}
