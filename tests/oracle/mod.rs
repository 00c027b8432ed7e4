//! A second evaluation of a definition, plain and slow: at each tick everything is worked out anew
//! from the list of all rows, as the language says it. It shares nothing with the engine but the
//! parsed definition and the evaluation of SQL, and so can say what the engine has to send.

// Each test uses its part of this.
#![allow(dead_code)]

mod aggregate;
pub mod became;
mod calendar;
pub mod check;
mod columnar;
mod conflicts;
mod csv;
mod elements;
mod ending;
mod exact;
mod guards;
pub mod histories;
mod join;
mod json;
pub mod minimal;
mod people;
mod profile;
mod ranks;
mod repeats;
mod rows;
pub mod script;
mod sessions;
mod values;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use selfsame::internals::plan::{Kind, Plan, Publish};
use selfsame::internals::runtime::Clock;
use selfsame::internals::time::{Micros, rfc3339};

use became::Became;
use people::{FirstSeen, Identified, Person};
use profile::Profile;
use repeats::Dated;
use rows::{Row, Said, Saying, Verdict, judge, text};
use script::{Delivery, Tick};

/// One record of a changelog, as it has to be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sent {
    /// Index into `Plan::outputs`.
    pub output: usize,
    pub key: String,
    pub value: Option<String>,
    pub merged_into: Option<String>,
}

/// A row that is set aside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SetAside {
    pub source: String,
    /// As published.
    pub position: String,
    pub codes: BTreeSet<String>,
    pub raw: String,
}

/// What an output's key holds, less `at` and the closing brace. People who have left a segment are
/// not there.
pub type State = BTreeMap<(usize, String), String>;

/// What a tick has to send.
#[derive(Debug, Default)]
pub struct Expected {
    /// Sorted; less the rejects.
    pub sent: Vec<Sent>,
    /// In every output of rejects.
    pub set_aside: Vec<SetAside>,
    pub now: Micros,
}

pub struct Oracle {
    plan: Arc<Plan>,
    clock: Clock,
    now: Micros,
    /// All valid rows as they arrived; but for the duplicates, where these depend on when they did.
    log: Vec<Row>,
    /// By source and id of events that have one: when the one that stands arrived.
    arrived: BTreeMap<(usize, String), Micros>,
    /// Rows that say when something happened.
    dated: Vec<Dated>,
    first_seen: FirstSeen,
    state: State,
    /// By source, what became of the rows that are not in the log.
    became: Vec<Became>,
}

impl Oracle {
    pub fn new(plan: &Arc<Plan>, clock: Clock) -> Self {
        Oracle {
            plan: Arc::clone(plan),
            clock,
            now: 0,
            log: Vec::new(),
            arrived: BTreeMap::new(),
            dated: Vec::new(),
            first_seen: FirstSeen::default(),
            state: State::new(),
            became: vec![Became::default(); plan.sources.len()],
        }
    }

    /// Takes in what arrives with a tick; says what the tick has to send.
    pub fn tick(&mut self, tick: &Tick) -> Expected {
        let set_aside = self.take_in(tick);
        let standing = self.standing();
        let standing = said(&self.plan, &standing, &standing);
        Expected { sent: self.change(&standing, self.now), set_aside, now: self.now }
    }

