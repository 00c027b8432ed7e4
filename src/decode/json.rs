//! JSON rows to columns: a walk over the bytes that follows only the wanted paths.
//!
//! Not Arrow's own reader, because a row must be able to fail alone and with every reason: each bad
//! value is named by its path, numbers reach integers and decimals by their digits and never as
//! doubles, and a timestamp may be RFC 3339 text or milliseconds since the epoch. What is not
//! wanted is skipped without being copied, but all of a row must be JSON, else nothing of it counts.
//! Where an object has a key twice, the last one counts.
//!
//! Most rows are plain, and [`scan`] finds their values in one walk; serde_json reads the others.

mod scan;

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::{SmallVec, smallvec};

use super::column::Column;
use super::path::{PathNode, Paths, WantedName};
use super::raw_row::Flaws;
use super::scalar::shown;
use crate::plan::Field;
use crate::row::Reason;
use scan::Scan;

impl Paths {
    /// Adds one value to every column, and to `flaws` what is wrong with the row. Whether the row
    /// is a JSON object; of what is none, all values are null.
    pub fn decode(
        &self,
        row: &str,
        fields: &[Field],
        columns: &mut [Column],
        flaws: &mut Flaws,
    ) -> bool {
        let mut values: SmallVec<[Option<&str>; 32]> = smallvec![None; fields.len()];
        if let Err(reason) = self.find(row, &mut values, flaws) {
            columns.iter_mut().for_each(Column::push_null);
            *flaws = Flaws { reasons: vec![reason], columns: Vec::new() };
            return false;
        }
        self.push(&values, fields, columns, flaws);
        true
    }

    /// The same of an element of a list, which has this position there, from 1.
    pub fn decode_element(
        &self,
        element: &str,
        position: usize,
        fields: &[Field],
        columns: &mut [Column],
        flaws: &mut Flaws,
    ) {
        let position = position.to_string();
        let mut values: SmallVec<[Option<&str>; 32]> = smallvec![None; fields.len()];
        // It is a part of a row that was read, and so JSON.
        if let Err(error) = place_value(&self.root, element, &mut values, flaws) {
            flaws.add("malformed", "$", format!("not JSON: {}", what(&error)));
        }
        for (value, field) in values.iter_mut().zip(fields) {
            if field.path.is_position() {
                *value = Some(&position);
            }
        }
        self.push(&values, fields, columns, flaws);
    }

    fn push(
        &self,
        values: &[Option<&str>],
        fields: &[Field],
        columns: &mut [Column],
        flaws: &mut Flaws,
    ) {
        for (index, (value, column)) in values.iter().zip(columns).enumerate() {
            let pushed = match value {
                None | Some("null") => {
                    column.push_default(fields[index].default.as_ref());
                    continue;
                }
                Some(raw) => {
                    set_zone(column, values);
                    column.push_json(raw)
                }
            };
            if let Err(fault) = pushed {
                let path = format!("{}{}", self.shown[index], fault.within);
                flaws.add(fault.code, path, fault.message);
                flaws.columns.push(index);
            }
        }
    }

    fn find<'row>(
        &self,
        row: &'row str,
        values: &mut [Option<&'row str>],
        flaws: &mut Flaws,
    ) -> Result<(), Reason> {
        if Scan::find(row, &self.root, values).is_some() {
            return Ok(());
        }
        values.fill(None);
        self.find_whatever(row, values, flaws)
    }

    /// What any row says, with what is wrong in it.
    fn find_whatever<'row>(
        &self,
        row: &'row str,
        values: &mut [Option<&'row str>],
        flaws: &mut Flaws,
    ) -> Result<(), Reason> {
        let mut parser = serde_json::Deserializer::from_str(row);
        let object = row.trim_ascii_start().starts_with('{');
        let parsed = if object {
            parser.deserialize_map(ObjectWalk { node: &self.root, values, flaws })
        } else {
            IgnoredAny::deserialize(&mut parser).map(|_| ())
        };
        match parsed.and_then(|()| parser.end()) {
            Err(error) => Err(malformed(row, &error)),
            Ok(()) if object => Ok(()),
            Ok(()) => Err(Reason {
                code: "wrong_type",
                path: "$".to_owned(),
                message: format!("expected an object, found {}", shown(row.trim_ascii())),
            }),
        }
    }
}

/// Tells a column by whose clocks its next value is read, where a field of the row names the zone.
fn set_zone(column: &mut Column, values: &[Option<&str>]) {
    let Some(of) = column.zone_of() else { return };
    let name = values[of].filter(|raw| *raw != "null");
    // As a text it may be escaped: many programs write a slash as `\/`.
    let name = name.map(|raw| match raw.contains('\\').then(|| serde_json::from_str(raw)) {
        Some(Ok(text)) => Cow::Owned(text),
        _ => Cow::Borrowed(raw.trim_matches('"')),
    });
    column.set_zone(name.as_deref());
}

