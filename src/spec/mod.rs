//! The definition file: parse, check, explain → a typed plan.
//!
//! Every mistake is found in one reading, each with its place and what would be right.

mod aggregate;
mod arithmetic;
mod attributes;
mod bounds;
mod calendar;
mod call;
mod caught;
mod columns;
mod compile;
mod cost;
mod derived;
mod diagnostic;
mod elsewhere;
mod explain;
mod fields;
mod from_rows;
mod funnel;
mod identity;
mod ignored;
mod instant;
mod join;
mod known;
pub mod limits;
mod meeting;
mod mistake;
mod node;
mod order;
mod origin;
mod outputs;
mod parse;
pub mod plan;
mod provider;
mod ranks;
mod read;
mod reference;
mod rfm;
mod schema;
mod segments;
mod sessions;
mod shape;
mod sources;
pub mod sql;
pub mod stated;
mod sum;
mod suppose;
pub mod terms;
#[cfg(test)]
mod tests;
mod texts;
mod types;
mod unguarded;
mod warnings;
mod window;
mod windows;
mod yaml;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use aggregate::MOST_VALUES;
pub use calendar::texts;
pub use diagnostic::{Diagnostic, Diagnostics, Place, suggest};
pub use explain::explain;
pub use reference::reference;
pub use schema::schema;

use limits::Limits;
use plan::{Kafka, Plan};
use read::{Context, Object};
use sql::Dialect;

use crate::time::zone::Zone;

/// Why a definition can't be run.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    #[error("'{path}' can't be read: {source}")]
    File { path: String, source: std::io::Error },
    #[error(transparent)]
    Wrong(#[from] Diagnostics),
}

/// Reads and checks a definition file. `${NAME}` is taken from the environment.
pub fn load(path: &Path) -> Result<Plan, SpecError> {
    Ok(parse(&read_text(path)?, path, &|name| std::env::var(name).ok())?)
}

fn read_text(path: &Path) -> Result<String, SpecError> {
    let bytes = std::fs::read(path)
        .map_err(|source| SpecError::File { path: path.display().to_string(), source })?;
    Ok(String::from_utf8(bytes).map_err(|error| not_utf8(path, &error))?)
}

fn not_utf8(path: &Path, error: &std::string::FromUtf8Error) -> Diagnostics {
    let text = String::from_utf8_lossy(error.as_bytes());
    let before = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
    // What follows the last line is on it, or on the next.
    let before = format!("{before}.");
    let lines: Vec<&str> = diagnostic::lines(&before).collect();
    let place = Place { line: lines.len(), column: lines[lines.len() - 1].chars().count() };
    let message = "this is no text in UTF-8: save the file in it".to_owned();
    Diagnostics::new(path, &text, vec![Diagnostic { place, message }])
}

/// As [`load`], with what is legal in the definition but hardly meant.
pub fn check(path: &Path) -> Result<(Plan, Diagnostics), SpecError> {
    let text = read_text(path)?;
    let (plan, document) = read_definition(&text, path, &|name| std::env::var(name).ok())?;
    let warnings = Diagnostics::new(path, &text, warnings::warnings(&document, &plan));
    Ok((plan, warnings))
}

/// Checks a definition's text. `path` gives it its name, and a folder to its files.
pub fn parse(
    text: &str,
    path: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Plan, Diagnostics> {
    read_definition(text, path, environment).map(|(plan, _)| plan)
}

fn read_definition(
    text: &str,
    path: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<(Plan, yaml::Node), Diagnostics> {
    let mut found = Vec::new();
    let document = yaml::read(text, environment, &mut found);
    let utc: Arc<str> = Arc::from("UTC");
    let mut context = Context::new(found, Dialect::new(&utc));
    let plan = match &document {
        Some(document) => definition(&mut context, document, path),
        None => {
            if context.found.is_empty() {
                let place = Place { line: 1, column: 1 };
                context.complain(
                    place,
                    "an empty file: a definition has at least sources, identity and outputs",
                );
            }
            None
        }
    };
    match (plan, document) {
        (Some(plan), Some(document)) if context.found.is_empty() => Ok((plan, document)),
        _ => Err(Diagnostics::new(path, text, context.found)),
    }
}

fn definition(context: &mut Context, document: &yaml::Node, path: &Path) -> Option<Plan> {
    let file = Object::read(context, "the definition", document, fields::DEFINITION)?;
    let time_zone = time_zone(context, &file);
    let limits = limits(context, &file);
    context.dialect = Dialect::new(&time_zone).with_limits(limits);
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let name = file.text(context, "name").map(|(name, _)| name);
    let target_latency = file.duration(context, "target_latency");
    let kafka = kafka(context, &file);
    let folder = path.parent().unwrap_or(Path::new(""));

    let mut sources = sources::read(context, &file, folder, &time_zone);
    let identifiers = identity::read(context, &file, &mut sources);
    let decisions = identity::decisions(context, &file, &sources);
    let mut attributes = attributes::read(context, &file, &mut sources, &identifiers);
    let segments = segments::read(context, &file, &mut attributes);
    let outputs = outputs::read(context, &file, folder, &sources, &attributes);
    let presence = match outputs.iter().any(|output| output.publish == plan::Publish::Conflicts) {
        true => outputs::presence(&mut sources, &mut attributes),
        false => Vec::new(),
    };
    if context.found.is_empty() {
        join::settle(&mut sources);
    }
    let says = |node: &yaml::Node| match &node.value {
        yaml::Value::Mapping(entries) => entries.iter().any(|(key, _)| key.name == "brokers"),
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
        sources,
        identifiers,
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

fn time_zone(context: &mut Context, file: &Object<'_>) -> Arc<str> {
    let Some((name, place)) = file.text(context, "time_zone") else { return Arc::from("UTC") };
    if Zone::named(&name).is_none_or(|zone| zone.name() != name) {
        let names = Zone::names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let hint = match diagnostic::nearest(&name, &names) {
            Some(near) => format!("did you mean '{near}'?"),
            None => "a region and a city, such as 'Europe/Berlin', or 'UTC'".to_owned(),
        };
        let message = format!("'{name}' is no time zone of the IANA database: {hint}");
        context.complain(place, message);
        return Arc::from("UTC");
    }
    Arc::from(name)
}

fn limits(context: &mut Context, file: &Object<'_>) -> Limits {
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

fn kafka(context: &mut Context, file: &Object<'_>) -> Kafka {
    let mut kafka = Kafka::default();
    let Some(node) = file.get("kafka") else { return kafka };
    let Some(object) = Object::read(context, "'kafka'", node, fields::KAFKA) else { return kafka };
    if let Some((brokers, _)) = object.text(context, "brokers") {
        kafka.brokers = brokers;
    }
    for (key, node) in object.map(context, "properties") {
        let what = format!("property '{}'", key.name);
        if let Some(value) = read::text(context, &what, node) {
            kafka.properties.push((key.name.clone(), value));
        }
    }
    kafka
}

/// Topics without brokers.
fn needs_brokers(context: &mut Context, file: &Object<'_>) {
    for (map, what) in [("sources", "source"), ("outputs", "output")] {
        let Some(yaml::Value::Mapping(entries)) = file.get(map).map(|node| &node.value) else {
            continue;
        };
        for (key, node) in entries {
            let yaml::Value::Mapping(fields) = &node.value else { continue };
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
