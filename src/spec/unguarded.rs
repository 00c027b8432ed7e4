//! Identifier types that tie strangers together: known by the words in their names.

use super::plan::Plan;
use super::read::Context;
use super::yaml::Key;

/// Identifiers with these words in their names are shared in real data, and so make many people one.
const SHARED: [&str; 11] = [
    "email",
    "mail",
    "phone",
    "mobile",
    "telephone",
    "tel",
    "msisdn",
    "device",
    "cookie",
    "ip",
    "household",
];
/// Of these a person has one, as a rule.
const OWN: [&str; 8] =
    ["customer", "client", "user", "account", "member", "person", "contact", "subscriber"];

/// Notes an identifier type whose values tie strangers together where nothing guards it.
pub fn unguarded(context: &mut Context, plan: &Plan, kind: usize, key: &Key) {
    let of = &plan.identifiers[kind];
    if of.at_most.is_some() || of.shared_after.is_some() {
        return;
    }
    let name = of.name.to_lowercase();
    let words: Vec<&str> = name.split(|character: char| !character.is_alphanumeric()).collect();
    let has = |known: &[&str]| words.iter().any(|word| known.contains(word));
    let message = if kind == 0 {
        (has(&OWN) || has(&SHARED)).then_some(
            "a row that names two by mistake would make two people one: add at_most: 1, and no \
             person ever has two",
        )
    } else {
        has(&SHARED).then_some(
            "a value that many people share would make them one person: add shared_after: 5, and \
             one that is tied to more than 5 of a more trusted type links nobody",
        )
    };
    if let Some(message) = message {
        context.complain(key.place, format!("identifier type '{}': {message}", of.name));
    }
}
