//! What is known of a person, packed into bytes: values of aggregates, then identifiers.
//!
//! ```text
//! number of aggregates, one value each │ type, length, text of each identifier
//! ```
//!
//! A value begins with a byte that tells its type and, as far as it fits, its length; numbers take as many
//! bytes as they need. Equal values have equal bytes and others have others, so rows can be compared as
//! bytes; the order of the bytes is not the order of the values. Bytes are read back by whoever wrote them:
//! what cannot be read is a mistake of ours.

use crate::row::{Datum, Unscaled, canonical};

const NULL: u8 = 0x00;
const FALSE: u8 = 0x01;
const TRUE: u8 = 0x02;
const LIST: u8 = 0x03;
const STRUCT: u8 = 0x04;
// With these, how many bytes follow is added.
const INTEGER: u8 = 0x10;
const TIMESTAMP: u8 = 0x20;
const DATE: u8 = 0x30;
const DECIMAL: u8 = 0x40;
const NUMBER: u8 = 0x60;
const TEXT: u8 = 0x80;
/// A text that is no shorter has its length behind this byte.
const LONG_TEXT: usize = 0x7f;

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

fn push_value(value: Option<&Datum>, out: &mut Vec<u8>) {
    let Some(value) = value else { return out.push(NULL) };
    match value {
        Datum::Boolean(false) => out.push(FALSE),
        Datum::Boolean(true) => out.push(TRUE),
        Datum::Integer(value) => push_integer(INTEGER, i128::from(*value), out),
        Datum::Timestamp(value) => push_integer(TIMESTAMP, i128::from(*value), out),
        Datum::Date(value) => push_integer(DATE, i128::from(*value), out),
        Datum::Decimal(value) => push_integer(DECIMAL, value.get(), out),
        Datum::Number(value) => {
            // The last bytes of what people count in are mostly zero.
            let bits = canonical(*value).to_bits();
            let length = 8 - bits.trailing_zeros().min(64) as usize / 8;
            out.push(NUMBER + length as u8);
            out.extend_from_slice(&bits.to_be_bytes()[..length]);
        }
        Datum::Text(text) => {
            out.push(TEXT + text.len().min(LONG_TEXT) as u8);
            if text.len() >= LONG_TEXT {
                push_length(text.len(), out);
            }
            out.extend_from_slice(text.as_bytes());
        }
        Datum::List(items) => {
            out.push(LIST);
            push_length(items.len(), out);
            items.iter().for_each(|item| push_value(Some(item), out));
        }
        Datum::Struct(fields) => {
            out.push(STRUCT);
            push_length(fields.len(), out);
            fields.iter().for_each(|field| push_value(field.as_ref(), out));
        }
    }
}

fn take_value(rest: &mut &[u8]) -> Option<Datum> {
    let tag = take(rest, 1)[0];
    Some(match tag {
        NULL => return None,
        FALSE => Datum::Boolean(false),
        TRUE => Datum::Boolean(true),
        LIST => {
            let items = (0..take_length(rest)).map(|_| take_value(rest).expect("no item is null"));
            Datum::List(items.collect())
        }
        STRUCT => Datum::Struct((0..take_length(rest)).map(|_| take_value(rest)).collect()),
        INTEGER..TIMESTAMP => Datum::Integer(take_integer(tag - INTEGER, rest) as i64),
        TIMESTAMP..DATE => Datum::Timestamp(take_integer(tag - TIMESTAMP, rest) as i64),
        DATE..DECIMAL => Datum::Date(take_integer(tag - DATE, rest) as i32),
        DECIMAL..NUMBER => Datum::Decimal(Unscaled::from(take_integer(tag - DECIMAL, rest))),
        NUMBER..TEXT => {
            let mut bits = [0; 8];
            let length = usize::from(tag - NUMBER);
            bits[..length].copy_from_slice(take(rest, length));
            Datum::Number(f64::from_bits(u64::from_be_bytes(bits)))
        }
        TEXT.. => {
            let length = text_length(tag, rest);
            Datum::Text(text(take(rest, length)).into())
        }
        other => unreachable!("no value begins with {other:#x}"),
    })
}