/// Down one object, noting the wanted values as they were written.
struct ObjectWalk<'walk, 'row> {
    node: &'walk PathNode,
    values: &'walk mut [Option<&'row str>],
    flaws: &'walk mut Flaws,
}

impl<'row> Visitor<'row> for ObjectWalk<'_, 'row> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<M: MapAccess<'row>>(self, mut object: M) -> Result<(), M::Error> {
        let children = &self.node.children;
        // Rows of a source tend to have their keys in one order: look first behind the last found.
        let mut next = 0;
        while let Some(found) = object.next_key_seed(WantedKey { children, next })? {
            let Some(place) = found else {
                object.next_value::<IgnoredAny>()?;
                continue;
            };
            next = place + 1;
            let child = &children[place].1;
            let value = object.next_value::<&'row RawValue>()?.get();
            let (values, flaws) = (&mut *self.values, &mut *self.flaws);
            place_value(child, value, values, flaws)
                .map_err(|error| serde::de::Error::custom(what(&error)))?;
        }
        Ok(())
    }
}

/// Notes a value where a path ends with it, and goes down into it where paths go on.
fn place_value<'row>(
    node: &PathNode,
    value: &'row str,
    values: &mut [Option<&'row str>],
    flaws: &mut Flaws,
) -> Result<(), serde_json::Error> {
    for field in &node.fields {
        values[*field] = Some(value);
    }
    if node.is_leaf() {
        return Ok(());
    }
    // Where a key comes twice the last counts, and with it what is wrong there.
    for field in &node.below {
        values[*field] = None;
    }
    if !flaws.reasons.is_empty() {
        flaws.reasons.retain(|reason| !node.shows(&reason.path));
        flaws.columns.retain(|column| !node.below.contains(column));
    }
    let mut parser = serde_json::Deserializer::from_str(value);
    let (of_objects, of_lists) = (!node.children.is_empty(), !node.items.is_empty());
    let first = value.as_bytes()[0];
    match first {
        b'{' if of_objects => parser.deserialize_map(ObjectWalk { node, values, flaws })?,
        b'[' if of_lists => parser.deserialize_seq(ListWalk { node, values, flaws })?,
        _ => {}
    }
    let mut expected = |wanted: &str, fields: Vec<usize>| {
        let message = format!("expected {wanted}, found {}", shown(value));
        flaws.add("wrong_type", node.shown.as_str(), message);
        flaws.columns.extend(fields);
    };
    if of_objects && first != b'{' && first != b'n' {
        expected("an object", node.below_keys());
    }
    if of_lists && first != b'[' && first != b'n' {
        expected("a list", node.below_items());
    }
    Ok(())
}

/// Down one list, noting the wanted items.
struct ListWalk<'walk, 'row> {
    node: &'walk PathNode,
    values: &'walk mut [Option<&'row str>],
    flaws: &'walk mut Flaws,
}

impl<'row> Visitor<'row> for ListWalk<'_, 'row> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list")
    }

    fn visit_seq<S: SeqAccess<'row>>(self, mut list: S) -> Result<(), S::Error> {
        let mut at = 0;
        while let Some(value) = list.next_element::<&'row RawValue>()? {
            for (_, node) in self.node.items.iter().filter(|(item, _)| *item == at) {
                place_value(node, value.get(), &mut *self.values, &mut *self.flaws)
                    .map_err(|error| serde::de::Error::custom(what(&error)))?;
            }
            at += 1;
        }
        Ok(())
    }
}

/// A key's place among the wanted ones.
struct WantedKey<'walk> {
    children: &'walk [(WantedName, PathNode)],
    next: usize,
}

impl<'row> DeserializeSeed<'row> for WantedKey<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'row>>(self, key: D) -> Result<Option<usize>, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for WantedKey<'_> {
    type Value = Option<usize>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Option<usize>, E> {
        let from = self.next.min(self.children.len());
        let places = (from..self.children.len()).chain(0..from);
        Ok(places.into_iter().find(|place| self.children[*place].0.name == key))
    }
}

fn malformed(row: &str, error: &serde_json::Error) -> Reason {
    let (line, column) = (error.line(), error.column());
    let place =
        if line > 1 { format!("line {line}, column {column}") } else { format!("column {column}") };
    let at =
        row.as_bytes().get(column.saturating_sub(2)..).filter(|_| line == 1).unwrap_or_default();
    let special = ["NaN", "-Infinity", "Infinity"].into_iter().find(|word| {
        at.starts_with(word.as_bytes())
            || at.get(1..).is_some_and(|at| at.starts_with(word.as_bytes()))
    });
    let message = match special {
        Some(word) => format!("{word} at {place} is not JSON: numbers are finite"),
        None => format!("not JSON: {} at {place}", what(error)),
    };
    Reason { code: "malformed", path: String::new(), message }
}

/// The error without its place.
fn what(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(what, _)| what.to_owned())
}

#[cfg(test)]
mod tests;
