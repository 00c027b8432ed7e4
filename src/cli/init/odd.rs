//! Texts that hold rows, but not as rows are read: what they are, and what makes rows of them.

use serde_json::{Deserializer, Value};

/// What is odd about a text, if it is one of those.
pub fn told(text: &str, name: &str) -> Option<String> {
    excel_s_first_line(text, name).or_else(|| objects_on_several_lines(text, name))
}

/// Excel writes what parts cells into a line of its own.
fn excel_s_first_line(text: &str, name: &str) -> Option<String> {
    let first = text.lines().next()?.trim_end();
    let mark = first.to_ascii_lowercase().strip_prefix("sep=")?.chars().count();
    (mark <= 1).then(|| {
        format!(
            "its first line, {first}, is one of Excel's and no header: take it away, as by tail -n +2 '{name}' > '{name}.csv'"
        )
    })
}

/// As programs print them for people, and what services answer.
fn objects_on_several_lines(text: &str, name: &str) -> Option<String> {
    let first = text.lines().find(|line| !line.trim().is_empty())?;
    if !text.trim_start().starts_with('{') || serde_json::from_str::<Value>(first).is_ok() {
        return None;
    }
    // Of what is long only the beginning is here.
    let whole = Deserializer::from_str(text).into_iter::<Value>().next()?.ok()?;
    let each = list_of_objects(&whole).map_or(".".to_owned(), |key| format!(".{key}[]"));
    Some(format!(
        "its objects stand on several lines: write one a line, as by jq -c '{each}' '{name}' > '{name}.ndjson'"
    ))
}

/// The key of an object that is a list of objects, as jq writes it.
fn list_of_objects(whole: &Value) -> Option<String> {
    let is_objects = |value: &Value| {
        value.as_array().is_some_and(|items| items.first().is_some_and(Value::is_object))
    };
    let mut lists = whole.as_object()?.iter().filter(|(_, value)| is_objects(value));
    let (key, _) = lists.next()?;
    lists.next().is_none().then(|| serde_json::to_string(key).expect("a text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_rows_otherwise_is_told_with_what_makes_rows_of_it() {
        for (text, remedy) in [
            ("sep=;\nid;email\n1;a@x\n", Some("take it away, as by tail -n +2 'f'")),
            ("{\n \"id\": 1\n}\n{\n \"id\": 2\n}\n", Some("jq -c '.' 'f' > 'f.ndjson'")),
            ("{\n \"data\": [{\"id\":1}], \"next\": null\n}", Some("jq -c '.\"data\"[]' 'f'")),
            ("{\n \"a\": [{}], \"b\": [{}]}", Some("jq -c '.' 'f'")),
            ("{\"id\":1}\n{\"id\":2}\n", None),
            ("{\"id\":1}\nno json\n", None),
            ("{\"id\":", None),
            ("separate;id\n1;2\n", None),
            ("[\n{\"id\":1}\n]", None),
            ("", None),
        ] {
            let said = told(text, "f");
            match remedy {
                Some(remedy) => {
                    assert!(said.as_ref().is_some_and(|said| said.contains(remedy)), "{said:?}")
                }
                None => assert_eq!(said, None, "{text}"),
            }
        }
    }
}
