//! Who is meant by an id.

use super::error::{WhyError, suggested};
use super::inquiry::Inquiry;
use crate::decode::identifiers::normalised;
use crate::identity::whole::{WholeMember, name};
use crate::plan::{IdentifierType, Plan};
use crate::row::{Identifier, IdentifierHash};

/// How many identifiers are suggested in place of one that nobody has.
const SUGGESTED: usize = 3;

/// The person who was asked for.
pub struct AskedPerson {
    /// The identifier by which they were found.
    pub identifier: Identifier,
    pub members: Vec<WholeMember>,
    pub id: IdentifierHash,
    /// The id that was asked for, where the person goes by another one now.
    pub formerly: Option<String>,
}

impl Inquiry {
    pub fn subject(&mut self, id: &str) -> Result<AskedPerson, WhyError> {
        let Some(hash) = self.find(id) else {
            return Err(self.nobody(id));
        };
        let identifier = self.whole.member(hash).expect("found").identifier;
        let members = self.whole.person(hash);
        let named = name(&members).expect("a person has an identifier");
        let formerly =
            IdentifierHash::of_person_id(id).filter(|asked| *asked != named).map(|_| id.to_owned());
        Ok(AskedPerson { identifier, members, id: named, formerly })
    }

    pub fn nobody(&self, id: &str) -> WhyError {
        let near = self.near(id);
        let types = || self.plan.types_in_place_of(id).map(|types| format!("; {types}"));
        let hint = match near.is_empty() {
            true => types().unwrap_or_default(),
            false => suggested(&near),
        };
        WhyError::Nobody { id: id.to_owned(), hint }
    }

    fn find(&self, id: &str) -> Option<IdentifierHash> {
        let known = |hash: &IdentifierHash| self.whole.member(*hash).is_some();
        meant(&self.plan, id).into_iter().find(known)
    }

    fn near(&self, id: &str) -> Vec<String> {
        // Another identifier is asked about where no option says what is meant.
        if self.plan.attributes.iter().any(|attribute| attribute.name == id) {
            return vec![format!("--attribute {id}")];
        }
        if self.plan.segments.iter().any(|segment| segment.name == id) {
            return vec![format!("--segment {id}")];
        }
        let value = types_value(&self.plan.identifiers, id).to_lowercase();
        let length = value.chars().count();
        let most = 1 + length / 8;
        let mut near: Vec<(usize, String)> = Vec::new();
        for identifier in self.whole.identifiers() {
            if identifier.text.len().abs_diff(value.len()) > 4 * most {
                continue;
            }
            let distance = strsim::damerau_levenshtein(&value, &identifier.text.to_lowercase());
            if distance <= most {
                near.push((distance, self.spoken(identifier)));
                near.sort_unstable();
                near.truncate(SUGGESTED);
            }
        }
        near.into_iter().map(|(_, text)| text).collect()
    }

    /// As users write it: `type:value`.
    pub fn spoken(&self, identifier: &Identifier) -> String {
        self.plan.spoken(identifier)
    }
}

/// The identifiers that may be meant by an id: the one that a person's id was given for, then by type those that it
/// names, then those whose value it is. A value counts as it is written, and else as it is normalised.
pub fn meant(plan: &Plan, id: &str) -> Vec<IdentifierHash> {
    let of_type = |of: &IdentifierType, value: &str| {
        let normalised = normalised(of, value).map(|value| IdentifierHash::of(&of.name, &value));
        [Some(IdentifierHash::of(&of.name, value)), normalised].into_iter().flatten()
    };
    let types = &plan.identifiers;
    let named = types.iter().filter_map(|of| {
        let value = id.strip_prefix(of.name.as_str())?.strip_prefix(':')?;
        Some(of_type(of, value))
    });
    let of_any_type = types.iter().map(|of| of_type(of, id));
    let of_person = IdentifierHash::of_person_id(id);
    of_person.into_iter().chain(named.flatten()).chain(of_any_type.flatten()).collect()
}

fn types_value<'a>(types: &[IdentifierType], id: &'a str) -> &'a str {
    let value = |of: &IdentifierType| id.strip_prefix(of.name.as_str())?.strip_prefix(':');
    types.iter().find_map(value).unwrap_or(id)
}
