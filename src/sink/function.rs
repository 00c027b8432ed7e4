//! What a function of the program gets that takes the records of an output.
#![deny(missing_docs)]

use super::encoder::EncodedMessage;

/// One record of an output, as a program gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangelogRecord {
    /// What it is about: a person's id, an identifier, a segment and a person. It is what a message of a
    /// topic has as its key.
    pub key: String,
    /// What holds of the key from now on, as JSON; `None` is a tombstone: nothing does any more.
    pub value: Option<String>,
    /// In the tombstone of a profile, the person who has become of this one.
    pub merged_into: Option<String>,
}

impl ChangelogRecord {
    /// The value, parsed; null for a tombstone.
    pub fn json(&self) -> serde_json::Value {
        let value = self.value.as_deref().map(serde_json::from_str);
        value.map_or(serde_json::Value::Null, |value| value.expect("what is sent is JSON"))
    }
}

impl From<EncodedMessage> for ChangelogRecord {
    fn from(EncodedMessage { key, value, merged_into }: EncodedMessage) -> Self {
        let text = |value| String::from_utf8(value).expect("JSON is UTF-8");
        ChangelogRecord { key, value: value.map(text), merged_into }
    }
}

/// What takes the records of an output.
pub type ProgramFunction = Box<dyn FnMut(ChangelogRecord) + Send>;
