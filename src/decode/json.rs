//! JSON rows to columns: a walk over the bytes that follows only the wanted paths.
//!
//! Not Arrow's own reader, because a row must be able to fail alone and with every reason: each bad
//! value is named by its path, numbers reach integers and decimals by their digits and never as
//! doubles, and a timestamp may be RFC 3339 text or milliseconds since the epoch. What is not
//! wanted is skipped without being copied, but all of a row must be JSON, else nothing of it counts.
//! Where an object has a key twice, the last one counts.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::{SmallVec, smallvec};

use super::column::Column;
use super::path::{PathNode, Paths};
use super::raw_row::Flaws;
use super::scalar::{ScalarFault, shown};
use crate::plan::Field;
use crate::row::Reason;

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
        for (index, (value, column)) in values.iter().zip(columns).enumerate() {
            let pushed = match value {
                None | Some("null") => {
                    column.push_default(fields[index].default.as_ref());
                    continue;
                }
                Some(raw) => match zone(column, &values) {
                    Ok(()) => column.push_json(raw),
                    Err(fault) => {
                        column.push_null();
                        Err(fault)
                    }
                },
            };
            if let Err(fault) = pushed {
                let path = format!("{}{}", self.shown[index], fault.within);
                flaws.add(fault.code, path, fault.message);
                flaws.columns.push(index);
            }
        }
        true
    }

    fn find<'row>(
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
fn zone(column: &mut Column, values: &[Option<&str>]) -> Result<(), ScalarFault> {
    let Some(of) = column.zone_of() else { return Ok(()) };
    let name = values[of].filter(|raw| *raw != "null");
    column.set_zone(name.map(|raw| raw.trim_matches('"')))
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
            for field in &child.fields {
                self.values[*field] = Some(value);
            }
            if child.children.is_empty() {
                continue;
            }
            for field in &child.below {
                self.values[*field] = None;
            }
            match value.as_bytes()[0] {
                b'{' => {
                    let walk = ObjectWalk {
                        node: child,
                        values: &mut *self.values,
                        flaws: &mut *self.flaws,
                    };
                    serde_json::Deserializer::from_str(value)
                        .deserialize_map(walk)
                        .map_err(|error| serde::de::Error::custom(what(&error)))?;
                }
                b'n' => {}
                _ => {
                    let message = format!("expected an object, found {}", shown(value));
                    self.flaws.add("wrong_type", child.shown.as_str(), message);
                    self.flaws.columns.extend(&child.below);
                }
            }
        }
        Ok(())
    }
}

/// A key's place among the wanted ones.
struct WantedKey<'walk> {
    children: &'walk [(String, PathNode)],
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
        Ok(places.into_iter().find(|place| self.children[*place].0 == key))
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
mod tests {
    use super::*;
    use crate::columns;
    use crate::plan::Type;
    use crate::row::Datum;
    use arrow::array::ArrayRef;
    use std::sync::Arc;

    fn field(path: &str, data_type: Type) -> Field {
        Field {
            name: path.to_owned(),
            data_type,
            path: path.split('.').map(str::to_owned).collect(),
            default: None,
            written: None,
        }
    }

    fn text(value: &str) -> Option<Datum> {
        Some(Datum::Text(value.into()))
    }

    /// The columns of some rows, and of each row its reasons as `code path: message`.
    fn decode(fields: &[Field], rows: &[&str]) -> (Vec<ArrayRef>, Vec<Vec<String>>) {
        let paths = Paths::new(fields);
        let zone: Arc<str> = "UTC".into();
        let mut columns: Vec<Column> =
            fields.iter().map(|field| Column::of(field, &zone)).collect();
        let mut all = Vec::new();
        for row in rows {
            let mut flaws = Flaws::default();
            paths.decode(row, fields, &mut columns, &mut flaws);
            all.push(
                flaws
                    .reasons
                    .iter()
                    .map(|reason| format!("{} {}: {}", reason.code, reason.path, reason.message))
                    .collect(),
            );
        }
        let columns: Vec<ArrayRef> = columns.iter_mut().map(Column::finish).collect();
        assert!(columns.iter().all(|column| column.len() == rows.len()));
        (columns, all)
    }

