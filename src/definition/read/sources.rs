//! Sources: where rows come from and what their columns are.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field as Column, FieldRef, Schema, SchemaRef};

use super::column::{TIME, column};
use super::columns::{columns, derive};
use super::given::{given, place_at};
use super::join::{DeclaredSource, Tables};
use super::object::{Object, ReadContext};
use super::{sessions, text_form, unnest};
use crate::definition::file::fields;
use crate::definition::sql::describe::describe;
use crate::plan::{Connector, Format, Kind, Source};
use crate::source::{CONNECTORS, ConnectorWords, Memory, Settings, SettingsFault};
use crate::time::{DAY, HOUR};

/// What a source's time is called where it is broken.
pub fn time_of(source: &str) -> String {
    format!("time of {source}")
}

pub fn read(
    context: &mut ReadContext,
    file: &Object<'_>,
    folder: &Path,
    time_zone: &Arc<str>,
) -> Vec<Source> {
    let (mut known, mut objects) = (Vec::new(), Vec::new());
    for (key, node) in file.map(context, "sources") {
        let what = format!("source '{}'", key.name);
        match Object::read(context, what, node, fields::SOURCE) {
            Some(object) => {
                let joins = object.get("join").is_some();
                known.push(DeclaredSource { name: key.name.clone(), joins, source: None });
                objects.push(object);
            }
            None => context.broken(&key.name),
        }
    }
    // Tables are read before the sources that join them.
    let (join, stand_alone): (Vec<usize>, Vec<usize>) =
        (0..known.len()).partition(|index| known[*index].joins);
    for index in stand_alone.into_iter().chain(join) {
        let (name, object) = (&known[index].name, &objects[index]);
        known[index].source = Some(source(context, name, object, folder, time_zone, &known));
    }
    check_single(context, &known, &objects);
    known.into_iter().filter_map(|known| known.source).collect()
}

/// What is wrong with it stands for something right, so that all the rest is looked at too.
fn source(
    context: &mut ReadContext,
    name: &str,
    object: &Object<'_>,
    folder: &Path,
    time_zone: &Arc<str>,
    known: &[DeclaredSource],
) -> Source {
    let connector = connector(context, object, folder);
    let format = format(context, object, connector.as_deref());
    let kind = match object.choice(context, "kind", &["events", "records"]).as_deref() {
        Some("events") => Some(Kind::Events),
        Some(_) => Some(Kind::Records),
        None => None,
    };
    let text = text_form::read(context, object, format, connector.as_deref());
    let list = unnest::path(context, object, format);
    let (fields, columns) = columns(context, object, format, time_zone, list.as_ref());
    let unnest = list.and_then(|list| unnest::unnest(context, object, list, &fields, &columns));
    text_form::check_columns(context, object, &text, &fields);
    let schema: SchemaRef = Arc::new(Schema::new(columns));
    let mut tables = Tables::read(context, object, &schema, known);
    let (schema, derived) = derive(context, object, schema, &mut tables);
    let by_joins = tables.all_columns();
    let time = time(context, object, &schema, &by_joins);
    if time.is_none() && object.get("time").is_some() {
        context.broken(&time_of(name));
    }
    let key = key(context, object, kind, &schema, &by_joins);
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
    let has_time = time.is_some() || connector.as_ref().is_some_and(|of| of.is_dated());
    let sessions = sessions::gap(context, object, kind, has_time, &schema);
    let deleted = object.sql(context, "deleted").and_then(|text| {
        if kind == Some(Kind::Events) {
            let message = format!(
                "'deleted' is for records, {} has events: drop rows with 'where'",
                object.what
            );
            context.complain(object.place_of("deleted"), message);
        }
        let planned = context.plan_scalar(&text, &tables.beside(&schema))?;
        if let Some(column) = tables.looked_at(&planned) {
            let message = format!(
                "in {}: '{column}' comes from a joined table, and changes when that does: look at \
                 columns of the source's own, or leave rows out with 'where'",
                text.what
            );
            context.complain(text.place_of(&column), message);
            return None;
        }
        context.condition(&text, &schema)
    });
    let mut joined = tables.joined(context, object, &schema);
    let all = joined.as_ref().map_or(&schema, |joined| &joined.schema);
    let mut condition = object.sql(context, "where").and_then(|text| context.condition(&text, all));
    if let (Some(joined), Some(found)) = (&mut joined, &condition)
        && found.columns().iter().any(|column| *column >= schema.fields().len())
    {
        joined.condition = condition.take();
    }
    let micros = |duration: std::time::Duration| duration.as_micros() as i64;
    let id_window = object.duration(context, "id_window");
    if id_window.is_some() && object.get("id").is_none() {
        let message = format!("'id_window' needs 'id' in {}", object.what);
        context.complain(object.place_of("id_window"), message);
    }
    let source = Source {
        name: name.to_owned(),
        connector: connector.unwrap_or_else(|| Arc::new(Memory::new().0)),
        format: format.unwrap_or(Format::Json),
        text,
        kind: kind.unwrap_or(Kind::Events),
        fields,
        unnest,
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
        sessions,
        identifiers: Vec::new(),
        inputs: Vec::new(),
    };
    unnest::check(context, object, &source);
    source
}

