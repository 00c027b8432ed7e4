//! What does not fit, as it is published: by key, so that repairing the data empties the output.
//!
//! | conflict | key |
//! |---|---|
//! | a link withheld | `withheld/type:value/type:value` |
//! | an identifier shared | `shared/type:value` |
//! | sources that disagree | `disagreement/source/type:value/type/source` |
//! | a person known to one source alone | `single_source/person` |
//!
//! In a key a `/` within a part is written `%2F`, and a `%` as `%25`: no two conflicts have one key.

use std::fmt::Write;
use std::sync::Arc;

use super::json::write_text;
use super::message::{Digest, Message, Router, Value};
use crate::flow::Diff;
use crate::identity::{Conflict, Guards, Shared};
use crate::plan::{Plan, Publish};
use crate::profile::PersonState;
use crate::row::{Datum, Identifier, IdentifierHash};
use crate::segment::Evaluated;
use crate::state::batch::{Batch, Prefetch, apply_prefetched};
use crate::state::held::Holds;
use crate::state::slots::{Slot, Slots};

/// The outputs of conflicts, and how their keys are routed.
#[derive(Clone)]
pub struct Conflicts {
    plan: Arc<Plan>,
    guards: Guards,
    router: Router,
    outputs: Vec<u16>,
}

impl Conflicts {
    pub fn new(plan: &Arc<Plan>, router: Router) -> Self {
        let outputs = plan.outputs.iter().enumerate();
        let outputs = outputs.filter(|(_, output)| output.publish == Publish::Conflicts);
        let outputs = outputs.map(|(index, _)| index as u16).collect();
        Conflicts { plan: Arc::clone(plan), guards: Guards::new(plan), router, outputs }
    }

    /// A conflict that arose or was resolved.
    pub fn messages(&self, conflict: &Conflict, diff: Diff) -> Vec<Message> {
        let (key, json) = self.describe(conflict);
        self.entries(key, json, diff)
    }

    fn entries(&self, key: String, json: String, diff: Diff) -> Vec<Message> {
        let hash = Digest::of(&key).0;
        let value = Value::new(json);
        let entry = |output: &u16| {
            let (before, after) = match diff {
                1.. => (None, Some(value.clone())),
                _ => (Some(value.digest), None),
            };
            let route = self.router.route(*output, hash);
            Message::Entry { route, output: *output, key: key.clone(), before, after }
        };
        self.outputs.iter().map(entry).collect()
    }

    fn describe(&self, conflict: &Conflict) -> (String, String) {
        let plan = &self.plan;
        let kind = |kind: u8| plan.identifiers[usize::from(kind)].name.as_str();
        let source = |source: u16| plan.sources[usize::from(source)].name.as_str();
        let name = |identifier: &Identifier| plan.spoken(identifier);
        let mut json = String::from("{\"conflict\":");
        let key = match conflict {
            Conflict::Withheld { one, other, refusal } => {
                json.push_str("\"withheld\"");
                let guard = self.guards.refusing(refusal);
                field(&mut json, "rule", guard.name());
                values(&mut json, guard.fields(plan, refusal));
                field(&mut json, "one", &name(one));
                field(&mut json, "other", &name(other));
                key(&["withheld", &name(one), &name(other)])
            }
            Conflict::Shared(shared) => {
                json.push_str("\"shared\"");
                field(&mut json, "rule", Shared::RULE);
                values(&mut json, shared.fields(plan));
                key(&["shared", &name(&shared.identifier)])
            }
            Conflict::Disagreement {
                identifier,
                kind: about,
                source: one,
                says,
                other_source: other,
                other_says,
            } => {
                json.push_str("\"disagreement\"");
                field(&mut json, "identifier", &name(identifier));
                field(&mut json, "type", kind(*about));
                field(&mut json, "source", source(*one));
                list(&mut json, "says", says);
                field(&mut json, "other_source", source(*other));
                list(&mut json, "other_says", other_says);
                let (one, identifier) = (source(*one), name(identifier));
                key(&["disagreement", one, &identifier, kind(*about), source(*other)])
            }
        };
        (key, json)
    }
}

/// A key of parts, which can be told apart whatever stands in them.
fn key(parts: &[&str]) -> String {
    let mut key = String::new();
    for (place, part) in parts.iter().enumerate() {
        key.push_str(if place > 0 { "/" } else { "" });
        for character in part.chars() {
            match character {
                '/' => key.push_str("%2F"),
                '%' => key.push_str("%25"),
                other => key.push(other),
            }
        }
    }
    key
}

