//! Rows of a source as they are posted: a JSON object, a list of them, or NDJSON.
//!
//! Which of these a body is, its text says. What stands where a row should and is none is for the source to reject:
//! its neighbours are taken.

use std::fmt;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::source::PostedRows;

/// Why nothing of a body is taken.
#[derive(Debug, PartialEq, Eq)]
pub enum NoRows {
    Unreadable(String),
    /// It has so many.
    TooMany(usize),
}

/// The items of a list, as far as there is room for them: a small body may unpack to millions.
struct ListedRows<'a> {
    rows: &'a mut PostedRows,
    most: usize,
}

impl<'de> Visitor<'de> for ListedRows<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<usize, A::Error> {
        let mut number = 0;
        while let Some(row) = list.next_element::<&RawValue>()? {
            number += 1;
            if number <= self.most {
                self.rows.push(row.get().as_bytes());
            }
        }
        Ok(number)
    }
}

/// Reads a body of so many rows at most.
///
/// # Errors
/// If it is neither a JSON object, a list nor lines of them, or has more.
pub fn rows_of(body: &[u8], most: usize) -> Result<PostedRows, NoRows> {
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    let mut rows = PostedRows::default();
    let number = match text.first() {
        None => Err(NoRows::Unreadable("the body is empty".to_owned())),
        Some(b'[') => {
            let mut list = serde_json::Deserializer::from_slice(text);
            let number = list.deserialize_seq(ListedRows { rows: &mut rows, most });
            let number = number.and_then(|number| list.end().map(|()| number));
            let why = |error| NoRows::Unreadable(format!("the body is no JSON list: {error}"));
            number.map_err(why)
        }
        // A single object may have its lines, too.
        Some(b'{') if serde_json::from_slice::<&RawValue>(text).is_ok() => {
            rows.push(text);
            Ok(1)
        }
        Some(b'{') => {
            let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            let mut lines = lines.filter(|line| !line.is_empty());
            lines.by_ref().take(most).for_each(|line| rows.push(line));
            Ok(rows.len() + lines.count())
        }
        Some(_) => {
            let why = "the body is no JSON: a row is an object, and several stand in a list or a line each";
            Err(NoRows::Unreadable(why.to_owned()))
        }
    };
    match number? {
        number if number > most => Err(NoRows::TooMany(number)),
        _ => Ok(rows),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn read_back(body: &str) -> Result<Vec<String>, NoRows> {
        let (bytes, rows, _) = rows_of(body.as_bytes(), 5)?.into_parts(1);
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

    #[test]
    fn of_too_many_rows_it_is_told_how_many_there_are() {
        let list = |number: usize| format!("[{}]", vec!["{}"; number].join(","));
        for body in [list as fn(usize) -> String, |number| "{}\n\n".repeat(number)] {
            assert_eq!(read_back(&body(5)).expect("rows").len(), 5);
            assert_eq!(read_back(&body(6)), Err(NoRows::TooMany(6)));
            assert_eq!(read_back(&body(6_000)), Err(NoRows::TooMany(6_000)));
        }
        // What is broken is no list, however many it has.
        assert!(matches!(read_back(&(list(9) + "]")), Err(NoRows::Unreadable(_))));
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