fn skip_value(rest: &mut &[u8]) {
    let tag = take(rest, 1)[0];
    let length = match tag {
        NULL | FALSE | TRUE => 0,
        LIST | STRUCT => {
            let number = take_length(rest);
            return (0..number).for_each(|_| skip_value(rest));
        }
        INTEGER..DECIMAL => usize::from(tag % 16),
        DECIMAL..NUMBER => usize::from(tag - DECIMAL),
        NUMBER..TEXT => usize::from(tag - NUMBER),
        TEXT.. => text_length(tag, rest),
        other => unreachable!("no value begins with {other:#x}"),
    };
    take(rest, length);
}

/// As many bytes as are needed to tell it, the last of them with the sign.
fn push_integer(tag: u8, value: i128, out: &mut Vec<u8>) {
    let magnitude = if value < 0 { !value } else { value };
    // With one bit for the sign.
    let bits = if value == 0 { 0 } else { 129 - magnitude.leading_zeros() };
    let length = bits.div_ceil(8) as usize;
    out.push(tag + length as u8);
    out.extend_from_slice(&value.to_le_bytes()[..length]);
}

fn take_integer(length: u8, rest: &mut &[u8]) -> i128 {
    let bytes = take(rest, usize::from(length));
    let is_negative = bytes.last().is_some_and(|last| last & 0x80 > 0);
    let mut value = if is_negative { [0xff; 16] } else { [0; 16] };
    value[..bytes.len()].copy_from_slice(bytes);
    i128::from_le_bytes(value)
}

fn text_length(tag: u8, rest: &mut &[u8]) -> usize {
    match usize::from(tag - TEXT) {
        LONG_TEXT => take_length(rest),
        length => length,
    }
}

/// Seven bits a byte, the lowest first; the highest bit says that there are more.
fn push_length(mut length: usize, out: &mut Vec<u8>) {
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

fn take_length(rest: &mut &[u8]) -> usize {
    let (mut length, mut shift) = (0, 0);
    loop {
        let byte = take(rest, 1)[0];
        length |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return length;
        }
        shift += 7;
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, after) = rest.split_at(length);
    *rest = after;
    taken
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("a text was packed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Datum> {
        let few = |value: i128| prop_oneof![Just(value), Just(-value), Just(value - 1)];
        let near_powers = (0..126u32).prop_flat_map(move |bits| few(1 << bits));
        let plain = prop_oneof![
            any::<bool>().prop_map(Datum::Boolean),
            prop_oneof![any::<i64>(), -300..300i64].prop_map(Datum::Integer),
            near_powers.clone().prop_map(|value| Datum::Integer(value as i64)),
            prop_oneof![
                any::<f64>(),
                (-500..500i32).prop_map(|value| f64::from(value) / 4.0),
                Just(-0.0),
                Just(f64::NAN),
                Just(f64::INFINITY)
            ]
            .prop_map(Datum::Number),
            prop_oneof![any::<i128>(), near_powers].prop_map(Datum::decimal),
            prop_oneof![".{0,20}", "[a-zß]{120,140}", "x{300}"]
                .prop_map(|text| Datum::Text(text.into())),
            any::<i64>().prop_map(Datum::Timestamp),
            any::<i32>().prop_map(Datum::Date),
        ];
        plain.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|items| Datum::List(items.into())),
                prop::collection::vec(prop::option::of(inner), 0..4)
                    .prop_map(|fields| Datum::Struct(fields.into())),
            ]
        })
    }

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

    #[test]
    fn what_is_small_takes_few_bytes() {
        let sizes = [
            (None, 1),
            (Some(Datum::Integer(0)), 1),
            (Some(Datum::Integer(-128)), 2),
            (Some(Datum::Integer(128)), 3),
            (Some(Datum::decimal(1_999)), 3),
            (Some(Datum::Number(2.5)), 3),
            (Some(Datum::Timestamp(1_720_137_600_000_000)), 8),
            (Some(Datum::Text("basket".into())), 7),
        ];
        for (value, size) in sizes {
            let mut bytes = Vec::new();
            push_value(value.as_ref(), &mut bytes);
            assert_eq!(bytes.len(), size, "{value:?}");
        }
    }
}
