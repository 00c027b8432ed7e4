//! The names that a changelog's records speak of, each with a number.
//!
//! A definition gives them all. Who reads a changelog without its definition, or one of an earlier state
//! of it, learns further names as they come.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};

use super::record::{NamedIdentifier, RecordKey};
use crate::plan::{Plan, Publish};

/// Catalog, by number and by text.
#[derive(Clone, Debug, Default)]
pub struct NameList {
    names: Vec<String>,
    numbers: HashMap<String, u16>,
}

impl NameList {
    fn of<'a>(names: impl Iterator<Item = &'a String>) -> Self {
        let mut list = NameList::default();
        for name in names {
            list.learn(name);
        }
        list
    }

    /// The number of a name, which may be a new one.
    pub fn learn(&mut self, name: &str) -> u16 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u16::try_from(self.names.len()).expect("there are fewer names");
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    pub fn number(&self, name: &str) -> Option<u16> {
        self.numbers.get(name).copied()
    }

    pub fn name(&self, number: u16) -> &str {
        &self.names[usize::from(number)]
    }

    /// Learns names that have these numbers elsewhere, as far as they are not known.
    fn learn_all(&mut self, names: &[String]) {
        for name in names {
            self.learn(name);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}

/// All names, and what is known of what they stand for.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    pub outputs: NameList,
    pub sources: NameList,
    pub identifiers: NameList,
    pub attributes: NameList,
    pub segments: NameList,
    /// By attribute, where it is known.
    types: Vec<DataType>,
    /// By output, where it is known.
    publishes: Vec<Publish>,
}

/// All names of a catalog, as processes send them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CatalogNames([Vec<String>; 5]);

impl Catalog {
    pub fn of(plan: &Plan) -> Self {
        Catalog {
            outputs: NameList::of(plan.outputs.iter().map(|of| &of.name)),
            sources: NameList::of(plan.sources.iter().map(|of| &of.name)),
            identifiers: NameList::of(plan.identifiers.iter().map(|of| &of.name)),
            attributes: NameList::of(plan.attributes.iter().map(|of| &of.name)),
            segments: NameList::of(plan.segments.iter().map(|of| &of.name)),
            types: plan.attributes.iter().map(|of| of.data_type.clone()).collect(),
            publishes: plan.outputs.iter().map(|of| of.publish).collect(),
        }
    }

    /// As operators and writers share them.
    pub fn shared(plan: &Plan) -> Arc<Self> {
        Arc::new(Catalog::of(plan))
    }

    /// All names, to be learned elsewhere.
    pub fn names(&self) -> CatalogNames {
        let lists =
            [&self.outputs, &self.sources, &self.identifiers, &self.attributes, &self.segments];
        CatalogNames(lists.map(|list| list.names.clone()))
    }

    /// Learns the names of a catalog that began with those of this one.
    pub fn learn(&mut self, CatalogNames(names): &CatalogNames) {
        let lists = [
            &mut self.outputs,
            &mut self.sources,
            &mut self.identifiers,
            &mut self.attributes,
            &mut self.segments,
        ];
        lists.into_iter().zip(names).for_each(|(list, names)| list.learn_all(names));
    }

    /// The type of an attribute's values.
    pub fn data_type(&self, attribute: u16) -> Option<&DataType> {
        self.types.get(usize::from(attribute))
    }

    /// What an output publishes.
    pub fn publishes(&self, output: u16) -> Option<Publish> {
        self.publishes.get(usize::from(output)).copied()
    }

    /// `type:value`.
    pub fn identifier(&self, NamedIdentifier { kind, text }: &NamedIdentifier) -> String {
        [self.identifiers.name(*kind), ":", text].concat()
    }

    /// A key as text. Within a conflict's key a `/` in a part is written `%2F`, and a `%` as `%25`: no
    /// two conflicts have one key.
    pub fn write_key(&self, key: &RecordKey, out: &mut String) {
        match key {
            RecordKey::Person(person) => person.write_person_id(out),
            RecordKey::Member { segment, person } => {
                out.push_str(self.segments.name(*segment));
                out.push('/');
                person.write_person_id(out);
            }
            RecordKey::Identifier(NamedIdentifier { kind, text }) => {
                out.push_str(self.identifiers.name(*kind));
                out.push(':');
                out.push_str(text);
            }
            RecordKey::Source(source) => out.push_str(self.sources.name(*source)),
            RecordKey::Output(output) => out.push_str(self.outputs.name(*output)),
            RecordKey::Withheld(ends) => {
                let [one, other] = &**ends;
                parts(&["withheld", &self.identifier(one), &self.identifier(other)], out);
            }
            RecordKey::Shared(identifier) => parts(&["shared", &self.identifier(identifier)], out),
            RecordKey::Disagreement(of) => {
                let [one, other] = [of.source, of.other_source].map(|of| self.sources.name(of));
                let (identifier, kind) =
                    (self.identifier(&of.identifier), self.identifiers.name(of.kind));
                parts(&["disagreement", one, &identifier, kind, other], out);
            }
            RecordKey::SingleSource(person) => {
                out.push_str("single_source/");
                person.write_person_id(out);
            }
        }
    }

    pub fn key(&self, key: &RecordKey) -> String {
        let mut text = String::with_capacity(48);
        self.write_key(key, &mut text);
        text
    }
}

/// Parts that can be told apart whatever stands in them.
fn parts(parts: &[&str], out: &mut String) {
    for (place, part) in parts.iter().enumerate() {
        out.push_str(if place > 0 { "/" } else { "" });
        for character in part.chars() {
            match character {
                '/' => out.push_str("%2F"),
                '%' => out.push_str("%25"),
                other => out.push(other),
            }
        }
    }
}

/// The parts that [`Catalog::write_key`] put together.
pub fn parted(key: &str) -> impl Iterator<Item = String> {
    key.split('/').map(|part| part.replace("%2F", "/").replace("%25", "%"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{parted, parts};

    proptest! {
        #[test]
        fn no_two_lists_of_parts_have_one_key(
            one in prop::collection::vec("[a/%2F]{0,4}", 1..4),
            other in prop::collection::vec("[a/%2F]{0,4}", 1..4),
        ) {
            let of = |list: &[String]| {
                let mut key = String::new();
                parts(&list.iter().map(String::as_str).collect::<Vec<_>>(), &mut key);
                key
            };
            prop_assert_eq!(one == other, of(&one) == of(&other));
            prop_assert_eq!(parted(&of(&one)).collect::<Vec<_>>(), one);
        }
    }
}
