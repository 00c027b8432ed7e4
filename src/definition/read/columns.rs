//! A source's columns: the fields that it takes out of a row, and what is derived from them.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field as Column, Schema, SchemaRef};
use datafusion_expr::Expr;

use super::join::{DerivedColumn, Tables};
use super::object::{Object, ReadContext, SqlText, sql, text};
use super::time_form::{self, StatedTimes};
use super::types::{parse_default, parse_type};
use super::unnest::path_of;
use super::value_map;
use crate::definition::file::fields;
use crate::definition::file::yaml::{YamlNode, YamlValue};
use crate::plan::{Field, FieldPath, Format, Type};
use crate::time::zone::Zone;

/// The fields that a source takes out of a row, and the columns that they become.
pub fn columns(
    context: &mut ReadContext,
    object: &Object<'_>,
    format: Option<Format>,
    time_zone: &Arc<str>,
    unnest: Option<&FieldPath>,
) -> (Vec<Field>, Vec<Column>) {
    let (mut fields, mut columns, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for (key, node) in object.map(context, "fields") {
        let what = format!("field '{}' of {}", key.name, object.what);
        let Some((field, stated)) = field(context, &what, &key.name, (format, unnest), node) else {
            context.broken(&key.name);
            continue;
        };
        columns.push(Column::new(&field.name, field.data_type.arrow(time_zone), true));
        fields.push(field);
        times.push(stated);
    }
    let of_source = time_form::zone(context, &object.what, object);
    let zone = Zone::named(time_zone).expect("the definition's is checked");
    time_form::bring_together(context, &object.what, &mut fields, times, of_source, zone);
    (fields, columns)
}

fn field(
    context: &mut ReadContext,
    what: &str,
    name: &str,
    (format, unnest): (Option<Format>, Option<&FieldPath>),
    node: &YamlNode,
) -> Option<(Field, Option<StatedTimes>)> {
    let mut path = FieldPath::key(name);
    let (mut default, mut said) = (None, None);
    let type_node = match &node.value {
        YamlValue::Mapping(_) => {
            let object = Object::read(context, what, node, fields::SOURCE_FIELD)?;
            if let Some((text, place)) = object.text(context, "path") {
                match path_of(&text, format, unnest) {
                    Ok(parsed) => path = parsed,
                    Err(why) => context.complain(place, format!("path '{text}' of {what}: {why}")),
                }
            }
            default = object.get("default").filter(|node| !node.is_null());
            let of = object.get("type");
            said = Some(object);
            of?
        }
        // `[text]` is a list of types to YAML, and a type of lists to us.
        _ => node,
    };
    let text = match &type_node.value {
        YamlValue::Sequence(items) if items.len() == 1 => match &items[0].value {
            YamlValue::Sequence(_) => "[[…]]".to_owned(),
            _ => format!("[{}]", text(context, &format!("the type of {what}"), &items[0])?),
        },
        _ => text(context, &format!("the type of {what}"), type_node)?,
    };
    // Messages show paths so.
    let is_path = name.starts_with("$.") && format != Some(Format::Csv);
    if is_path && said.as_ref().is_none_or(|object| object.get("path").is_none()) {
        let message = format!(
            "{what}: its name is a path, of which only a key of that name would be read: give it a name, and say where \
             it stands by 'path', as in name: {{type: {text}, path: {}}}",
            &name[2..]
        );
        context.complain(type_node.place, message);
    }
    let data_type = match parse_type(&text) {
        Ok(data_type) => data_type,
        Err(message) => {
            context.complain(type_node.place, format!("in {what}: {message}"));
            return None;
        }
    };
    let map = said.as_ref().and_then(|said| value_map::of_field(context, what, said, &data_type));
    let times = said.map(|object| time_form::of_field(context, what, &object, Some(&data_type)));
    let default = match default {
        None => None,
        Some(node) if matches!(data_type, Type::List(_)) => {
            let message = format!("in {what}: a list has no default: an absent one is null");
            context.complain(node.place, message);
            None
        }
        Some(node) => {
            let text = super::object::text(context, &format!("'default' of {what}"), node)?;
            let parsed = parse_default(&text, &data_type);
            parsed
                .map_err(|message| context.complain(node.place, format!("in {what}: {message}")))
                .ok()
        }
    };
    Some((Field { name: name.to_owned(), data_type, path, default, written: None, map }, times))
}

/// Further columns, each over those before it; those that look at joined ones are left to `tables`.
pub fn derive(
    context: &mut ReadContext,
    object: &Object<'_>,
    mut schema: SchemaRef,
    tables: &mut Tables,
) -> (SchemaRef, Vec<(String, crate::plan::Expression)>) {
    let mut derived = Vec::new();
    for (key, node) in object.map(context, "derive") {
        let what = format!("derived column '{}' of {}", key.name, object.what);
        if schema.column_with_name(&key.name).is_some() {
            let message = format!("{what}: a field has that name: choose another");
            context.complain(key.place, message);
            continue;
        }
        let Some(found) = derived_column(context, what, node, &schema, tables) else {
            context.broken(&key.name);
            continue;
        };
        let (text, planned, expression) = found;
        let column = Arc::new(Column::new(&key.name, expression.data_type.clone(), true));
        if tables.looked_at(&planned).is_some() {
            tables.derived.push(DerivedColumn { text, planned, column });
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
        DataType::Struct(_) | DataType::Map(..) => true,
        DataType::List(item) => has_struct(item.data_type()),
        _ => false,
    }
}

fn derived_column(
    context: &mut ReadContext,
    what: String,
    node: &YamlNode,
    schema: &SchemaRef,
    tables: &Tables,
) -> Option<(SqlText, Expr, crate::plan::Expression)> {
    let text = sql(context, what, node)?;
    let all = tables.beside(schema);
    let planned = context.plan_scalar(&text, &all)?;
    context.no_now(&text, &planned)?;
    let compiled = context.dialect.compile(planned.clone(), &all, None, &text.text);
    let expression = context.check(&text, compiled)?;
    if has_struct(&expression.data_type) {
        let message =
            "a struct or a map is no type of a column: derive a column for each of its fields";
        context.complain(text.place, format!("in {}: {message}", text.what));
        return None;
    }
    Some((text, planned, expression))
}
