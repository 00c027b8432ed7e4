//! The JSON Schema of the definition file, for editors to complete and check it.

use serde_json::{Map, Value, json};

use super::fields::{DEFINITION, FieldShape, Shape};

/// Draft 2020-12.
pub fn schema() -> Value {
    let mut schema = object(DEFINITION);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("A selfsame definition");
    schema
}

fn object(fields: &[FieldShape]) -> Value {
    let mut properties = Map::new();
    for field in fields {
        let mut value = shape(&field.shape);
        // `segments:` with nothing behind it has no entries.
        if field.shape.is_map() && !field.required {
            value["type"] = json!(["object", "null"]);
        }
        value["description"] = json!(field.description);
        if !field.example.is_empty() {
            value["examples"] = json!([example(field)]);
        }
        properties.insert(field.name.to_owned(), value);
    }
    let required: Vec<&str> =
        fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// A text with a variable in it may become anything.
const VARIABLE: &str = r"\$\{";

const DURATION: &str =
    r"^\s*[0-9]+\s*(ms|milliseconds?|s|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?)\s*$";

fn shape(shape: &Shape) -> Value {
    match shape {
        // `false` and `5` are texts to the reader, and something else to YAML.
        Shape::Text | Shape::Sql | Shape::Scalar => {
            json!({"type": ["string", "number", "boolean"]})
        }
        Shape::Value => json!({"type": ["string", "number", "boolean", "null"]}),
        Shape::Duration => {
            json!({"type": "string", "pattern": format!("{DURATION}|{VARIABLE}")})
        }
        // Each is looked at by what is said of its type.
        Shape::Count => json!({
            "type": ["integer", "string"],
            "minimum": 1,
            "maximum": u32::MAX,
            "pattern": format!("^[0-9]*[1-9][0-9]*$|{VARIABLE}"),
        }),
        Shape::Choice(words) => {
            json!({"anyOf": [{"enum": words}, {"type": "string", "pattern": VARIABLE}]})
        }
        Shape::Texts => json!({
            "anyOf": [self::shape(&Shape::Text), {"type": "array", "items": self::shape(&Shape::Text)}],
        }),
        Shape::ListOf(item, number) => json!({
            "type": "array",
            "items": self::shape(item),
            "minItems": number.start(),
            "maxItems": number.end(),
        }),
        Shape::Object(fields) => object(fields),
        Shape::MapOf(value) => {
            json!({"type": "object", "additionalProperties": self::shape(value)})
        }
        Shape::MapWith(known, value) => {
            let mut map = object(known);
            map["additionalProperties"] = self::shape(value);
            map
        }
        Shape::Type => json!({
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 1},
            ],
        }),
        Shape::Either(shapes) => {
            json!({"anyOf": shapes.iter().map(self::shape).collect::<Vec<_>>()})
        }
    }
}

/// Examples of mappings are written in YAML's flow style; as values they are read by it.
fn example(field: &FieldShape) -> Value {
    let mut found = Vec::new();
    let node = super::yaml::read(field.example, &|_| None, &mut found);
    node.map_or(json!(field.example), |node| value(&node))
}

fn value(node: &super::yaml::YamlNode) -> Value {
    use super::yaml::YamlValue as Yaml;
    match &node.value {
        Yaml::Nothing(_) => Value::Null,
        _ if node.is_null() => Value::Null,
        Yaml::Scalar { text, quoted: false, .. } if text.parse::<i64>().is_ok() => {
            json!(text.parse::<i64>().expect("just parsed"))
        }
        Yaml::Scalar { text, .. } => json!(text),
        Yaml::Unset => unreachable!("examples have no variables"),
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Mapping(entries) => {
            entries.iter().map(|(key, node)| (key.name.clone(), value(node))).collect()
        }
    }
}
