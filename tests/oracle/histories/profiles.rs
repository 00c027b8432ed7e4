//! Attributes, segments and outputs.

use std::fmt::Write;

use super::choices::Choices;
use super::identity::Identity;
use super::quoted;
use super::sources::{DERIVED, Source};
use super::sql::{self, Column, Of, Typed};

const WINDOWS: [&str; 16] = [
    "within: 1 day",
    "within: 1 hour",
    "within: 2 days",
    "within: 30 days",
    "between: [1 hour, 1 day]",
    "between: [1 day, 2 days]",
    "between: [30 days, 400 days]",
    "since: \"date_trunc('day', now())\"",
    "since: \"date_trunc('month', now())\"",
    "since: \"date_trunc('week', now()) - interval '7 days'\"",
    "since: \"date_trunc('second', now())\"",
    "since: \"date_trunc('minute', now()) - interval '30 minutes'\"",
    "since: \"date_trunc('hour', now()) - interval '1 hour'\"",
    "since: \"date_trunc('year', now()) - interval '1 month'\"",
    "since: \"date_trunc('quarter', now())\"",
    "since: \"date_trunc('day', now()) + interval '2 hours'\"",
];

/// Writes attributes; returns their names and types.
pub fn attributes(
    sources: &[Source],
    identity: &Identity,
    all: &mut [Choices],
    yaml: &mut String,
) -> Vec<Column> {
    let mut attributes: Vec<Column> = Vec::new();
    // Those that ranks may look at.
    let mut plain: Vec<Column> = Vec::new();
    for (number, choices) in all.iter_mut().enumerate() {
        let name = format!("a{number}");
        let said = match choices.below(8) {
            6 => derived(&attributes, &identity.types, choices),
            7 => match ranked(&plain, choices) {
                Some((text, of)) => {
                    if text.starts_with("rfm") {
                        let scores = ["recency", "frequency", "monetary"];
                        let scores = scores.map(|of| format!("{name}_{of}"));
                        attributes.extend(scores.map(|name| Column::new(&name, Of::Integer)));
                    }
                    Some((text, of))
                }
                None => from_rows(sources, identity, choices),
            },
            _ => from_rows(sources, identity, choices),
        };
        let Some((text, of)) = said else { continue };
        if plain.is_empty() {
            yaml.push_str("attributes:\n");
        }
        writeln!(yaml, "  {name}: {{{text}}}").expect("to a string");
        let builds_on_ranks = text.contains("ntile(") || text.starts_with("rfm") || {
            let mut ranked = attributes.iter().filter(|known| !plain.contains(known));
            text.starts_with("sql") && ranked.any(|ranked| text.contains(&ranked.name))
        };
        attributes.push(Column::new(&name, of));
        if !builds_on_ranks {
            plain.push(Column::new(&name, of));
        }
        if text.contains(", funnel: ") {
            attributes.push(Column::new(&format!("{name}_times"), Of::List));
        }
    }
    attributes
}

/// A rank by some attribute, or three.
fn ranked(plain: &[Column], choices: &mut Choices) -> Option<Typed> {
    let is_list = |of: Of| matches!(of, Of::List | Of::Texts | Of::Integers | Of::Sums | Of::Map);
    let names = plain.iter().filter(|of| !is_list(of.of)).map(|of| of.name.clone());
    let names: Vec<String> = names.collect();
    let mut over = sql::scalars(plain);
    over.retain(|(text, of)| !is_list(*of) && !text.contains(','));
    let pick = |choices: &mut Choices| {
        let of_names = names.get(choices.below(names.len().max(1))).cloned()?;
        let over = if choices.one_in(3) { over.get(choices.below(over.len())) } else { None };
        Some(over.map_or(of_names, |(text, _)| text.clone()))
    };
    let one = pick(choices)?;
    Some(match choices.below(5) {
        0 => (format!("sql: \"ntile({one}, 4)\""), Of::Integer),
        1 => (format!("sql: \"ntile({one}, 2)\""), Of::Integer),
        2 => {
            let other = pick(choices)?;
            let text = format!("4 - ntile({one}, 3) + coalesce(ntile({other}, 12), 0)");
            (format!("sql: \"{text}\""), Of::Integer)
        }
        several => {
            let (frequency, monetary) = (pick(choices)?, pick(choices)?);
            let bins = if several == 3 { "" } else { ", bins: 10" };
            let [one, frequency, monetary] = [one, frequency, monetary].map(|of| quoted(&of));
            let parts = format!("recency: {one}, frequency: {frequency}, monetary: {monetary}");
            (format!("rfm: {{{parts}{bins}}}"), Of::Text)
        }
    })
}

