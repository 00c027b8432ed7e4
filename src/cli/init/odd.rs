//! Texts that hold rows, but not as rows are read: what they are, and what makes rows of them.

use std::path::Path;

use selfsame::internals::console::counted;
use serde_json::{Deserializer, Map, Value};

use super::tables::UsualCells;

/// What is odd about a text, if it is one of those.
pub fn told(text: &str, name: &str) -> Option<String> {
    excel_s_first_line(text, name)
        .or_else(|| lists(text, name))
        .or_else(|| objects_by_key(text, name))
        .or_else(|| objects_on_several_lines(text, name))
}

/// Why a table is none most of whose rows have so many cells, where its header names another number of columns.
pub fn uneven(name: &str, delimiter: u8, header: &[String], cells: &UsualCells) -> String {
    let (delimiter, pattern) = match char::from(delimiter) {
        '\t' => ("\\t".to_owned(), "\\t".to_owned()),
        other => (other.to_string(), format!("[{other}]")),
    };
    let named = header.iter().rposition(|name| !name.trim().is_empty()).map_or(0, |at| at + 1);
    let give =
        |change: String| format!("give it as many, as by sed '1{change}' '{name}' > '{name}.csv'");
    let remedy = match cells.number.checked_sub(header.len()) {
        Some(more) if cells.are_empty => give(format!("s/\\r*$/{}/", delimiter.repeat(more))),
        Some(_) => format!(
            "write what has a {delimiter} in it in double quotes, with no space before them and each quote within doubled; where it \
             stands in others, a definition says `quote: \"'\"`"
        ),
        None if named == cells.number => give(format!("s/{pattern}*\\r*$//")),
        None => "give it one for each cell".to_owned(),
    };
    format!(
        "its header names {}, and most of its rows have {}: {remedy}",
        counted(header.len(), "column", "columns"),
        counted(cells.number, "cell", "cells")
    )
}

/// Why a text of one column is none, if that is in truth several, set one below the other by spaces.
pub fn aligned(lines: &[&str], path: &Path) -> Option<String> {
    let cells = |line: &str| line.split_whitespace().count();
    let number = lines.first().map_or(0, |line| cells(line));
    let has_runs = lines.iter().any(|line| line.trim().contains("  "));
    let is_aligned = number > 1 && has_runs && lines.iter().all(|line| cells(line) == number);
    is_aligned.then(|| {
        format!(
            "its cells are parted by runs of spaces, which no delimiter is: make commas of them, as in: sed \
             's/^ *//; s/ *$//; s/  */,/g' {} > {}.csv",
            path.display(),
            path.with_extension("").display(),
        )
    })
}

/// Lists whose items are no objects: rows of a table, or single values.
fn lists(text: &str, name: &str) -> Option<String> {
    if !text.trim_start().starts_with('[') {
        return None;
    }
    let mut values = Deserializer::from_str(text).into_iter::<Value>();
    let first = values.next()?.ok()?;
    let item = first.as_array()?.first()?;
    let (is, remedy) = match (item, values.next()) {
        (Value::Object(_), _) => return None,
        (Value::Array(_), None) => ("a list of lists", "jq -r '.[] | @csv'"),
        (_, None) => ("a list of values", "jq -c '.[] | {value: .}'"),
        (_, Some(Ok(Value::Array(_)))) => ("a list on each line", "jq -r '@csv'"),
        (_, Some(_)) => return None,
    };
    let end = if remedy.ends_with("csv'") { "csv" } else { "ndjson" };
    Some(format!(
        "it is {is}, and rows are objects: make rows of it, as by {remedy} '{name}' > '{name}.{end}'"
    ))
}

