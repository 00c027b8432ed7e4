//! Types of identifiers, and the columns that hold them.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::column::column;
use super::object::{Object, ReadContext, texts};
use crate::definition::file::fields;
use crate::definition::file::yaml::YamlValue;
use crate::definition::sql::describe::describe;
use crate::plan::{Decisions, IdentifierType, Kind, Placeholders, Source};

pub fn read(
    context: &mut ReadContext,
    file: &Object<'_>,
    sources: &mut [Source],
) -> Vec<IdentifierType> {
    let mut identifiers = Vec::new();
    let entries = file.map(context, "identity");
    if entries.len() > 255 {
        context.complain(file.place_of("identity"), "more than 255 types of identifiers");
        return identifiers;
    }
    let mut is_told = false;
    let types = entries.iter().filter(|(key, _)| !is_known(&key.name));
    for (kind, (key, node)) in types.enumerate() {
        let found = context.found.len();
        let what = format!("identifier type '{}'", key.name);
        if key.name.contains([':', '/']) {
            let message = format!("{what}: a ':' or '/' in its name would be part of keys");
            context.complain(key.place, message);
        }
        let Some(object) = Object::read(context, what, node, fields::IDENTIFIER) else {
            context.broken(&key.name);
            is_told = true;
            continue;
        };
        columns(context, &object, kind as u8, sources);
        is_told |= context.found.len() > found;
        let schema: SchemaRef =
            Arc::new(Schema::new(vec![Field::new("value", DataType::Utf8, true)]));
        let normalize = object.sql(context, "normalize").and_then(|text| {
            let planned = context.plan_scalar(&text, &schema)?;
            context.no_now(&text, &planned)?;
            let compiled =
                context.dialect.compile(planned, &schema, Some(&DataType::Utf8), &text.text);
            context.check(&text, compiled)
        });
        let placeholders =
            match object.choice(context, "placeholders", &["ignore", "keep"]).as_deref() {
                Some("keep") => Placeholders::Keep,
                _ => Placeholders::Ignore,
            };
        let ignore = ignore(context, &object);
        let at_most = object.count(context, "at_most");
        let shared_after = object.count(context, "shared_after");
        if kind == 0 && shared_after.is_some() {
            let message = format!(
                "'shared_after' in {}: no type is more trusted than the first, so none of its values \
                 is ever shared",
                object.what
            );
            context.complain(object.place_of("shared_after"), message);
        }
        let name = key.name.clone();
        identifiers.push(IdentifierType {
            name,
            normalize,
            placeholders,
            ignore,
            at_most,
            shared_after,
        });
    }
    if identifiers.is_empty() && file.get("identity").is_some() && context.found.is_empty() {
        let message = "'identity' names no type of identifier: add one, as in \
                       email: {from: {crm: email}}";
        context.complain(file.place_of("identity"), message);
    }
    for source in sources.iter_mut() {
        source.identifiers.sort_unstable();
        if !source.identifiers.is_empty() {
            continue;
        }
        // Without what is wrong above, it might have one.
        if is_told || identifiers.is_empty() || context.is_broken(&source.name) {
            context.broken(&source.name);
        } else if source.kind == Kind::Events {
            let message = format!(
                "no identifier is taken from source '{}', so its events are nobody's: name one of \
                 its columns in 'identity'",
                source.name
            );
            context.complain(file.place_of("identity"), message);
        }
    }
    identifiers
}

/// Whether a name under `identity` is no type's.
fn is_known(name: &str) -> bool {
    fields::IDENTITY.iter().any(|field| field.name == name)
}

/// How many identifiers a person may have, of all types together.
pub fn at_most(context: &mut ReadContext, file: &Object<'_>) -> Option<u32> {
    let identity = Object::of_known(context, file, "identity");
    if let Some(YamlValue::Mapping(_)) = identity.get("at_most").map(|node| &node.value) {
        let message = "'at_most' of 'identity' is how many identifiers a person may have in all, as in \
                       at_most: 500: a type of identifiers needs another name";
        context.complain(identity.place_of("at_most"), message);
        return None;
    }
    identity.count(context, "at_most")
}