fn from_rows(sources: &[Source], identity: &Identity, choices: &mut Choices) -> Option<Typed> {
    let identified: Vec<&Source> =
        sources.iter().zip(&identity.identified).filter(|(_, is)| **is).map(|(s, _)| s).collect();
    let first = choices.below(identified.len().max(1));
    let more = identified.iter().enumerate().filter(|(at, _)| *at == first || choices.one_in(3));
    let from: Vec<&&Source> = more.map(|(_, source)| source).collect();
    // What is derived has the digits that its expression gives it: other ones in another source.
    let has_own_digits = |column: &Column| {
        column.of == Of::Decimal && from.len() > 1 && DERIVED.contains(&&*column.name)
    };
    let shared = |column: &Column| {
        from.iter().all(|source| source.all_columns().contains(column)) && !has_own_digits(column)
    };
    let mut columns = from.first()?.all_columns();
    columns.retain(shared);
    let mut pairs = Vec::new();
    let mut text = match from.as_slice() {
        [one] => format!("from: {}", one.name),
        several => {
            let names: Vec<&str> = several.iter().map(|source| source.name).collect();
            format!("from: [{}]", names.join(", "))
        }
    };
    // A file's order is no time.
    let timed = from.iter().all(|source| source.is_topic || source.has_time());
    let is_funnel = timed && choices.one_in(8);
    if let [one] = from.as_slice()
        && !is_funnel
    {
        pairs.extend(sql::pairs(&one.columns, &one.joined));
        pairs.extend(sql::pairs(&columns, &one.of_sessions));
        columns.extend(one.of_sessions.iter().cloned());
    }
    let of = if is_funnel {
        let steps = (0..2 + choices.below(2)).map(|_| sql::condition(choices, &columns));
        let steps: Vec<String> = steps.map(|step| quoted(&step.expect("a column"))).collect();
        let within = choices.pick(&["1 day", "1 hour", "30 days"]);
        write!(text, ", funnel: [{}], within: {within}", steps.join(", ")).expect("to a string");
        Of::Integer
    } else {
        let mut all = match from.as_slice() {
            // Seldom is one of the few drawn among the many.
            [one] if !one.of_sessions.is_empty() && choices.below(3) > 0 => {
                sql::aggregates(&one.of_sessions, Vec::new())
            }
            _ => sql::aggregates(&columns, pairs),
        };
        let (select, of) = all.swap_remove(choices.below(all.len()));
        write!(text, ", select: {}", quoted(&select)).expect("to a string");
        of
    };
    if choices.one_in(3)
        && let Some(condition) = sql::condition(choices, &columns)
    {
        write!(text, ", where: {}", quoted(&condition)).expect("to a string");
    }
    if timed && !is_funnel && choices.one_in(3) {
        write!(text, ", {}", choices.pick(&WINDOWS)).expect("to a string");
    }
    Some((text, of))
}

fn derived(attributes: &[Column], types: &[String], choices: &mut Choices) -> Option<Typed> {
    let mut all = sql::scalars(attributes);
    all.extend(sql::over_identifiers(types));
    for Column { name: a, of } in attributes {
        let others = attributes.iter().filter(|other| other.of == *of);
        for Column { name: b, .. } in others {
            match of {
                Of::Integer | Of::Decimal | Of::Number => {
                    all.push((format!("{a} / nullif({b}, 0)"), *of));
                    all.push((format!("{a} + coalesce({b}, 0)"), *of));
                    all.push((format!("{a} >= {b}"), Of::Boolean));
                }
                Of::Text => {
                    all.push((format!("cast({a} as integer)"), Of::Integer));
                    all.push((format!("{a} || coalesce({b}, '')"), Of::Text));
                }
                Of::Timestamp => all.push((format!("greatest({a}, {b})"), Of::Timestamp)),
                // They are of different things.
                Of::List | Of::Sums | Of::Map => {}
                _ => all.push((format!("coalesce({a}, {b})"), *of)),
            }
        }
    }
    let (text, of) = all.get(choices.below(all.len().max(1)))?;
    Some((format!("sql: {}", quoted(text)), *of))
}

/// Writes segments; returns their names.
pub fn segments(
    attributes: &[Column],
    identity: &Identity,
    all: &mut [Choices],
    yaml: &mut String,
) -> Vec<String> {
    let mut segments: Vec<String> = Vec::new();
    for (number, choices) in all.iter_mut().enumerate() {
        let conditions = sql::memberships(attributes, &segments, &identity.types);
        let Some(condition) = sql::combined(choices, &conditions) else { continue };
        if segments.is_empty() {
            yaml.push_str("segments:\n");
        }
        let name = if choices.one_in(8) { format!("s \"{number}") } else { format!("s{number}") };
        let condition = match choices.one_in(8) {
            true => format!("{{where: {}, description: In it}}", quoted(&condition)),
            false => quoted(&condition),
        };
        writeln!(yaml, "  {}: {condition}", quoted(&name)).expect("to a string");
        segments.push(name);
    }
    segments
}

/// Writes outputs: one of each, but for some, and variants.
pub fn outputs(attributes: &[Column], segments: &[String], all: &mut [Choices], yaml: &mut String) {
    yaml.push_str("outputs:\n");
    let Some((first, variants)) = all.split_first_mut() else { return };
    let target = |choices: &mut Choices, name: &str| match choices.one_in(3) {
        true => format!("kafka: {{topic: out.{name}}}"),
        false => format!("files: out/{name}.ndjson"),
    };
    for (number, name) in
        ["profiles", "identities", "segments", "rejects", "conflicts"].iter().enumerate()
    {
        if number == 0 || !first.one_in(8) {
            writeln!(yaml, "  {name}: {{{}}}", target(first, name)).expect("to a string");
        }
    }
    for (number, choices) in variants.iter_mut().enumerate() {
        let name = format!("variant{number}");
        let target = target(choices, &name);
        let others = ["profiles", "segments", "identities", "rejects", "conflicts"];
        let publish = if choices.below(2) == 0 { "profiles" } else { choices.pick(&others) };
        write!(yaml, "  {name}: {{publish: {publish}, {target}").expect("to a string");
        if publish == "profiles" {
            let conditions = sql::memberships(attributes, segments, &[]);
            let timeless: Vec<String> =
                conditions.into_iter().filter(|text| !text.contains("now()")).collect();
            if let Some(condition) = sql::combined(choices, &timeless) {
                write!(yaml, ", where: {}", quoted(&condition)).expect("to a string");
            }
            if choices.one_in(2) {
                let names: Vec<String> = attributes.iter().map(|a| a.name.clone()).collect();
                write!(yaml, ", attributes: [{}]", choices.some(&names).join(", "))
                    .expect("to a string");
            }
        }
        yaml.push_str("}\n");
    }
}
