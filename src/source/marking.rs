//! What is said of a file with each of its chunks: which file it is, and what of it the chunk holds.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::content::FileContent;
use super::parquet::ParquetRows;
use super::reached::{FileMark, FileOffset, PartStart, Print, Span, TextLength};
use super::trail::Trail;
use crate::place::FileId;

/// First bytes of a file that tell it from others.
const HEAD: usize = 1 << 10;
/// Bytes before a place in a file that tell whether it is that place; more if the last line is longer.
const BEFORE: usize = 4 << 10;
const LONG_BEFORE: usize = 64 << 10;

/// A file of which rows are handed over, in order.
pub(super) struct Marking {
    /// As its marks have it.
    again: u32,
    id: FileId,
    mark: Option<Arc<FileMark>>,
    start: PartStart,
    /// Up to where its rows were handed over.
    end: FileOffset,
    /// The last bytes before that.
    last: Vec<u8>,
    last_end: u64,
}

impl Marking {
    /// The marking of a part that begins there, and was read up to a place.
    pub fn new(id: FileId, start: PartStart, end: FileOffset) -> Self {
        Marking { again: 0, id, mark: None, start, end, last: Vec::new(), last_end: 0 }
    }

    /// The marking of one that is gone on with for the so-manieth time.
    pub fn again(self, again: u32) -> Self {
        Marking { again, ..self }
    }

    /// Up to where its rows are of another part, and of which one.
    pub fn behind(&self) -> Option<(u64, u32)> {
        self.start.after.map(|after| (self.start.at.byte, after))
    }

    /// The file has another name.
    pub fn renamed(&mut self) {
        (self.mark, self.again) = (None, self.again + 1);
    }

    /// That a text that may grow is known, and was read up to where its rows were handed over, without a row: `None` if
    /// nothing was.
    pub fn known(&mut self, trail: &Trail, path: &Arc<str>) -> io::Result<Option<Span>> {
        let (at, file) = (self.end, trail.file());
        if at == FileOffset::FIRST || trail.is_unfolded() {
            return Ok(None);
        }
        let length = at.byte.min(LONG_BEFORE as u64);
        let mut last = vec![0; length as usize];
        match file.read_exact_at(&mut last, at.byte - length) {
            Ok(()) => self.text(file, path, &last, at.row, at).map(Some),
            // It was cut off meanwhile.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What was read lies there.
    pub fn go_on(&mut self, to: FileOffset) {
        self.end = to;
    }

    /// Rows of a text that begin on a line, where they end, and whether none that were read follow them.
    pub fn rows(
        &mut self,
        trail: &mut Trail,
        path: &Arc<str>,
        bytes: &[u8],
        first_line: u64,
        (end, is_last_read): (FileOffset, bool),
    ) -> io::Result<Span> {
        if !trail.is_unfolded() {
            return self.text(trail.file(), path, bytes, first_line, end);
        }
        let is_end = is_last_read && trail.peek(1).is_ok_and(|next| next.is_empty());
        let content = if is_end { trail.content()? } else { None };
        self.unfolded(trail.file(), path, first_line, (end, is_end), content)
    }

    fn text(
        &mut self,
        file: &File,
        path: &Arc<str>,
        bytes: &[u8],
        first_line: u64,
        end: FileOffset,
    ) -> io::Result<Span> {
        let before = self.before(bytes, end.byte);
        // Once there are enough bytes, the beginning is what it is.
        let most = (HEAD as u64).min(end.byte);
        let file = match &self.mark {
            Some(mark) if mark.print.length >= most => Arc::clone(mark),
            _ => {
                let mut head = vec![0; most as usize];
                let print = match file.read_exact_at(&mut head, 0) {
                    Ok(()) => Print::of(&head),
                    // It was cut off meanwhile: then it is not what was read.
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Print::of(bytes),
                    Err(error) => return Err(error),
                };
                self.marked(path, print, None, None, None)
            }
        };
        let from = std::mem::replace(&mut self.end, end);
        let (bytes, rows) = (from.byte..end.byte, first_line..end.row);
        Ok(Span::File { file, start: self.start, bytes, rows, before })
    }

    /// The rows of a columnar file that were taken last, and their share of its bytes.
    pub fn columns(
        &mut self,
        trail: &Trail,
        path: &Arc<str>,
        columns: &ParquetRows,
    ) -> io::Result<Span> {
        let rows = columns.taken();
        let file = match &self.mark {
            Some(mark) => Arc::clone(mark),
            None => {
                let (print, content) = (Print::of_whole(trail.file())?, trail.content()?);
                self.marked(path, print, Some(columns.rows), None, content)
            }
        };
        let bytes = columns.byte(rows.start)..columns.byte(rows.end);
        Ok(Span::File { file, start: self.start, bytes, rows, before: Print::default() })
    }

    /// Rows of a text that is unfolded from the file's bytes, and where they end: where the text does, or before.
    fn unfolded(
        &mut self,
        file: &File,
        path: &Arc<str>,
        first_line: u64,
        (end, is_end): (FileOffset, bool),
        content: Option<FileContent>,
    ) -> io::Result<Span> {
        let length = if is_end { TextLength::Known(end.byte) } else { TextLength::Unknown };
        let file = match &self.mark {
            Some(mark) if mark.unfolded == Some(length) => Arc::clone(mark),
            of => {
                let print =
                    of.as_ref().map_or_else(|| Print::of_whole(file), |mark| Ok(mark.print))?;
                self.marked(path, print, None, Some(length), content)
            }
        };
        let from = std::mem::replace(&mut self.end, end);
        let (bytes, rows) = (from.byte..end.byte, first_line..end.row);
        Ok(Span::File { file, start: self.start, bytes, rows, before: Print::default() })
    }

    fn marked(
        &mut self,
        path: &Arc<str>,
        print: Print,
        rows: Option<u64>,
        unfolded: Option<TextLength>,
        content: Option<FileContent>,
    ) -> Arc<FileMark> {
        let (again, id, path) = (self.again, self.id, Arc::clone(path));
        let mark = Arc::new(FileMark { again, id, path, print, rows, unfolded, content });
        self.mark = Some(Arc::clone(&mark));
        mark
    }

    /// The print of the last bytes of a chunk, and of those before it where they were read just before: of the last
    /// line at least, as far as that is not too long, since lines often end all alike.
    fn before(&mut self, bytes: &[u8], end: u64) -> Print {
        if self.last_end + bytes.len() as u64 != end || bytes.len() >= LONG_BEFORE {
            self.last.clear();
        }
        self.last.extend_from_slice(&bytes[bytes.len().saturating_sub(LONG_BEFORE)..]);
        let newline = |within: &[u8]| memchr::memrchr(b'\n', within);
        let line = newline(&self.last).and_then(|end| newline(&self.last[..end]));
        let most = self.last.len().saturating_sub(LONG_BEFORE);
        let least = self.last.len().saturating_sub(BEFORE);
        self.last.drain(..line.map_or(0, |before| before + 1).clamp(most, least));
        self.last_end = end;
        Print::of(&self.last)
    }
}
