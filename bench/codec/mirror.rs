//! The engine's rows, of types that abomonation knows.

#![allow(deprecated, reason = "the macro gives way to a derive that stands on a syn of long ago")]

use abomonation::{Abomonation, unsafe_abomonate};
use serde::{Deserialize, Serialize};

use super::{Datum, Row, Verdict};

/// Two halves, since abomonation may put 16 bytes at an address that is no multiple of 16.
type Hash = (u64, u64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mirror {
    source: u16,
    key: Option<Hash>,
    time: i64,
    part: u32,
    offset: u64,
    body: Option<Body>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Body {
    identifiers: Vec<Identifier>,
    inputs: Vec<Input>,
    verdict: u8,
    joining: Option<Joining>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Identifier {
    hash: Hash,
    kind: u8,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Input {
    aggregate: u16,
    value: Value,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Joining {
    source: u16,
    part: u32,
    offset: u64,
    keys: Vec<Option<Hash>>,
    values: Vec<u8>,
}

/// A datum as a tag, a word (of a decimal two) and what does not fit in them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Value {
    tag: u8,
    words: (u64, u64),
    text: String,
    items: Vec<Option<Value>>,
}

unsafe_abomonate!(Mirror: source, key, time, part, offset, body);
unsafe_abomonate!(Body: identifiers, inputs, verdict, joining);
unsafe_abomonate!(Identifier: hash, kind, text);
unsafe_abomonate!(Input: aggregate, value);
unsafe_abomonate!(Joining: source, part, offset, keys, values);
unsafe_abomonate!(Value: tag, words, text, items);

fn halves(hash: u128) -> Hash {
    ((hash >> 64) as u64, hash as u64)
}

impl Mirror {
    pub fn of(row: &Row) -> Self {
        let body = row.body.as_ref().map(|body| Body {
            identifiers: body
                .identifiers()
                .map(|identifier| Identifier {
                    hash: halves(identifier.hash.0),
                    kind: identifier.kind,
                    text: identifier.text().to_owned(),
                })
                .collect(),
            inputs: body
                .inputs()
                .map(|input| Input { aggregate: input.aggregate, value: Value::of(&input.value) })
                .collect(),
            verdict: match body.verdict() {
                Verdict::Together => 0,
                Verdict::Same => 1,
                Verdict::Different => 2,
            },
            joining: body.joining().map(|joining| Joining {
                source: joining.source,
                part: joining.position.part,
                offset: joining.position.offset,
                keys: joining.keys.iter().map(|key| key.map(halves)).collect(),
                values: joining.values.to_vec(),
            }),
        });
        Mirror {
            source: row.source,
            key: row.key.map(|key| halves(key.bits())),
            time: row.time,
            part: row.position.part,
            offset: row.position.offset,
            body,
        }
    }
}

impl Value {
    fn of(datum: &Datum) -> Self {
        let plain = |tag, word: u64| Value {
            tag,
            words: (word, 0),
            text: String::new(),
            items: Vec::new(),
        };
        match datum {
            Datum::Boolean(value) => plain(0, u64::from(*value)),
            Datum::Integer(value) => plain(1, *value as u64),
            Datum::Number(value) => plain(2, value.to_bits()),
            Datum::Decimal(value) => Value { words: halves(value.get() as u128), ..plain(3, 0) },
            Datum::Text(text) => Value { text: text.to_string(), ..plain(4, 0) },
            Datum::Timestamp(value) => plain(5, *value as u64),
            Datum::Date(value) => plain(6, *value as u64),
            Datum::List(items) => Value {
                items: items.iter().map(|item| Some(Value::of(item))).collect(),
                ..plain(7, 0)
            },
            Datum::Struct(fields) => Value {
                items: fields.iter().map(|field| field.as_ref().map(Value::of)).collect(),
                ..plain(8, 0)
            },
        }
    }
}
