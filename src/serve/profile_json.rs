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

/// Numbers of attributes that are asked for: each text is the name of one, which may have commas, or names separated by
/// them.
pub fn chosen(handles: &Handles, texts: Option<&[String]>) -> Result<Option<Vec<u16>>, Denial> {
    let Some(texts) = texts else { return Ok(None) };
    let attributes = &handles.catalog.attributes;
    let number = |name: &str| {
        attributes.number(name).ok_or_else(|| {
            let known: Vec<&str> = attributes.iter().collect();
            unknown_attribute(name, &known)
        })
    };
    let mut numbers = Vec::new();
    let mut choose = |number: u16| {
        // An object has each of its names once.
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    };
    for text in texts {
        if let Some(whole) = attributes.number(text) {
            choose(whole);
            continue;
        }
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            choose(number(name)?);
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

#[cfg(test)]
mod tests {
    use axum::extract::Query;
    use axum::http::Uri;

    use super::*;
    use crate::serve::profiles::{ReadQuery, parameters};
    use crate::serve::unserved::{SHOP, unserved};

    fn asked(query: &str) -> Result<ReadQuery, Denial> {
        let uri: Uri = format!("/?{query}").parse().expect("an address");
        parameters(Query::try_from_uri(&uri))
    }

    #[test]
    fn an_attribute_is_asked_for_by_its_name_whatever_that_has_in_it() {
        let attributes = "attributes:\n  a: {from: orders, select: count(*)}\n  b: {from: orders, select: count(*)}\n  \
                          \"a,b\": {from: orders, select: count(*)}\n  \" c, d\": {from: orders, select: count(*)}\n";
        let handles =
            Handles::new(unserved(&SHOP.replace("outputs:\n", &format!("{attributes}outputs:\n"))));
        let names = |query: &str| {
            let query = asked(query).expect("it is right");
            let chosen = chosen(&handles, query.attributes.as_deref())?;
            let names = &handles.catalog.attributes;
            Ok::<_, Denial>(
                chosen.map(|of| of.iter().map(|of| names.name(*of)).collect::<Vec<_>>()),
            )
        };
        let of = |query: &str| names(query).expect("there are such");
        assert_eq!(of(""), None);
        assert_eq!(of("attributes="), Some(vec![]));
        assert_eq!(of("attributes=b,%20a"), Some(vec!["b", "a"]));
        assert_eq!(of("attributes=b&attributes=a&attributes=b"), Some(vec!["b", "a"]));
        assert_eq!(of("attributes=a,b"), Some(vec!["a,b"]));
        assert_eq!(
            of("attributes=a&attributes=b&attributes=%20c,%20d"),
            Some(vec!["a", "b", " c, d"])
        );
        assert_eq!(
            names("attributes=b&attributes=c,%20d").err().map(|of| of.code),
            Some("unknown_attribute")
        );
    }

    #[test]
    fn what_is_no_parameter_or_is_there_twice_is_told() {
        let read = asked("after=7&attributes=a&timeout=50").expect("it is right");
        let expected =
            ReadQuery { attributes: Some(vec!["a".to_owned()]), after: Some(7), timeout: Some(50) };
        assert_eq!(read, expected);
        for wrong in ["befor=1", "after=x", "after=-1", "after=1&after=2", "timeout=1&timeout=1"] {
            let code = asked(wrong).expect_err(wrong).code;
            assert_eq!(code, "bad_parameter", "{wrong}");
        }
    }
}