    /// What one value of a type is read as.
    fn one(data_type: Type, raw: &str) -> Result<Option<Datum>, String> {
        let (columns, reasons) = decode(&[field("v", data_type)], &[&format!("{{\"v\": {raw} }}")]);
        match reasons[0].first() {
            Some(reason) => Err(reason.clone()),
            None => Ok(columns::datum(&columns[0], 0)),
        }
    }

    #[test]
    fn values_are_found_by_their_paths_and_the_rest_is_passed_over() {
        let fields = [
            field("id", Type::Text),
            field("context.page.url", Type::Text),
            field("context.page", Type::Json),
            field("context.ip", Type::Text),
        ];
        let (columns, reasons) = decode(
            &fields,
            &[
                r#"{"x":[{"id":1}],"context":{"page":{"url":"u","z":[1, 2]},"ip":"1.2.3.4"},"id":"a"}"#,
                r#"{"id":"b\u00e9\n","context":null}"#,
                r#"{"id":"c","context":{"page":{"url":"gone"}},"context":{"ip":7}}"#,
            ],
        );
        assert_eq!(reasons, [[""; 0]; 3]);
        let column = |column: usize| -> Vec<_> {
            (0..3).map(|row| columns::datum(&columns[column], row)).collect()
        };
        assert_eq!(column(0), [text("a"), text("bé\n"), text("c")]);
        assert_eq!(column(1), [text("u"), None, None]);
        assert_eq!(column(2), [text(r#"{"url":"u","z":[1, 2]}"#), None, None]);
        assert_eq!(column(3), [text("1.2.3.4"), None, text("7")]);
    }

    #[test]
    fn a_row_tells_every_reason_with_its_path() {
        let fields = [
            field("n", Type::Integer),
            field("p.email", Type::Text),
            field("p.tags", Type::List(Box::new(Type::Integer))),
            field("q.r", Type::Text),
        ];
        let (columns, reasons) = decode(
            &fields,
            &[r#"{"n":"12","p":{"email":{"a":1},"tags":[1,2,"x"]},"q":"flat"}"#, r#"{"n":1}"#],
        );
        assert_eq!(
            reasons[0],
            [
                r#"wrong_type $.q: expected an object, found "flat""#,
                r#"wrong_type $.n: expected an integer, found the text "12""#,
                r#"wrong_type $.p.email: expected text, found the object {"a":1}"#,
                r#"wrong_type $.p.tags[2]: expected an integer, found the text "x""#,
            ]
        );
        assert!(reasons[1].is_empty());
        assert_eq!(columns::datum(&columns[0], 1), Some(Datum::Integer(1)));
        assert_eq!(columns::datum(&columns[2], 0), None);
    }

    #[test]
    fn what_is_not_json_gives_nothing_but_its_reason() {
        for (row, reason) in [
            (r#"{"n":1"#, "malformed : not JSON: EOF while parsing an object at column 6"),
            (r#"{"n":1}}"#, "malformed : not JSON: trailing characters at column 8"),
            (r#"{"n":1} {"n":2}"#, "malformed : not JSON: trailing characters at column 9"),
            (r#"{"n": NaN}"#, "malformed : NaN at column 7 is not JSON: numbers are finite"),
            (
                r#"{"n":-Infinity}"#,
                "malformed : -Infinity at column 7 is not JSON: numbers are finite",
            ),
            (r#"{"z":tru}"#, "malformed : not JSON: expected ident at column 9"),
            ("[1]", "wrong_type $: expected an object, found [1]"),
            (" 17 ", "wrong_type $: expected an object, found 17"),
            (r#"{"n":1,"p":{"a":"\ud800"}}"#, ""),
        ] {
            let (columns, reasons) = decode(&[field("n", Type::Integer)], &[row]);
            assert_eq!(reasons[0].first().map_or("", |reason| reason.as_str()), reason, "{row}");
            let value = columns::datum(&columns[0], 0);
            assert_eq!(value, reason.is_empty().then_some(Datum::Integer(1)), "{row}");
        }
    }

    #[test]
    fn deep_nesting_is_no_danger() {
        let deep = format!("{{\"v\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        let (_, reasons) = decode(&[field("v", Type::Json), field("w", Type::Text)], &[&deep]);
        assert!(reasons[0].is_empty());
        let (_, reasons) = decode(&[field("v", Type::List(Box::new(Type::Text)))], &[&deep]);
        assert_eq!(reasons[0].len(), 1);
    }

    #[test]
    fn types_take_what_their_users_expect() {
        assert_eq!(one(Type::Text, "12.50"), Ok(text("12.50")));
        assert_eq!(one(Type::Text, "true"), Ok(text("true")));
        assert_eq!(one(Type::Text, r#""\"""#), Ok(text("\"")));
        assert_eq!(one(Type::Integer, "12.0"), Ok(Some(Datum::Integer(12))));
        assert_eq!(one(Type::Integer, "null"), Ok(None));
        assert!(one(Type::Integer, "\"12\"").unwrap_err().starts_with("wrong_type"));
        assert!(one(Type::Integer, "1e19").unwrap_err().starts_with("out_of_range"));
        assert!(one(Type::Number, "1e999").unwrap_err().starts_with("out_of_range"));
        assert!(one(Type::Number, "\"NaN\"").unwrap_err().starts_with("wrong_type"));
        let money = || Type::Decimal(12, 2);
        // As a double, 0.29 × 100 is 28.999….
        assert_eq!(one(money(), "0.29"), Ok(Some(Datum::decimal(29))));
        assert_eq!(one(money(), "\"1e3\""), Ok(Some(Datum::decimal(100_000))));
        assert_eq!(
            one(money(), "0.125").unwrap_err(),
            "out_of_range $.v: 0.125 has 3 fraction digits, decimal(12,2) has room for 2"
        );
        assert_eq!(one(Type::Boolean, "false"), Ok(Some(Datum::Boolean(false))));
        assert!(one(Type::Boolean, "0").unwrap_err().starts_with("wrong_type"));
        let noon = Ok(Some(Datum::Timestamp(1_751_673_600_000_000)));
        assert_eq!(one(Type::Timestamp, "1751673600000"), noon);
        assert_eq!(one(Type::Timestamp, r#""2025-07-05T02:00:00+02:00""#), noon);
        assert!(one(Type::Timestamp, r#""1751673600000""#).unwrap_err().starts_with("wrong_type"));
        assert_eq!(one(Type::Date, r#""1970-01-03""#), Ok(Some(Datum::Date(2))));
        assert_eq!(one(Type::Json, "[1,  2]"), Ok(text("[1,  2]")));
        assert_eq!(
            one(Type::List(Box::new(Type::Text)), r#"["a",null,3]"#),
            Ok(Some(Datum::List([Datum::Text("a".into()), Datum::Text("3".into())].into())))
        );
        assert!(
            one(Type::List(Box::new(Type::Text)), r#""a""#).unwrap_err().starts_with("wrong_type")
        );
        assert_eq!(
            one(Type::Text, r#""\ud800""#).unwrap_err(),
            r#"not_utf8 $.v: "\ud800" escapes half a character"#
        );
    }

    #[test]
    fn defaults_stand_for_what_is_absent_or_null() {
        let mut fields = [field("a", Type::Text), field("b", Type::List(Box::new(Type::Integer)))];
        fields[0].default = Some(Datum::Text("none".into()));
        fields[1].default = Some(Datum::List([Datum::Integer(1)].into()));
        let (columns, _) =
            decode(&fields, &["{}", r#"{"a":null,"b":[]}"#, r#"{"a":"x","b":null}"#]);
        let row = |row| (columns::datum(&columns[0], row), columns::datum(&columns[1], row));
        let one = Some(Datum::List([Datum::Integer(1)].into()));
        assert_eq!(row(0), (text("none"), one.clone()));
        assert_eq!(row(1), (text("none"), Some(Datum::List([].into()))));
        assert_eq!(row(2), (text("x"), one));
    }
}