fn field(json: &mut String, name: &str, text: &str) {
    write!(json, ",\"{name}\":").expect("to a string");
    write_text(text, json);
}

fn values(json: &mut String, fields: Vec<(&'static str, serde_json::Value)>) {
    for (name, value) in fields {
        write!(json, ",\"{name}\":").expect("to a string");
        write_json(&value, json);
    }
}

/// Writes texts as all outputs do.
fn write_json(value: &serde_json::Value, json: &mut String) {
    match value {
        serde_json::Value::String(text) => write_text(text, json),
        serde_json::Value::Array(items) => {
            json.push('[');
            for (index, item) in items.iter().enumerate() {
                json.push_str(if index > 0 { "," } else { "" });
                write_json(item, json);
            }
            json.push(']');
        }
        other => write!(json, "{other}").expect("to a string"),
    }
}

fn list(json: &mut String, name: &str, identifiers: &[Identifier]) {
    let mut texts: Vec<&str> = identifiers.iter().map(|identifier| &*identifier.text).collect();
    texts.sort_unstable();
    write!(json, ",\"{name}\":[").expect("to a string");
    for (index, text) in texts.iter().enumerate() {
        json.push_str(if index > 0 { "," } else { "" });
        write_text(text, json);
    }
    json.push(']');
}

/// A person, and the source that knows them.
type Known = (IdentifierHash, u16);

/// Which people one source alone knows: one worker's share.
pub struct SingleSources {
    conflicts: Conflicts,
    known: Slots<Known>,
}

impl Holds for SingleSources {
    /// People whom one source alone knows.
    fn held(&self) -> usize {
        self.known.len()
    }
}

impl SingleSources {
    pub fn new(conflicts: Conflicts) -> Self {
        SingleSources { conflicts, known: Slots::default() }
    }

    pub fn apply(&mut self, evaluated: &Evaluated, messages: &mut Batch<Message>) {
        let people: Batch<_> = evaluated.people.iter().collect();
        let prefetch: Prefetch<Self, &(Slot, PersonState)> = |all, (slot, state)| {
            let presence = all.conflicts.plan.presence.iter();
            let read = presence.filter(|(_, of)| state.aggregates[usize::from(*of)].is_some());
            all.known.prefetch(*slot) + read.count()
        };
        apply_prefetched(people, self, &[prefetch], |all, (slot, state)| {
            let now = all.only_source(state).map(|source| (state.id, source));
            let before = match now {
                Some(now) => all.known.insert(*slot, now),
                None => all.known.remove(*slot),
            };
            all.tell(before, now, messages);
        });
        for slot in &evaluated.gone {
            let before = self.known.remove(*slot);
            self.tell(before, None, messages);
        }
    }

    /// The source that all of a person's rows are of, where there are several that it could be.
    fn only_source(&self, state: &PersonState) -> Option<u16> {
        let presence = &self.conflicts.plan.presence;
        let has_rows = |(_, aggregate): &&(u16, u16)| {
            !matches!(state.aggregates[usize::from(*aggregate)], None | Some(Datum::Integer(0)))
        };
        let mut sources = presence.iter().filter(has_rows);
        let (source, _) = sources.next().filter(|_| presence.len() > 1)?;
        sources.next().is_none().then_some(*source)
    }

    /// Says whom one source alone knew and knows, where that differs.
    fn tell(&self, before: Option<Known>, now: Option<Known>, messages: &mut Batch<Message>) {
        if before == now {
            return;
        }
        let Conflicts { outputs, router, .. } = &self.conflicts;
        for output in outputs {
            let mut message = |person: IdentifierHash, before, after| {
                let route = router.route(*output, person.0);
                let output = *output;
                messages.push(Message::SingleSource { route, output, person, before, after });
            };
            before.inspect(|(person, source)| message(*person, Some(*source), None));
            now.inspect(|(person, source)| message(*person, None, Some(*source)));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::key;

    proptest! {
        #[test]
        fn no_two_lists_of_parts_have_one_key(
            one in prop::collection::vec("[a/%2F]{0,4}", 1..4),
            other in prop::collection::vec("[a/%2F]{0,4}", 1..4),
        ) {
            let of = |parts: &[String]| key(&parts.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert_eq!(one == other, of(&one) == of(&other));
            let back = of(&one);
            let back = back.split('/').map(|part| part.replace("%2F", "/").replace("%25", "%"));
            prop_assert_eq!(back.collect::<Vec<_>>(), one);
        }
    }
}
