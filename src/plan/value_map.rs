//! Codes to what they mean: `map` and `else` of a field.

use std::collections::BTreeMap;
use std::fmt;

use crate::row::Datum;

/// What the values of a field become, by their texts.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueMap {
    /// `None` is null.
    pub words: BTreeMap<String, Option<Datum>>,
    pub others: Others,
}

/// What becomes of a value that the map does not have.
#[derive(Clone, Debug, PartialEq)]
pub enum Others {
    Keep,
    Reject,
    /// All become this; `None` is null.
    Become(Option<Datum>),
}

/// What a value means.
#[derive(Debug, PartialEq)]
pub enum Meant<'a> {
    /// What it says itself.
    Itself,
    /// `None` is null.
    Other(Option<&'a Datum>),
    /// Nothing that the definition knows.
    Unknown,
}

impl ValueMap {
    pub fn meant(&self, text: &str) -> Meant<'_> {
        match (self.words.get(text), &self.others) {
            (Some(word), _) => Meant::Other(word.as_ref()),
            (None, Others::Become(other)) => Meant::Other(other.as_ref()),
            (None, Others::Keep) => Meant::Itself,
            (None, Others::Reject) => Meant::Unknown,
        }
    }

    /// The codes, for a message.
    pub fn codes(&self) -> String {
        const MOST: usize = 10;
        let mut codes: Vec<&str> = self.words.keys().take(MOST).map(String::as_str).collect();
        if self.words.len() > MOST {
            codes.push("…");
        }
        codes.join(", ")
    }
}

/// The same for the same map.
impl fmt::Display for ValueMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} else {:?}", self.words, self.others)
    }
}
