//! The sections of a definition file, each read into its part of the plan.

pub mod attribute_list;
pub mod attributes;
pub mod column;
pub mod columns;
pub mod data;
mod derived;
mod duration;
mod field_elsewhere;
pub mod from_rows;
pub mod funnel;
pub mod given;
pub mod http;
pub mod identity;
pub mod join;
pub mod object;
pub mod order;
pub mod outputs;
pub mod rfm;
pub mod segments;
pub mod sessions;
pub mod sources;
pub mod sql_text;
pub mod text_form;
pub mod time_form;
pub mod types;
pub mod unnest;
mod value_map;
pub mod windows;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::file::{diagnostic, fields, stated, yaml};
use super::sql::Dialect;
use crate::plan::{Kafka, Limits, Plan, Publish};
use crate::time::zone::Zone;
use object::{Object, ReadContext};

/// What a definition file says, unless a mistake of it was noted.
pub fn definition(
    context: &mut ReadContext,
    document: &yaml::YamlNode,
    path: &Path,
) -> Option<Plan> {
    let file = Object::read(context, "the definition", document, fields::DEFINITION)?;
    let time_zone = time_zone(context, &file);
    let limits = limits(context, &file);
    context.dialect = Dialect::new(&time_zone).with_limits(limits);
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let name = file.text(context, "name").map(|(name, _)| name);
    let target_latency = file.duration(context, "target_latency");
    let kafka = kafka(context, &file);
    let folder = path.parent().unwrap_or(Path::new(""));
    let data = data::read(context, &file, folder);

    let mut sources = sources::read(context, &file, folder, &time_zone);
    context.know_columns(&sources);
    let http = http::read(context, &file, folder, &sources);
    let identifiers = identity::read(context, &file, &mut sources);
    let at_most = identity::at_most(context, &file);
    let decisions = identity::decisions(context, &file, &sources);
    let mut attributes = attributes::read(context, &file, &mut sources, &identifiers);
    let segments = segments::read(context, &file, &mut attributes);
    let outputs = outputs::read(context, &file, folder, &sources, &attributes);
    let presence = match outputs.iter().any(|output| output.publish == Publish::Conflicts) {
        true => outputs::presence(&mut sources, &mut attributes),
        false => Vec::new(),
    };
    if context.found.is_empty() {
        join::finish(&mut sources);
    }
    let says = |node: &yaml::YamlNode| match &node.value {
        yaml::YamlValue::Mapping(entries) => entries.iter().any(|(key, _)| key.name == "brokers"),
        _ => !node.is_null(),
    };
    if kafka.brokers.is_empty() && !file.get("kafka").is_some_and(says) {
        needs_brokers(context, &file);
    }
    Some(Plan {
        name: name.or(stem).unwrap_or_default(),
        time_zone,
        limits,
        target_latency: target_latency.unwrap_or(Duration::from_millis(200)),
        kafka,
        http,
        data,
        sources,
        identifiers,
        at_most,
        decisions,
        presence,
        aggregates: attributes.aggregates,
        sessions: attributes.sessions,
        attributes: attributes.attributes,
        segments,
        outputs,
        aggregate_schema: attributes.aggregate_schema,
        profile_schema: attributes.profile_schema,
        steps: attributes.steps,
        ranks: attributes.ranks,
        ranked_columns: attributes.ranked_columns,
        instants: attributes.instants,
        stated: stated::stated(document),
    })
}

fn time_zone(context: &mut ReadContext, file: &Object<'_>) -> Arc<str> {
    let Some((name, place)) = file.text(context, "time_zone") else { return Arc::from("UTC") };
    if Zone::named(&name).is_none_or(|zone| zone.name() != name) {
        let names = Zone::names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let is_city = |known: &&&str| {
            known
                .rsplit('/')
                .next()
                .is_some_and(|city| city.eq_ignore_ascii_case(&name.replace(' ', "_")))
        };
        let near =
            names.iter().find(is_city).copied().or_else(|| diagnostic::nearest(&name, &names));
        let hint = match (zone_of_offset(&name), near) {
            (Some(hint), _) => hint,
            (None, Some(near)) => format!("did you mean '{near}'?"),
            (None, None) => "a region and a city, such as 'Europe/Berlin', or 'UTC'".to_owned(),
        };
        let message = format!("'{name}' is no time zone of the IANA database: {hint}");
        context.complain(place, message);
        return Arc::from("UTC");
    }
    Arc::from(name)
}

