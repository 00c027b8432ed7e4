//! The engine beside the oracle, tick by tick.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Formatter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, Once};

use selfsame::internals::plan::{Plan, Publish};
use selfsame::internals::runtime::{Clock, Stepped, stepped};
use selfsame::internals::sink::TextRecord as Record;

use super::became::Became;
use super::script::{Delivery, Script, Told};
use super::{Expected, Oracle, Sent, SetAside, State};

const PATH: &str = "generated.yaml";

/// The plan of a definition's text.
pub fn plan(yaml: &str) -> Arc<Plan> {
    match selfsame::internals::definition::parse(yaml, Path::new(PATH), &|_| None) {
        Ok(plan) => Arc::new(plan),
        Err(wrong) => panic!("the definition is refused:\n{wrong}\n{yaml}"),
    }
}

/// A definition and what happens to it.
#[derive(Clone)]
pub struct Case {
    pub yaml: String,
    pub plan: Arc<Plan>,
    pub clock: Clock,
    pub script: Script,
}

/// How the engine differs from what it should do.
pub type Failure = String;

impl Case {
    /// With the script in its text form.
    pub fn told(yaml: &str, clock: Clock, script: &str) -> Self {
        let plan = plan(yaml);
        let script = Script::parse(script, &plan).expect("a script");
        Case { yaml: yaml.to_owned(), plan, clock, script }
    }

    pub fn script_text(&self) -> String {
        Told(&self.script, &self.plan).to_string()
    }

    /// The same with another script, if that is one.
    pub fn with_script(&self, text: &str) -> Option<Self> {
        let script = Script::parse(text, &self.plan)?;
        Some(Case { script, ..self.clone() })
    }

    /// The same with another definition, if that is one of the script's sources.
    pub fn with_yaml(&self, yaml: &str) -> Option<Self> {
        let plan = Arc::new(
            selfsame::internals::definition::parse(yaml, Path::new(PATH), &|_| None).ok()?,
        );
        let script = Script::parse(&self.script_text(), &plan)?;
        Some(Case { yaml: yaml.to_owned(), plan, clock: self.clock, script })
    }

    /// Runs the script on the engine; gives what each tick sent.
    pub fn run(&self, workers: usize) -> Vec<Vec<Record>> {
        self.stepped(workers).sent
    }

    fn stepped(&self, workers: usize) -> Stepped {
        let ticks = self.script.ticks.iter();
        let steps = ticks.map(|tick| (tick.reading, tick.chunks(&self.plan))).collect();
        let _panics = (workers > 1).then(|| EndOnPanic::of(self.to_string()));
        stepped(Arc::clone(&self.plan), workers, self.clock, steps)
    }

    /// Where the engine differs from the oracle, if it does.
    pub fn differs(&self, workers: usize) -> Option<Failure> {
        let run = std::panic::AssertUnwindSafe(|| self.stepped(workers));
        let Ok(Stepped { sent, counts }) = std::panic::catch_unwind(run) else {
            return Some("the engine panics".to_owned());
        };
        let mut oracle = Oracle::new(&self.plan, self.clock);
        for (number, (tick, records)) in self.script.ticks.iter().zip(sent).enumerate() {
            let expected = oracle.tick(tick);
            if let Some(difference) = difference(&self.plan, &expected, records) {
                let place = format!("in tick {number} (from 0) with {workers} workers");
                return Some(format!("{place}:\n{difference}"));
            }
        }
        let counted: Vec<Became> = counts.sources.iter().map(Became::from).collect();
        (counted != oracle.became())
            .then(|| format!("rows became {counted:?}, and should {:?}", oracle.became()))
    }

    /// What operators still hold once the script has taken everything back and no window is left
    /// to wait for, if that is anything but what has to be remembered for ever.
    pub fn keeps(&self, workers: usize) -> Option<Failure> {
        let mut oracle = Oracle::new(&self.plan, self.clock);
        self.script.ticks.iter().for_each(|tick| drop(oracle.take_in(tick)));
        let mut held = self.stepped(workers).counts.entries;
        held.retain(|operator, held| *held != oracle.remembered(operator));
        (!held.is_empty()).then(|| format!("with {workers} workers still held: {held:#?}"))
    }

    /// The definition and the rows of another, in the order in which they arrive here; the clock
    /// ends where it ends there.
    pub fn of_rows_of(&self, other: &Case) -> Self {
        let place = |case: &Case, row: &Delivery| {
            (case.plan.sources[row.source].name.clone(), row.part, row.offset)
        };
        let rows = other.script.ticks.iter().flat_map(|tick| &tick.rows);
        let rows: BTreeMap<_, &Delivery> = rows.map(|row| (place(other, row), row)).collect();
        let last = other.script.ticks.last().map_or(0, |tick| tick.reading);
        let mut ticks = self.script.ticks.clone();
        for tick in &mut ticks {
            tick.reading = tick.reading.min(last);
            let here = std::mem::take(&mut tick.rows);
            let here = here.iter().filter_map(|row| rows.get(&place(self, row)).copied());
            tick.rows = here.map(|row| Delivery { joined: false, ..row.clone() }).collect();
        }
        ticks.last_mut().expect("some ticks").reading = last;
        Case { script: Script { ticks }, ..other.clone() }
    }

    /// # Panics
    /// If the engine differs from the oracle on one worker or several.
    pub fn holds(&self) {
        for workers in [1, 2, 4] {
            self.differs(workers).inspect(|difference| panic!("{self}\n{difference}"));
        }
    }
}

