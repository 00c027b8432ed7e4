//! Texts that stand for no identifier at all: what programs write where there is none.
//!
//! Every tool of this field has such a list, since one such value makes strangers one person. This one has
//! what theirs have in common. Case does not matter, nor what surrounds the text: white space, quotes.

/// In lower case.
const WORDS: [&str; 25] = [
    "null",
    "(null)",
    "<null>",
    "nil",
    "<nil>",
    "none",
    "(none)",
    "nan",
    "n/a",
    "na",
    "#n/a",
    "undefined",
    "unknown",
    "not set",
    "(not set)",
    "anonymous",
    "anon",
    "guest",
    "not_authenticated",
    "distinct_id",
    "true",
    "false",
    "[]",
    "[object object]",
    // A build of Android 5.1, which some devices told as their own id.
    "lmy47d",
];
/// The length of the longest word, in bytes.
const LONGEST: usize = 17;

/// Words of the reason why a row with nothing but one is no one's.
pub(super) const IS_PLACEHOLDER: &str = "is a placeholder, which is no identifier";

/// Whether a text is a placeholder.
pub(super) fn is_placeholder(text: &str) -> bool {
    let around =
        |c: char| c.is_whitespace() || c.is_control() || is_unseen(c) || "\"'`".contains(c);
    let text = text.trim_matches(around);
    // The empty text, -1, 0, 0.0, 00000000-0000-0000-0000-000000000000, 00:00:00:00:00:00, {}, --.
    let is_nothing = |c: char| c.is_whitespace() || "0-–—−_.:{}()+".contains(c);
    if text == "-1" || text.chars().all(is_nothing) {
        return true;
    }
    text.len() <= LONGEST && WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Characters of no width.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_known_however_they_are_written() {
        let nil = "00000000-0000-0000-0000-000000000000";
        for text in [
            "",
            " ",
            "null",
            "NULL",
            " Null\t",
            "\"null\"",
            "undefined",
            "None",
            "NaN",
            "0",
            "-1",
            "000",
            "--",
            "-",
            "0-0",
            nil,
            "{00000000-0000-0000-0000-000000000000}",
            "00:00:00:00:00:00",
            "0.0",
            "anonymous",
            "Guest",
            "[object Object]",
            "[]",
            "{}",
            "N/A",
            "(not set)",
            "\u{feff}",
            "\u{200b}null",
            "—",
        ] {
            assert!(is_placeholder(text), "{text:?}");
        }
        for text in [
            "1",
            "-2",
            "10",
            "00000000-0000-0000-0000-000000000001",
            "nullius",
            "nobody@x.org",
            "anne",
            "a",
            "x0",
            "object",
            "none@x.org",
            "0x1f",
        ] {
            assert!(!is_placeholder(text), "{text:?}");
        }
        assert!(WORDS.iter().all(|word| word.len() <= LONGEST));
    }
}
