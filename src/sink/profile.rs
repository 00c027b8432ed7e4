//! A profile as records carry it: identifiers, attributes and segments, end to end in one run of bytes.
//!
//! A profile is made for everyone who changed, looked at once more to see whether it is another one, and mostly
//! thrown away or sent on at once. As boxed values it would be dozens of allocations; as one run of bytes it
//! is one, which is compared and travels as it lies. Each value carries its type, so that a
//! changelog can be read back without the definition that wrote it. How long it takes beside text and
//! boxed values: `bench/records`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::time::Micros;

/// Its own bytes; equal where they are.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedProfile(Arc<[u8]>);

/// A value of an attribute, as it is met.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Item<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    /// It is finite, and zero has no sign.
    Number(f64),
    Decimal {
        unscaled: i128,
        scale: i8,
    },
    Text(&'a str),
    Timestamp(Micros),
    /// Days since the epoch.
    Date(i32),
    /// A number that was read back without its type: as it was written.
    Written(&'a str),
    /// So many items follow.
    List(usize),
    /// So many fields follow, each with its name before its value.
    Struct(usize),
}

impl PackedProfile {
    /// How many bytes it has.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Types and texts, in the order of types.
    pub fn identifiers(&self) -> impl Iterator<Item = (u16, &str)> {
        let mut bytes = Bytes(&self.0);
        let count = bytes.length();
        (0..count).map(move |_| (bytes.name(), bytes.text()))
    }

    /// The attributes, each with its name's number, to be read one after the other.
    pub fn attributes(&self) -> ProfileAttributes<'_> {
        let mut bytes = Bytes(&self.0);
        for _ in 0..bytes.length() {
            bytes.name();
            bytes.text();
        }
        let left = bytes.length();
        ProfileAttributes { bytes, left }
    }

    /// The segments that the person is in, in the order of their names.
    pub fn segments(&self) -> impl Iterator<Item = u16> {
        let mut attributes = self.attributes();
        while attributes.next().is_some() {
            attributes.bytes.skip();
        }
        let mut bytes = attributes.bytes;
        let count = bytes.length();
        (0..count).map(move |_| bytes.name())
    }
}

impl std::fmt::Debug for PackedProfile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut values = Vec::new();
        let mut attributes = self.attributes();
        while let Some((name, bytes)) = attributes.next() {
            values.push((name, bytes.shown()));
        }
        f.debug_struct("PackedProfile")
            .field("identifiers", &self.identifiers().collect::<Vec<_>>())
            .field("attributes", &values)
            .field("segments", &self.segments().collect::<Vec<_>>())
            .finish()
    }
}

/// The attributes that are yet to be read.
pub struct ProfileAttributes<'a> {
    bytes: Bytes<'a>,
    left: usize,
}

impl<'a> ProfileAttributes<'a> {
    /// The next one's name, and where its value is. The value has to be read, or skipped, before the next.
    pub fn next(&mut self) -> Option<(u16, &mut Bytes<'a>)> {
        self.left = self.left.checked_sub(1)?;
        Some((self.bytes.name(), &mut self.bytes))
    }
}