/// All that is needed to keep it as a test.
impl Display for Case {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let told = Told(&self.script, &self.plan);
        write!(f, "\n{}--- {:?}\n{told}---", self.yaml, self.clock)
    }
}

/// The state that changelogs fold to: the newest value of each key, and the rejects.
pub fn folded<'a>(
    plan: &Plan,
    sent: impl IntoIterator<Item = &'a Record>,
) -> (State, Vec<(u16, SetAside)>) {
    let (mut state, mut rejects) = (State::new(), Vec::new());
    for record in sent {
        let key = (usize::from(record.output), record.key.clone());
        match (plan.outputs[key.0].publish, &record.value) {
            (Publish::Rejects, value) => {
                rejects.push((record.output, set_aside(value.as_deref().unwrap_or_default())));
            }
            (_, None) => drop(state.remove(&key)),
            (_, Some(value)) => {
                let value = before_at(value);
                match value.ends_with("\"change\":\"left\"") {
                    true => drop(state.remove(&key)),
                    false => drop(state.insert(key, value.to_owned())),
                }
            }
        }
    }
    rejects.sort();
    (state, rejects)
}

/// A value less `at` and the closing brace.
fn before_at(value: &str) -> &str {
    value.rsplit_once(",\"at\":").expect("a value ends with at").0
}

fn set_aside(value: &str) -> SetAside {
    let value: serde_json::Value = serde_json::from_str(value).expect("a reject is JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let reasons = value["reasons"].as_array().expect("a list");
    SetAside {
        source: text(&value["source"]),
        position: value["position"].to_string(),
        codes: reasons.iter().map(|reason| text(&reason["code"])).collect(),
        raw: text(&value["raw"]),
    }
}

/// How a tick's records differ from what they have to be.
fn difference(plan: &Plan, expected: &Expected, records: Vec<Record>) -> Option<String> {
    let is_reject =
        |record: &Record| plan.outputs[usize::from(record.output)].publish == Publish::Rejects;
    let (rejects, records): (Vec<Record>, Vec<Record>) = records.into_iter().partition(is_reject);
    let mut sent: Vec<Sent> = records.into_iter().map(Sent::from).collect();
    sent.sort();
    let mut text = String::new();
    if sent != expected.sent {
        for record in expected.sent.iter().filter(|record| !sent.contains(record)) {
            writeln!(text, "missing   {}", shown(plan, record)).expect("to a string");
        }
        for record in sent.iter().filter(|record| !expected.sent.contains(record)) {
            writeln!(text, "not asked {}", shown(plan, record)).expect("to a string");
        }
        if text.is_empty() {
            writeln!(text, "a record was sent twice: {sent:#?}").expect("to a string");
        }
    }
    let mut by_output: BTreeMap<u16, Vec<SetAside>> = BTreeMap::new();
    for (index, output) in plan.outputs.iter().enumerate() {
        if output.publish == Publish::Rejects {
            by_output.insert(index as u16, Vec::new());
        }
    }
    let at = format!(",\"at\":\"{}\"}}", selfsame::internals::time::rfc3339(expected.now));
    for reject in &rejects {
        let value = reject.value.as_deref().unwrap_or_default();
        if !value.ends_with(&at) {
            writeln!(text, "a reject not of {at} {value}").expect("to a string");
        }
        by_output.entry(reject.output).or_default().push(set_aside(value));
    }
    for (output, mut found) in by_output {
        found.sort();
        if found != expected.set_aside {
            let name = &plan.outputs[usize::from(output)].name;
            let (wanted, found): (BTreeSet<_>, BTreeSet<_>) =
                (expected.set_aside.iter().collect(), found.iter().collect());
            writeln!(text, "{name}: wanted {:#?}", wanted.difference(&found)).expect("to a string");
            writeln!(text, "{name}: found {:#?}", found.difference(&wanted)).expect("to a string");
        }
    }
    (!text.is_empty()).then_some(text)
}

fn shown(plan: &Plan, sent: &Sent) -> String {
    let Sent { output, key, value, merged_into } = sent;
    let output = &plan.outputs[*output].name;
    let value = value.as_deref().unwrap_or("null");
    let into = merged_into.as_ref().map_or(String::new(), |into| format!(" merged into {into}"));
    format!("{output} {key} {value}{into}")
}

impl From<Record> for Sent {
    fn from(record: Record) -> Self {
        let Record { output, key, value, merged_into } = record;
        Sent { output: usize::from(output), key, value, merged_into }
    }
}

/// While it lives, a panic of one worker ends the process: the others would wait for it for ever.
struct EndOnPanic;

static AT_STAKE: Mutex<Vec<(std::thread::ThreadId, String)>> = Mutex::new(Vec::new());
static HOOK: Once = Once::new();

impl EndOnPanic {
    fn of(told: String) -> Self {
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                before(panic);
                let at_stake = AT_STAKE.lock().expect("no one panics with it");
                let of_a_worker = std::thread::current()
                    .name()
                    .is_some_and(|name| name.starts_with("timely:work"));
                if of_a_worker && !at_stake.is_empty() {
                    at_stake.iter().for_each(|(_, told)| eprintln!("a worker panicked in\n{told}"));
                    std::process::exit(101);
                }
            }));
        });
        AT_STAKE.lock().expect("no one panics with it").push((std::thread::current().id(), told));
        EndOnPanic
    }
}

impl Drop for EndOnPanic {
    fn drop(&mut self) {
        let own = std::thread::current().id();
        AT_STAKE.lock().expect("no one panics with it").retain(|(of, _)| *of != own);
    }
}
