//! Identifiers as they are written, with what speaks for each beside it.

use std::fmt::Write;

use super::hashed;
use super::roles::{DraftIdentifier, DraftSource, IdentifierKind};
use super::texts::quoted;

pub fn write_identity(yaml: &mut String, sources: &[DraftSource], identifiers: &[DraftIdentifier]) {
    yaml.push_str("\nidentity:    # most trusted first\n");
    for of in identifiers {
        let mut by_source: Vec<(usize, Vec<&str>)> = Vec::new();
        for (source, column) in &of.from {
            let name = sources[*source].fields[*column].0.as_str();
            match by_source.iter_mut().find(|(known, _)| known == source) {
                Some((_, names)) => names.push(name),
                None => by_source.push((*source, vec![name])),
            }
        }
        let from = by_source.iter().map(|(source, names)| {
            let names = if names.len() == 1 {
                names[0].to_owned()
            } else {
                format!("[{}]", names.join(", "))
            };
            format!("{}: {names}", sources[*source].name)
        });
        writeln!(yaml, "  {}:", of.name).expect("to a string");
        for evidence in &of.evidence {
            writeln!(yaml, "    # {evidence}").expect("to a string");
        }
        writeln!(yaml, "    from: {{{}}}", from.collect::<Vec<_>>().join(", "))
            .expect("to a string");
        let is_most_trusted = std::ptr::eq(of, &identifiers[0]);
        match of.kind {
            IdentifierKind::Person => {
                if let Some((read, why)) = read(of) {
                    writeln!(yaml, "    normalize: {read}    # {why}").expect("to a string");
                }
                if of.counts_from_0 {
                    yaml.push_str(
                        "    placeholders: keep    # ? they count from 0, which is somebody then\n",
                    );
                }
                if is_most_trusted {
                    yaml.push_str("    at_most: 1    # ? a person has one\n");
                }
            }
            IdentifierKind::Email => yaml.push_str(match of.has_others {
                true => "    normalize: nullif(regexp_replace(lower(clean(value)), '^[^@]*$', ''), '')    # what has no @ is none\n",
                false => "    normalize: lower(clean(value))\n",
            }),
            IdentifierKind::EmailHash => {
                writeln!(yaml, "    normalize: {}", hashed::normalize(&of.name)).expect("to a string");
            }
            IdentifierKind::Phone => yaml.push_str(
                "    normalize: nullif(regexp_replace(value, '[^0-9+]', '', 'g'), '')    # ? e164(value, 'DE') also makes one \
                 of 030 1234567 and +49 30 1234567, by their country\n",
            ),
            IdentifierKind::Device | IdentifierKind::Row => {}
        }
        let usual = ["test@test.com", "noreply@*", "no-reply@*"].map(str::to_owned);
        let usual = usual.into_iter().filter(|_| of.kind == IdentifierKind::Email);
        let ignored = usual.chain(of.ignored.iter().cloned());
        let ignored: Vec<String> = ignored.map(|text| quoted(&text)).collect();
        if !ignored.is_empty() {
            writeln!(yaml, "    ignore: [{}]", ignored.join(", ")).expect("to a string");
        }
        let shared = match of.kind {
            IdentifierKind::Email | IdentifierKind::EmailHash | IdentifierKind::Phone => Some(5),
            IdentifierKind::Device => Some(10),
            IdentifierKind::Person | IdentifierKind::Row => None,
        };
        if let Some(shared) = shared.filter(|_| !is_most_trusted) {
            writeln!(
                yaml,
                "    shared_after: {shared}    # ? what more people share says who nobody is"
            )
            .expect("to a string");
        }
    }
}

/// What reads the values of a type of people's identifiers as those are that they are equal to, and why.
fn read(of: &DraftIdentifier) -> Option<(String, String)> {
    let (mut read, mut why) = ("value".to_owned(), Vec::new());
    if of.has_space {
        read = "clean(value)".to_owned();
        why.push("some have white space at an end".to_owned());
    }
    if of.has_marks {
        read = format!("btrim({read}, '=\"''')");
        why.push("=\"00017\" is 00017, as Excel is told".to_owned());
    }
    if of.has_points {
        read = format!("regexp_replace({read}, '[.]0+$', '')");
        why.push("17850.0 is 17850".to_owned());
    }
    if let Some(padded) = &of.zeros {
        read = format!("ltrim({read}, '0')");
        why.push(format!("? {padded} is {}", padded.trim_start_matches('0')));
    }
    (!why.is_empty()).then(|| (read, why.join("; ")))
}
