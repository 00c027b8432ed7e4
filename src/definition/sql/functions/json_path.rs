//! The way into JSON: keys of objects and places in lists, one after the other.
//!
//! Only what the path leads to is made into values; all else is passed over. Each step goes through what the
//! one before it found, so that a call does no more than its text's length for each argument.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion_common::{Result, ScalarValue, plan_err};
use datafusion_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::own::SECTION;
use crate::columns;
use crate::row::Datum;

/// What a path leads to in JSON; `None` where it leads to nothing.
pub type Looked<'a> = Option<&'a RawValue>;

/// A function of what a path leads to.
pub struct IntoJson {
    pub name: &'static str,
    /// How it is written.
    pub written: &'static str,
    pub output: DataType,
    /// What it makes of JSON; of what is none all make null.
    pub does: fn(Looked<'_>) -> Option<Datum>,
    /// How many steps the path has at least.
    pub least: usize,
}

impl IntoJson {
    pub fn udf(self) -> ScalarUDF {
        let signature = Signature::user_defined(Volatility::Immutable);
        let about = Documentation::builder(SECTION, "", self.written).build();
        ScalarUDF::new_from_impl(JsonFunction { into: self, signature, about })
    }
}

#[derive(Clone, Copy)]
enum JsonStep<'a> {
    Key(&'a str),
    Place(i64),
}

impl JsonStep<'_> {
    fn of<'v>(&self, value: &'v RawValue) -> Looked<'v> {
        let mut read = serde_json::Deserializer::from_str(value.get());
        let found = match (*self, value.get().as_bytes().first()) {
            (JsonStep::Key(key), Some(b'{')) => JsonMember(key).deserialize(&mut read),
            (JsonStep::Place(place), Some(b'[')) => {
                JsonItem(u64::try_from(place).ok()?).deserialize(&mut read)
            }
            _ => return None,
        };
        found.ok().flatten()
    }
}

/// What an object has by a key; of one that it has twice, the last counts, as in fields.
struct JsonMember<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for JsonMember<'_> {
    type Value = Looked<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for JsonMember<'_> {
    type Value = Looked<'de>;

    fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = map.next_key_seed(IsKey(self.0))? {
            if is_it {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Whether a text is this one, without a copy of it.
struct IsKey<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for IsKey<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<bool, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for IsKey<'_> {
    type Value = bool;

    fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

/// What a list has at a place.
struct JsonItem(u64);

impl<'de> DeserializeSeed<'de> for JsonItem {
    type Value = Looked<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for JsonItem {
    type Value = Looked<'de>;

    fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        for _ in 0..self.0 {
            if items.next_element::<IgnoredAny>()?.is_none() {
                return Ok(None);
            }
        }
        let found = items.next_element()?;
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }
}

/// How many members an object has, or items a list.
pub fn place_count(value: &RawValue) -> Option<usize> {
    match value.get().as_bytes().first() {
        Some(b'[') => {
            let items: Vec<IgnoredAny> = serde_json::from_str(value.get()).ok()?;
            Some(items.len())
        }
        _ => members(value).map(|keys| keys.len()),
    }
}

/// The keys of an object, each once, in the order in which they first stand there.
pub fn members(value: &RawValue) -> Option<Vec<String>> {
    struct Keys;
    impl<'de> Visitor<'de> for Keys {
        type Value = Vec<String>;

        fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            to.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
            let (mut keys, mut known) = (Vec::new(), BTreeSet::new());
            while let Some((key, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
                if known.insert(key.clone()) {
                    keys.push(key);
                }
            }
            Ok(keys)
        }
    }
    serde_json::Deserializer::from_str(value.get()).deserialize_map(Keys).ok()
}

struct JsonFunction {
    into: IntoJson,
    signature: Signature,
    about: Documentation,
}

impl ScalarUDFImpl for JsonFunction {
    fn name(&self) -> &str {
        self.into.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let IntoJson { name, written, least, .. } = self.into;
        let Some((first, path)) = given.split_first().filter(|(_, path)| path.len() >= least)
        else {
            let found = given.len();
            return plan_err!("{name} is written {written}: found {found} arguments");
        };
        let is_text = |of: &DataType| of.is_string() || of.is_null();
        if !is_text(first) {
            return plan_err!(
                "{name} looks into JSON in a text or a field of type json, found {first}"
            );
        }
        let step = |of: &DataType| match of {
            of if is_text(of) => Ok(DataType::Utf8),
            of if of.is_integer() => Ok(DataType::Int64),
            other => plan_err!(
                "the path in {name} is of keys and of places in lists, as in {name}(x, 'items', 0): found {other}"
            ),
        };
        let path = path.iter().map(step);
        std::iter::once(Ok(DataType::Utf8)).chain(path).collect()
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.into.output.clone())
    }

    fn invoke_with_args(&self, given: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_one = given.args.iter().all(|side| matches!(side, ColumnarValue::Scalar(_)));
        let given = ColumnarValue::values_to_arrays(&given.args)?;
        let made: Vec<Option<Datum>> =
            (0..given[0].len()).map(|row| self.of_row(&given, row)).collect();
        let made = columns::array(&self.into.output, made.iter().map(Option::as_ref));
        Ok(match is_one {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&made, 0)?),
            false => ColumnarValue::Array(made),
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.about)
    }
}

impl JsonFunction {
    fn of_row(&self, given: &[ArrayRef], row: usize) -> Option<Datum> {
        if given.iter().any(|of| of.is_null(row)) {
            return None;
        }
        let whole: &RawValue = serde_json::from_str(given[0].as_string::<i32>().value(row)).ok()?;
        let found = given[1..].iter().try_fold(whole, |value, of| {
            let step = match of.as_string_opt::<i32>() {
                Some(keys) => JsonStep::Key(keys.value(row)),
                None => JsonStep::Place(of.as_primitive::<Int64Type>().value(row)),
            };
            step.of(value)
        });
        (self.into.does)(found)
    }
}

impl std::fmt::Debug for JsonFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.into.written)
    }
}

impl PartialEq for JsonFunction {
    fn eq(&self, other: &Self) -> bool {
        self.into.name == other.into.name
    }
}

impl Eq for JsonFunction {}

impl Hash for JsonFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.into.name.hash(state);
    }
}
