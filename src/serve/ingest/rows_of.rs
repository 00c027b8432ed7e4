//! Rows of a source as they are posted: a JSON object, a list of them, or NDJSON.
//!
//! Which of these a body is, its text says. What stands where a row should and is none is for the source to reject:
//! its neighbours are taken.

use serde_json::value::RawValue;

use crate::source::PostedRows;

/// Why nothing of a body is taken.
#[derive(Debug, PartialEq, Eq)]
pub struct NoRows(pub String);

/// Reads a body.
///
/// # Errors
/// If it is neither a JSON object, a list nor lines of them.
pub fn rows_of(body: &[u8]) -> Result<PostedRows, NoRows> {
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    let mut rows = PostedRows::default();
    match text.first() {
        None => return Err(NoRows("the body is empty".to_owned())),
        Some(b'[') => {
            let list: Vec<&RawValue> = serde_json::from_slice(text)
                .map_err(|error| NoRows(format!("the body is no JSON list: {error}")))?;
            list.iter().for_each(|row| rows.push(row.get().as_bytes()));
        }
        // A single object may have its lines, too.
        Some(b'{') if serde_json::from_slice::<&RawValue>(text).is_ok() => rows.push(text),
        Some(b'{') => {
            let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            lines.filter(|line| !line.is_empty()).for_each(|line| rows.push(line));
        }
        Some(_) => {
            let why = "the body is no JSON: a row is an object, and several stand in a list or a line each";
            return Err(NoRows(why.to_owned()));
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn read_back(body: &str) -> Result<Vec<String>, NoRows> {
        let (bytes, rows, _) = rows_of(body.as_bytes())?.into_parts(1);
        let row = |(_, range): (u64, std::ops::Range<usize>)| {
            String::from_utf8_lossy(&bytes[range]).into_owned()
        };
        Ok(rows.into_iter().map(row).collect())
    }

    #[test]
    fn a_line_that_is_no_json_spoils_no_other() {
        let rows = read_back("{\"a\":1}\r\n\n{\"a\":\n{\"a\":2}").expect("rows");
        assert_eq!(rows, ["{\"a\":1}", "{\"a\":", "{\"a\":2}"]);
        assert_eq!(read_back("[]").expect("no rows"), Vec::<String>::new());
        assert_eq!(read_back("\u{feff}{\n}\n").expect("a row"), ["{\n}"]);
        for body in ["", " \n", "hello", "5", "[1,", "\"{}\""] {
            assert!(read_back(body).is_err(), "{body}");
        }
    }

    fn object() -> impl Strategy<Value = Value> {
        let text = "[\\PC\n\r\"\\\\{}\\[\\]]{0,8}";
        prop::collection::btree_map(text, text, 0..4).prop_map(|fields| json!(fields))
    }

    proptest! {
        #[test]
        fn rows_are_always_the_objects_that_were_written_however_they_stand(
            objects in prop::collection::vec(object(), 1..5),
            pretty in any::<bool>(),
        ) {
            let lines: Vec<String> = objects.iter().map(Value::to_string).collect();
            let list = match pretty {
                true => format!("{:#}", json!(objects)),
                false => json!(objects).to_string(),
            };
            for body in [lines.join("\n"), list] {
                let rows = read_back(&body).expect("rows");
                let rows: Vec<Value> =
                    rows.iter().map(|row| serde_json::from_str(row).expect("JSON")).collect();
                prop_assert_eq!(&rows, &objects);
            }
        }
    }
}
