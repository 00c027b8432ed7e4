//! Values of attributes read back from JSON.
//!
//! They are read by the types that the definition gives them now. Where it gives none, or another than when they
//! were written, numbers stay as they stand there: whatever is read back is written again as it was.

use std::borrow::Cow;
use std::fmt;

use arrow::datatypes::DataType;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::text::{read_decimal, write_value};
use crate::aggregate::parts_of_pair;
use crate::sink::encoder::Unreadable;
use crate::sink::profile::{Item, Packer};
use crate::time::{read_date, read_rfc3339};

/// An object's fields in their order, each with its value as it stands there.
pub struct Pairs<'a>(pub Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry::<Name<'de>, _>()? {
                    pairs.push((pair.0.0, pair.1));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(PairsVisitor)
    }
}

/// A name, which is borrowed where nothing in it is escaped.
#[derive(Deserialize)]
pub struct Name<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// Adds a value: of its type where it is written as that type is, else as it stands there.
pub fn pack_json(
    json: &str,
    data_type: Option<&DataType>,
    packer: &mut Packer,
) -> Result<(), Unreadable> {
    let start = packer.bytes().len();
    if let Some(data_type) = data_type
        && pack_typed(json, data_type, packer).is_some()
    {
        let mut again = String::new();
        write_value(&mut packer.read(start), &mut again);
        if again == json {
            return Ok(());
        }
    }
    packer.truncate(start);
    pack_untyped(json, packer)
}

fn pack_typed(json: &str, data_type: &DataType, packer: &mut Packer) -> Option<()> {
    let item = match (json.as_bytes().first()?, data_type) {
        (b'n', _) => Item::Null,
        (b't' | b'f', DataType::Boolean) => Item::Boolean(json == "true"),
        (b'"', data_type) => {
            let text: Cow<'_, str> = serde_json::from_str::<Name<'_>>(json).ok()?.0;
            let item = match data_type {
                DataType::Utf8 => Item::Text(&text),
                DataType::Timestamp(..) => Item::Timestamp(read_rfc3339(&text).ok()?),
                DataType::Date32 => Item::Date(read_date(&text).ok()?.try_into().ok()?),
                _ => return None,
            };
            packer.item(item);
            return Some(());
        }
        (b'[', DataType::List(field)) => {
            let items: Vec<&RawValue> = serde_json::from_str(json).ok()?;
            packer.item(Item::List(items.len()));
            return items
                .into_iter()
                .try_for_each(|item| pack_typed(item.get(), field.data_type(), packer));
        }
        (b'{', DataType::Struct(fields)) => {
            let Pairs(pairs) = serde_json::from_str(json).ok()?;
            packer.item(Item::Struct(pairs.len()));
            return pairs.into_iter().try_for_each(|(name, value)| {
                packer.text(&name);
                let field = fields.iter().find(|field| *field.name() == *name)?;
                pack_typed(value.get(), field.data_type(), packer)
            });
        }
        (b'{', DataType::Map(entries, _)) => {
            let (_, of_values) = parts_of_pair(entries.data_type())?;
            let Pairs(pairs) = serde_json::from_str(json).ok()?;
            packer.item(Item::Struct(pairs.len()));
            return pairs.into_iter().try_for_each(|(name, value)| {
                packer.text(&name);
                pack_typed(value.get(), of_values, packer)
            });
        }
        (_, DataType::Int64) => Item::Integer(json.parse().ok()?),
        (_, DataType::Float64) => Item::Number(json.parse().ok()?),
        (_, DataType::Decimal128(_, scale)) => {
            Item::Decimal { unscaled: read_decimal(json, *scale)?, scale: *scale }
        }
        _ => return None,
    };
    packer.item(item);
    Some(())
}

fn pack_untyped(json: &str, packer: &mut Packer) -> Result<(), Unreadable> {
    match json.as_bytes().first() {
        Some(b'n') => packer.item(Item::Null),
        Some(b't') => packer.item(Item::Boolean(true)),
        Some(b'f') => packer.item(Item::Boolean(false)),
        Some(b'"') => packer.item(Item::Text(&serde_json::from_str::<Name<'_>>(json)?.0)),
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(json)?;
            packer.item(Item::List(items.len()));
            items.into_iter().try_for_each(|item| pack_untyped(item.get(), packer))?;
        }
        Some(b'{') => {
            let Pairs(pairs) = serde_json::from_str(json)?;
            packer.item(Item::Struct(pairs.len()));
            for (name, value) in pairs {
                packer.text(&name);
                pack_untyped(value.get(), packer)?;
            }
        }
        _ => packer.item(Item::Written(json)),
    }
    Ok(())
}