    /// Takes in what arrives with a tick; returns what is set aside of it.
    fn take_in(&mut self, tick: &Tick) -> Vec<SetAside> {
        let (mut valid, mut set_aside) = (Vec::new(), Vec::new());
        for delivery in tick.rows.iter().filter(|delivery| !delivery.is_comment(&self.plan)) {
            match judge(&self.plan, delivery, tick.reading) {
                Verdict::Valid(row) => valid.push(row),
                Verdict::Dropped => self.became[delivery.source].dropped += 1,
                Verdict::Rejected(codes) => {
                    self.became[delivery.source].rejected += 1;
                    let codes = codes.into_iter().map(str::to_owned).collect();
                    set_aside.push(self.set_aside(delivery, codes));
                }
            }
        }
        set_aside.sort();
        self.now = match self.clock {
            Clock::Wall => tick.reading,
            Clock::Fixed(instant) => instant,
            Clock::Event => {
                let dated: Vec<Dated> = valid.iter().filter_map(|row| self.dated(row)).collect();
                self.dated.extend(dated);
                repeats::followed(&self.dated).unwrap_or(0).max(0)
            }
        };
        // What happens in a tick happens at once: of its rows, the first is the one that stood first.
        valid.sort_by_key(|row| (row.source, row.position));
        let known = self.log.len();
        valid.into_iter().for_each(|row| self.accept(row));
        self.log[known..].iter().for_each(|row| self.first_seen.note(row));
        set_aside
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    /// How many entries the operators of one name have to remember for ever of what was taken back: which
    /// keys there were, so that what comes late does not stand; when things were first seen, so that
    /// what comes back is who it was; and the events that a table's record may bring back.
    pub fn remembered(&self, operator: &str) -> u64 {
        let in_order = self.plan.decisions.is_some()
            || self.plan.at_most.is_some()
            || self.plan.identifiers.iter().any(|of| of.at_most.is_some());
        let entries = match operator {
            "Admit" => {
                let keys = self.log.iter().filter_map(|row| Some((row.source, row.key.as_ref()?)));
                keys.collect::<BTreeSet<_>>().len()
            }
            // A decision does not say when anything was seen.
            "Identifiers, remembered" => {
                self.first_seen.identifiers.values().filter(|seen| **seen < Micros::MAX).count()
            }
            "Supported links, remembered" if in_order => {
                let parts = self.log.iter().flat_map(Row::parts);
                let said = parts.filter_map(|row| row.said.as_ref());
                let seen = said.filter(|said| said.saying == Saying::Together);
                let pairs = seen.flat_map(|said| {
                    let one = said.identifiers.first();
                    said.identifiers.iter().skip(1).map(move |other| (one, other))
                });
                pairs.collect::<BTreeSet<_>>().len()
            }
            _ => operator
                .strip_prefix("Join ")
                .map_or(0, |stage| self.joining_events(stage.parse().expect("a number"))),
        };
        entries as u64
    }

    /// How many keys events name of the table that a stage joins. What names none waits for nothing.
    fn joining_events(&self, stage: usize) -> usize {
        let key = |row: &Row| {
            let source = &self.plan.sources[row.source];
            let joined = source.joined.as_ref().filter(|_| source.kind == Kind::Events)?;
            let table = joined.tables.get(stage)?;
            Some((table.source, text(&row.columns[table.key])?))
        };
        self.log.iter().flat_map(Row::parts).filter_map(key).collect::<BTreeSet<_>>().len()
    }

    fn set_aside(&self, delivery: &Delivery, codes: BTreeSet<String>) -> SetAside {
        let (origin, offset) = (delivery.origin(&self.plan), delivery.offset);
        let source = &self.plan.sources[delivery.source];
        let position = match source.connector.topic() {
            Some(_) => {
                let part = delivery.part;
                serde_json::json!({"topic": origin, "partition": part, "offset": offset})
            }
            None => serde_json::json!({"file": origin, "line": offset}),
        };
        SetAside {
            source: source.name.clone(),
            position: position.to_string(),
            codes,
            raw: delivery.payload.clone().unwrap_or_default(),
        }
    }

    /// When what a row tells of happened, where it says so: by the source's `time`, or as an event of
    /// a topic without one.
    fn dated(&self, row: &Row) -> Option<Dated> {
        let source = &self.plan.sources[row.source];
        let is_topic = source.connector.topic().is_some();
        let says = match source.kind {
            _ if source.time.is_some() => row.has_payload(),
            Kind::Events => is_topic,
            Kind::Records => false,
        };
        let which = (row.source, row.key.clone(), row.key.is_none().then_some(row.position));
        says.then_some(Dated { time: row.time, max_ahead: source.max_ahead, which })
    }

    /// The first of events with one id stands, for as long as it is remembered. By the clock of events that is said of
    /// all rows together.
    fn accept(&mut self, row: Row) {
        let source = &self.plan.sources[row.source];
        if self.clock != Clock::Event
            && let (Kind::Events, Some(id)) = (source.kind, &row.key)
        {
            let key = (row.source, id.clone());
            if self.arrived.get(&key).is_some_and(|first| self.now - first <= source.id_window) {
                self.became[row.source].duplicates += 1;
                return;
            }
            self.arrived.insert(key, self.now);
        }
        self.log.push(row);
    }

    /// The places in the log of events that are another one again, where the rows alone say it.
    fn repeated(&self) -> BTreeSet<usize> {
        match self.clock {
            Clock::Event => repeats::repeated(&self.plan, &self.log),
            Clock::Wall | Clock::Fixed(_) => BTreeSet::new(),
        }
    }

    /// The rows that stand: every event, and of records the newest of a key.
    fn standing(&self) -> Vec<Row> {
        let mut records: BTreeMap<(usize, &str), &Row> = BTreeMap::new();
        let mut standing = Vec::new();
        let repeated = self.repeated();
        for (place, row) in self.log.iter().enumerate() {
            match (self.plan.sources[row.source].kind, &row.key) {
                (Kind::Events, _) if repeated.contains(&place) => {}
                (Kind::Events, _) => standing.push(row),
                (Kind::Records, key) => {
                    let key = key.as_deref().expect("a record has a key");
                    let newest = records.entry((row.source, key)).or_insert(row);
                    if (row.time, row.position) > (newest.time, newest.position) {
                        *newest = row;
                    }
                }
            }
        }
        standing.extend(records.into_values());
        let parts = standing.into_iter().flat_map(Row::parts);
        parts.filter(|part| part.said.is_some()).cloned().collect()
    }

    /// Works everything out anew, and tells what differs from before.
    fn change(&mut self, standing: &[Row], now: Micros) -> Vec<Sent> {
        let plan = Arc::clone(&self.plan);
        let said: Vec<&Said> = standing.iter().filter_map(|row| row.said.as_ref()).collect();
        let identified = Identified::new(&plan, &said, &self.first_seen);
        let mut conflicts = conflicts::of_identity(&plan, &identified);
        conflicts.extend(conflicts::of_sources(&plan, standing));
        let mut state = State::new();
        let mut profiles = Vec::new();
        for person in &identified.people {
            let is_theirs = |said: &Said| {
                let first = said.identifiers.first();
                first.is_some_and(|first| person.identifiers.contains(first))
            };
            let rows = standing.iter().filter(|row| row.said.as_ref().is_some_and(is_theirs));
            let rows: Vec<&Row> = rows.collect();
            profiles.push(Profile::new(&plan, person, &rows, now));
            conflicts.extend(conflicts::of_person(&plan, person, &rows));
        }
        let ranked: Vec<_> = profiles.iter().map(|profile| profile.ranked(&plan)).collect();
        let scores = ranks::scores(&plan, &ranked);
        for ((person, profile), scores) in identified.people.iter().zip(profiles).zip(scores) {
            publish(&plan, person, &profile.with_scores(&plan, &scores), &mut state);
        }
        for (index, output) in plan.outputs.iter().enumerate() {
            if output.publish == Publish::Conflicts {
                let own =
                    conflicts.iter().map(|(key, value)| ((index, key.clone()), value.clone()));
                state.extend(own);
            }
        }
        let before = std::mem::replace(&mut self.state, state);
        changes(&plan, &before, &self.state, &identified.people, now)
    }
}

/// The rows that count while others stand, with what they say.
fn said(plan: &Plan, rows: &[Row], standing: &[Row]) -> Vec<Row> {
    let with_said = |row: &Row| {
        let said = join::said(plan, row, standing)?;
        Some(Row { said: Some(said), ..row.clone() })
    };
    rows.iter().filter_map(with_said).collect()
}

impl FirstSeen {
    /// A valid row: it says when something was first seen, whatever becomes of it later and whether
    /// or not it counts beside the records of tables that it joins. A decision says so of nothing.
    fn note(&mut self, row: &Row) {
        row.parts().iter().for_each(|part| self.note_part(part));
    }

