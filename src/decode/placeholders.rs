//! Texts that stand for no identifier at all: what programs write where there is none.
//!
//! Every tool of this field has such a list, since one such value makes strangers one person. This one has
//! what theirs have in common, and the hashes of that. Case does not matter, nor what surrounds the text: white space, quotes.

use std::sync::LazyLock;

use md5::Md5;
use sha2::{Digest, Sha256};

/// In lower case.
const WORDS: [&str; 28] = [
    "null",
    "(null)",
    "<null>",
    "[null]",
    // As databases export a null, and pandas writes one.
    r"\n",
    "<na>",
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
    if text == "-1" || text.chars().all(is_nothing) || is_name_of_a_value(text) {
        return true;
    }
    match text.len() {
        ..=LONGEST => WORDS.iter().any(|word| word.eq_ignore_ascii_case(text)),
        HASHED_BY_MD5 | HASHED_BY_SHA256 => is_hashed(text),
        _ => false,
    }
}

/// Whether it is where a value was to be put, and none was: `{{user_id}}`, `${user_id}`.
fn is_name_of_a_value(text: &str) -> bool {
    [("{{", "}}"), ("${", "}")]
        .iter()
        .any(|(from, to)| text.starts_with(from) && text.ends_with(to))
}

/// Hexadecimal digits of an MD5 and of a SHA-256.
const HASHED_BY_MD5: usize = 32;
const HASHED_BY_SHA256: usize = 64;

/// Beside the words, what is hashed where there is nothing.
const NOTHING: [&str; 12] = [
    "",
    " ",
    "0",
    "00",
    "000",
    "0.0",
    "-",
    "--",
    "-1",
    "{}",
    "00000000-0000-0000-0000-000000000000",
    "00000000000000000000000000000000",
];

/// The SHA-256, and the MD5, of each placeholder as programs spell it, sorted.
static HASHES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let spelt = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        let capital = format!("{}{rest}", first.to_uppercase());
        [word.to_owned(), word.to_uppercase(), capital]
    };
    let others = ["NaN", "[object Object]"].map(str::to_owned);
    let all = WORDS.iter().chain(&NOTHING).flat_map(|word| spelt(word)).chain(others);
    let mut hashes: Vec<Vec<u8>> = all
        .flat_map(|text| {
            [Sha256::digest(text.as_bytes()).to_vec(), Md5::digest(text.as_bytes()).to_vec()]
        })
        .collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
});

/// Whether a text is the hash of a placeholder: exports of hashed e-mails have that where there was none.
fn is_hashed(text: &str) -> bool {
    let Ok(hash) = const_hex::decode(text) else { return false };
    HASHES.binary_search(&hash).is_ok()
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
            "\\N",
            "<NA>",
            "[null]",
            "{{ user.id }}",
            "${user_id}",
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
            "N",
            "\\Name",
            "{{17",
            "{17}",
            "$17}",
        ] {
            assert!(!is_placeholder(text), "{text:?}");
        }
        assert!(WORDS.iter().all(|word| word.len() <= LONGEST));
    }

    #[test]
    fn hashes_of_placeholders_are_known_and_of_nothing_else() {
        for hash in [
            // Hashes of an empty text, and of null, as SHA-256 and as MD5.
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
            "d41d8cd98f00b204e9800998ecf8427e",
            "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b",
            " \"37a6259cc0c1dae299a7866489dff0bd\" ",
        ] {
            assert!(is_placeholder(hash), "{hash}");
        }
        for text in ["undefined", "Undefined", "NULL", "None", "N/A", "unknown", "0", "-1", "NaN"] {
            assert!(is_placeholder(&const_hex::encode(Sha256::digest(text))), "{text}");
            assert!(is_placeholder(&const_hex::encode(Md5::digest(text))), "{text}");
        }
        for text in ["ada@example.com", "user@example.com", "1", "nobody"] {
            assert!(!is_placeholder(&const_hex::encode(Sha256::digest(text))), "{text}");
        }
        // A hash of another length, and what only looks alike.
        assert!(!is_placeholder("e3b0c44298fc1c149afbf4c8996fb924"));
        assert!(!is_placeholder(&"g".repeat(64)));
    }
}