/// What is yet to be read of a profile.
#[derive(Clone, Copy)]
pub struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    /// The next value. Of a list or a struct what is in it follows.
    pub fn item(&mut self) -> Item<'a> {
        match self.take(1)[0] {
            NULL => Item::Null,
            FALSE => Item::Boolean(false),
            TRUE => Item::Boolean(true),
            INTEGER => Item::Integer(i64::from_le_bytes(self.array())),
            NUMBER => Item::Number(f64::from_le_bytes(self.array())),
            SHORT_DECIMAL => {
                let unscaled = i64::from_le_bytes(self.array()).into();
                Item::Decimal { unscaled, scale: self.take(1)[0] as i8 }
            }
            DECIMAL => {
                let unscaled = i128::from_le_bytes(self.array());
                Item::Decimal { unscaled, scale: self.take(1)[0] as i8 }
            }
            TEXT => Item::Text(self.text()),
            TIMESTAMP => Item::Timestamp(i64::from_le_bytes(self.array())),
            DATE => Item::Date(i32::from_le_bytes(self.array())),
            WRITTEN => Item::Written(self.text()),
            LIST => Item::List(self.length()),
            STRUCT => Item::Struct(self.length()),
            other => unreachable!("no value begins with {other}"),
        }
    }

    /// Passes over the next value and all that is in it.
    pub fn skip(&mut self) {
        match self.item() {
            Item::List(items) => (0..items).for_each(|_| self.skip()),
            Item::Struct(fields) => (0..fields).for_each(|_| {
                self.text();
                self.skip();
            }),
            _ => {}
        }
    }

    /// A text, or the name of a field.
    pub fn text(&mut self) -> &'a str {
        let length = self.length();
        str::from_utf8(self.take(length)).expect("a text was packed")
    }

    /// The number of a type, an attribute or a segment.
    pub fn name(&mut self) -> u16 {
        self.length() as u16
    }

    /// The next value, for people to read.
    fn shown(&mut self) -> String {
        match self.item() {
            Item::List(items) => {
                let items: Vec<String> = (0..items).map(|_| self.shown()).collect();
                format!("[{}]", items.join(", "))
            }
            Item::Struct(fields) => {
                let field = |_| format!("{}: {}", self.text(), self.shown());
                format!("{{{}}}", (0..fields).map(field).collect::<Vec<_>>().join(", "))
            }
            item => format!("{item:?}"),
        }
    }

    /// Seven bits a byte, the lowest first; the highest bit says that there are more.
    fn length(&mut self) -> usize {
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = self.take(1)[0];
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return length;
            }
            shift += 7;
        }
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().expect("so many were taken")
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }
}

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INTEGER: u8 = 3;
const NUMBER: u8 = 4;
const SHORT_DECIMAL: u8 = 5;
const DECIMAL: u8 = 6;
const TEXT: u8 = 7;
const TIMESTAMP: u8 = 8;
const DATE: u8 = 9;
const WRITTEN: u8 = 10;
const LIST: u8 = 11;
const STRUCT: u8 = 12;

/// Where a profile is put together: identifiers, attributes, segments, each list behind its length.
#[derive(Default)]
pub struct Packer {
    bytes: Vec<u8>,
}

impl Packer {
    /// How many of a list follow.
    pub fn length(&mut self, mut length: usize) {
        while length >= 0x80 {
            self.bytes.push(length as u8 | 0x80);
            length >>= 7;
        }
        self.bytes.push(length as u8);
    }

    /// The number of a type, an attribute or a segment.
    pub fn name(&mut self, name: u16) {
        self.length(usize::from(name));
    }

    /// An identifier's text, or the name of a field.
    pub fn text(&mut self, text: &str) {
        self.length(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// A value; of a list or a struct what is in it has to follow.
    pub fn item(&mut self, item: Item<'_>) {
        match item {
            Item::Null => self.bytes.push(NULL),
            Item::Boolean(value) => self.bytes.push(if value { TRUE } else { FALSE }),
            Item::Integer(value) => self.fixed(INTEGER, &value.to_le_bytes()),
            // What is not finite has no word in any format.
            Item::Number(value) if !value.is_finite() => self.bytes.push(NULL),
            Item::Number(value) => {
                let value = if value == 0.0 { 0.0 } else { value };
                self.fixed(NUMBER, &value.to_le_bytes());
            }
            Item::Decimal { unscaled, scale } => {
                match i64::try_from(unscaled) {
                    Ok(short) => self.fixed(SHORT_DECIMAL, &short.to_le_bytes()),
                    Err(_) => self.fixed(DECIMAL, &unscaled.to_le_bytes()),
                }
                self.bytes.push(scale as u8);
            }
            Item::Text(text) => {
                self.bytes.push(TEXT);
                self.text(text);
            }
            Item::Timestamp(instant) => self.fixed(TIMESTAMP, &instant.to_le_bytes()),
            Item::Date(day) => self.fixed(DATE, &day.to_le_bytes()),
            Item::Written(number) => {
                self.bytes.push(WRITTEN);
                self.text(number);
            }
            Item::List(items) => {
                self.bytes.push(LIST);
                self.length(items);
            }
            Item::Struct(fields) => {
                self.bytes.push(STRUCT);
                self.length(fields);
            }
        }
    }

    fn fixed(&mut self, tag: u8, bytes: &[u8]) {
        self.bytes.push(tag);
        self.bytes.extend_from_slice(bytes);
    }

    /// What has been put together so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads what has been put together from a place on.
    pub fn read(&self, from: usize) -> Bytes<'_> {
        Bytes(&self.bytes[from..])
    }

    /// Takes back all behind a place.
    pub fn truncate(&mut self, to: usize) {
        self.bytes.truncate(to);
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// All that has been put together since it was cleared, as a profile.
    pub fn profile(&self) -> PackedProfile {
        PackedProfile(self.bytes.as_slice().into())
    }
}