/// Refuses several sources that read what one alone can: each would get some of its bytes.
fn check_single(context: &mut ReadContext, known: &[DeclaredSource], objects: &[Object<'_>]) {
    let mut single: Vec<(String, &str)> = Vec::new();
    for (known, object) in known.iter().zip(objects) {
        let connector = known.source.as_ref().map(|source| &source.connector);
        let Some(connector) = connector.filter(|of| of.is_single()) else { continue };
        let shown = connector.to_string();
        if let Some((_, first)) = single.iter().find(|(of, _)| *of == shown) {
            let message = format!(
                "{} reads {shown}, as source '{first}' does: one source can read it",
                object.what
            );
            let named = CONNECTORS.iter().filter_map(|of| of.said.as_ref());
            let mut named = named.filter(|said| object.get(said.field).is_some());
            let place = named.next().map_or(object.place, |said| object.place_of(said.field));
            context.complain(place, message);
        } else {
            single.push((shown, &known.name));
        }
    }
}

/// Where the rows come from, by the one type of source that the definition names.
fn connector(
    context: &mut ReadContext,
    object: &Object<'_>,
    folder: &Path,
) -> Option<Arc<dyn Connector>> {
    let all = || CONNECTORS.iter().filter_map(|of| of.said.as_ref());
    let named: Vec<&ConnectorWords> =
        all().filter(|said| object.get(said.field).is_some()).collect();
    match named[..] {
        [said] => {
            let of_field = fields::SOURCE.iter().find(|field| field.name == said.field);
            let shape = &of_field.expect("each type's words are in the table").shape;
            let node = object.get(said.field)?;
            let what = format!("'{}' of {}", said.field, object.what);
            let value = given(context, &what, node, shape)?;
            let mut faults = Vec::new();
            let settings = Settings { value: &value, what: &object.what, folder };
            let connector = (said.read)(&settings, &mut faults);
            for SettingsFault { pointer, message } in faults {
                let place = match pointer.as_str() {
                    "" => object.place_of(said.field),
                    pointer => place_at(node, pointer),
                };
                context.complain(place, message);
            }
            connector
        }
        [one, other, ..] => {
            let message = format!(
                "{} has both '{}' and '{}': leave one",
                object.what, one.field, other.field
            );
            context.complain(object.place_of(one.field), message);
            None
        }
        [] => {
            let examples: Vec<&str> = all().map(|said| said.example).collect();
            let message = format!(
                "{} does not say where its rows come from: add {}",
                object.what,
                examples.join(" or ")
            );
            context.complain(object.place, message);
            None
        }
    }
}

fn format(
    context: &mut ReadContext,
    object: &Object<'_>,
    connector: Option<&dyn Connector>,
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
        "ndjson" | "jsonl" => {
            let why = "in files `json` is one document a line, or one list: write `format: json`";
            context.complain(place, format!("unknown format '{text}' in {}: {why}", object.what));
            return None;
        }
        "tsv" | "psv" | "txt" => {
            let why = "it is csv with another delimiter: write `format: csv` and `delimiter: tab`, or \
                       what else separates its cells";
            context.complain(place, format!("unknown format '{text}' in {}: {why}", object.what));
            return None;
        }
        "excel" | "xlsx" | "xls" => {
            let why = "a workbook can't be read as it is: save its sheet as csv";
            context.complain(place, format!("unknown format '{text}' in {}: {why}", object.what));
            return None;
        }
        _ => {
            let hint =
                crate::definition::file::diagnostic::suggest(&text, &["json", "csv", "parquet"]);
            context.complain(place, format!("unknown format '{text}' in {}: {hint}", object.what));
            return None;
        }
    };
    if let Some(why) = connector.and_then(|connector| connector.refuses(format)) {
        context.complain(place, format!("'format' of {} is {text}: {why}", object.what));
        return None;
    }
    Some(format)
}

fn time(
    context: &mut ReadContext,
    object: &Object<'_>,
    schema: &Schema,
    joined: &[FieldRef],
) -> Option<usize> {
    let (name, place) = object.text(context, "time")?;
    let what = format!("'time' of {}", object.what);
    let index = column(context, &what, &name, place, schema, joined)?;
    let found = schema.field(index).data_type();
    if matches!(found, DataType::Timestamp(..)) {
        return Some(index);
    }
    let derived = match found.is_numeric() {
        true => format!("to_timestamp_seconds({name})"),
        false => format!("cast({name} as timestamp)"),
    };
    let found = describe(found);
    context.complain(
        place,
        format!(
            "{what}: '{name}' is of type {found}, not timestamp: derive one under another name, as in \
             derive: {{{name}_time: {derived}}}, and name that by time: {name}_time"
        ),
    );
    None
}

fn key(
    context: &mut ReadContext,
    object: &Object<'_>,
    kind: Option<Kind>,
    schema: &Schema,
    joined: &[FieldRef],
) -> Option<usize> {
    let (wanted, other) = match kind {
        Some(Kind::Events) => ("id", "key"),
        Some(Kind::Records) => ("key", "id"),
        None if object.get("id").is_some() => ("id", "key"),
        None => ("key", "id"),
    };
    if object.get(other).is_some() && kind.is_some() {
        let kind = if kind == Some(Kind::Events) { "events" } else { "records" };
        let message = format!("{} has {kind}, which have '{wanted}', not '{other}'", object.what);
        context.complain(object.place_of(other), message);
    }
    let Some((name, place)) = object.text(context, wanted) else {
        if kind == Some(Kind::Records) && object.get(wanted).is_none() {
            let message = format!(
                "{} has records, which need a 'key': the column that tells one from another, as in \
                 key: customer_id",
                object.what
            );
            context.complain(object.place, message);
        }
        return None;
    };
    let what = format!("'{wanted}' of {}", object.what);
    let index = column(context, &what, &name, place, schema, joined)?;
    if matches!(schema.field(index).data_type(), DataType::List(_) | DataType::Float64) {
        let found = describe(schema.field(index).data_type());
        let message =
            format!("{what}: '{name}' is of type {found}, which is no key: take a text or integer");
        context.complain(place, message);
        return None;
    }
    Some(index)
}