    fn note_part(&mut self, row: &Row) {
        let Some(said) = &row.said else { return };
        let seen = match said.saying {
            Saying::Together => row.time,
            // What no row carries was seen after all that rows carry.
            Saying::Same | Saying::Different => Micros::MAX,
        };
        for identifier in &said.identifiers {
            let first = self.identifiers.entry(identifier.clone()).or_insert(seen);
            *first = seen.min(*first);
        }
        for link in said.links() {
            let first = self.links.entry(link).or_insert(seen);
            *first = seen.min(*first);
        }
    }
}

/// Puts what every output says of a person.
fn publish(plan: &Plan, person: &Person, profile: &Profile, state: &mut State) {
    for (index, output) in plan.outputs.iter().enumerate() {
        match output.publish {
            Publish::Profiles => {
                if let Some(value) = profile.published(plan, person, output) {
                    state.insert((index, person.id.clone()), value);
                }
            }
            Publish::Segments => {
                for segment in profile.segments(plan) {
                    let name = quoted(segment);
                    let value = format!(
                        "{{\"segment\":{name},\"person\":\"{}\",\"change\":\"entered\"",
                        person.id
                    );
                    state.insert((index, format!("{segment}/{}", person.id)), value);
                }
            }
            Publish::Identities => {
                for (kind, text) in &person.identifiers {
                    let kind = &plan.identifiers[*kind].name;
                    let value = format!(
                        "{{\"type\":{},\"value\":{},\"person\":\"{}\"",
                        quoted(kind),
                        quoted(text),
                        person.id
                    );
                    state.insert((index, format!("{kind}:{text}")), value);
                }
            }
            Publish::Rejects | Publish::Conflicts => {}
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("text")
}

fn changes(
    plan: &Plan,
    before: &State,
    after: &State,
    people: &[Person],
    now: Micros,
) -> Vec<Sent> {
    let at = format!(",\"at\":\"{}\"}}", rfc3339(now));
    let keys: BTreeSet<&(usize, String)> = before.keys().chain(after.keys()).collect();
    let mut sent = Vec::new();
    for key in keys.into_iter().filter(|key| before.get(key) != after.get(key)) {
        let (output, name) = key;
        let publish = plan.outputs[*output].publish;
        let value = match (after.get(key), before.get(key)) {
            (Some(value), _) => Some(format!("{value}{at}")),
            (None, Some(entered)) if publish == Publish::Segments => {
                let left = entered.strip_suffix("\"entered\"").expect("it is last").to_owned();
                let left = left + "\"left\"";
                Some(format!("{left}{at}"))
            }
            (None, _) => None,
        };
        let merged_into = match (&value, publish) {
            (None, Publish::Profiles) => successor(plan, people, name),
            _ => None,
        };
        sent.push(Sent { output: *output, key: name.clone(), value, merged_into });
    }
    sent
}

/// Who has the identifier that a person who is gone was named after.
fn successor(plan: &Plan, people: &[Person], gone: &str) -> Option<String> {
    let has_namesake = |person: &&Person| {
        person.identifiers.iter().any(|identifier| people::person_id(plan, identifier) == gone)
    };
    let person = people.iter().find(has_namesake)?;
    (person.id != gone).then(|| person.id.clone())
}