/// What is meant by so many hours from UTC, such as `GMT+1`.
fn zone_of_offset(name: &str) -> Option<String> {
    let (before, after) = name.split_at(name.rfind(['+', '-'])?);
    let is_utc =
        ["", "UTC", "GMT", "Etc/GMT", "Etc/UTC"].contains(&before.trim().to_uppercase().as_str());
    let (sign, digits) = after.split_at(1);
    let (hours, minutes) = digits.trim().split_once(':').unwrap_or((digits.trim(), "0"));
    let (hours, minutes): (u8, u8) = (hours.parse().ok()?, minutes.parse().ok()?);
    let region = "a region and a city, such as 'Europe/Berlin', has summer time too";
    let turned = if sign == "+" { '-' } else { '+' };
    let zone = format!("Etc/GMT{turned}{hours}");
    if !is_utc || minutes != 0 || Zone::named(&zone).is_none() {
        return Some(region.to_owned());
    }
    let side = if sign == "+" { "ahead of" } else { "behind" };
    Some(format!(
        "{region}, and {hours} h {side} UTC all year is '{zone}', with the sign turned round"
    ))
}

fn limits(context: &mut ReadContext, file: &Object<'_>) -> Limits {
    let mut limits = Limits::default();
    let Some(node) = file.get("limits") else { return limits };
    let Some(object) = Object::read(context, "'limits'", node, fields::LIMITS) else {
        return limits;
    };
    if let Some(bytes) = object.count(context, "bytes") {
        limits.bytes = bytes.into();
        if limits.bytes > Limits::MOST_BYTES {
            let message = format!(
                "'bytes' in 'limits' is {} at most: so many rows are evaluated at once that more has \
                 no room",
                Limits::MOST_BYTES
            );
            context.complain(object.place_of("bytes"), message);
        }
    }
    if let Some(steps) = object.count(context, "steps") {
        limits.steps = steps.into();
    }
    limits
}

/// How long outputs may wait for their commit.
const LONGEST_COMMIT: Duration = Duration::from_secs(30);

fn kafka(context: &mut ReadContext, file: &Object<'_>) -> Kafka {
    let mut kafka = Kafka::default();
    let Some(node) = file.get("kafka") else { return kafka };
    let Some(object) = Object::read(context, "'kafka'", node, fields::KAFKA) else { return kafka };
    if let Some((brokers, _)) = object.text(context, "brokers") {
        kafka.brokers = brokers;
    }
    for (key, node) in object.map(context, "properties") {
        let what = format!("property '{}'", key.name);
        if let Some(value) = object::text(context, &what, node) {
            if key.name == "partitioner" && value == "random" {
                let message = "'partitioner' is 'consistent', 'murmur2' or 'fnv1a': by chance, records of one key would \
                     lie in several partitions, between which they have no order";
                context.complain(node.place, message.to_owned());
            }
            kafka.properties.push((key.name.clone(), value));
        }
    }
    if let Some(every) = object.duration(context, "commit_every") {
        kafka.commit_every = every;
        // Brokers end a transaction that stays open for a minute.
        if every > LONGEST_COMMIT {
            let place = object.get("commit_every").map(|node| node.place).expect("it was read");
            let message = "'commit_every' of 'kafka' is too long: 30 seconds at most, as brokers end transactions \
                 that take a minute";
            context.complain(place, message.to_owned());
        }
    }
    if let Some(transactions) = object.choice(context, "transactions", &["on", "off"]) {
        kafka.transactions = transactions == "on";
    }
    kafka
}

/// Topics without brokers.
fn needs_brokers(context: &mut ReadContext, file: &Object<'_>) {
    for (map, what) in [("sources", "source"), ("outputs", "output")] {
        let Some(yaml::YamlValue::Mapping(entries)) = file.get(map).map(|node| &node.value) else {
            continue;
        };
        for (key, node) in entries {
            let yaml::YamlValue::Mapping(fields) = &node.value else { continue };
            let Some((topic, _)) = fields.iter().find(|(key, _)| key.name == "kafka") else {
                continue;
            };
            let message = format!(
                "{what} '{}' needs brokers: add kafka: {{brokers: \"host:9092\"}} to the definition",
                key.name
            );
            context.complain(topic.place, message);
        }
    }
}