/// One object that holds others by their keys, as databases export them: read as it is, it would be one row, and all of them
/// one person.
fn objects_by_key(text: &str, name: &str) -> Option<String> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let mut values = Deserializer::from_str(text).into_iter::<Value>();
    let whole = values.next()?.ok()?;
    let whole = whole.as_object().filter(|_| values.next().is_none())?;
    let from = match are_alike(whole, 2) {
        true => String::new(),
        false => {
            let is_part = |value: &Value| !value.is_object() && !value.is_array();
            if whole.values().any(is_part) {
                return None;
            }
            let mut parts = whole.iter().filter_map(|(key, value)| Some((key, value.as_object()?)));
            let (key, _) = parts.find(|(_, of)| are_alike(of, 3))?;
            format!(".{} | ", serde_json::to_string(key).expect("a text"))
        }
    };
    Some(format!(
        "it is one object that holds others by their keys: make a row of each, as by jq -c '{from}to_entries[] | {{key}} + .value' \
         '{name}' > '{name}.ndjson'"
    ))
}

/// Whether all that an object holds are objects, so many at least, that have most of their keys in common.
fn are_alike(of: &Map<String, Value>, least: usize) -> bool {
    let mut objects = of.values().map(Value::as_object);
    let Some(Some(first)) = objects.next() else { return false };
    let is_like_first = |of: Option<&Map<String, Value>>| {
        of.is_some_and(|of| {
            let common = of.keys().filter(|key| first.contains_key(*key)).count();
            common > 0 && common * 2 >= of.len().max(first.len())
        })
    };
    of.len() >= least && objects.all(is_like_first)
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
    // Where a text is long only its beginning is here.
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
    fn a_header_with_too_few_names_or_too_many_is_told_with_what_mends_it() {
        for (delimiter, header, number, are_empty, remedy) in [
            (b',', "id email", 3, false, "write what has a , in it in double quotes"),
            (b',', "id email", 3, true, "sed '1s/\\r*$/,/' 'f' > 'f.csv'"),
            (b'\t', "id email", 4, true, "sed '1s/\\r*$/\\t\\t/' 'f'"),
            (b';', "id email  ", 2, true, "sed '1s/[;]*\\r*$//' 'f'"),
            (b'|', "id email phone", 2, true, "give it one for each cell"),
        ] {
            let header: Vec<String> = header.split(' ').map(str::to_owned).collect();
            let said = uneven("f", delimiter, &header, &UsualCells { number, are_empty });
            assert!(said.contains(remedy), "{said}");
        }
    }

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
            ("[[\"id\",\"email\"],[1,\"a@x\"]]", Some("jq -r '.[] | @csv' 'f' > 'f.csv'")),
            ("[1,\"a@x\"]\n[2,\"b@x\"]\n", Some("jq -r '@csv' 'f' > 'f.csv'")),
            ("[\"a@x\",\"b@x\"]", Some("jq -c '.[] | {value: .}' 'f' > 'f.ndjson'")),
            ("[section]\nkey=1\n", None),
            ("[2025-07-05] GET /\n", None),
            (
                "{\"u1\":{\"mail\":\"a@x\"},\"u2\":{\"mail\":\"b@x\"}}",
                Some("jq -c 'to_entries[] | {key} + .value' 'f'"),
            ),
            (
                "{\n\"u1\":{\"mail\":1},\n\"u2\":{\"mail\":2,\"at\":3}}",
                Some("jq -c 'to_entries[] |"),
            ),
            (
                "{\"users\":{\"u1\":{\"id\":1},\"u2\":{\"id\":2},\"u3\":{\"id\":3}},\"orders\":{}}",
                Some("jq -c '.\"users\" | to_entries[] |"),
            ),
            // A row with parts that are alike, and several rows.
            ("{\"id\":1,\"bill\":{\"zip\":1},\"ship\":{\"zip\":2}}", None),
            ("{\"id\":1,\"places\":{\"a\":{\"zip\":1},\"b\":{\"zip\":2},\"c\":{\"zip\":3}}}", None),
            ("{\"user\":{\"id\":1},\"order\":{\"sku\":2}}", None),
            ("{\"a\":{\"id\":1},\"b\":{\"id\":2}}\n{\"a\":{\"id\":3},\"b\":{\"id\":4}}\n", None),
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
