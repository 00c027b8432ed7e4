//! Attributes: from a person's rows, and by SQL from other attributes.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};

use super::attribute_list::Attributes;
use super::derived::{self, DerivedAttribute};
use super::from_rows::{self, FiledAggregates, FromRows};
use super::object::{ANY_ATTRIBUTE, Object, ReadContext};
use super::{funnel, rfm, sessions};
use crate::definition::file::fields;
use crate::definition::file::yaml::{YamlKey, YamlNode};
use crate::definition::sql::names::NOW;
use crate::plan::{IdentifierType, Source, Step};

pub fn read(
    context: &mut ReadContext,
    file: &Object<'_>,
    sources: &mut [Source],
    identifiers: &[IdentifierType],
) -> Attributes {
    let noted = context.found.len();
    let entries = file.map(context, "attributes");
    if context.found.len() > noted {
        context.broken(ANY_ATTRIBUTE);
    }
    let mut filed = FiledAggregates::default();
    let (mut from_rows, mut derived) = (Vec::new(), Vec::new());
    let mut names = Vec::new();
    for (key, node) in entries {
        let what = format!("attribute '{}'", key.name);
        if key.name == "identifiers" || key.name.starts_with('#') || key.name == NOW {
            context.complain(key.place, format!("{what}: that name is taken, choose another"));
            continue;
        }
        let Some(object) = Object::read(context, what, node, fields::ATTRIBUTE) else {
            context.broken(&key.name);
            continue;
        };
        names.push(key.name.clone());
        if let Some(node) = object.get("rfm") {
            names.extend(rfm::names(&key.name));
            let clear = is_alone(context, &object, "rfm") && no_clash(context, key, entries);
            match clear.then(|| rfm::read(context, key, &object.what, node)).flatten() {
                Some(scores) => derived.extend(scores),
                None => {
                    context.broken(&key.name);
                    rfm::names(&key.name).iter().for_each(|name| context.broken(name));
                }
            }
            continue;
        }
        match (object.get("sql"), object.get("from").or(object.get("select"))) {
            (Some(_), Some(_)) => {
                let message = format!("{} has both 'sql' and 'from': leave one", object.what);
                context.complain(object.place_of("sql"), message);
                context.broken(&key.name);
            }
            (Some(_), None) => {
                for other in ["where", "within", "since", "between", "funnel"] {
                    if object.get(other).is_some() {
                        let message = format!("'{other}' in {} needs 'from'", object.what);
                        context.complain(object.place_of(other), message);
                    }
                }
                match object.sql(context, "sql") {
                    Some(text) => {
                        derived.push(DerivedAttribute { key: key.clone(), text, bins: None })
                    }
                    None => context.broken(&key.name),
                }
            }
            (None, _) if object.get("funnel").is_some() => {
                let times = format!("{}_times", key.name);
                if entries.iter().any(|(other, _)| other.name == times) {
                    let message = format!(
                        "{} is a funnel, which gives '{times}' too, and another attribute has that \
                         name: choose another",
                        object.what
                    );
                    context.complain(key.place, message);
                }
                match funnel::funnel(context, &object, sources, &mut filed) {
                    Some([furthest, when]) => {
                        from_rows.push((key.name.clone(), furthest));
                        from_rows.push((times, when));
                    }
                    None => {
                        context.broken(&key.name);
                        context.broken(&times);
                    }
                }
            }
            (None, _) => {
                if object.get("from").is_none() || object.get("select").is_none() {
                    let message = format!(
                        "{} needs 'from' and 'select', as in {{from: orders, select: count(*)}}, \
                         or 'sql'",
                        object.what
                    );
                    context.complain(object.place, message);
                }
                match from_rows::select(context, &object, sources, &mut filed) {
                    Some(attribute) => from_rows.push((key.name.clone(), attribute)),
                    None => context.broken(&key.name),
                }
            }
        }
    }
    let over = std::mem::take(&mut filed.over_sessions);
    let sessions = sessions::timelines(context, sources, &mut filed.aggregates, over);
    let numbered = filed.aggregates.iter().enumerate();
    let columns = numbered
        .map(|(index, aggregate)| Field::new(format!("#{index}"), aggregate.output.clone(), true));
    let mut attributes = Attributes {
        aggregate_schema: Arc::new(Schema::new(columns.collect::<Vec<_>>())),
        aggregates: filed.aggregates,
        sessions,
        attributes: Vec::new(),
        profile_schema: initial_schema(context, identifiers),
        steps: Vec::new(),
        ranks: Vec::new(),
        ranked_columns: 0,
        instants: Vec::new(),
    };
    for (name, FromRows { text, expression, note }) in from_rows {
        let compiled =
            context.dialect.compile(expression, &attributes.aggregate_schema, None, &text.text);
        let Some(expression) = context.check(&text, compiled) else {
            context.broken(&name);
            continue;
        };
        attributes.add_attribute(
            &name,
            expression.data_type.clone(),
            Step::Aggregates(expression),
            note,
        );
    }
    let segments: Vec<String> =
        file.map(context, "segments").iter().map(|(key, _)| key.name.clone()).collect();
    derived::read(context, derived, &segments, &mut attributes);
    // In the order of the file, the times of a funnel behind it.
    let named = |name: &str| names.iter().position(|known| known == name);
    let position = |name: &str| named(name).or_else(|| named(name.strip_suffix("_times")?));
    attributes.attributes.sort_by_key(|attribute| position(&attribute.name));
    attributes
}

/// Whether an attribute says nothing beside what makes it whole.
fn is_alone(context: &mut ReadContext, object: &Object<'_>, whole: &str) -> bool {
    let others = ["from", "select", "where", "within", "since", "between", "funnel", "sql"];
    let Some(other) = others.into_iter().find(|other| object.get(other).is_some()) else {
        return true;
    };
    let message = format!("{} has both '{whole}' and '{other}': leave one", object.what);
    context.complain(object.place_of(other), message);
    false
}

/// Whether the names that an `rfm` gives are free.
fn no_clash(context: &mut ReadContext, key: &YamlKey, entries: &[(YamlKey, YamlNode)]) -> bool {
    let names = rfm::names(&key.name);
    let Some((other, _)) = entries.iter().find(|(other, _)| names.contains(&other.name)) else {
        return true;
    };
    let message = format!(
        "attribute '{}': 'rfm' of attribute '{}' gives one of that name, choose another",
        other.name, key.name
    );
    context.complain(other.place, message);
    false
}

fn initial_schema(context: &ReadContext, identifiers: &[IdentifierType]) -> SchemaRef {
    let list = |identifier: &IdentifierType| {
        let item = Field::new("item", DataType::Utf8, true);
        Field::new(&identifier.name, DataType::List(Arc::new(item)), true)
    };
    let identifiers = Fields::from(identifiers.iter().map(list).collect::<Vec<_>>());
    Arc::new(Schema::new(vec![
        Field::new("identifiers", DataType::Struct(identifiers), true),
        Field::new(NOW, context.dialect.timestamp(), true),
    ]))
}
