//! Cells of CSV, in quotes where RFC 4180 asks for them. An empty text is in quotes; a null is nothing.

use std::borrow::Cow;

use crate::sink::encoder::Unreadable;

pub fn write_cell(text: &str, row: &mut String) {
    if !text.is_empty() && !text.contains([',', '"', '\r', '\n']) {
        return row.push_str(text);
    }
    row.push('"');
    for (place, part) in text.split('"').enumerate() {
        row.push_str(if place > 0 { "\"\"" } else { "" });
        row.push_str(part);
    }
    row.push('"');
}

/// A cell; `None` is a null.
pub type CellText<'a> = Option<Cow<'a, str>>;

/// The cells of the first row, and how many bytes they take with the end of the line; `None` where that is
/// yet to come.
pub fn cells(bytes: &[u8]) -> Result<Option<(Vec<CellText<'_>>, usize)>, Unreadable> {
    let mut cells = Vec::new();
    let mut place = 0;
    loop {
        let (cell, end) = match bytes.get(place) {
            None => return Ok(None),
            Some(b'"') => {
                let Some(end) = closing(bytes, place + 1) else { return Ok(None) };
                let quoted = text(&bytes[place + 1..end])?;
                let cell = match quoted.contains('"') {
                    true => Cow::Owned(quoted.replace("\"\"", "\"")),
                    false => Cow::Borrowed(quoted),
                };
                (Some(cell), end + 1)
            }
            Some(_) => {
                let is_end = |byte: &u8| matches!(byte, b',' | b'\n');
                let Some(length) = bytes[place..].iter().position(is_end) else { return Ok(None) };
                let cell = text(&bytes[place..place + length])?;
                ((!cell.is_empty()).then_some(Cow::Borrowed(cell)), place + length)
            }
        };
        cells.push(cell);
        match bytes.get(end) {
            None => return Ok(None),
            Some(b',') => place = end + 1,
            Some(b'\n') => return Ok(Some((cells, end + 1))),
            Some(_) => {
                return Err(Unreadable("a cell goes on behind its closing quote".to_owned()));
            }
        }
    }
}

/// Where the quote is that closes a cell.
fn closing(bytes: &[u8], mut place: usize) -> Option<usize> {
    loop {
        place += memchr::memchr(b'"', &bytes[place..])?;
        match bytes.get(place + 1) {
            // What follows is yet to come: it may be another quote.
            None => return None,
            Some(b'"') => place += 2,
            Some(_) => return Some(place),
        }
    }
}

fn text(bytes: &[u8]) -> Result<&str, Unreadable> {
    str::from_utf8(bytes).map_err(|error| Unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_stands_in_a_cell_is_read_back(
            texts in prop::collection::vec(prop::option::of("[a\"',;\r\n é]{0,6}"), 1..5),
            more in "[a,\"\n]{0,4}",
        ) {
            let mut row = String::new();
            for (place, text) in texts.iter().enumerate() {
                row.push_str(if place > 0 { "," } else { "" });
                text.as_deref().into_iter().for_each(|text| write_cell(text, &mut row));
            }
            row.push('\n');
            let expected: Vec<CellText> = texts.iter().map(|text| text.as_deref().map(Cow::from)).collect();
            // Where a row is cut off it is said that more is to come.
            for cut in 0..row.len() {
                prop_assert_eq!(cells(&row.as_bytes()[..cut]).unwrap(), None, "{}", &row[..row.floor_char_boundary(cut)]);
            }
            let followed = [&row, &*more].concat();
            prop_assert_eq!(cells(followed.as_bytes()).unwrap(), Some((expected, row.len())));
            // Other readers of CSV tell no null from an empty text; a row of one empty cell they pass over.
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(row.as_bytes());
            let found: Vec<csv::StringRecord> = reader.records().map(|row| row.unwrap()).collect();
            if texts != [None] {
                prop_assert_eq!(found.len(), 1);
                let plain: Vec<&str> = texts.iter().map(|text| text.as_deref().unwrap_or("")).collect();
                prop_assert_eq!(found[0].iter().collect::<Vec<_>>(), plain);
            }
        }
    }
}
