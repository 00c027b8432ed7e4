//! A text of JSON that is one list: its elements as lines, each by itself, however many lines it is written on.
//!
//! The first element is line 1. Only where elements begin and end is looked at; whether they are JSON is told
//! where they are decoded.

use std::io::{self, BufRead, Read};

use super::ahead::Ahead;

/// How much white space may come before it is known whether a text is a list.
const LOOKED_AT: usize = 64 << 10;

/// Whether a text that begins so is one list of objects; `None` if that can't be told yet. A first line that is a
/// list of something else is a row like any other, and a bad one.
pub(super) fn is_list(head: &[u8]) -> Option<bool> {
    let text = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head).trim_ascii_start();
    let undecided = || (head.len() > LOOKED_AT).then_some(false);
    let Some((first, rest)) = text.split_first() else { return undecided() };
    if *first != b'[' {
        // Half a mark of byte order is none of JSON.
        return if "\u{feff}".as_bytes().starts_with(text) { undecided() } else { Some(false) };
    }
    let rest = rest.trim_ascii_start();
    match rest.first() {
        None => undecided(),
        Some(b'{') => Some(true),
        // A list of nothing, if nothing follows it.
        Some(b']') if rest[1..].trim_ascii().is_empty() => undecided(),
        Some(_) => Some(false),
    }
}

/// Whether a text that ended before [`is_list`] could tell is a list.
pub(super) fn is_short_list(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"[")
}

/// The elements of a list, as lines.
pub(super) struct ListLines {
    list: Ahead,
    place: ListPlace,
    /// Objects and lists that are open within the element.
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The element that is being read, from 1.
    element: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ListPlace {
    Before,
    Within,
    Behind,
}

impl ListLines {
    pub fn new(list: Ahead) -> Self {
        let place = ListPlace::Before;
        ListLines { list, place, depth: 0, in_string: false, escaped: false, element: 1 }
    }

    /// What a byte becomes; `None` if nothing.
    fn take(&mut self, byte: u8) -> io::Result<Option<u8>> {
        if self.in_string {
            let was_escaped = std::mem::take(&mut self.escaped);
            self.escaped = byte == b'\\' && !was_escaped;
            self.in_string = byte != b'"' || was_escaped;
            // A string has no line's end in it: what stands for it is none of its characters either.
            return Ok(Some(if byte == b'\n' { 1 } else { byte }));
        }
        match (self.place, byte) {
            (ListPlace::Before, b'[') => {
                self.place = ListPlace::Within;
                return Ok(None);
            }
            (ListPlace::Before, _) => return Ok(None),
            (ListPlace::Behind, byte) if byte.is_ascii_whitespace() => return Ok(None),
            (ListPlace::Behind, _) => {
                let why = format!(
                    "other text follows the end of its list, at byte {}",
                    self.list.taken + 1
                );
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
            (ListPlace::Within, _) => {}
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' => self.depth = self.depth.saturating_sub(1),
            b']' if self.depth > 0 => self.depth -= 1,
            b']' => {
                self.place = ListPlace::Behind;
                return Ok(Some(b'\n'));
            }
            b',' if self.depth == 0 => {
                self.element += 1;
                return Ok(Some(b'\n'));
            }
            b'\n' => return Ok(Some(b' ')),
            _ => {}
        }
        Ok(Some(byte))
    }
}

impl Read for ListLines {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut written = 0;
        while written == 0 && !into.is_empty() {
            let bytes = self.list.fill_buf()?;
            if bytes.is_empty() && self.place == ListPlace::Within {
                let element = self.element;
                let why = format!(
                    "its list is cut off: no ] closes it, and its last element is number {element}, which is not taken"
                );
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
            if bytes.is_empty() {
                return Ok(0);
            }
            let bytes = bytes[..bytes.len().min(into.len())].to_vec();
            for byte in bytes {
                match self.take(byte) {
                    Ok(Some(byte)) => {
                        into[written] = byte;
                        written += 1;
                    }
                    Ok(None) => {}
                    // What comes before it is handed over first, and the byte is met again.
                    Err(_) if written > 0 => return Ok(written),
                    Err(error) => return Err(error),
                }
                self.list.consume(1);
            }
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives so many bytes at a time.
    struct Drip(Vec<u8>, usize);
    impl Read for Drip {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(into.len()).min(self.0.len());
            into[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Ok(count)
        }
    }

    fn lines(text: &str, drip: usize) -> Result<Vec<String>, String> {
        let list = Ahead::new(Drip(text.as_bytes().to_vec(), drip));
        let mut lines = String::new();
        match ListLines::new(list).read_to_string(&mut lines) {
            Ok(_) => Ok(lines.lines().map(|line| line.trim().to_owned()).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn elements_are_lines_however_they_are_written() {
        let text = " [ {\"a\": [1,\n2], \"b\": \"],\\\"[\"}\n,\n 3 ,\"x,y\", {\n}\n]\n ";
        for drip in 1..9 {
            let found = lines(text, drip).unwrap();
            assert_eq!(found, ["{\"a\": [1, 2], \"b\": \"],\\\"[\"}", "3", "\"x,y\"", "{ }"]);
        }
        assert_eq!(lines("[]", 1).unwrap(), [""]);
    }

    #[test]
    fn a_list_that_does_not_end_or_goes_on_behind_its_end_is_an_error() {
        assert!(lines("[{},{\"a\"", 2).unwrap_err().contains("its last element is number 2"));
        assert!(
            lines("[{}] {}", 2).unwrap_err().contains("follows the end of its list, at byte 6")
        );
    }

    #[test]
    fn what_begins_as_a_list_of_objects_is_one() {
        let cases = [
            ("", None),
            (" \n", None),
            ("[", None),
            (" [ \n", None),
            ("[]", None),
            ("[] \n", None),
            ("\u{feff}[{", Some(true)),
            ("[\n {\"a\"", Some(true)),
            ("[]\n{", Some(false)),
            ("[1]", Some(false)),
            ("{", Some(false)),
        ];
        for (head, told) in cases {
            assert_eq!(is_list(head.as_bytes()), told, "{head:?}");
        }
    }

    proptest! {
        #[test]
        fn as_many_lines_come_as_there_are_elements(
            values in prop::collection::vec("(\\[|\\]|,|\"|\\\\|\n|[a-c]){0,6}", 0..9),
            spaces in "[ \n]{0,3}", drip in 1usize..9, pretty: bool,
        ) {
            let rows: Vec<serde_json::Value> =
                values.iter().map(|value| serde_json::json!({"v": value, "l": [value, {"w": 1}]})).collect();
            let text = match pretty {
                true => serde_json::to_string_pretty(&rows).unwrap(),
                false => serde_json::to_string(&rows).unwrap(),
            };
            let found = lines(&format!("{spaces}{text}{spaces}"), drip).unwrap();
            let found: Vec<serde_json::Value> = found
                .iter()
                .filter(|line| !line.is_empty())
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            prop_assert_eq!(found, rows);
        }
    }
}
