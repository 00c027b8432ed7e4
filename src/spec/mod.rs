//! The definition file: parse, check, explain → a typed plan.
//!
//! Every mistake is found in one reading, each with its place and what would be right.

mod aggregate;
mod attributes;
mod calendar;
mod diagnostic;
mod explain;
mod fields;
mod from_rows;
mod identity;
mod instant;
mod join;
mod outputs;
pub mod plan;
mod read;
mod schema;
mod segments;
mod sources;
pub mod sql;
#[cfg(test)]
mod tests;
mod types;
mod window;
mod windows;
mod yaml;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use aggregate::MOST_VALUES;
pub use diagnostic::{Diagnostic, Diagnostics, Place};
pub use explain::explain;
pub use schema::schema;

use plan::{Kafka, Plan};
use read::{Context, Object};
use sql::Dialect;

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
    let text = std::fs::read_to_string(path)
        .map_err(|source| SpecError::File { path: path.display().to_string(), source })?;
    Ok(parse(&text, path, &|name| std::env::var(name).ok())?)
}

/// Checks a definition's text. `path` gives it its name, and a folder to its files.
pub fn parse(
    text: &str,
    path: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Plan, Diagnostics> {
    let mut found = Vec::new();
    let document = yaml::read(text, environment, &mut found);
    let utc: Arc<str> = Arc::from("UTC");
    let mut context = Context { found, dialect: Dialect::new(&utc) };
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
    match plan {
        Some(plan) if context.found.is_empty() => Ok(plan),
        _ => Err(Diagnostics::new(path, text, context.found)),
    }
}

fn definition(context: &mut Context, document: &yaml::Node, path: &Path) -> Option<Plan> {
    let file = Object::read(context, "the definition", document, fields::DEFINITION)?;
    let time_zone = time_zone(context, &file);
    context.dialect = Dialect::new(&time_zone);
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let name = file.text(context, "name").map(|(name, _)| name);
    let target_latency = file.duration(context, "target_latency");
    let kafka = kafka(context, &file);
    let folder = path.parent().unwrap_or(Path::new(""));

    let mut sources = sources::read(context, &file, folder, &time_zone);
    let identifiers = identity::read(context, &file, &mut sources);
    let decisions = identity::decisions(context, &file, &sources);
    let mut attributes = attributes::read(context, &file, &mut sources, &identifiers);
    if context.found.is_empty() {
        join::settle(&mut sources);
    }
    let segments = segments::read(context, &file, &mut attributes);
    let outputs = outputs::read(context, &file, &attributes);
    let presence = match outputs.iter().any(|output| output.publish == plan::Publish::Conflicts) {
        true => outputs::presence(&mut sources, &mut attributes),
        false => Vec::new(),
    };
    for source in &sources {
        if kafka.brokers.is_empty() && matches!(source.connector, plan::Connector::Kafka { .. }) {
            needs_brokers(context, &file, &format!("source '{}'", source.name));
        }
    }
    for output in &outputs {
        if kafka.brokers.is_empty() && matches!(output.target, plan::Target::Kafka { .. }) {
            needs_brokers(context, &file, &format!("output '{}'", output.name));
        }
    }
    Some(Plan {
        name: name.or(stem).unwrap_or_default(),
        time_zone,
        target_latency: target_latency.unwrap_or(Duration::from_millis(200)),
        kafka,
        sources,
        identifiers,
        decisions,
        presence,
        aggregates: attributes.aggregates,
        attributes: attributes.attributes,
        segments,
        outputs,
        aggregate_schema: attributes.aggregate_schema,
        profile_schema: attributes.profile_schema,
        steps: attributes.steps,
        instants: attributes.instants,
    })
}

fn time_zone(context: &mut Context, file: &Object<'_>) -> Arc<str> {
    let Some((name, place)) = file.text(context, "time_zone") else { return Arc::from("UTC") };
    if name.parse::<chrono_tz::Tz>().is_err() {
        let names: Vec<&str> = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()).collect();
        let near = names.iter().min_by_key(|known| strsim::levenshtein(known, &name));
        let near = near.copied().unwrap_or("UTC");
        let message =
            format!("'{name}' is no time zone of the IANA database: did you mean '{near}'?");
        context.complain(place, message);
        return Arc::from("UTC");
    }
    Arc::from(name)
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

fn needs_brokers(context: &mut Context, file: &Object<'_>, what: &str) {
    let message = format!("{what} needs brokers: add kafka: {{brokers: \"host:9092\"}}");
    let place = file.place_of("kafka");
    context.complain(place, message);
}
