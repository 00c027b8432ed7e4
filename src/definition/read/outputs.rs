//! Outputs: what is published, and where to.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};

use super::attribute_list::Attributes;
use super::object::{Object, ReadContext};
use crate::definition::file::fields;
use crate::place::of_a_shell;
use crate::plan::{
    Aggregate, AggregateInput, Destination, Format, Function, Output, PostgresTable, Publish,
    Source, Webhook,
};

/// Who follows changes over HTTP is told by this name that something is wrong, and of each output by the output's.
const FAULT: &str = "error";

pub fn read(
    context: &mut ReadContext,
    file: &Object<'_>,
    folder: &Path,
    sources: &[Source],
    attributes: &Attributes,
) -> Vec<Output> {
    let mut outputs: Vec<Output> = Vec::new();
    let entries = file.map(context, "outputs");
    for (key, node) in entries {
        let what = format!("output '{}'", key.name);
        if key.name == FAULT {
            let message = format!(
                "{what} can't be told from what ends a stream of changes, an event '{FAULT}': name it otherwise"
            );
            context.complain(key.place, message);
        }
        let Some(object) = Object::read(context, what, node, fields::OUTPUT) else { continue };
        let Some(output) = output(context, &key.name, &object, folder, attributes) else {
            continue;
        };
        if let Some(other) = outputs.iter().find(|other| other.target == output.target) {
            let message = format!(
                "{} goes where output '{}' goes already ({}): each has a place of its own",
                object.what, other.name, other.target
            );
            context.complain(key.place, message);
        }
        if let Some(source) = sources.iter().find(|source| feeds(&output, source)) {
            let message = format!(
                "{} goes to the topic that source '{}' reads ({}), and would feed itself for ever: \
                 choose another",
                object.what, source.name, output.target
            );
            context.complain(key.place, message);
        }
        outputs.push(output);
    }
    outputs
}

fn feeds(output: &Output, source: &Source) -> bool {
    matches!(&output.target, Destination::Kafka { topic } if source.connector.topic() == Some(topic))
}

fn output(
    context: &mut ReadContext,
    name: &str,
    object: &Object<'_>,
    folder: &Path,
    attributes: &Attributes,
) -> Option<Output> {
    let named = |name: &str| Publish::ALL.into_iter().find(|published| published.name() == name);
    let own = named(name);
    let published = Publish::ALL.map(Publish::name);
    let publish = match (object.get("publish"), own) {
        (None, Some(publish)) => publish,
        (None, None) => {
            let message = format!(
                "{} does not say what it holds: add publish: profiles, or name it {}",
                object.what,
                crate::definition::file::diagnostic::list(&published)
            );
            context.complain(object.place, message);
            return None;
        }
        (Some(_), own) => {
            let text = object.choice(context, "publish", &published)?;
            let publish = named(&text)?;
            if own.is_some_and(|own| own != publish) {
                let message = format!("{} can't hold {text}: name it otherwise", object.what);
                context.complain(object.place_of("publish"), message);
            }
            publish
        }
    };
    let target = target(context, object, folder);
    let format = format(context, object, publish, target.as_ref());
    for only in ["where", "attributes"] {
        if publish != Publish::Profiles && object.get(only).is_some() {
            let message = format!("'{only}' is for profiles, not for {}", object.what);
            context.complain(object.place_of(only), message);
        }
    }
    let condition = object
        .sql(context, "where")
        .and_then(|text| context.condition(&text, &attributes.profile_schema));
    let chosen = match object.texts(context, "attributes") {
        None => (0..attributes.attributes.len()).collect(),
        Some(names) => {
            let known: Vec<&str> =
                attributes.attributes.iter().map(|attribute| attribute.name.as_str()).collect();
            let mut chosen = Vec::new();
            for (name, place) in names {
                match known.iter().position(|known| *known == name) {
                    Some(index) => chosen.push(index),
                    None if context.is_broken(&name) => {}
                    None => {
                        let hint = crate::definition::file::diagnostic::suggest(&name, &known);
                        let what = &object.what;
                        let message = format!("in {what}: unknown attribute '{name}': {hint}");
                        context.complain(place, message);
                    }
                }
            }
            chosen
        }
    };
    let (name, target) = (name.to_owned(), target?);
    Some(Output { name, publish, target, format, condition, attributes: chosen })
}

