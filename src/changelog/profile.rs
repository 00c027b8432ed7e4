//! A profile that was read back, with the names that it speaks of.

use crate::sink::json::write_value;
use crate::sink::{Catalog, Json, PackedProfile, Record, RecordBody, RecordValue};
use crate::time::rfc3339;

#[derive(Clone, Debug)]
pub struct ReadProfile {
    record: Record,
    catalog: Catalog,
}

impl ReadProfile {
    /// `None` if the record is no profile.
    pub fn new(record: Record, catalog: Catalog) -> Option<Self> {
        let is_profile = matches!(record.value(), Some(RecordValue::Profile(_)));
        is_profile.then_some(ReadProfile { record, catalog })
    }

    fn packed(&self) -> &PackedProfile {
        match self.record.value() {
            Some(RecordValue::Profile(profile)) => profile,
            other => unreachable!("{other:?} is no profile"),
        }
    }

    pub fn person(&self) -> String {
        self.catalog.key(&self.record.key)
    }

    /// What `now()` was when it was sent.
    pub fn at(&self) -> String {
        match self.record.body {
            RecordBody::Is { at, .. } => rfc3339(at),
            RecordBody::Gone { .. } => unreachable!("a profile is no tombstone"),
        }
    }

    /// As `type:value`.
    pub fn identifiers(&self) -> impl Iterator<Item = String> {
        let of = |(kind, text)| [self.catalog.identifiers.name(kind), ":", text].concat();
        self.packed().identifiers().map(of)
    }

    pub fn is_in(&self, segment: &str) -> bool {
        self.packed().segments().any(|of| self.catalog.segments.name(of) == segment)
    }

    /// An attribute's value as JSON, if the profile has the attribute.
    pub fn attribute(&self, name: &str) -> Option<String> {
        let mut attributes = self.packed().attributes();
        while let Some((attribute, bytes)) = attributes.next() {
            if self.catalog.attributes.name(attribute) == name {
                let mut json = String::new();
                write_value(bytes, &mut json);
                return Some(json);
            }
            bytes.skip();
        }
        None
    }

    /// All of it as JSON.
    pub fn json(&self) -> String {
        let mut json = Json::new(&self.catalog);
        json.value(&self.record, &self.catalog).expect("a profile has a value").to_owned()
    }
}
