//! Segments: conditions over attributes, other segments, identifiers and `now()`.

use std::sync::Arc;

use arrow::datatypes::DataType;

use super::attribute_list::Attributes;
use super::object::{Object, ReadContext, SqlText, sql};
use super::order::in_order;
use crate::definition::file::fields;
use crate::definition::file::yaml::YamlValue;
use crate::definition::sql::instant;
use crate::definition::sql::mistake::{SqlError, position_of};
use crate::plan::{Expression, Segment, Step};

pub fn read(
    context: &mut ReadContext,
    file: &Object<'_>,
    attributes: &mut Attributes,
) -> Vec<Segment> {
    let entries = file.map(context, "segments");
    let mut conditions = Vec::new();
    let mut descriptions = Vec::new();
    for (key, node) in entries {
        let what = format!("segment '{}'", key.name);
        if attributes.profile_schema.column_with_name(&key.name).is_some() {
            let message = format!("{what}: an attribute has that name: choose another");
            context.complain(key.place, message);
            continue;
        }
        if key.name.contains('/') {
            let message = format!(
                "{what}: a '/' parts the segment from the person in keys: leave it out of the name"
            );
            context.complain(key.place, message);
            context.broken(&key.name);
            continue;
        }
        let mut description = None;
        let condition = match &node.value {
            YamlValue::Mapping(_) => {
                let object = Object::read(context, what, node, fields::SEGMENT);
                let object = object.expect("it is a mapping");
                description = object.text(context, "description").map(|(text, _)| text);
                object.sql(context, "where")
            }
            _ => sql(context, what, node),
        };
        let Some(condition) = condition else {
            context.broken(&key.name);
            continue;
        };
        conditions.push((key.clone(), condition));
        descriptions.push((key.name.clone(), description));
    }
    let mut segments = Vec::new();
    for (key, text) in in_order(context, "segments", conditions) {
        let Some(expression) = condition(context, &text, attributes) else {
            context.broken(&key.name);
            continue;
        };
        let column = attributes.add_column(&key.name, DataType::Boolean, Step::Derived(expression));
        let description =
            descriptions.iter().find(|(name, _)| *name == key.name).and_then(|(_, d)| d.clone());
        segments.push(Segment { name: key.name.clone(), description, column });
    }
    let position = |name: &str| entries.iter().position(|(key, _)| key.name == name);
    segments.sort_by_key(|segment| position(&segment.name));
    segments
}

fn condition(
    context: &mut ReadContext,
    text: &SqlText,
    attributes: &mut Attributes,
) -> Option<Expression> {
    let schema = Arc::clone(&attributes.profile_schema);
    let planned = context.plan_scalar(text, &schema)?;
    context.is_boolean(text, &planned, &schema)?;
    let turns = instant::turns(&planned, context.dialect.zone()).map_err(|error| SqlError {
        at: error.at.or_else(|| {
            ["now", "current_timestamp"].iter().find_map(|name| position_of(&text.text, name))
        }),
        ..error
    });
    for turn in context.check(text, turns)? {
        attributes.add_turn(context, text, turn);
    }
    let compiled = context.dialect.compile(planned, &schema, Some(&DataType::Boolean), &text.text);
    context.check(text, compiled)
}