fn format(
    context: &mut ReadContext,
    object: &Object<'_>,
    publish: Publish,
    target: Option<&Destination>,
) -> Format {
    let format = object.choice(context, "format", &["json", "csv"]);
    if format.as_deref() != Some("csv") {
        return Format::Json;
    }
    let what = &object.what;
    let wrong = if target.is_some_and(Destination::is_service) {
        format!("{what} is sent as json: leave 'format' out")
    } else if matches!(target, Some(Destination::Kafka { .. })) {
        format!("topics take json, and {what} goes to one: leave 'format' out")
    } else if publish == Publish::Conflicts {
        format!(
            "conflicts have no columns in common, so that {what} can't be csv: leave 'format' out"
        )
    } else {
        return Format::Csv;
    };
    context.complain(object.place_of("format"), wrong);
    Format::Json
}

/// How many records a post to a webhook has, unless the definition says.
const BATCH: u32 = 100;

/// Somebody else's service, by what the definition says of it.
fn service(context: &mut ReadContext, object: &Object<'_>, field: &str) -> Option<Destination> {
    let (node, what) = (object.get(field)?, format!("'{field}' of {}", object.what));
    if field == "postgres" {
        let of = Object::read(context, what, node, fields::OUTPUT_POSTGRES)?;
        let (connection, place) = of.text(context, "connection")?;
        if let Err(error) = connection.parse::<tokio_postgres::Config>() {
            let message = format!("'connection' of {} is none: {error}", of.what);
            context.complain(place, message);
        }
        let (table, _) = of.text(context, "table")?;
        return Some(Destination::Postgres(PostgresTable { connection, table }));
    }
    let of = Object::read(context, what, node, fields::OUTPUT_WEBHOOK)?;
    let (url, place) = of.text(context, "url")?;
    let is_url =
        reqwest::Url::parse(&url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if !is_url {
        let message = format!("'url' of {} is none: one begins with https://", of.what);
        context.complain(place, message);
    }
    let secret = of.text(context, "secret").map(|(secret, _)| secret);
    let batch = of.count(context, "batch").unwrap_or(BATCH) as usize;
    Some(Destination::Webhook(Webhook { url, secret, batch }))
}

fn target(context: &mut ReadContext, object: &Object<'_>, folder: &Path) -> Option<Destination> {
    let named = ["kafka", "files", "webhook", "postgres"];
    let said: Vec<&str> = named.into_iter().filter(|field| object.get(field).is_some()).collect();
    if let [field @ ("webhook" | "postgres")] = said[..] {
        return service(context, object, field);
    }
    if said.len() > 1 {
        let message = format!(
            "{} has two places to go: give either kafka: {{topic: name}} or files: out/name.ndjson",
            object.what
        );
        context.complain(object.place, message);
        return None;
    }
    match (object.get("kafka"), object.get("files")) {
        (Some(node), None) => {
            let what = format!("'kafka' of {}", object.what);
            let kafka = Object::read(context, what, node, fields::OUTPUT_KAFKA)?;
            let (topic, _) = kafka.text(context, "topic")?;
            Some(Destination::Kafka { topic })
        }
        (None, Some(_)) => {
            let (path, place) = object.text(context, "files")?;
            if path.contains(['*', '?']) {
                let message = format!("'files' of {} is one file, found '{path}'", object.what);
                context.complain(place, message);
                return None;
            }
            if let Some(why) = of_a_shell(&path) {
                context.complain(place, format!("'files' of {}: {why}", object.what));
                return None;
            }
            // `./-` is a file.
            if matches!(&*path, "-" | "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1") {
                return Some(Destination::StandardOutput);
            }
            // `./out` is `out`, so that two ways to write one place are found.
            let path = Path::new(&path).components().filter(|part| *part != Component::CurDir);
            Some(Destination::File { path: folder.join(path.collect::<PathBuf>()) })
        }
        _ => {
            let message = format!(
                "{} has no place to go: give either kafka: {{topic: name}} or files: out/name.ndjson",
                object.what
            );
            context.complain(object.place, message);
            None
        }
    }
}

/// Counts the rows of each source that identifiers are taken from, so that it is known which people
/// one source alone knows. Returns the sources with their aggregates.
pub fn presence(sources: &mut [Source], attributes: &mut Attributes) -> Vec<(u16, u16)> {
    let mut fields = attributes.aggregate_schema.fields().to_vec();
    let mut presence = Vec::new();
    for (index, source) in sources.iter_mut().enumerate() {
        if source.identifiers.is_empty() {
            continue;
        }
        let aggregate = attributes.aggregates.len() as u16;
        fields.push(Arc::new(Field::new(format!("#{aggregate}"), DataType::Int64, true)));
        let input = AggregateInput { aggregate, condition: None, argument: None };
        let retracts = source.add_input(input);
        attributes.aggregates.push(Aggregate {
            function: Function::Count,
            argument: None,
            output: DataType::Int64,
            window: None,
            retracts,
            sessions: None,
        });
        presence.push((index as u16, aggregate));
    }
    attributes.aggregate_schema = Arc::new(Schema::new(fields));
    presence
}
