//! Sources: where rows come from and what their columns are.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field as Column, Schema, SchemaRef};

use super::fields;
use super::join::{self, Known, Tables};
use super::plan::{Connector, Field, Format, KafkaStart, Kind, Source};
use super::read::{Context, Object, sql, text};
use super::types::{parse_default, parse_type};
use super::yaml::{Node, Value};
use crate::time::{DAY, HOUR};

/// The pseudo-column that holds a row's time.
pub const TIME: &str = "time";

pub fn read(
    context: &mut Context,
    file: &Object<'_>,
    folder: &Path,
    time_zone: &Arc<str>,
) -> Vec<Source> {
    let (mut known, mut objects) = (Vec::new(), Vec::new());
    for (key, node) in file.map(context, "sources") {
        let what = format!("source '{}'", key.name);
        let Some(object) = Object::read(context, what, node, fields::SOURCE) else { continue };
        let joins = object.get("join").is_some();
        known.push(Known { name: key.name.clone(), joins, source: None });
        objects.push(object);
    }
    // Tables are read before the sources that join them.
    let (join, stand_alone): (Vec<usize>, Vec<usize>) =
        (0..known.len()).partition(|index| known[*index].joins);
    for index in stand_alone.into_iter().chain(join) {
        let object = &objects[index];
        let read = source(context, &known[index].name, object, folder, time_zone, &known);
        known[index].source = read;
    }
    let sources: Vec<Source> = known.into_iter().filter_map(|known| known.source).collect();
    if sources.is_empty() && file.get("sources").is_some() && context.found.is_empty() {
        context.complain(file.place_of("sources"), "'sources' names no source: add one");
    }
    sources
}

fn source(
    context: &mut Context,
    name: &str,
    object: &Object<'_>,
    folder: &Path,
    time_zone: &Arc<str>,
    known: &[Known],
) -> Option<Source> {
    if object.get("http").is_some() {
        let message = format!("'http' in {} is not available yet", object.what);
        context.complain(object.place_of("http"), message);
    }
    let connector = connector(context, object, folder);
    let format = format(context, object, connector.as_ref());
    let kind = match object.choice(context, "kind", &["events", "records"])?.as_str() {
        "events" => Kind::Events,
        _ => Kind::Records,
    };
    let (fields, columns) = columns(context, object, format, time_zone);
    let mut tables = {
        let named = columns.iter().map(|column| column.name().as_str());
        let derived = object.map(context, "derive").iter().map(|(key, _)| key.name.as_str());
        let taken = named.chain(derived).chain([TIME]).collect();
        join::tables(context, object, &taken, known)
    };
    let schema: SchemaRef = Arc::new(Schema::new(columns));
    let (schema, derived) = derive(context, object, schema, &mut tables);
    let time = time(context, object, &schema, &tables);
    let key = key(context, object, kind, &schema, &tables);
    let mut with_time = schema.fields().to_vec();
    if schema.column_with_name(TIME).is_none() {
        with_time.push(Arc::new(Column::new(TIME, context.dialect.timestamp(), true)));
    } else if schema.column_with_name(TIME).map(|(index, _)| index) != time {
        context.complain(
            object.place_of("fields"),
            format!(
                "{} has a column 'time' that is not its time: `time` is the row's time in SQL, so \
                 name the column otherwise and give its 'path'",
                object.what
            ),
        );
    }
    let schema: SchemaRef = Arc::new(Schema::new(with_time));
    let deleted = object.sql(context, "deleted").and_then(|text| {
        if kind == Kind::Events {
            let message = format!(
                "'deleted' is for records, {} has events: drop rows with 'where'",
                object.what
            );
            context.complain(object.place_of("deleted"), message);
        }
        let all = Arc::new(Schema::new([schema.fields(), &*tables.all_columns()].concat()));
        let planned = context.plan_scalar(&text, &all)?;
        if tables.looks_at(&planned) {
            let message = format!(
                "in {}: a joined table says nothing of whether a record is deleted: look at columns \
                 of the source's own, or leave its rows out with 'where'",
                text.what
            );
            context.complain(text.place, message);
            return None;
        }
        context.condition(&text, &schema)
    });
    let mut joined = tables.joined(context, object, &schema);
    let all = joined.as_ref().map_or(&schema, |joined| &joined.schema);
    let mut condition = object.sql(context, "where").and_then(|text| context.condition(&text, all));
    let own = schema.fields().len();
    if let (Some(joined), Some(found)) = (&mut joined, &condition)
        && found.columns().iter().any(|column| *column >= own)
    {
        joined.condition = condition.take();
    }
    let micros = |duration: std::time::Duration| duration.as_micros() as i64;
    let id_window = object.duration(context, "id_window");
    if id_window.is_some() && object.get("id").is_none() {
        let message = format!("'id_window' needs 'id' in {}", object.what);
        context.complain(object.place_of("id_window"), message);
    }
    Some(Source {
        name: name.to_owned(),
        connector: connector?,
        format: format?,
        kind,
        fields,
        derived,
        schema,
        joined,
        looked_up: Vec::new(),
        key,
        time,
        deleted,
        condition,
        max_ahead: object.duration(context, "max_ahead").map_or(DAY, micros),
        id_window: id_window.map_or(HOUR, micros),
        identifiers: Vec::new(),
        inputs: Vec::new(),
    })
}

