//! Keys and JSON as PostgreSQL takes them, whose texts hold no character of the number 0, and no half of one.

/// A key as PostgreSQL takes it, without a character of the number 0: U+FFFD, and a 0 behind it, stand for that, and
/// two of U+FFFD for one. So different keys stay different.
pub fn stored_key(key: String) -> String {
    if !key.contains(['\0', '\u{fffd}']) {
        return key;
    }
    key.replace('\u{fffd}', "\u{fffd}\u{fffd}").replace('\0', "\u{fffd}0")
}

/// JSON as PostgreSQL takes it. Names in its objects are written as keys are, so that different ones stay different: a map
/// has names that came with rows. In other texts the replacement character stands in the place of the number 0, and
/// everywhere in that of half a character. All else stays as it is written, so that no number loses a digit.
pub fn storable(json: Vec<u8>) -> String {
    let text = String::from_utf8(json).expect("JSON is text");
    if !text.contains("\\u") && !text.contains('\u{fffd}') {
        return text;
    }
    let mut stored = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(open) = rest.find('"') {
        stored.push_str(&rest[..open]);
        let (quoted, behind) = rest[open..].split_at(quoted_length(&rest[open..]));
        match behind.trim_ascii_start().starts_with(':') {
            true => stored.push_str(&stored_name(quoted)),
            false => push_characters(quoted, "\\ufffd", &mut stored),
        }
        rest = behind;
    }
    stored.push_str(rest);
    stored
}

/// How long the text is that some JSON begins with, with its quotes.
fn quoted_length(json: &str) -> usize {
    let mut at = 1;
    loop {
        match json.as_bytes()[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn stored_name(quoted: &str) -> String {
    let mut whole = String::with_capacity(quoted.len());
    push_characters(quoted, "\\u0000", &mut whole);
    let name: String = serde_json::from_str(&whole).expect("a text of whole characters");
    serde_json::to_string(&stored_key(name)).expect("a text")
}

/// Adds a text in quotes, with something else in the place of the number 0, and of halves of characters.
fn push_characters(quoted: &str, zero: &str, out: &mut String) {
    let unit = |of: &str| {
        let digits = of.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut rest = quoted;
    // A backslash and what it escapes are looked at together: of `\\\\u0000` the second one is escaped itself.
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = &rest[at..];
        let (length, written) = match unit(escape) {
            None => (2, &escape[..2]),
            Some(0) => (6, zero),
            Some(0xd800..=0xdbff) => match unit(&escape[6..]) {
                Some(0xdc00..=0xdfff) => (12, &escape[..12]),
                _ => (6, "\\ufffd"),
            },
            Some(0xdc00..=0xdfff) => (6, "\\ufffd"),
            Some(_) => (6, &escape[..6]),
        };
        out.push_str(written);
        rest = &escape[length..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::{storable, stored_key};

    fn texts() -> impl Strategy<Value = String> {
        let character =
            prop::sample::select(vec!['\0', '0', 'u', '\\', '"', ':', '%', 'é', '\u{fffd}']);
        prop::collection::vec(character, 0..6).prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn different_keys_stay_different_and_have_no_zero(one in texts(), other in texts()) {
            prop_assert!(!stored_key(one.clone()).contains('\0'));
            prop_assert_eq!(one == other, stored_key(one.clone()) == stored_key(other.clone()));
        }

        #[test]
        fn what_is_stored_is_what_stood_with_names_as_keys_and_texts_without_zeros(
            map in prop::collection::btree_map(texts(), texts(), 0..6), spaced in any::<bool>(),
        ) {
            let digits = "0.12345678901234567890123456789";
            let json = serde_json::json!({ "by": map, "of": ["x"] });
            let json = if spaced { format!("{json:#}") } else { json.to_string() };
            let json = json.replace("\"x\"", digits);
            let stored = storable(json.into_bytes());
            prop_assert!(stored.contains(digits));
            let stored: Value = serde_json::from_str(&stored).expect("JSON");
            let expected = map.into_iter().map(|(name, text)| {
                (stored_key(name), Value::from(text.replace('\0', "\u{fffd}")))
            });
            prop_assert_eq!(&stored["by"], &Value::Object(expected.collect()));
        }

        #[test]
        fn halves_of_characters_are_none(
            parts in prop::collection::vec(
                prop::sample::select(vec!["\\ud83d", "\\ude00", "\\\\", "u0000", "\\u0000", "a", "\\n"]), 0..8,
            ),
            is_name in any::<bool>(),
        ) {
            let text = parts.concat();
            let json = if is_name { format!("{{\"{text}\":1}}") } else { format!("[\"{text}\"]") };
            let stored = storable(json.into_bytes());
            let stored = serde_json::from_str::<Value>(&stored);
            prop_assert!(stored.is_ok_and(|stored| !stored.to_string().contains('\0')));
        }
    }
}
