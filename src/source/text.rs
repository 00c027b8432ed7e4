//! Whole rows out of a growing or finished text, in chunks, with line numbers.
//!
//! A chunk ends where a row ends. A row that is longer than the limit is handed over alone and cut
//! off, and the rest of its line is passed over, so that no input makes the buffer grow beyond it.

use std::io::{self, Read};

use super::ROW_LIMIT;
use super::reached::FileOffset;
use super::records::{self, RecordForm};

/// What is read at once, and about what a chunk holds: large enough for work by column, small
/// enough to stay in the cache from reading to decoding.
const READ: usize = 128 << 10;

/// Cuts one file into chunks.
pub(super) struct Cutter {
    /// Records are CSV's: a newline in quotes ends none.
    csv: Option<RecordForm>,
    buffer: Vec<u8>,
    /// The buffer's first bytes that are whole rows.
    whole: usize,
    /// The buffer's bytes that were searched for the end of a row.
    searched: usize,
    /// Where in the file the buffer begins, and on which line, counted from 1.
    at: FileOffset,
    /// The buffer begins within a row that was too long.
    skipping: bool,
    /// What reading failed with, once the rows before it are handed over.
    failed: Option<io::Error>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum CutRows {
    Rows {
        bytes: Vec<u8>,
        first_line: u64,
    },
    /// Nothing more for now.
    Waiting,
    Ended,
}

/// What the end of the bytes means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextEnd {
    /// There is no more: an incomplete last line is a row.
    Final,
    /// More may be appended: an incomplete last line waits.
    Open,
}

impl TextEnd {
    /// Where what is appended is read, too, or not.
    pub fn of(follow: bool) -> Self {
        if follow { TextEnd::Open } else { TextEnd::Final }
    }
}

impl Cutter {
    /// From the given place on.
    pub fn new(csv: Option<RecordForm>, at: FileOffset) -> Self {
        Cutter { csv, buffer: Vec::new(), whole: 0, searched: 0, at, skipping: false, failed: None }
    }

    /// From within a row on, whose rest is passed over.
    pub fn within_row(csv: Option<RecordForm>, at: FileOffset) -> Self {
        Cutter { skipping: true, ..Cutter::new(csv, at) }
    }

    /// Up to where rows were taken.
    pub fn place(&self) -> FileOffset {
        self.at
    }

    pub fn next(&mut self, input: &mut impl Read, end: TextEnd) -> io::Result<CutRows> {
        loop {
            if self.skipping {
                self.skip();
            }
            let incomplete = self.buffer.len() - self.whole;
            if self.whole > 0 && (self.buffer.len() >= READ || incomplete > ROW_LIMIT) {
                return Ok(self.take(self.whole));
            }
            if incomplete > ROW_LIMIT {
                // As much as shows that the line is too long.
                self.skipping = true;
                return Ok(self.take(ROW_LIMIT + 1));
            }
            if let Some(failed) = self.failed.take() {
                return Err(failed);
            }
            match self.fill(input) {
                Ok(0) => {}
                Ok(_) => {
                    self.search();
                    continue;
                }
                Err(failed) if self.whole > 0 => self.failed = Some(failed),
                Err(failed) => return Err(failed),
            }
            return Ok(if self.whole > 0 {
                self.take(self.whole)
            } else if end == TextEnd::Open {
                CutRows::Waiting
            } else if self.buffer.is_empty() {
                CutRows::Ended
            } else {
                self.take(self.buffer.len())
            });
        }
    }

    /// Whether the row that is not whole yet goes over lines, as one of CSV whose quote is open.
    pub fn goes_over_lines(&self) -> bool {
        self.whole == 0 && !self.skipping && memchr::memchr(b'\n', &self.buffer).is_some()
    }

    /// Hands over the whole lines of a row that goes over lines, whose end is not waited for any more: the first of them
    /// is no row, and each of the others may be one.
    pub fn give_up_row(&mut self) -> CutRows {
        let end = memchr::memrchr(b'\n', &self.buffer).expect("it goes over lines");
        self.take(end + 1)
    }

    /// Whether it has handed over all that it has read.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The row whose end was not read, and its line, if there is one.
    pub fn incomplete(self) -> Option<(Vec<u8>, u64)> {
        let bytes = &self.buffer[self.whole..];
        let line =
            self.at.row + memchr::memchr_iter(b'\n', &self.buffer[..self.whole]).count() as u64;
        (!bytes.is_empty() && !self.skipping).then(|| (bytes.to_vec(), line))
    }

