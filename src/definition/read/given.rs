//! What a definition says of something that is read elsewhere: as a value, by the shapes of the fields' table.

use serde_json::{Map, Value};

use super::object::{Object, ReadContext, text, texts};
use crate::definition::file::diagnostic::Place;
use crate::definition::file::shape::Shape;
use crate::definition::file::yaml::{YamlNode, YamlValue};

/// The value of a field, unless a mistake of it was noted. Texts are an array, also where one stands alone;
/// what an object does not say, it has not.
pub fn given(
    context: &mut ReadContext,
    what: &str,
    node: &YamlNode,
    shape: &Shape,
) -> Option<Value> {
    match shape {
        Shape::Texts => {
            let texts = texts(context, what, node)?;
            Some(texts.into_iter().map(|(text, _)| Value::from(text)).collect())
        }
        Shape::Object(fields) => {
            let object = Object::read(context, what, node, fields)?;
            let mut values = Map::new();
            for field in fields.iter() {
                let Some(node) = object.get(field.name) else {
                    if field.required {
                        return None;
                    }
                    continue;
                };
                let value = match &field.shape {
                    Shape::Choice(words) => object.choice(context, field.name, words)?.into(),
                    Shape::Count => object.count(context, field.name)?.into(),
                    Shape::Duration => {
                        let micros = object.duration(context, field.name)?.as_micros();
                        Value::from(u64::try_from(micros).expect("durations are bounded"))
                    }
                    shape => {
                        let what = format!("'{}' of {what}", field.name);
                        given(context, &what, node, shape)?
                    }
                };
                values.insert(field.name.to_owned(), value);
            }
            Some(values.into())
        }
        _ => text(context, what, node).map(Value::from),
    }
}

/// Where a part of a value stands, by its JSON pointer; a text that stands alone is its list's first.
pub fn place_at(node: &YamlNode, pointer: &str) -> Place {
    let steps = pointer.split('/').skip(1);
    steps.fold(node, |node, step| part(node, step).unwrap_or(node)).place
}

fn part<'a>(node: &'a YamlNode, step: &str) -> Option<&'a YamlNode> {
    match &node.value {
        YamlValue::Sequence(items) => items.get(step.parse::<usize>().ok()?),
        YamlValue::Mapping(entries) => {
            entries.iter().find(|(key, _)| key.name == step).map(|(_, node)| node)
        }
        _ => None,
    }
}
