//! The columns of CSV files, by what an output publishes.

use crate::plan::Publish;
use crate::sink::catalog::Catalog;
use crate::sink::encoder::Holding;

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    Person,
    /// In profiles, the person's identifiers of a type, as a list.
    Identifiers(u16),
    /// In profiles, the value of an attribute.
    Attribute(u16),
    /// In profiles, the person's segments, as a list.
    Segments,
    /// In segments, `entered` or `left`.
    Segment,
    Change,
    /// In identities, the type of the identifier.
    Type,
    Value,
    /// In rejects, where the row comes from.
    Source,
    Output,
    Position,
    Reasons,
    Raw,
    At,
    Deleted,
    MergedInto,
}

/// The columns of an output, with their names.
pub fn columns(names: &Catalog, holding: &Holding) -> Vec<(String, Cell)> {
    let plain = |(name, cell): (&str, Cell)| (name.to_owned(), cell);
    let columns: &[(&str, Cell)] = match holding.publish {
        Publish::Profiles => return profiles(names, &holding.attributes),
        Publish::Segments => &[
            ("segment", Cell::Segment),
            ("person", Cell::Person),
            ("change", Cell::Change),
            ("at", Cell::At),
        ],
        Publish::Identities => &[
            ("type", Cell::Type),
            ("value", Cell::Value),
            ("person", Cell::Person),
            ("at", Cell::At),
            ("deleted", Cell::Deleted),
        ],
        // What an output's topic did not take names the output.
        Publish::Rejects => &[
            ("source", Cell::Source),
            ("output", Cell::Output),
            ("position", Cell::Position),
            ("reasons", Cell::Reasons),
            ("raw", Cell::Raw),
            ("at", Cell::At),
        ],
        Publish::Conflicts => unreachable!("a definition whose conflicts are CSV is refused"),
    };
    columns.iter().cloned().map(plain).collect()
}

/// A name that two columns would have is written with where each comes from.
fn profiles(names: &Catalog, attributes: &[u16]) -> Vec<(String, Cell)> {
    const OWN: [&str; 5] = ["person", "segments", "at", "deleted", "merged_into"];
    const KINDS: [&str; 2] = ["identifiers", "attributes"];
    let identifiers: Vec<&str> = names.identifiers.iter().collect();
    let of_attributes: Vec<&str> =
        attributes.iter().map(|attribute| names.attributes.name(*attribute)).collect();
    // A name that looks as if that were written already gets it, too: no two columns have one name.
    let is_like_others = |name: &str| KINDS.iter().any(|of| name.split('.').next() == Some(*of));
    let shown = |of: &str, name: &str, others: &[&str]| {
        let is_taken = OWN.contains(&name) || others.contains(&name) || is_like_others(name);
        if is_taken { format!("{of}.{name}") } else { name.to_owned() }
    };
    let mut columns = vec![("person".to_owned(), Cell::Person)];
    columns.extend(
        identifiers
            .iter()
            .zip(0..)
            .map(|(name, kind)| (shown(KINDS[0], name, &of_attributes), Cell::Identifiers(kind))),
    );
    columns.extend(of_attributes.iter().zip(attributes).map(|(name, attribute)| {
        (shown(KINDS[1], name, &identifiers), Cell::Attribute(*attribute))
    }));
    columns.push(("segments".to_owned(), Cell::Segments));
    columns.push(("at".to_owned(), Cell::At));
    columns.push(("deleted".to_owned(), Cell::Deleted));
    columns.push(("merged_into".to_owned(), Cell::MergedInto));
    columns
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::profiles;
    use crate::sink::catalog::Catalog;

    fn names() -> impl Strategy<Value = BTreeSet<String>> {
        let part = prop::sample::select(vec!["identifiers", "attributes", "at", "email", "", "x"]);
        let name = prop::collection::vec(part, 1..4).prop_map(|parts| parts.join("."));
        prop::collection::btree_set(name, 0..6)
    }

    proptest! {
        #[test]
        fn no_two_columns_have_one_name(identifiers in names(), attributes in names()) {
            let mut catalog = Catalog::default();
            for name in &identifiers {
                catalog.identifiers.learn(name);
            }
            for name in &attributes {
                catalog.attributes.learn(name);
            }
            let all: Vec<u16> = (0..attributes.len() as u16).collect();
            let columns = profiles(&catalog, &all);
            let different: BTreeSet<&String> = columns.iter().map(|(name, _)| name).collect();
            prop_assert_eq!(different.len(), columns.len(), "{:?}", columns);
        }
    }
}
