//! Where a CSV record ends: at a newline that no quotes enclose.
//!
//! As in RFC 4180, and as the cells are read later: a quote counts only where a cell begins, two quotes
//! within a quoted cell are one, and behind the closing quote the cell ends. A record that breaks these
//! rules is its first line alone: a quote that was opened by mistake takes none of the lines below with
//! it, and these are read as if it were not there. All of this is said by a record's own bytes, so that it
//! does not matter how they were read.

use memchr::{memchr, memchr2, memrchr};

use super::ROW_LIMIT;
use crate::plan::{CsvMarks, Source};

/// How the records of a text are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordForm {
    pub marks: CsvMarks,
    /// How many cells each has; `None` for a header.
    pub columns: Option<usize>,
}

/// How some bytes that begin with a record go on.
#[derive(Debug, PartialEq, Eq)]
pub enum RecordEnd {
    /// The record has this many bytes, its newline included.
    At(usize),
    /// It breaks the rules: its line has this many bytes, its newline included.
    Broken(usize, Breach),
    /// No newline yet.
    Open,
    /// No newline yet outside of quotes.
    Quoted,
}

/// How a record breaks the rules, as far as its first line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// Text behind the closing quote of this cell, counted from 1.
    BehindQuote(usize),
    /// A quote is opened, and what it would enclose is no cell: the file ends, the row would be too
    /// long, text follows the closing quote, or the cells are not as many as there are columns.
    NeverClosed,
}

impl RecordForm {
    /// The form of a text with a header.
    pub fn of(source: &Source, header: Option<&[String]>) -> Option<Self> {
        header.map(|names| RecordForm { marks: source.text.marks, columns: Some(names.len()) })
    }
}

/// Where the first record ends. A comment is one, too: its line.
pub fn ending(bytes: &[u8], form: RecordForm) -> RecordEnd {
    cells(bytes, form, |_| {})
}

/// The same, telling where each of its cells ends. What was told counts only if the record is whole.
fn cells(bytes: &[u8], form: RecordForm, mut cell_ends: impl FnMut(usize)) -> RecordEnd {
    let RecordForm { marks: CsvMarks { delimiter, quote, comment }, columns } = form;
    if comment.is_some() && comment == bytes.first().copied() {
        return memchr(b'\n', bytes).map_or(RecordEnd::Open, |end| RecordEnd::At(end + 1));
    }
    let (mut at, mut cell) = (0, 1);
    // Where the first line ends, of a record with a newline in its quotes.
    let mut line = None;
    let runaway = |line: usize| RecordEnd::Broken(line, Breach::NeverClosed);
    loop {
        if let Some(quote) = quote.filter(|quote| bytes.get(at) == Some(quote)) {
            let opened = at + 1;
            let closed = closing(bytes, opened, quote);
            let inside = &bytes[opened..closed.unwrap_or(bytes.len())];
            line = line.or_else(|| memchr(b'\n', inside).map(|end| opened + end + 1));
            let Some(closed) = closed else {
                return match line.filter(|_| bytes.len() > ROW_LIMIT) {
                    Some(line) => runaway(line),
                    None => RecordEnd::Quoted,
                };
            };
            at = closed + 1;
            match bytes[at..] {
                [] | [b'\r'] | [b'\n', ..] | [b'\r', b'\n', ..] => {}
                [next, ..] if next == delimiter => {}
                _ => {
                    let end = || memchr(b'\n', &bytes[at..]).map(|end| at + end + 1);
                    return match (line, end()) {
                        (Some(line), _) => runaway(line),
                        (None, Some(line)) => RecordEnd::Broken(line, Breach::BehindQuote(cell)),
                        (None, None) => RecordEnd::Open,
                    };
                }
            }
        }
        let next = memchr2(delimiter, b'\n', &bytes[at..]).map(|next| at + next);
        let read = next.unwrap_or(bytes.len());
        if let Some(line) = line.filter(|_| read > ROW_LIMIT) {
            return runaway(line);
        }
        match (next, line) {
            (None, _) => return RecordEnd::Open,
            (Some(next), _) if bytes[next] == delimiter => {
                cell_ends(next);
                (at, cell) = (next + 1, cell + 1);
            }
            (Some(_), Some(line)) if columns.is_some_and(|columns| columns != cell) => {
                return runaway(line);
            }
            (Some(end), _) => {
                cell_ends(end);
                return RecordEnd::At(end + 1);
            }
        }
    }
}

/// Where a quoted cell's text ends: at its closing quote.
fn closing(bytes: &[u8], opened: usize, quote: u8) -> Option<usize> {
    let mut at = opened;
    loop {
        at += memchr(quote, &bytes[at..])?;
        if bytes.get(at + 1) != Some(&quote) {
            return Some(at);
        }
        at += 2;
    }
}

/// The first of some whole records, of which the last may be a file's, without a newline; and where its cells end,
/// if it breaks no rule.
pub fn first(bytes: &[u8], form: RecordForm, ends: &mut Vec<usize>) -> RecordEnd {
    let first_line = || memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1);
    ends.clear();
    match cells(bytes, form, |end| ends.push(end)) {
        RecordEnd::Quoted => RecordEnd::Broken(first_line(), Breach::NeverClosed),
        // With a newline at its end it would be told in full.
        RecordEnd::Open => {
            ends.clear();
            match cells(&[bytes, b"\n"].concat(), form, |end| ends.push(end)) {
                RecordEnd::Broken(line, breach) => RecordEnd::Broken(line.min(bytes.len()), breach),
                _ => RecordEnd::At(bytes.len()),
            }
        }
        ending => ending,
    }
}

