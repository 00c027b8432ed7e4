//! What a definition states, entry by entry, less where files lie: all of it must be the same in every
//! process of a run.

use super::yaml::{YamlNode, YamlValue};
use crate::plan::KeyHash;
use crate::plan::stated::{SHOWN, Stated};

/// All that a definition states, in its order, since that has a meaning. Comments, quotes, and how
/// lists and mappings are written have none.
pub fn stated(document: &YamlNode) -> Vec<Stated> {
    let mut all = Vec::new();
    add(&mut Vec::new(), document, &mut all);
    all
}

fn add(path: &mut Vec<String>, node: &YamlNode, all: &mut Vec<Stated>) {
    let key;
    let (kind, value) = match &node.value {
        _ if lies_somewhere(path) => ("a place", ""),
        YamlValue::Scalar { text, .. } if is_key(path) && !node.is_null() => {
            match text.strip_prefix("file:") {
                Some(_) => ("a place", ""),
                None => {
                    key = KeyHash::written(text.trim()).map(|key| key.hex()).unwrap_or_default();
                    ("a key", &*key)
                }
            }
        }
        YamlValue::Mapping(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                path.push(key.name.clone());
                add(path, value, all);
                path.pop();
            }
            return;
        }
        YamlValue::Sequence(values) if !values.is_empty() => {
            for (number, value) in (1..).zip(values) {
                path.push(number.to_string());
                add(path, value, all);
                path.pop();
            }
            return;
        }
        YamlValue::Scalar { text, .. } if !node.is_null() => ("a text", text.trim()),
        _ => (node.kind(), ""),
    };
    all.push(Stated {
        path: path.clone(),
        value: blake3::hash(format!("{kind}:{value}").as_bytes()).to_hex()[..16].to_owned(),
        shown: (!may_be_secret(path)).then(|| value.chars().take(SHOWN).collect()),
    });
}

/// Whether passwords are among what stands there: in the settings of brokers, databases, services and buckets.
fn may_be_secret(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(
        path[..],
        ["kafka", ..]
            | ["http", "keys", ..]
            | ["data", _, ..]
            | ["outputs", _, "webhook" | "postgres", ..]
    )
}

/// Whether a key of `http` stands there, or the file of some.
fn is_key(path: &[String]) -> bool {
    matches!(path, [http, keys, ..] if http == "http" && keys == "keys")
}

/// On each machine files may lie elsewhere, and another address be free.
fn lies_somewhere(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(
        path[..],
        ["sources" | "outputs", _, "files"]
            | ["http", "listen" | "tls", ..]
            | ["data", "working_folder"]
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::stated::differences;

    fn read(text: &str) -> Vec<Stated> {
        let mut wrong = Vec::new();
        stated(&super::super::yaml::read(text, &|_| None, &mut wrong).expect("it is YAML"))
    }

    #[test]
    fn whatever_is_another_is_named_with_both_sides_and_places_and_spelling_are_not() {
        let base = "sources: {web: {files: [a, b], where: x > 1}}\nidentity: {a: {at_most: 1}, b: {}}\n\
                    kafka: {brokers: b, sasl.password: one}\n";
        let says = |changed: String| differences(&read(&changed), &read(base));
        assert_eq!(says(base.replace("[a, b]", "elsewhere")), "");
        let spelled = base.replace("{at_most: 1}", "\n    # why\n    {\"at_most\": '1'}");
        assert_eq!(says(spelled.replace("identity: {a", "identity:\n  {a")), "");
        let at_most = "\n  identity.a.at_most: '2' there, '1' here";
        assert_eq!(says(base.replace("at_most: 1", "at_most: 2")), at_most);
        let condition = "\n  sources.web.where: nothing there, 'x > 1' here";
        assert_eq!(says(base.replace(", where: x > 1", "")), condition);
        let added =
            "\n  identity.b: nothing there, '' here\n  identity.b.ignore: 'x' there, nothing here";
        assert_eq!(says(base.replace("b: {}", "b: {ignore: x}")), added);
        let order = "\n  the order of entries: first identity.b there, identity.a.at_most here";
        assert_eq!(says(base.replace("a: {at_most: 1}, b: {}", "b: {}, a: {at_most: 1}")), order);
        let secret = "\n  kafka.sasl.password: something else there, something else here";
        assert_eq!(says(base.replace("one", "two")), secret);
        for (path, definition) in [
            ("http.keys.admin", "http: {keys: {admin: key-0123456789-one}}"),
            ("http.keys.read.1", "http: {keys: {read: [key-0123456789-one]}}"),
            ("data.secret_access_key", "data: {secret_access_key: one}"),
            ("outputs.o.webhook.secret", "outputs: {o: {webhook: {secret: one}}}"),
            ("outputs.o.postgres.connection", "outputs: {o: {postgres: {connection: one}}}"),
        ] {
            let told = differences(&read(&definition.replace("one", "two")), &read(definition));
            assert_eq!(told, format!("\n  {path}: something else there, something else here"));
        }
    }

    #[test]
    fn each_process_may_listen_elsewhere_and_have_its_files_and_all_else_of_http_is_the_same() {
        let base = "http: {listen: 127.0.0.1:1, tls: {certificate: a, key: a}, origins: [one], \
                    limits: {read: {rate: 1}}, keys: {admin: [key-0123456789-one, file:a]}}";
        let says = |changed: &str| differences(&read(changed), &read(base));
        let elsewhere =
            base.replace(":1,", ":2,").replace(": a", ": b").replace("file:a", "file:b");
        assert_eq!(says(&elsewhere), "");
        let hashed = format!("'sha256:{}'", KeyHash::of("key-0123456789-one").hex());
        assert_eq!(says(&base.replace("key-0123456789-one", &hashed)), "");
        assert_eq!(
            says(&base.replace("rate: 1", "rate: 2")),
            "\n  http.limits.read.rate: '2' there, '1' here"
        );
        assert_eq!(
            says(&base.replace("[one]", "[two]")),
            "\n  http.origins.1: 'two' there, 'one' here"
        );
    }
}
