//! Identifier types that tie strangers together: known by the words in their names, and in those of the
//! columns that they are taken from.

use crate::definition::file::yaml::YamlKey;
use crate::definition::read::object::ReadContext;
use crate::plan::Plan;

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
/// Words for identifiers of which a person has one, as a rule.
const OWN: [&str; 8] =
    ["customer", "client", "user", "account", "member", "person", "contact", "subscriber"];

/// Notes an identifier type whose values tie strangers together where nothing guards it.
pub fn missing_guards(context: &mut ReadContext, plan: &Plan, kind: usize, key: &YamlKey) {
    let of = &plan.identifiers[kind];
    if of.at_most.is_some() || of.shared_after.is_some() {
        return;
    }
    let columns = plan.sources.iter().flat_map(|source| {
        let columns = source.identifiers.iter().filter(|(of, _)| usize::from(*of) == kind);
        columns.map(|(_, column)| source.schema.field(*column).name())
    });
    let words: Vec<String> = columns.chain([&of.name]).flat_map(|name| words(name)).collect();
    let has = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
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

/// The words of a name, in lower case: `e-mail`, `email_address` and `emailAddress` have `email` or
/// `mail` in them.
fn words(name: &str) -> Vec<String> {
    let characters: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (at, character) in characters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| characters[at]);
        let next = characters.get(at + 1);
        // `phoneNumber`, and `IPAddress`.
        let begins = character.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_uppercase() && next.is_some_and(|next| next.is_lowercase())
            });
        if begins || !character.is_alphabetic() {
            words.push(String::new());
        }
        if character.is_alphabetic() {
            words.last_mut().expect("there is one").extend(character.to_lowercase());
        }
    }
    words
}
