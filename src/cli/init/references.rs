//! Columns that say whose somebody is, as the owner of a contact, and not who they are.

use selfsame::internals::console::{counted, grouped};

use super::people;
use super::roles::{DraftIdentifier, DraftSource, IdentifierKind};
use super::sample::Sample;
use super::tally::distinct;

/// So many rows of people have one value of it, at least, on average.
const ROWS: usize = 3;
/// Nothing is said of fewer rows.
const LEAST: usize = 10;

/// Takes identifiers away that many people have who have ids of their own: they would make one person of all. What is said
/// of each.
pub fn take_references(
    samples: &[Sample],
    sources: &[DraftSource],
    identifiers: &mut Vec<DraftIdentifier>,
) -> Vec<String> {
    let is_person = |of: &DraftIdentifier| of.kind == IdentifierKind::Person;
    // By source, whose ids its records are known by.
    let whose = |source: usize| {
        let key = sources[source].key.as_ref().filter(|_| sources[source].is_records)?;
        identifiers.iter().position(|of| is_person(of) && of.from.contains(&(source, key.0)))
    };
    let reference = |number: usize| {
        let of = &identifiers[number];
        let member = |(source, at): &(usize, usize)| {
            whose(*source).filter(|whose| *whose != number)?;
            let column = &samples[*source].columns[*at];
            let (different, present) = (distinct(column).len(), column.present());
            (present >= LEAST && different * ROWS <= present)
                .then_some((*source, *at, different, present))
        };
        let (source, at, different, present) = of.from.iter().find_map(member)?;
        let DraftSource { name, fields, key, .. } = &sources[source];
        let key = key.as_ref().map_or("", |(key, _)| fields[*key].0.as_str());
        Some(format!(
            "{}: {} different in {} of {name}, each of which has its own {key}: {name}.{} says whose somebody is, it seems, \
             and not who they are",
            of.name,
            grouped(different),
            counted(present, "row", "rows"),
            fields[at].0
        ))
    };
    let word_of = |name: &str| people::whose(name).map(|(word, _)| word);
    // Who owns an account looks after it, as those do who own several, and are in no table of their own.
    let owner = |number: usize| {
        let of = &identifiers[number];
        let is_key = |(source, at): &(usize, usize)| {
            sources[*source].key.as_ref().is_some_and(|(key, _)| key == at)
        };
        let is_owner = word_of(&of.name) == word_of("owner");
        if !is_owner || of.from.iter().any(is_key) {
            return None;
        }
        of.from.iter().find_map(|(source, at)| {
            let column = &samples[*source].columns[*at];
            let (different, present) = (distinct(column).len(), column.present());
            let DraftSource { name, fields, .. } = &sources[*source];
            let field = &fields[*at].0;
            (present >= LEAST && different * ROWS <= present).then(|| {
                format!(
                    "{}: {} different in {} of {name}: {name}.{field} says who looks after them, it seems, and not whose \
                     they are",
                    of.name,
                    grouped(different),
                    counted(present, "row", "rows"),
                )
            })
        })
    };
    let told: Vec<Option<String>> = (0..identifiers.len())
        .map(|number| {
            reference(number).or_else(|| owner(number)).filter(|_| is_person(&identifiers[number]))
        })
        .collect();
    // Somebody is left.
    let is_left = |(of, told): (&DraftIdentifier, &Option<String>)| {
        (is_person(of) || of.kind == IdentifierKind::Email) && told.is_none()
    };
    if !identifiers.iter().zip(&told).any(is_left) {
        return Vec::new();
    }
    let all = std::mem::take(identifiers).into_iter().zip(&told);
    *identifiers = all.filter(|(_, told)| told.is_none()).map(|(of, _)| of).collect();
    told.into_iter().flatten().collect()
}
