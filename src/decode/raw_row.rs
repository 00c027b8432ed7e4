//! Raw rows: what is known of a row before its values are looked at.

use std::ops::Range;

use encoding_rs::Encoding;

use crate::plan::Source;
use crate::row::{Reason, RowArrival};
use crate::source::ROW_LIMIT;
use crate::time::Micros;

/// A row before anything is known of it but its place.
pub struct RawRow {
    /// `Position::offset`.
    pub offset: u64,
    /// In the chunk's bytes.
    pub bytes: Range<usize>,
    /// The broker's.
    pub timestamp: Option<Micros>,
    pub arrived: RowArrival,
    /// Which element of an unnested row it is, from 1; 0 where there is none.
    pub element: u32,
    /// It was to be unnested, and there is no element.
    pub is_bare: bool,
    /// It does not count.
    pub is_dropped: bool,
    /// What could be read of it.
    pub reading: RawReading,
    pub flaws: Flaws,
}

/// What is wrong with a row.
#[derive(Clone, Debug, Default)]
pub struct Flaws {
    pub reasons: Vec<Reason>,
    /// Columns whose value is bad, and null in its place: that it is missing is no further reason.
    pub columns: Vec<usize>,
}

impl Flaws {
    pub fn add(&mut self, code: &'static str, path: impl Into<String>, message: impl Into<String>) {
        self.reasons.push(Reason { code, path: path.into(), message: message.into() });
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RawReading {
    /// Its values are in the columns.
    Fields,
    /// Nothing.
    Nothing,
    /// A null payload: the record of the message's key is gone.
    Tombstone { key: Option<Range<usize>> },
}

impl RawRow {
    pub fn at(offset: u64, bytes: Range<usize>) -> Self {
        RawRow {
            offset,
            bytes,
            timestamp: None,
            arrived: RowArrival::WITH_ITS_TICK,
            element: 0,
            is_bare: false,
            is_dropped: false,
            reading: RawReading::Fields,
            flaws: Flaws::default(),
        }
    }

    pub fn unreadable(&mut self, code: &'static str, message: impl Into<String>) {
        self.flaws.add(code, "", message);
        self.reading = RawReading::Nothing;
    }

    /// The row's text, unless it is too long or none.
    pub fn text<'chunk>(&mut self, text: &Text<'chunk>) -> Option<&'chunk str> {
        if self.bytes.len() > ROW_LIMIT {
            self.unreadable("too_long", format!("a row of more than {ROW_LIMIT} bytes"));
            return None;
        }
        match text.get(self.bytes.clone()) {
            Ok(text) => Some(text),
            Err(error) => {
                let at = error.valid_up_to() + 1;
                let message = match text.encoding {
                    None => format!("not UTF-8 at byte {at}"),
                    Some(of) => format!("no character of {} at byte {at}, in UTF-8", of.name()),
                };
                self.unreadable("not_utf8", message);
                None
            }
        }
    }
}

/// Bytes that are checked to be UTF-8 all at once, and row by row only where they are not.
pub struct Text<'chunk> {
    bytes: &'chunk [u8],
    checked: Option<&'chunk str>,
    /// What they were written in, if not in UTF-8.
    encoding: Option<&'static Encoding>,
}

impl<'chunk> Text<'chunk> {
    pub fn of(source: &Source, bytes: &'chunk [u8]) -> Self {
        let encoding = source.text.encoding.filter(|of| *of != encoding_rs::UTF_8);
        Text { bytes, checked: std::str::from_utf8(bytes).ok(), encoding }
    }

    pub fn get(&self, range: Range<usize>) -> Result<&'chunk str, std::str::Utf8Error> {
        match self.checked.and_then(|text| text.get(range.clone())) {
            Some(text) => Ok(text),
            None => std::str::from_utf8(&self.bytes[range]),
        }
    }
}
