//! What is known of a person, packed into bytes: values of aggregates, then identifiers.
//!
//! ```text
//! number of aggregates, one value each │ type, length, text of each identifier
//! ```
//!
//! Equal rows have equal bytes and others have others, as values have.

use crate::row::Datum;
use crate::row::value_bytes::{
    push_length, push_value, skip_value, take, take_length, take_value, text,
};

/// Appends a person's row.
pub fn pack<'a>(
    aggregates: impl ExactSizeIterator<Item = Option<Datum>>,
    identifiers: impl Iterator<Item = (u8, &'a str)>,
    out: &mut Vec<u8>,
) {
    push_length(aggregates.len(), out);
    aggregates.for_each(|value| push_value(value.as_ref(), out));
    for (kind, text) in identifiers {
        out.push(kind);
        push_length(text.len(), out);
        out.extend_from_slice(text.as_bytes());
    }
}

/// A person's row as it was packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersonRow<'a>(&'a [u8]);

impl<'a> PersonRow<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        PersonRow(bytes)
    }

    /// One value an aggregate, in the plan's order; `None` is null.
    pub fn aggregates(self) -> impl ExactSizeIterator<Item = Option<Datum>> + use<'a> {
        let mut rest = self.0;
        let number = take_length(&mut rest);
        (0..number).map(move |_| take_value(&mut rest))
    }

    /// Appends the values of the aggregates that are wanted, and null for the others.
    pub fn read_aggregates(self, wanted: &[bool], out: &mut Vec<Option<Datum>>) {
        let mut rest = self.0;
        let number = take_length(&mut rest);
        for is_wanted in &wanted[..number] {
            if *is_wanted {
                out.push(take_value(&mut rest));
            } else {
                skip_value(&mut rest);
                out.push(None);
            }
        }
    }

    /// By type, then text: each one's type, as an index into `Plan::identifiers`, and text.
    pub fn identifiers(self) -> impl Iterator<Item = (u8, &'a str)> + use<'a> {
        let mut rest = self.0;
        for _ in 0..take_length(&mut rest) {
            skip_value(&mut rest);
        }
        std::iter::from_fn(move || {
            let (kind, after) = rest.split_first()?;
            rest = after;
            let length = take_length(&mut rest);
            Some((*kind, text(take(&mut rest, length))))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::values;
    use proptest::prelude::*;

    fn packed(aggregates: &[Option<Datum>], identifiers: &[(u8, String)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let texts = identifiers.iter().map(|(kind, text)| (*kind, text.as_str()));
        pack(aggregates.iter().cloned(), texts, &mut bytes);
        bytes
    }

    type Row = (Vec<Option<Datum>>, Vec<(u8, String)>);

    fn rows() -> impl Strategy<Value = Row> {
        let identifiers = prop::collection::vec((any::<u8>(), ".{0,12}|y{200}"), 0..5);
        (prop::collection::vec(prop::option::weighted(0.8, values()), 0..150), identifiers)
    }

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked(
            (aggregates, identifiers) in rows(),
            wanted in prop::collection::vec(any::<bool>(), 150),
        ) {
            let bytes = packed(&aggregates, &identifiers);
            let row = PersonRow::new(&bytes);
            prop_assert_eq!(row.aggregates().collect::<Vec<_>>(), aggregates.clone());
            let texts = row.identifiers().map(|(kind, text)| (kind, text.to_owned()));
            prop_assert_eq!(texts.collect::<Vec<_>>(), identifiers);
            let mut some = Vec::new();
            row.read_aggregates(&wanted, &mut some);
            let expected = aggregates.into_iter().zip(wanted);
            let expected = expected.map(|(value, is_wanted)| value.filter(|_| is_wanted));
            prop_assert_eq!(some, expected.collect::<Vec<_>>());
        }

        #[test]
        fn rows_are_equal_where_their_bytes_are(
            (aggregates, identifiers) in rows(),
            (others, other_identifiers) in rows(),
            other in values(),
            place in any::<prop::sample::Index>(),
        ) {
            let mut changed = aggregates.clone();
            if !changed.is_empty() {
                let place = place.index(changed.len());
                changed[place] = Some(other);
            }
            let bytes = packed(&aggregates, &identifiers);
            prop_assert_eq!(changed == aggregates, packed(&changed, &identifiers) == bytes);
            let is_same = others == aggregates && other_identifiers == identifiers;
            prop_assert_eq!(is_same, packed(&others, &other_identifiers) == bytes);
        }
    }
}