/// How many of some bytes that begin with a record are whole records.
pub fn whole(bytes: &[u8], form: RecordForm) -> usize {
    let mut whole = 0;
    loop {
        // Where no quote is, records are lines.
        let quoted = form.marks.quote.and_then(|quote| memchr(quote, &bytes[whole..]));
        let plain = quoted.map_or(bytes.len(), |quoted| whole + quoted);
        whole = memrchr(b'\n', &bytes[whole..plain]).map_or(whole, |end| whole + end + 1);
        if quoted.is_none() {
            return whole;
        }
        match ending(&bytes[whole..], form) {
            RecordEnd::At(length) | RecordEnd::Broken(length, _) => whole += length,
            RecordEnd::Open | RecordEnd::Quoted => return whole,
        }
    }
}

impl std::fmt::Display for Breach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Breach::BehindQuote(cell) => write!(
                f,
                "text behind the closing quote of cell {cell}: a quote within a quoted cell is doubled"
            ),
            Breach::NeverClosed => {
                f.write_str("a quote is opened and not closed where a cell ends")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn form(columns: usize) -> RecordForm {
        RecordForm { marks: CsvMarks::default(), columns: Some(columns) }
    }

    #[test]
    fn a_record_ends_at_the_first_newline_outside_of_quotes() {
        for (text, end) in [
            ("a,b\nc", RecordEnd::At(4)),
            ("\n", RecordEnd::At(1)),
            ("a,\"b\nc\",d\ne", RecordEnd::At(10)),
            ("a,\"b\nc\",d\r\ne", RecordEnd::At(11)),
            ("\"a\"\"\n\"\"\",,\nx", RecordEnd::At(11)),
            ("a\",b\nc", RecordEnd::At(5)),
            ("\"a\"\r\nb", RecordEnd::At(5)),
            ("a,b", RecordEnd::Open),
            ("", RecordEnd::Open),
            ("a,\"b\nc\n", RecordEnd::Quoted),
            ("\"a\"", RecordEnd::Open),
            ("\"a\"\r", RecordEnd::Open),
        ] {
            assert_eq!(ending(text.as_bytes(), form(3)), end, "{text:?}");
        }
    }

    #[test]
    fn a_record_that_breaks_the_rules_is_its_first_line() {
        for (text, line, breach) in [
            ("\"a\"b\",c\nd", 8, Breach::BehindQuote(1)),
            ("a,\"b\" \nd", 7, Breach::BehindQuote(2)),
            ("a,\"b\"\rc\nd", 8, Breach::BehindQuote(2)),
            ("e,\"open,5\nf,plain,6\ng,\"x\",7\n", 10, Breach::NeverClosed),
            ("a,\"b\nc\"\n", 5, Breach::NeverClosed),
            ("\"b\nc\"\n", 3, Breach::NeverClosed),
        ] {
            assert_eq!(
                ending(text.as_bytes(), form(3)),
                RecordEnd::Broken(line, breach),
                "{text:?}"
            );
        }
        for (text, ending) in [
            ("a,\"b\nc\n", RecordEnd::Broken(5, Breach::NeverClosed)),
            ("a,\"b", RecordEnd::Broken(4, Breach::NeverClosed)),
            ("a,\"b\"c", RecordEnd::Broken(6, Breach::BehindQuote(2))),
            ("a,\"b\nc\"", RecordEnd::Broken(5, Breach::NeverClosed)),
            ("a,\"b\nc\",d", RecordEnd::At(9)),
            ("a,b", RecordEnd::At(3)),
        ] {
            assert_eq!(first(text.as_bytes(), form(3), &mut Vec::new()), ending, "{text:?}");
        }
    }

    #[test]
    fn quotes_that_enclose_more_than_a_row_may_have_spoil_one_line() {
        let lines = "b,c\n".repeat(ROW_LIMIT / 4);
        let broken = RecordEnd::Broken(3, Breach::NeverClosed);
        for text in [format!("a,\"\n{lines}"), format!("\"a\n{lines}\",d\n")] {
            assert!(matches!(
                ending(text.as_bytes(), form(2)),
                RecordEnd::Broken(_, Breach::NeverClosed)
            ));
        }
        let long_end = format!("\"a\n\",{}\n", "x".repeat(ROW_LIMIT));
        assert_eq!(ending(long_end.as_bytes(), form(2)), broken);
        assert_eq!(ending(&long_end.as_bytes()[..ROW_LIMIT + 1], form(2)), broken);
    }

    proptest! {
        /// Whatever is known of a record does not change when more bytes come.
        #[test]
        fn an_ending_is_said_by_the_bytes_before_it(
            text in "([a-b,\"]{0,4}\r?\n?){0,12}", columns in prop::option::of(1usize..4),
        ) {
            let form = RecordForm { marks: CsvMarks::default(), columns };
            let whole = ending(text.as_bytes(), form);
            for known in 0..text.len() {
                let part = ending(&text.as_bytes()[..known], form);
                if !matches!(part, RecordEnd::Open | RecordEnd::Quoted) {
                    prop_assert_eq!(&part, &whole, "{} of {:?}", known, text);
                }
            }
        }

        #[test]
        fn whole_records_are_those_that_end_one_after_the_other(
            text in "([#a-b,\"]{0,4}\r?\n?){0,24}", columns in prop::option::of(1usize..4), quotes in any::<bool>(),
            comments in any::<bool>(),
        ) {
            let quote = quotes.then_some(b'"');
            let marks = CsvMarks { quote, comment: comments.then_some(b'#'), ..CsvMarks::default() };
            let form = RecordForm { marks, columns };
            let mut at = 0;
            while let RecordEnd::At(length) | RecordEnd::Broken(length, _) = ending(&text.as_bytes()[at..], form) {
                at += length;
            }
            prop_assert_eq!(whole(text.as_bytes(), form), at);
        }
    }
}
