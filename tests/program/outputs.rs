//! What changelogs in files come to.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

/// By output and key, what holds.
pub type Holds = BTreeMap<(String, String), Value>;

/// The lines that a file has so far. One that is still being written is none yet; a file that is not there has none.
pub fn lines(path: &Path) -> Vec<String> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(why) => panic!("{path:?}: {why}"),
    };
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    std::str::from_utf8(&bytes[..whole]).expect("UTF-8").lines().map(str::to_owned).collect()
}

/// The records that a changelog in a file has so far.
pub fn values(path: &Path) -> Vec<Value> {
    lines(path).iter().map(|line| serde_json::from_str(line).expect("a record")).collect()
}

/// What a line of an output says of which key, less the instant; nothing where it is gone. Of rejects the key is where
/// they stand.
pub fn said_of(output: &str, line: &str) -> ((String, String), Option<Value>) {
    let mut record: Value = serde_json::from_str(line).expect("a record");
    let mut key = record["key"].as_str().expect("a key").to_owned();
    let mut value = record["value"].take();
    if output == "rejects" {
        key = value["position"].to_string();
    }
    value.as_object_mut().map(|value| value.remove("at"));
    let is_gone = value.is_null() || value["change"] == "left";
    ((output.to_owned(), key), (!is_gone).then_some(value))
}

/// What outputs below `out/` hold so far, less the instants. Each reject is there once.
#[track_caller]
pub fn holds(folder: &Path, outputs: &[&str]) -> Holds {
    let mut holds = Holds::new();
    for output in outputs {
        let lines = lines(&folder.join(format!("out/{output}.ndjson")));
        for line in &lines {
            let (key, value) = said_of(output, line);
            let is_again = *output == "rejects" && holds.contains_key(&key);
            assert!(!is_again, "{} is told twice:\n{lines:#?}", key.1);
            match value {
                None => holds.remove(&key),
                Some(value) => holds.insert(key, value),
            };
        }
    }
    holds
}

/// What records of one output come to, wherever they were sent: by key, what holds.
pub fn folded(records: impl IntoIterator<Item = Value>) -> BTreeMap<String, Value> {
    let mut held = BTreeMap::new();
    for mut record in records {
        let key = record["key"].as_str().expect("a key").to_owned();
        match record["value"].take() {
            Value::Null => drop(held.remove(&key)),
            value => drop(held.insert(key, value)),
        }
    }
    held
}

/// Without when it was sent: a run that was killed sends again at another time.
pub fn undated(mut held: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    held.values_mut().for_each(|value| value["at"] = Value::Null);
    held
}