    fn fill(&mut self, input: &mut impl Read) -> io::Result<usize> {
        let had = self.buffer.len();
        self.buffer.resize(had + READ, 0);
        let read = loop {
            match input.read(&mut self.buffer[had..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer.truncate(had + read.as_ref().map_or(0, |read| *read));
        read
    }

    fn search(&mut self) {
        if let Some(form) = self.csv {
            self.whole += records::whole(&self.buffer[self.whole..], form);
        } else if let Some(end) = memchr::memrchr(b'\n', &self.buffer[self.searched..]) {
            self.whole = self.searched + end + 1;
        }
        self.searched = self.buffer.len();
    }

    fn take(&mut self, length: usize) -> CutRows {
        let rest = self.buffer.split_off(length);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        let first_line = self.at.row;
        self.at.row += memchr::memchr_iter(b'\n', &bytes).count() as u64;
        self.at.byte += length as u64;
        (self.whole, self.searched) = (0, 0);
        self.search();
        CutRows::Rows { bytes, first_line }
    }

    fn skip(&mut self) {
        let end = memchr::memchr(b'\n', &self.buffer);
        let passed = end.map_or(self.buffer.len(), |end| end + 1);
        self.buffer.drain(..passed);
        self.at.byte += passed as u64;
        if end.is_some() {
            self.at.row += 1;
            self.skipping = false;
        }
        (self.whole, self.searched) = (0, 0);
        self.search();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::CsvMarks;
    use crate::source::records::RecordEnd;
    use proptest::prelude::*;

    fn rows(text: &str, first_line: u64) -> CutRows {
        CutRows::Rows { bytes: text.into(), first_line }
    }

    fn csv(columns: usize) -> Option<RecordForm> {
        Some(RecordForm { marks: CsvMarks::default(), columns: Some(columns) })
    }

    fn all(csv: Option<RecordForm>, mut input: impl Read) -> Vec<(u64, Vec<u8>)> {
        let mut cutter = Cutter::new(csv, FileOffset::FIRST);
        let mut cuts = Vec::new();
        loop {
            match cutter.next(&mut input, TextEnd::Final).expect("reads") {
                CutRows::Rows { bytes, first_line } => cuts.push((first_line, bytes)),
                CutRows::Waiting => unreachable!("the end is final"),
                CutRows::Ended => return cuts,
            }
        }
    }

    #[test]
    fn an_incomplete_last_line_waits_for_its_end_while_a_file_grows() {
        let mut cutter = Cutter::new(None, FileOffset::FIRST);
        assert_eq!(cutter.next(&mut &b"a\nb"[..], TextEnd::Open).unwrap(), rows("a\n", 1));
        assert_eq!(cutter.next(&mut &b""[..], TextEnd::Open).unwrap(), CutRows::Waiting);
        assert_eq!(cutter.next(&mut &b"c\nd"[..], TextEnd::Open).unwrap(), rows("bc\n", 2));
        assert_eq!(cutter.next(&mut &b""[..], TextEnd::Final).unwrap(), rows("d", 3));
        assert_eq!(cutter.next(&mut &b""[..], TextEnd::Final).unwrap(), CutRows::Ended);
    }

    #[test]
    fn quotes_keep_a_csv_record_together() {
        let mut cutter = Cutter::new(csv(2), FileOffset { byte: 0, row: 2 });
        assert_eq!(cutter.next(&mut &b"a,\"b\nc"[..], TextEnd::Open).unwrap(), CutRows::Waiting);
        assert_eq!(
            cutter.next(&mut &b"\"\nd"[..], TextEnd::Open).unwrap(),
            rows("a,\"b\nc\"\n", 2)
        );
        assert_eq!(cutter.next(&mut &b""[..], TextEnd::Final).unwrap(), rows("d", 4));
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_off_and_its_neighbours_keep_their_lines() {
        let long = "x".repeat(10 << 20);
        for form in [None, csv(2)] {
            let cuts = all(form, format!("a\n{long}\nb\n{long}").as_bytes());
            let shape: Vec<_> = cuts.iter().map(|(line, bytes)| (*line, bytes.len())).collect();
            assert_eq!(shape, [(1, 2), (2, ROW_LIMIT + 1), (3, 2), (4, ROW_LIMIT + 1)]);
        }
    }

    #[test]
    fn a_quote_that_nothing_closes_spoils_one_line() {
        let lines = "b,c\n".repeat(1 << 19);
        let cuts = all(csv(2), format!("a\n\"{lines}").as_bytes());
        assert_eq!(cuts[0], (1, b"a\n".to_vec()));
        assert_eq!(cuts[1].0, 2);
        assert!(cuts[1].1.starts_with(b"\"b,c\nb,c\n"));
    }

    /// Gives a few bytes at a time, and nothing every other time.
    struct Drip<'a>(&'a [u8], usize, bool);
    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.2 = !self.2;
            if self.2 {
                return Ok(0);
            }
            let count = self.1.min(into.len()).min(self.0.len());
            into[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    proptest! {
        /// While a file grows a chunk ends wherever whole rows do, and what they are is the same.
        #[test]
        fn cuts_put_together_are_the_text_and_end_where_rows_do(
            text in "([a-c,\"]{0,6}\r?\n?){0,40}", drip in 1usize..9,
            columns in prop::option::of(1usize..4),
        ) {
            let csv = columns.and_then(csv);
            let (mut cutter, mut input) = (Cutter::new(csv, FileOffset::FIRST), Drip(text.as_bytes(), drip, false));
            let mut ends = std::collections::BTreeSet::from([0]);
            let mut at = 0;
            while let Some(form) = csv.filter(|_| at < text.len()) {
                at += match records::first(&text.as_bytes()[at..], form, &mut Vec::new()) {
                    RecordEnd::At(length) | RecordEnd::Broken(length, _) => length,
                    open => panic!("{open:?}"),
                };
                ends.insert(at);
            }
            let mut seen = Vec::new();
            loop {
                let end = if input.0.is_empty() { TextEnd::Final } else { TextEnd::Open };
                match cutter.next(&mut input, end).expect("reads") {
                    CutRows::Waiting => {}
                    CutRows::Ended => break,
                    CutRows::Rows { bytes, first_line } => {
                        let newlines = seen.iter().filter(|byte| **byte == b'\n').count() as u64;
                        prop_assert_eq!(first_line, newlines + 1);
                        seen.extend(bytes);
                        prop_assert_eq!(cutter.place().byte, seen.len() as u64);
                        let ends_row = csv.is_none() || ends.contains(&seen.len());
                        // At the end of a file a record that is not whole is cut by who reads it.
                        prop_assert!(ends_row || seen.len() == text.len(), "at {}", seen.len());
                    }
                }
            }
            prop_assert_eq!(seen, text.as_bytes());
        }
    }
}
