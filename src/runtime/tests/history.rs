//! Histories told tick by tick, of which all is taken back in the end.
//!
//! Records are deleted. Events can't be: definitions count them while the record of their feed is there,
//! and that one goes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::definition;
use crate::plan::{Kind, Plan};
use crate::runtime::{Clock, Stepped, stepped};
use crate::sink::TextRecord;
use crate::source::{Chunk, Payload};
use crate::time::{DAY, Micros, rfc3339};

/// What is known of a person after a tick, in the order of ids.
type Known = Vec<Value>;

/// `sources` by name with lines of JSON, tick by tick; the attributes of all people after each.
pub fn run(definition: &str, ticks: &[(&str, &[(&str, Value)])]) -> Vec<Known> {
    let mut profiles: BTreeMap<String, Value> = BTreeMap::new();
    records(definition, ticks)
        .into_iter()
        .map(|records| {
            for (person, attributes) in records {
                match attributes {
                    Some(attributes) => drop(profiles.insert(person, attributes)),
                    None => drop(profiles.remove(&person)),
                }
            }
            profiles.values().cloned().collect()
        })
        .collect()
}

/// The attributes of those people only who are sent in a tick.
pub fn sent(definition: &str, ticks: &[(&str, &[(&str, Value)])]) -> Vec<Known> {
    let people = |records: Records| records.into_iter().filter_map(|(_, known)| known).collect();
    records(definition, ticks).into_iter().map(people).collect()
}

/// By person; `None` is a tombstone.
type Records = Vec<(String, Option<Value>)>;

/// What each tick sends. In the end all is taken back, and nothing may be left of it.
fn records(definition: &str, ticks: &[(&str, &[(&str, Value)])]) -> Vec<Records> {
    let plan = definition::parse(definition, Path::new("test.yaml"), &|_| None);
    let plan = Arc::new(plan.unwrap_or_else(|wrong| panic!("{wrong}")));
    let mut all: Vec<(Micros, Vec<(&str, Value)>)> =
        ticks.iter().map(|(now, rows)| (instant(now), rows.to_vec())).collect();
    all[0].1.push(("feeds", json!({"feed": "web"})));
    let last = all[all.len() - 1].0;
    let mut deletions = Vec::new();
    for (source, row) in all.iter().flat_map(|(_, rows)| rows) {
        deletions.extend(deletion(&plan, source, row, last).map(|row| (*source, row)));
    }
    all.push((last, deletions));
    // No window is left to wait for.
    all.push((last + 1_000 * DAY, Vec::new()));
    let mut lines = 0;
    let steps = all.into_iter().map(|(now, rows)| {
        let chunks = rows.into_iter().map(|(source, row)| {
            lines += 1;
            Chunk {
                source: index(&plan, source) as u16,
                part: 0,
                origin: Arc::from(source),
                payload: Payload::Lines {
                    bytes: format!("{row}\n").into_bytes(),
                    first_line: lines,
                    header: None,
                    arrived: now,
                },
                reached: None,
            }
        });
        (now, chunks.collect())
    });
    let steps = steps.collect();
    let attributes = |value: String| {
        let value: Value = serde_json::from_str(&value).expect("JSON");
        value["attributes"].clone()
    };
    let Stepped { sent, counts } = stepped(Arc::clone(&plan), 2, Clock::Wall, steps);
    let records = |sent: Vec<TextRecord>| {
        sent.into_iter().map(|record| (record.key, record.value.map(attributes))).collect()
    };
    let mut sent: Vec<Records> = sent.into_iter().map(records).collect();
    let known: BTreeMap<_, _> = sent.iter().flatten().cloned().collect();
    assert!(known.values().all(Option::is_none), "still published: {known:#?}");
    // Keys, when identifiers were first seen, and the events that a feed may bring back.
    let remember = ["Admit", "Identifiers, remembered", "Join 0", "Join 1"];
    let mut held = counts.entries;
    held.retain(|operator, held| *held > 0 && !remember.contains(&operator.as_str()));
    assert!(held.is_empty(), "still held: {held:#?}");
    sent.truncate(ticks.len());
    sent
}

fn index(plan: &Plan, source: &str) -> usize {
    let index = plan.sources.iter().position(|known| known.name == source);
    index.expect("the definition names it")
}

/// What deletes a record.
fn deletion(plan: &Plan, source: &str, row: &Value, at: Micros) -> Option<Value> {
    let of = &plan.sources[index(plan, source)];
    let key = &of.fields[of.key.filter(|_| of.kind == Kind::Records)?].name;
    Some(json!({key: row[key], "at": rfc3339(at), "gone": true}))
}

fn instant(text: &str) -> Micros {
    chrono::DateTime::parse_from_rfc3339(text).expect("an instant").timestamp_micros()
}
