//! Functions that look into JSON in a text: `json_get_str(x, 'items', 0, 'sku')` and its like.
//!
//! Each takes the text, and a path of keys and of places in lists, counted from 0. Null is what is no JSON, what
//! the path does not lead to, and what is of another type. They are named and mean what those of the crate
//! `datafusion-functions-json` do.

use arrow::datatypes::DataType;
use datafusion_expr::ScalarUDF;
use serde_json::value::RawValue;

use super::json_path::{IntoJson, Looked, members, place_count};
use crate::aggregate::list_of;
use crate::row::Datum;

/// All of them.
pub fn functions() -> Vec<ScalarUDF> {
    let text = DataType::Utf8;
    let of = |name, written, output, does| IntoJson { name, written, output, does, least: 0 }.udf();
    vec![
        of("json_as_text", "json_as_text(x, …)", text.clone(), as_text),
        of("json_get_array", "json_get_array(x, …)", list_of(text.clone()), array),
        of("json_get_bool", "json_get_bool(x, …)", DataType::Boolean, boolean),
        of("json_get_float", "json_get_float(x, …)", DataType::Float64, float),
        of("json_get_int", "json_get_int(x, …)", DataType::Int64, integer),
        of("json_get_json", "json_get_json(x, …)", text.clone(), json),
        of("json_get_str", "json_get_str(x, …)", text.clone(), string),
        of("json_length", "json_length(x, …)", DataType::Int64, length),
        of("json_object_keys", "json_object_keys(x, …)", list_of(text), keys),
        IntoJson {
            name: "json_contains",
            written: "json_contains(x, key, …)",
            output: DataType::Boolean,
            does: |found| Some(Datum::Boolean(found.is_some())),
            least: 1,
        }
        .udf(),
    ]
}

fn text(value: impl Into<arcstr::ArcStr>) -> Datum {
    Datum::Text(value.into())
}

fn parsed<'a, T: serde::Deserialize<'a>>(found: Looked<'a>) -> Option<T> {
    serde_json::from_str(found?.get()).ok()
}

fn string(found: Looked<'_>) -> Option<Datum> {
    parsed::<String>(found).map(text)
}

fn integer(found: Looked<'_>) -> Option<Datum> {
    // To serde_json a zero with a sign is a double.
    let is_zero = found?.get() == "-0";
    if is_zero { Some(Datum::Integer(0)) } else { parsed(found).map(Datum::Integer) }
}

fn boolean(found: Looked<'_>) -> Option<Datum> {
    parsed(found).map(Datum::Boolean)
}

fn float(found: Looked<'_>) -> Option<Datum> {
    // Rust reads the nearest double, serde_json one beside it now and then.
    let written = found?.get();
    let is_number = written.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let number: f64 = written.parse().ok().filter(|_| is_number)?;
    // There is one zero.
    number.is_finite().then_some(Datum::Number(number + 0.0))
}

fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

fn json(found: Looked<'_>) -> Option<Datum> {
    found.filter(|value| !is_null(value)).map(|value| text(value.get()))
}

fn as_text(found: Looked<'_>) -> Option<Datum> {
    match found?.get().starts_with('"') {
        true => string(found),
        false => json(found),
    }
}

fn array(found: Looked<'_>) -> Option<Datum> {
    let items: Vec<&RawValue> = parsed(found)?;
    Some(Datum::List(items.into_iter().map(|item| text(item.get())).collect()))
}

fn length(found: Looked<'_>) -> Option<Datum> {
    place_count(found?).map(|count| Datum::Integer(count as i64))
}

