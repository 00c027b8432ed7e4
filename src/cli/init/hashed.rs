//! Hashes of e-mail addresses, as platforms for advertising have them: these and the hashes of addresses are one type.

use selfsame::internals::console::{counted, grouped};

use super::roles::{DraftIdentifier, DraftSource, IdentifierKind, add};
use super::sample::Sample;
use super::words;

/// By name of the type: hexadecimal digits of a hash.
const HASHES: [(&str, usize); 2] = [("email_hash", 64), ("email_md5", 32)];

/// What makes a hash of an address, and leaves one as it is.
pub fn normalize(name: &str) -> &'static str {
    match name {
        "email_md5" => {
            "case when contains(value, '@') then md5(lower(clean(value))) else lower(clean(value)) end"
        }
        _ => "hashed_email(value)",
    }
}

/// Adds a type for each kind of hash that there is, with the columns of addresses.
pub fn add_hashed(
    samples: &[Sample],
    sources: &[DraftSource],
    is_left_out: &dyn Fn(usize) -> bool,
    found: &mut Vec<DraftIdentifier>,
) {
    let is_email = |of: &&DraftIdentifier| of.kind == IdentifierKind::Email;
    let addresses: Vec<(usize, usize)> =
        found.iter().filter(is_email).flat_map(|of| of.from.iter().copied()).collect();
    for (hash, digits) in HASHES {
        let mut is_there = false;
        for (number, source) in sources.iter().enumerate().filter(|(at, _)| !is_left_out(*at)) {
            for (at, (name, guess)) in source.fields.iter().enumerate() {
                let texts = samples[number].columns[at].texts();
                let texts: Vec<&str> = texts.filter(|text| !words::is_none(text)).collect();
                let is_hash = |text: &&&str| {
                    let text = text.trim();
                    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
                };
                let hashes = texts.iter().filter(is_hash).count();
                let is_named = name.contains("mail") && guess.data_type == "text";
                if is_named && hashes * 2 > texts.len() {
                    is_there = true;
                    let what = format!(
                        "{}.{name}: {} of {} {} written as such hashes are",
                        source.name,
                        grouped(hashes),
                        counted(texts.len(), "value", "values"),
                        if hashes == 1 { "is" } else { "are" }
                    );
                    add(found, hash, IdentifierKind::EmailHash, (number, at), what);
                }
            }
        }
        for (number, at) in addresses.iter().filter(|_| is_there) {
            let (source, name) = (&sources[*number].name, &sources[*number].fields[*at].0);
            let what = format!("{source}.{name}: the hashes of the addresses");
            add(found, hash, IdentifierKind::EmailHash, (*number, *at), what);
        }
    }
}
