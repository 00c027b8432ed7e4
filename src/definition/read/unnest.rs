//! Lists whose elements are rows: which fields are the element's, and which the row's own.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field as Column};

use super::object::{Object, ReadContext};
use crate::plan::{
    Expression, Field, FieldPath, Format, Source, TimeForm, Type, Unnest, ZoneField,
};

/// The list that `unnest` names.
pub fn path(
    context: &mut ReadContext,
    object: &Object<'_>,
    format: Option<Format>,
) -> Option<FieldPath> {
    let (text, place) = object.text(context, "unnest")?;
    let wrong =
        |why| context.complain(place, format!("'unnest' of {}: '{text}': {why}", object.what));
    path_of(&text, format, None).map_err(wrong).ok()
}

/// The path that a definition writes. A column of CSV has nothing below it, a dot is a part of its name; but for the one
/// whose cells are unnested. A column without a name is what it is in JSON, a pair of quotes.
pub fn path_of(
    text: &str,
    format: Option<Format>,
    list: Option<&FieldPath>,
) -> Result<FieldPath, String> {
    if format != Some(Format::Csv) {
        return FieldPath::parse(text);
    }
    if ["\"\"", "''"].contains(&text) {
        return Ok(FieldPath::key(""));
    }
    match list.and_then(|list| Some((list, text.strip_prefix(list.root())?))) {
        Some((list, below)) if below.starts_with('.') => {
            Ok(list.extended(&FieldPath::parse(&below[1..])?))
        }
        _ => Ok(FieldPath::key(text)),
    }
}

/// Parts the fields; whatever is wrong is noted.
pub fn unnest(
    context: &mut ReadContext,
    object: &Object<'_>,
    path: FieldPath,
    fields: &[Field],
    columns: &[Column],
) -> Option<Unnest> {
    let place = object.place_of("unnest");
    let (mut own, mut of_element) = (Vec::new(), Vec::new());
    for (column, field) in fields.iter().enumerate() {
        match field.path.of_element(&path) {
            Some(below) => of_element.push((column, below)),
            None => own.push(column),
        }
    }
    if of_element.is_empty() {
        let message = format!(
            "'unnest' of {}: no field stands in an element of {path}: add one, as in sku: {{type: text, path: {path}.sku}}",
            object.what
        );
        context.complain(place, message);
        return None;
    }
    let raw_of = |column: usize| own.iter().position(|own| *own == column);
    let element_of = |column: usize| of_element.iter().position(|(of, _)| *of == column);
    let mut part = |column: usize, at: &dyn Fn(usize) -> Option<usize>| {
        let mut field = fields[column].clone();
        if let Some(form) = &field.written
            && let Some(zone) = &form.zone_of
        {
            let zone_of = at(zone.field).map(|field| ZoneField { field, ..zone.clone() });
            if zone_of.is_none() {
                let message = format!(
                    "field '{}' of {}: 'time_zone_from' names '{}', which stands beside the list and not in its \
                     elements, or the other way round: name a field that stands beside it",
                    field.name, object.what, fields[zone.field].name
                );
                context.complain(object.place_of("fields"), message);
            }
            field.written = Some(Arc::new(TimeForm { zone_of, ..(**form).clone() }));
        }
        field
    };
    let mut raw: Vec<Field> = own.iter().map(|column| part(*column, &raw_of)).collect();
    let element = of_element.iter().map(|(column, below)| {
        let field = part(*column, &element_of);
        Field { path: below.clone(), ..field }
    });
    let element: Vec<Field> = element.collect();
    let mut raw_columns: Vec<_> =
        own.iter().map(|column| Arc::new(columns[*column].clone())).collect();
    raw_columns.push(Arc::new(Column::new(Unnest::LIST, DataType::Utf8, true)));
    raw.push(Field {
        name: Unnest::LIST.to_owned(),
        data_type: Type::Json,
        path: path.clone(),
        default: None,
        written: None,
        map: None,
    });
    let of_element = of_element.into_iter().map(|(column, _)| column).collect();
    Some(Unnest { path, raw, raw_columns, own, element, of_element })
}

/// Refuses an id, a key, a time or a deletion that stands in elements: a row has one for all of them.
pub fn check(context: &mut ReadContext, object: &Object<'_>, source: &Source) {
    let Some(unnest) = &source.unnest else { return };
    let mut of_elements = unnest.of_element.clone();
    let looks = |expression: &Expression, of: &[usize]| {
        expression.columns().iter().any(|column| of.contains(column))
    };
    for (number, (_, expression)) in source.derived.iter().enumerate() {
        if looks(expression, &of_elements) {
            of_elements.push(source.fields.len() + number);
        }
    }
    let named = [("id", source.key), ("key", source.key), ("time", source.time)];
    for (name, column) in named {
        if object.get(name).is_some() && column.is_some_and(|column| of_elements.contains(&column))
        {
            let message = format!(
                "'{name}' of {} stands in the elements of {}, and a row has one for all of them: name a column that \
                 stands beside the list",
                object.what, unnest.path
            );
            context.complain(object.place_of(name), message);
        }
    }
    if source.deleted.as_ref().is_some_and(|deleted| looks(deleted, &of_elements)) {
        let message = format!(
            "'deleted' of {} looks at the elements of {}, and a row is gone with all of them: leave elements out with \
             'where'",
            object.what, unnest.path
        );
        context.complain(object.place_of("deleted"), message);
    }
}
