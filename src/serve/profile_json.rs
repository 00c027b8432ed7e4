//! A profile as JSON, in the very shape that outputs of profiles have, all of it or some attributes.

use axum::http::HeaderValue;

use super::denial::Denial;
use super::handles::Handles;
use super::published::PublishedProfile;
use crate::row::IdentifierHash;
use crate::sink::{
    Item, PackedProfile, Packer, ProfileBytes, Record, RecordBody, RecordKey, RecordValue,
};

/// Says that there is no such attribute, but these.
pub fn unknown_attribute(name: &str, known: &[&str]) -> Denial {
    let message = format!("there is no attribute '{name}'");
    Denial::not_found("unknown_attribute", message, format!("there are: {}", known.join(", ")))
}

/// Numbers of attributes that are asked for, by their names separated by commas.
pub fn chosen(handles: &Handles, names: Option<&str>) -> Result<Option<Vec<u16>>, Denial> {
    let Some(names) = names else { return Ok(None) };
    let number = |name: &str| {
        handles.catalog.attributes.number(name).ok_or_else(|| {
            let known: Vec<&str> = handles.catalog.attributes.iter().collect();
            unknown_attribute(name, &known)
        })
    };
    let mut numbers = Vec::new();
    for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let number = number(name)?;
        // An object has each of its names once.
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    Ok(Some(numbers))
}

/// A person's profile as JSON.
pub fn json(
    handles: &Handles,
    person: IdentifierHash,
    known: &PublishedProfile,
    attributes: Option<&[u16]>,
) -> String {
    let profile = match attributes {
        None => known.profile.clone(),
        Some(attributes) => some_of(&known.profile, attributes),
    };
    let record = Record {
        output: 0,
        key: RecordKey::Person(person),
        body: RecordBody::Is { value: RecordValue::Profile(profile), at: known.at },
    };
    handles.write(|writer| {
        writer.value(&record, &handles.catalog).expect("a profile has a value").to_owned()
    })
}

/// What tells one state of a profile from others. Weak, since a tick stands beside it in the answer.
pub fn etag(profile: &str) -> HeaderValue {
    let hash = blake3::hash(profile.as_bytes()).to_hex();
    HeaderValue::from_str(&format!("W/\"{}\"", &hash[..32])).expect("it is hex")
}

/// The same profile with these attributes alone, in this order.
fn some_of(profile: &PackedProfile, attributes: &[u16]) -> PackedProfile {
    let mut packer = Packer::default();
    let identifiers: Vec<(u16, &str)> = profile.identifiers().collect();
    packer.length(identifiers.len());
    for (kind, text) in identifiers {
        packer.name(kind);
        packer.text(text);
    }
    packer.length(attributes.len());
    for wanted in attributes {
        let mut all = profile.attributes();
        while let Some((attribute, bytes)) = all.next() {
            if attribute == *wanted {
                packer.name(attribute);
                copy(bytes, &mut packer);
                break;
            }
            bytes.skip();
        }
    }
    let segments: Vec<u16> = profile.segments().collect();
    packer.length(segments.len());
    segments.into_iter().for_each(|segment| packer.name(segment));
    packer.profile()
}

/// Copies the next value with all that is in it.
fn copy(bytes: &mut ProfileBytes<'_>, packer: &mut Packer) {
    let item = bytes.item();
    packer.item(item);
    match item {
        Item::List(items) => (0..items).for_each(|_| copy(bytes, packer)),
        Item::Struct(fields) => (0..fields).for_each(|_| {
            packer.text(bytes.text());
            copy(bytes, packer);
        }),
        _ => {}
    }
}
