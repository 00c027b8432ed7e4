//! The texts of raw rows, whatever they mean: what a row of JSON or CSV says somewhere, without its marks and escapes.

use serde_json::Value;

use super::csv::unquoted;
use crate::plan::CsvMarks;
use crate::source::records::{RecordEnd, RecordForm, first};

/// All texts and numbers of a row. Of one that is no JSON it is what its quotes enclose, and its cells.
pub fn raw_texts(raw: &str, marks: CsvMarks) -> Vec<String> {
    let mut texts = Vec::new();
    match serde_json::from_str::<Value>(raw) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => add(value, &mut texts),
        _ => {
            texts.extend(quoted(raw));
            texts.extend(cells(raw, marks));
        }
    }
    texts
}

fn add(value: Value, texts: &mut Vec<String>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => texts.push(number.to_string()),
        Value::String(text) => {
            // A text may be JSON itself, as cells and fields of documents are.
            if text.starts_with(['{', '['])
                && let Ok(inner) = serde_json::from_str(&text)
            {
                add(inner, texts);
            }
            texts.push(text);
        }
        Value::Array(items) => items.into_iter().for_each(|item| add(item, texts)),
        Value::Object(fields) => fields.into_iter().for_each(|(_, value)| add(value, texts)),
    }
}

/// What is enclosed in quotes as JSON has it, of what may be torn or not JSON.
fn quoted(raw: &str) -> impl Iterator<Item = String> {
    let quotes: Vec<usize> = raw
        .match_indices('"')
        .map(|(at, _)| at)
        .filter(|at| {
            let before = raw.as_bytes()[..*at].iter().rev();
            before.take_while(|byte| **byte == b'\\').count().is_multiple_of(2)
        })
        .collect();
    // Between any two: where a quote is missing, the others are not what they seem.
    let between = quotes.windows(2).map(|of| &raw[of[0]..=of[1]]);
    let texts: Vec<String> = between.filter_map(|text| serde_json::from_str(text).ok()).collect();
    texts.into_iter()
}

fn cells(raw: &str, marks: CsvMarks) -> Vec<String> {
    let line = raw.trim_end_matches(['\r', '\n']);
    let mut ends = Vec::new();
    let form = RecordForm { marks, columns: None };
    if let RecordEnd::At(_) = first(line.as_bytes(), form, &mut ends) {
        let begins = std::iter::once(0).chain(ends.iter().map(|end| end + 1));
        let cells = begins.zip(&ends).filter_map(|(from, end)| line.get(from..*end));
        return cells.map(|cell| unquoted(cell, marks.quote).into_owned()).collect();
    }
    let quote = marks.quote.map(char::from);
    let cells = line.split(char::from(marks.delimiter));
    cells.map(|cell| cell.trim_matches(|of| Some(of) == quote).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_whatever_marks_them() {
        let of = |raw: &str| raw_texts(raw, CsvMarks::default());
        let text = "ada@x.org";
        for raw in [
            r#"{"a":{"b":["x","ada\u0040x.org"]},"n":17}"#,
            r#"{"a":"[{\"mail\":\"ada@x.org\"}]"}"#,
            r#"{"mail":"ada\u0040x.org" "n":1}"#,
            r#"{"mail":"ada\u0040x.org","n":"1"#,
            r#"{"n" 1","mail":"ada\u0040x.org"}"#,
            "1,ada@x.org,2\r\n",
            "1,\"ada@x.org\",2",
            "ada@x.org",
            "\"a \"\"b\"\"\",\"ada@x.org\"\n",
            "1,\"open,ada@x.org",
        ] {
            assert!(of(raw).iter().any(|of| of == text), "{raw}: {:?}", of(raw));
        }
        assert_eq!(of(r#"{"n":4915,"b":true,"z":null}"#), ["4915"]);
    }
}
