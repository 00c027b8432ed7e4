//! What people read beside the results: the log, and below it one line of progress that is drawn anew.
//!
//! Texts from data are told in them and in answers. What would move a cursor, colour, hide or turn round
//! what stands beside it, or begin a line of its own, is shown as an escape.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;

/// The line of progress as it is drawn; none: empty.
static LINE: Mutex<String> = Mutex::new(String::new());

const ERASE: &str = "\r\x1b[2K";

/// Whether a line of progress can be drawn.
pub fn is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Draws a line of progress in place of the one before; an empty one takes it away.
pub fn draw(line: &str) {
    let mut drawn = LINE.lock().expect("nobody panics with it");
    // Who reads it may have gone: that is no reason to stop.
    let _ = write!(std::io::stderr(), "{ERASE}{line}");
    line.clone_into(&mut drawn);
}

/// A whole number as people read it, such as 2,892.
pub fn grouped(number: impl TryInto<i128>) -> String {
    let text = number.try_into().unwrap_or(i128::MAX).to_string();
    let digits = text.trim_start_matches('-');
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<&str> = groups.map(|of| std::str::from_utf8(of).expect("digits")).collect();
    format!("{}{}", &text[..text.len() - digits.len()], groups.join(","))
}

/// So many of something: `1 record is`, `2,892 records are`.
pub fn counted(number: impl TryInto<i128>, one: &str, several: &str) -> String {
    match grouped(number).as_str() {
        "1" => format!("1 {one}"),
        number => format!("{number} {several}"),
    }
}

/// Where the log goes: above the line of progress.
pub struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let drawn = LINE.lock().expect("nobody panics with it");
        let mut stderr = std::io::stderr();
        if drawn.is_empty() {
            return stderr.write(bytes);
        }
        stderr.write_all(&[ERASE.as_bytes(), bytes, drawn.as_bytes()].concat())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

/// Whether a character does something else than to stand in its line.
pub fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            // Ends of lines and paragraphs; marks, embeddings, overrides and isolates of direction.
            '\u{2028}' | '\u{2029}' | '\u{61c}' | '\u{200e}' | '\u{200f}'
                | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// A text as it can be shown within a line, as in JSON: `\n`, `\u001b`.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_control) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            character if is_control(character) => {
                write!(shown, "\\u{:04x}", u32::from(character)).expect("to a string");
            }
            character => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// Several lines, such as a message of ours, each of them shown; tabs are kept.
pub fn shown_lines(text: &str) -> String {
    let parts = text.split_inclusive(['\n', '\t']);
    let part = |part: &str| match part.strip_suffix(['\n', '\t']) {
        Some(body) => format!("{}{}", shown(body), &part[body.len()..]),
        None => shown(part).into_owned(),
    };
    parts.map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_shown_stands_in_its_line_and_means_the_same_in_json(text in any::<String>()) {
            let shown = shown(&text);
            prop_assert!(!shown.chars().any(is_control));
            // Within a JSON text the escapes are JSON's own.
            let json = serde_json::Value::from(text.clone()).to_string();
            let again: String = serde_json::from_str(&super::shown(&json)).expect("JSON");
            prop_assert_eq!(again, text);
        }
    }

    #[test]
    fn escapes_are_seen() {
        assert_eq!(shown("a\u{1b}[2Jb\r\nc\u{9b}d\u{202e}"), "a\\u001b[2Jb\\r\\nc\\u009bd\\u202e");
        assert_eq!(shown("Zoë – 猫"), "Zoë – 猫");
        assert_eq!(shown_lines("one\n\ttwo\u{7}"), "one\n\ttwo\\u0007");
    }

    #[test]
    fn numbers_are_grouped_by_three_and_one_is_singular() {
        let grouped: Vec<String> = [0i64, 12, 123, 1234, -1234567].map(grouped).into();
        assert_eq!(grouped, ["0", "12", "123", "1,234", "-1,234,567"]);
        let counted = |number: u64| counted(number, "row is", "rows are");
        assert_eq!(
            [0, 1, 2, 1_000].map(counted),
            ["0 rows are", "1 row is", "2 rows are", "1,000 rows are"]
        );
    }
}