fn connector(context: &mut Context, object: &Object<'_>, folder: &Path) -> Option<Connector> {
    match (object.get("kafka"), object.get("files"), object.get("http")) {
        (Some(_), Some(_), _) => {
            let message = format!("{} has both 'kafka' and 'files': leave one", object.what);
            context.complain(object.place_of("files"), message);
            None
        }
        (Some(node), None, _) => {
            let what = format!("'kafka' of {}", object.what);
            let kafka = Object::read(context, what, node, fields::SOURCE_KAFKA)?;
            let (topic, _) = kafka.text(context, "topic")?;
            let start = match kafka.get("start") {
                None => KafkaStart::Earliest,
                Some(_) => {
                    match kafka.choice(context, "start", &["earliest", "latest"])?.as_str() {
                        "latest" => KafkaStart::Latest,
                        _ => KafkaStart::Earliest,
                    }
                }
            };
            Some(Connector::Kafka { topic, start })
        }
        (None, Some(_), _) => {
            let globs = object.texts(context, "files")?;
            let mut joined = Vec::new();
            for (text, place) in globs {
                if let Err(error) = glob::Pattern::new(&text) {
                    context.complain(place, format!("'{text}' is no glob: {error}"));
                    continue;
                }
                let folder = glob::Pattern::escape(&folder.to_string_lossy());
                let path = Path::new(&folder).join(&text);
                joined.push(path.to_string_lossy().into_owned());
            }
            Some(Connector::Files { globs: joined })
        }
        (None, None, None) => {
            let message = format!(
                "{} says not where its rows come from: add files: \"data/*.ndjson\" or \
                 kafka: {{topic: name}}",
                object.what
            );
            context.complain(object.place, message);
            None
        }
        (None, None, Some(_)) => None,
    }
}

fn format(
    context: &mut Context,
    object: &Object<'_>,
    connector: Option<&Connector>,
) -> Option<Format> {
    let Some((text, place)) = object.text(context, "format") else { return Some(Format::Json) };
    let format = match text.as_str() {
        "json" => Format::Json,
        "csv" => Format::Csv,
        "parquet" => Format::Parquet,
        "avro" | "protobuf" => {
            context.complain(place, format!("format '{text}' is not available yet"));
            return None;
        }
        _ => {
            let hint = super::diagnostic::suggest(&text, &["json", "csv", "parquet"]);
            context.complain(place, format!("unknown format '{text}' in {}: {hint}", object.what));
            return None;
        }
    };
    if format != Format::Json && matches!(connector, Some(Connector::Kafka { .. })) {
        context
            .complain(place, format!("topics are read as json, found '{text}' in {}", object.what));
        return None;
    }
    Some(format)
}

fn columns(
    context: &mut Context,
    object: &Object<'_>,
    format: Option<Format>,
    time_zone: &Arc<str>,
) -> (Vec<Field>, Vec<Column>) {
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (key, node) in object.map(context, "fields") {
        let what = format!("field '{}' of {}", key.name, object.what);
        let Some(field) = field(context, &what, &key.name, format, node) else { continue };
        columns.push(Column::new(&field.name, field.data_type.arrow(time_zone), true));
        fields.push(field);
    }
    (fields, columns)
}

fn field(
    context: &mut Context,
    what: &str,
    name: &str,
    format: Option<Format>,
    node: &Node,
) -> Option<Field> {
    let mut path = vec![name.to_owned()];
    let mut default = None;
    let type_node = match &node.value {
        Value::Mapping(_) => {
            let object = Object::read(context, what, node, fields::SOURCE_FIELD)?;
            if let Some((text, place)) = object.text(context, "path") {
                path = match format {
                    // A column of CSV has nothing below it: a dot is a part of its name.
                    Some(Format::Csv) => vec![text.clone()],
                    _ => {
                        let keys = text.strip_prefix("$.").unwrap_or(&text).split('.');
                        keys.map(str::to_owned).collect()
                    }
                };
                if path.iter().any(String::is_empty) {
                    let message = format!("path '{text}' of {what}: keys separated by dots");
                    context.complain(place, message);
                }
            }
            default = object.get("default").filter(|node| !node.is_null());
            object.get("type")?
        }
        // `[text]` is a list of types to YAML, and a type of lists to us.
        _ => node,
    };
    let text = match &type_node.value {
        Value::Sequence(items) if items.len() == 1 => {
            format!("[{}]", text(context, &format!("the type of {what}"), &items[0])?)
        }
        _ => text(context, &format!("the type of {what}"), type_node)?,
    };
    let data_type = match parse_type(&text) {
        Ok(data_type) => data_type,
        Err(message) => {
            context.complain(type_node.place, format!("in {what}: {message}"));
            return None;
        }
    };
    let default = match default {
        None => None,
        Some(node) => {
            let text = super::read::text(context, &format!("'default' of {what}"), node)?;
            let parsed = parse_default(&text, &data_type);
            parsed
                .map_err(|message| context.complain(node.place, format!("in {what}: {message}")))
                .ok()
        }
    };
    Some(Field { name: name.to_owned(), data_type, path, default })
}

