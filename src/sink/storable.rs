//! Keys and JSON as PostgreSQL takes them, whose texts hold no character of the number 0.

/// A key as PostgreSQL takes it, without a character of the number 0: U+FFFD, and a 0 behind it, stand for that, and
/// two of U+FFFD for one. So different keys stay different.
pub fn stored_key(key: String) -> String {
    if !key.contains(['\0', '\u{fffd}']) {
        return key;
    }
    key.replace('\u{fffd}', "\u{fffd}\u{fffd}").replace('\0', "\u{fffd}0")
}

/// JSON as PostgreSQL takes it: its texts have no character of the number 0, in whose place the replacement character
/// stands. All else stays as it is written, so that no number loses a digit.
pub fn storable(json: Vec<u8>) -> String {
    let text = String::from_utf8(json).expect("JSON is text");
    if !text.contains("\\u0000") {
        return text;
    }
    let mut stored = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = rest.find('\\') {
        // A backslash and what it escapes are looked at together: of `\\\\u0000` the second one is escaped itself.
        let (escape, written) = match rest[at..].strip_prefix("\\u0000") {
            Some(_) => (6, "\\ufffd"),
            None => (2, &rest[at..at + 2]),
        };
        stored.push_str(&rest[..at]);
        stored.push_str(written);
        rest = &rest[at + escape..];
    }
    stored.push_str(rest);
    stored
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
        fn what_is_stored_differs_in_zeros_alone(one in texts(), other in texts()) {
            let json = serde_json::json!({ "a": one, other: ["x"] }).to_string();
            let json = json.replace("[\"x\"]", "0.12345678901234567890123456789");
            let stored = storable(json.clone().into_bytes());
            let digits = "0.12345678901234567890123456789";
            prop_assert!(stored.contains(digits) || !json.contains(digits));
            let [is, stood]: [Value; 2] = [&stored, &json].map(|json| serde_json::from_str(json).unwrap());
            let texts = |of: &Value| {
                let text = |text: &str| text.replace('\0', "\u{fffd}");
                let fields = of.as_object().expect("an object").iter();
                fields.map(|(name, value)| (text(name), text(&value.to_string().replace("\\u0000", "\0")))).collect()
            };
            let [is, stood]: [std::collections::BTreeSet<(String, String)>; 2] = [texts(&is), texts(&stood)];
            prop_assert_eq!(is, stood);
        }
    }
}