pub fn decisions(
    context: &mut ReadContext,
    file: &Object<'_>,
    sources: &[Source],
) -> Option<Decisions> {
    let identity = Object::of_known(context, file, "identity");
    let node = identity.get("decisions")?;
    let object = Object::read(context, "'decisions' of 'identity'", node, fields::DECISIONS)?;
    let (from, place) = object.text(context, "from")?;
    let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    let Some(index) = names.iter().position(|name| *name == from) else {
        let hint = crate::definition::file::diagnostic::suggest(&from, &names);
        context.complain(place, format!("in {}: unknown source '{from}': {hint}", object.what));
        return None;
    };
    let source = &sources[index];
    if source.kind != Kind::Records {
        let message = format!(
            "in {}: source '{from}' has events, which can't be taken back: decisions are records",
            object.what
        );
        context.complain(place, message);
    }
    if !source.identifiers.is_empty() {
        let message = format!(
            "in {}: identifiers are taken from source '{from}' too: a table of decisions holds \
             nothing else",
            object.what
        );
        context.complain(place, message);
    }
    let mut text_column = |name: &str| {
        let (text, place) = object.text(context, name)?;
        let what = format!("'{name}' of {}", object.what);
        let joined = source.joined_columns();
        let column = column(context, &what, &text, place, &source.schema, joined)?;
        let found = source.schema.field(column).data_type();
        if found != &DataType::Utf8 {
            let message = format!("{what}: '{text}' is of type {}, not text", describe(found));
            context.complain(place, message);
        }
        Some(column)
    };
    let (one, other) = (text_column("one"), text_column("other"));
    let verdict = text_column("verdict")?;
    Some(Decisions { source: index, identifiers: [one?, other?], verdict })
}

fn columns(context: &mut ReadContext, object: &Object<'_>, kind: u8, sources: &mut [Source]) {
    for (key, node) in object.map(context, "from") {
        let what = format!("'from' of {}", object.what);
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        let Some(index) = names.iter().position(|name| *name == key.name) else {
            if !context.is_broken(&key.name) {
                let hint = crate::definition::file::diagnostic::suggest(&key.name, &names);
                let message = format!("{what}: unknown source '{}': {hint}", key.name);
                context.complain(key.place, message);
            }
            continue;
        };
        let source = &mut sources[index];
        for (name, place) in texts(context, &what, node).unwrap_or_default() {
            let what = format!("{what}, source '{}'", source.name);
            let joined = source.joined_columns();
            let Some(column) = column(context, &what, &name, place, &source.schema, joined) else {
                context.broken(&source.name);
                continue;
            };
            let found = source.schema.field(column).data_type();
            let is_text = match found {
                DataType::Utf8 => true,
                DataType::List(item) => item.data_type() == &DataType::Utf8,
                _ => false,
            };
            if !is_text {
                let found = describe(found);
                let message = format!(
                    "{what}: '{name}' is of type {found}, and identifiers are text: declare it as \
                     text"
                );
                context.complain(place, message);
                context.broken(&source.name);
                continue;
            }
            source.identifiers.push((kind, column));
        }
    }
}

fn ignore(context: &mut ReadContext, object: &Object<'_>) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for (text, place) in object.texts(context, "ignore").unwrap_or_default() {
        match GlobBuilder::new(&text).literal_separator(false).build() {
            Ok(glob) => drop(set.add(glob)),
            Err(error) => {
                let why = error.kind();
                let message = format!("'ignore' of {}: '{text}' is no glob: {why}", object.what);
                context.complain(place, message);
            }
        }
    }
    set.build().unwrap_or_else(|error| {
        context
            .complain(object.place_of("ignore"), format!("'ignore' of {}: {error}", object.what));
        GlobSet::empty()
    })
}