/// Derived columns; those that look at joined ones are left to `tables`.
fn derive(
    context: &mut Context,
    object: &Object<'_>,
    mut schema: SchemaRef,
    tables: &mut Tables,
) -> (SchemaRef, Vec<(String, super::sql::Expression)>) {
    let mut derived = Vec::new();
    for (key, node) in object.map(context, "derive") {
        let what = format!("derived column '{}' of {}", key.name, object.what);
        if schema.column_with_name(&key.name).is_some() {
            context.complain(key.place, format!("{what}: there is a field of that name"));
            continue;
        }
        let Some(text) = sql(context, what, node) else { continue };
        let all = Arc::new(Schema::new([schema.fields(), &*tables.all_columns()].concat()));
        let Some(planned) = context.plan_scalar(&text, &all) else { continue };
        if context.no_now(&text, &planned).is_none() {
            continue;
        }
        let looks_at_joined = tables.looks_at(&planned);
        let known = if looks_at_joined { &all } else { &schema };
        let compiled = context.dialect.compile(planned.clone(), known, None, &text.text);
        let Some(expression) = context.check(&text, compiled) else { continue };
        if has_struct(&expression.data_type) {
            let message = "a struct is no type of a column: derive a column for each of its fields";
            context.complain(text.place, format!("in {}: {message}", text.what));
            continue;
        }
        let column = Arc::new(Column::new(&key.name, expression.data_type.clone(), true));
        if looks_at_joined {
            tables.derived.push(join::Derived { text, planned, column });
            continue;
        }
        let mut fields = schema.fields().to_vec();
        fields.push(column);
        schema = Arc::new(Schema::new(fields));
        derived.push((key.name.clone(), expression));
    }
    (schema, derived)
}

fn has_struct(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(_) => true,
        DataType::List(item) => has_struct(item.data_type()),
        _ => false,
    }
}

/// A column of the source's own that a field names.
pub fn column(
    context: &mut Context,
    what: &str,
    name: &str,
    place: super::Place,
    schema: &Schema,
    joined: &[Arc<Column>],
) -> Option<usize> {
    if let Some((index, _)) = schema.column_with_name(name) {
        return Some(index);
    }
    if joined.iter().any(|column| column.name() == name) {
        let message = format!(
            "{what}: '{name}' comes from a joined table, and changes when that does: name a column \
             of the source's own"
        );
        context.complain(place, message);
        return None;
    }
    let names: Vec<&str> =
        schema.fields().iter().map(|field| field.name().as_str()).filter(|n| *n != TIME).collect();
    let hint = super::diagnostic::suggest(name, &names);
    context.complain(place, format!("{what}: unknown column '{name}': {hint}"));
    None
}

fn time(
    context: &mut Context,
    object: &Object<'_>,
    schema: &Schema,
    tables: &Tables,
) -> Option<usize> {
    let (name, place) = object.text(context, "time")?;
    let what = format!("'time' of {}", object.what);
    let index = column(context, &what, &name, place, schema, &tables.all_columns())?;
    let found = schema.field(index).data_type();
    if matches!(found, DataType::Timestamp(..)) {
        return Some(index);
    }
    let found = super::aggregate::describe(found);
    context.complain(
        place,
        format!(
            "{what}: '{name}' is a {found}, not a timestamp: derive one, as in \
             derive: {{at: cast({name} as timestamp)}}"
        ),
    );
    None
}

fn key(
    context: &mut Context,
    object: &Object<'_>,
    kind: Kind,
    schema: &Schema,
    tables: &Tables,
) -> Option<usize> {
    let (wanted, other) = match kind {
        Kind::Events => ("id", "key"),
        Kind::Records => ("key", "id"),
    };
    if object.get(other).is_some() {
        let kind = if kind == Kind::Events { "events" } else { "records" };
        let message = format!("{} has {kind}, which have '{wanted}', not '{other}'", object.what);
        context.complain(object.place_of(other), message);
    }
    let Some((name, place)) = object.text(context, wanted) else {
        if kind == Kind::Records && object.get(wanted).is_none() {
            let message = format!(
                "{} has records, which need a 'key': the column that tells one from another",
                object.what
            );
            context.complain(object.place, message);
        }
        return None;
    };
    let what = format!("'{wanted}' of {}", object.what);
    let index = column(context, &what, &name, place, schema, &tables.all_columns())?;
    if matches!(schema.field(index).data_type(), DataType::List(_) | DataType::Float64) {
        let found = super::aggregate::describe(schema.field(index).data_type());
        context.complain(place, format!("{what}: '{name}' is a {found}, which is no key"));
        return None;
    }
    Some(index)
}
