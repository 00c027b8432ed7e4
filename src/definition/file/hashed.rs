//! A definition's text as it is kept: with hashes in place of the keys that stand in it.

use std::cmp::Reverse;

use super::yaml::{self, YamlNode, YamlValue};
use crate::plan::KeyHash;

/// The text, with `sha256:…` wherever a key of `http` stands.
pub fn with_keys_hashed(text: &str) -> String {
    let document = yaml::read(text, &|_| None, &mut Vec::new());
    let keys = document.as_ref().and_then(|all| entry(entry(all, "http")?, "keys"));
    let mut written = Vec::new();
    keys.into_iter().for_each(|keys| scalars(keys, &mut written));
    written.retain(|key| !key.starts_with("file:") && !key.starts_with("sha256:"));
    // One may begin with another one.
    written.sort_by_key(|key| Reverse(key.len()));
    written
        .into_iter()
        .filter(|key| KeyHash::written(key).is_ok())
        .fold(text.to_owned(), |text, key| {
            text.replace(key, &format!("sha256:{}", KeyHash::of(key).hex()))
        })
}

fn entry<'a>(node: &'a YamlNode, name: &str) -> Option<&'a YamlNode> {
    let YamlValue::Mapping(entries) = &node.value else { return None };
    entries.iter().find(|(key, _)| key.name == name).map(|(_, value)| value)
}

fn scalars<'a>(node: &'a YamlNode, all: &mut Vec<&'a str>) {
    match &node.value {
        YamlValue::Scalar { text, .. } => all.push(text),
        YamlValue::Sequence(values) => values.iter().for_each(|value| scalars(value, all)),
        YamlValue::Mapping(entries) => entries.iter().for_each(|(_, value)| scalars(value, all)),
        YamlValue::Nothing(_) | YamlValue::Unset => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_hashed_wherever_they_stand_and_nothing_else_is_changed() {
        let text = "# admin-key-0123456789 is the old one\nsources: {web: {http: {}}}\nhttp:\n  keys:\n    \
            admin: admin-key-0123456789\n    read: ['admin-key-0123456789-too', \"${READ}\", file:keys/read]\n    \
            write: {web: [sha256:00, \"${WRITE:-write-key-0123456789}\"]}\n";
        let hashed = |key| format!("sha256:{}", KeyHash::of(key).hex());
        let expected = text
            .replace("admin-key-0123456789-too", &hashed("admin-key-0123456789-too"))
            .replace("admin-key-0123456789", &hashed("admin-key-0123456789"))
            .replace("write-key-0123456789", &hashed("write-key-0123456789"));
        assert_eq!(with_keys_hashed(text), expected);
        assert_eq!(with_keys_hashed(&expected), expected);
        assert_eq!(with_keys_hashed("a: [\n"), "a: [\n", "it is no definition");
    }
}
