//! What the codes of a field mean: its `map`, and what becomes of others.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::object::{Object, ReadContext};
use super::types::parse_default;
use crate::definition::file::yaml::{YamlNode, YamlValue};
use crate::plan::{Others, Type, ValueMap};
use crate::row::Datum;

/// What a field says; whatever is wrong is noted.
pub fn of_field(
    context: &mut ReadContext,
    what: &str,
    object: &Object<'_>,
    data_type: &Type,
) -> Option<Arc<ValueMap>> {
    let others = object.get("else");
    if object.get("map").is_none() {
        if others.is_some() {
            let message = format!(
                "'else' of {what} needs 'map', as in map: {{D: DE, GER: DE}}: it says what becomes of other values"
            );
            context.complain(object.place_of("else"), message);
        }
        return None;
    }
    if matches!(data_type, Type::List(_) | Type::Json) {
        let message = format!(
            "'map' of {what}: a {} has no map: derive a column from it",
            data_type.spoken()
        );
        context.complain(object.place_of("map"), message);
        return None;
    }
    let mut words = BTreeMap::new();
    for (code, node) in object.map(context, "map") {
        let of = format!("'{}' in 'map' of {what}", code.name);
        words.insert(code.name.clone(), value(context, &of, node, data_type)?);
    }
    if words.is_empty() {
        let message = format!(
            "'map' of {what} maps nothing: write what codes mean, as in {{D: DE, GER: DE}}"
        );
        context.complain(object.place_of("map"), message);
        return None;
    }
    let others = match others {
        None => Others::Keep,
        Some(node) => match &node.value {
            YamlValue::Scalar { text, .. } if text == "keep" => Others::Keep,
            YamlValue::Scalar { text, .. } if text == "reject" => Others::Reject,
            _ => Others::Become(value(context, &format!("'else' of {what}"), node, data_type)?),
        },
    };
    Some(Arc::new(ValueMap { words, others }))
}

/// A value of the field's type, or null.
fn value(
    context: &mut ReadContext,
    what: &str,
    node: &YamlNode,
    data_type: &Type,
) -> Option<Option<Datum>> {
    if node.is_null() {
        return Some(None);
    }
    let text = super::object::text(context, what, node)?;
    let parsed = parse_default(&text, data_type);
    let parsed = parsed.map_err(|message| {
        let message = message.strip_prefix("default ").unwrap_or(&message).to_owned();
        context.complain(node.place, format!("{what}: {message}"));
    });
    parsed.ok().map(Some)
}