fn keys(found: Looked<'_>) -> Option<Datum> {
    Some(Datum::List(members(found?)?.into_iter().map(text).collect()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use crate::columns;
    use crate::definition::sql::Dialect;
    use crate::row::Datum;

    /// A function of a text, and of a path of keys and places.
    fn called(name: &str, json: &str, path: &[Value]) -> Option<Datum> {
        let mut columns: Vec<(String, ArrayRef)> =
            vec![("x".to_owned(), Arc::new(StringArray::from(vec![json])))];
        for (place, step) in path.iter().enumerate() {
            let column: ArrayRef = match step {
                Value::String(key) => Arc::new(StringArray::from(vec![key.as_str()])),
                place => Arc::new(Int64Array::from(vec![place.as_i64()])),
            };
            columns.push((format!("p{place}"), column));
        }
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let sql = format!("{name}({})", names.join(", "));
        let batch = RecordBatch::try_from_iter(columns).expect("one row");
        let (dialect, schema) = (Dialect::new("UTC"), batch.schema());
        let planned = dialect.plan(&sql, &schema).expect("a call");
        let compiled = dialect.compile(planned, &schema, None, &sql).expect("a call");
        columns::datum(&compiled.evaluate(&batch).expect("a value"), 0)
    }

    fn text(value: &str) -> Option<Datum> {
        Some(Datum::Text(value.into()))
    }

    #[test]
    fn what_is_no_json_or_of_another_type_is_null() {
        for broken in ["", "{", "[1,]", "nope", "{\"a\":1} x", "{a:1}", "'a'"] {
            for name in ["json_as_text", "json_get_json", "json_length", "json_get_int"] {
                assert_eq!(called(name, broken, &[]), None, "{name} of {broken}");
            }
            assert_eq!(called("json_contains", broken, &[json!("a")]), None, "{broken}");
        }
        let cart = r#" {"n":1.0,"big":9223372036854775808,"s":"5","t":true,"no":null,"l":[ 1 , "x"],"a":1,"a":2} "#;
        let of = |name: &str, path: Value| called(name, cart, path.as_array().expect("a path"));
        assert_eq!(of("json_get_int", json!(["n"])), None);
        assert_eq!(of("json_get_float", json!(["n"])), Some(Datum::Number(1.0)));
        assert_eq!(of("json_get_int", json!(["big"])), None);
        assert_eq!(called("json_get_int", "-0", &[]), Some(Datum::Integer(0)));
        assert_eq!(called("json_get_int", "-0.0", &[]), None);
        assert_eq!(of("json_get_int", json!(["s"])), None);
        assert_eq!(of("json_get_str", json!(["s"])), text("5"));
        assert_eq!(of("json_get_str", json!(["n"])), None);
        assert_eq!(of("json_get_bool", json!(["t"])), Some(Datum::Boolean(true)));
        assert_eq!(of("json_get_json", json!(["l"])), text(r#"[ 1 , "x"]"#));
        assert_eq!(of("json_as_text", json!(["l", 1])), text("x"));
        assert_eq!(of("json_as_text", json!(["l", 0])), text("1"));
        assert_eq!(of("json_as_text", json!(["l", -1])), None);
        // Where a key is there twice the last counts, as in fields.
        assert_eq!(of("json_get_int", json!(["a"])), Some(Datum::Integer(2)));
        assert_eq!(of("json_length", json!([])), Some(Datum::Integer(7)));
        assert_eq!(of("json_length", json!(["s"])), None);
        // A null is there, and is nothing.
        assert_eq!(of("json_contains", json!(["no"])), Some(Datum::Boolean(true)));
        assert_eq!(of("json_as_text", json!(["no"])), None);
        assert_eq!(of("json_get_json", json!(["no"])), None);
        assert_eq!(of("json_contains", json!(["l", 2])), Some(Datum::Boolean(false)));
        assert_eq!(called("json_get_float", "1e999", &[]), None);
        let near = "-973511074.2962189";
        assert_eq!(called("json_get_float", near, &[]), near.parse().ok().map(Datum::Number));
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(called("json_length", &deep, &[]), Some(Datum::Integer(1)));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            // What a reader of all of it reads as it was written.
            any::<i32>().prop_map(|number| Value::from(f64::from(number) / 4.0)),
            "[a-c\"\\\\\u{e9}\u{1f600}]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("[a-c]{1,2}", inner, 0..4)
                    .prop_map(|all| Value::Object(all.into_iter().collect())),
            ]
        })
    }

    fn step() -> impl Strategy<Value = Value> {
        prop_oneof!["[a-c]{1,2}".prop_map(Value::from), (-1..4i64).prop_map(Value::from)]
    }

    proptest! {
        #[test]
        fn a_path_leads_where_a_reader_of_all_of_it_goes(
            json in any_json(),
            path in prop::collection::vec(step(), 0..4),
            pretty in any::<bool>(),
        ) {
            let written = if pretty { format!("{json:#}") } else { json.to_string() };
            let found = path.iter().try_fold(&json, |value, step| match step {
                Value::String(key) => value.as_object()?.get(key),
                place => value.as_array()?.get(usize::try_from(place.as_i64()?).ok()?),
            });
            let call = |name: &str| called(name, &written, &path);
            prop_assert_eq!(
                call("json_get_str"),
                found.and_then(Value::as_str).and_then(text)
            );
            let integer = found.and_then(Value::as_i64);
            prop_assert_eq!(call("json_get_int"), integer.map(Datum::Integer));
            prop_assert_eq!(
                call("json_get_float"),
                found.and_then(Value::as_f64).map(|number| Datum::Number(number + 0.0))
            );
            prop_assert_eq!(
                call("json_get_bool"),
                found.and_then(Value::as_bool).map(Datum::Boolean)
            );
            let length = found.and_then(|value| match value {
                Value::Array(items) => Some(items.len()),
                Value::Object(members) => Some(members.len()),
                _ => None,
            });
            prop_assert_eq!(
                call("json_length"),
                length.map(|length| Datum::Integer(length as i64))
            );
            if !path.is_empty() {
                prop_assert_eq!(call("json_contains"), Some(Datum::Boolean(found.is_some())));
            }
            let again = |of: Option<Datum>| match of {
                Some(Datum::Text(text)) => serde_json::from_str::<Value>(&text).ok(),
                _ => None,
            };
            prop_assert_eq!(
                again(call("json_get_json")),
                found.filter(|value| !value.is_null()).cloned()
            );
            let items = match call("json_get_array") {
                Some(Datum::List(items)) => items.iter().map(|item| again(Some(item.clone()))).collect(),
                _ => None,
            };
            prop_assert_eq!(items, found.and_then(Value::as_array).cloned());
            let keys = match call("json_object_keys") {
                Some(Datum::List(keys)) => Some(keys.iter().cloned().collect::<Vec<_>>()),
                _ => None,
            };
            let expected = found.and_then(Value::as_object);
            let expected =
                expected.map(|all| all.keys().filter_map(|key| text(key)).collect::<Vec<_>>());
            prop_assert_eq!(keys, expected);
        }
    }
}
