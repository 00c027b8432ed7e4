//! A file that is being read, from its first row to its last, while it may grow, move and be written anew.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::begin::{self, Begun};
use super::marking::Marking;
use super::paths::Stamp;
use super::piece::{Left, Lost, Patience, Piece, UnendedRow};
use super::positions::FilePosition;
use super::reached::{FileOffset, PartStart};
use super::read_on::ReadRanges;
use super::records::RecordForm;
use super::seen::Seen;
use super::text::{CutRows, Cutter, TextEnd};
use super::trail::Trail;
use super::unfold::unfold;
use super::unready::Unready;
use super::{Payload, SourceError, Unread, encoding, parquet, recognized};
use crate::place::FileId;
use crate::plan::{Format, Source};
use crate::time::wall_clock;

pub(super) struct OpenFile {
    pub part: u32,
    pub path: PathBuf,
    pub origin: Arc<str>,
    pub id: FileId,
    /// Since when no name leads to it, as far as is known.
    pub gone: Option<Instant>,
    /// Up to where it lies in another file, too, that goes on in its place.
    pub succeeded: Option<u64>,
    pub trail: Trail,
    rows: FileRows,
    end: TextEnd,
    /// Others may write to it.
    follows: bool,
    /// Rows before here were read under this other part.
    passing: Option<(u64, u32)>,
    /// How it is known by now was not told.
    is_untold: bool,
    /// What another run has read of it, until it is begun; then what lies of that behind gaps.
    known: Option<FilePosition>,
    later: ReadRanges,
    marking: Marking,
    unready: Unready,
    unended: UnendedRow,
}

enum FileRows {
    /// What they are is not known yet: of a text, whether it begins with a mark; of CSV, the header.
    Unbegun,
    Text {
        cutter: Cutter,
        header: Option<Arc<[String]>>,
    },
    Columns(Box<parquet::ParquetRows>),
}

impl OpenFile {
    /// Opens a file. `TextEnd::Open` if it may still be written.
    pub fn new(source: &Source, part: u32, path: &Path, end: TextEnd) -> Result<Self, SourceError> {
        let unreadable = |why: io::Error| SourceError::unreadable(&source.name, path, why);
        let file = File::open(path).map_err(unreadable)?;
        let id = FileId::of(&file.metadata().map_err(unreadable)?);
        Ok(OpenFile::of(file, id, part, path.to_owned(), end))
    }

    /// One that is open.
    pub fn of(file: File, id: FileId, part: u32, path: PathBuf, end: TextEnd) -> Self {
        OpenFile {
            part,
            origin: path.display().to_string().into(),
            path,
            id,
            gone: None,
            trail: Trail::new(file, end == TextEnd::Open),
            rows: FileRows::Unbegun,
            end,
            follows: end == TextEnd::Open,
            passing: None,
            succeeded: None,
            is_untold: false,
            known: None,
            later: ReadRanges::default(),
            marking: Marking::new(id, PartStart::FIRST, FileOffset::FIRST),
            unready: Unready::default(),
            unended: UnendedRow::default(),
        }
    }

    /// Reads what another run has left of it.
    pub fn go_on_from(&mut self, position: FilePosition) {
        let marking = Marking::new(self.id, position.start(), position.read_to());
        self.marking = marking.again(position.file.again + 1);
        self.known = Some(position);
    }

    /// Goes on in the place of another file, behind what both hold.
    pub fn succeed(&mut self, other: &mut OpenFile, shared: u64) {
        other.succeeded = Some(shared);
        self.pass_over(shared, other.part);
    }

    /// Goes on where a reading ended, under another part, that saw these bytes, as far as they stand in the
    /// file.
    pub fn resume(&mut self, seen: &Seen, part: u32) -> io::Result<()> {
        let kept = seen.kept(self.trail.file())?;
        if kept > 0 {
            self.pass_over(kept, part);
        }
        Ok(())
    }

    /// Up to where its rows are of another part, and of which one.
    pub fn behind(&self) -> Option<(u64, u32)> {
        self.passing.or_else(|| self.marking.behind())
    }

    pub fn pass_over(&mut self, length: u64, part: u32) {
        self.passing = Some((length, part));
        self.trail.limit(Some(length));
    }

    /// It has another name now.
    pub fn moved(&mut self, path: &Path) {
        if self.gone.take().is_some() {
            self.succeeded = None;
        }
        if self.path != path {
            tracing::info!("'{}' is '{}' now", self.path.display(), path.display());
            self.path = path.to_owned();
            self.origin = path.display().to_string().into();
            self.marking.renamed();
            self.is_untold = true;
        }
    }

    /// Nobody writes to it any more: an incomplete last line is a row.
    pub fn end(&mut self) {
        self.end = TextEnd::Final;
    }

    /// What the end of its text means.
    fn text_end(&self) -> TextEnd {
        if self.trail.is_unfolded() { TextEnd::Final } else { self.end }
    }

    /// Whether its text is unfolded from its bytes, as far as it was begun.
    pub fn is_unfolded(&self) -> bool {
        self.trail.is_unfolded()
    }

    /// What was read of it, for the case that it changes or comes again.
    pub fn into_left(self) -> Left {
        match self.rows {
            FileRows::Text { .. } if !self.trail.is_unfolded() => {
                self.trail.into_seen().map_or(Left::Nothing, |seen| Left::Text(Box::new(seen)))
            }
            FileRows::Text { .. } | FileRows::Columns(_) => Left::of_whole(&self.trail),
            FileRows::Unbegun => Left::Nothing,
        }
    }

    /// Whether nothing is known of what is in it, by this run or another one.
    pub fn is_new(&self) -> bool {
        matches!(self.rows, FileRows::Unbegun) && self.known.is_none() && self.passing.is_none()
    }

    /// Whether it was begun, and does not grow.
    pub fn does_not_grow(&self) -> bool {
        matches!(self.rows, FileRows::Columns(_)) || self.is_unfolded()
    }

    pub fn stamp(&self) -> Option<Stamp> {
        self.trail.file().metadata().ok().map(|metadata| Stamp::of(&metadata))
    }

    /// What follows.
    ///
    /// # Errors
    /// Only of a file that nobody writes to.
    pub fn next(&mut self, source: &Source, patience: Patience) -> Result<Piece, SourceError> {
        match self.read(source, patience) {
            Ok(Piece::Waiting) if self.text_end() == TextEnd::Final => Ok(Piece::Ended),
            Ok(piece) => {
                self.unready.clear();
                Ok(piece)
            }
            Err(why) if !self.follows => Err(why),
            Err(why) => {
                // One that does not grow and could be begun has its end already.
                let has_ended =
                    self.end == TextEnd::Final || self.gone.is_some() || self.does_not_grow();
                let stamp = self.stamp();
                Ok(self.unready.wait(why, stamp, has_ended, patience))
            }
        }
    }

    fn read(&mut self, source: &Source, patience: Patience) -> Result<Piece, SourceError> {
        if matches!(self.rows, FileRows::Unbegun) {
            if self.end == TextEnd::Open
                && let Some(why) = self.unready.stands(self.stamp())
            {
                return Err(why.clone());
            }
            if self.is_another(source)? {
                return Ok(Piece::Anew(Lost::default()));
            }
            if !self.begin(source)? {
                return Ok(Piece::Waiting);
            }
        }
        let (name, own_end) = (&source.name, self.text_end());
        match &mut self.rows {
            FileRows::Unbegun => unreachable!("it was begun just now"),
            FileRows::Columns(columns) => {
                let unreadable = |why| SourceError::unreadable(name, &self.path, why);
                self.trail.look_through().map_err(unreadable)?;
                let Some(payload) = columns.next(name, &self.path)? else {
                    return Ok(Piece::Ended);
                };
                let span = self.marking.columns(&self.trail, &self.origin, columns);
                Ok(Piece::Rows(payload, span.map_err(unreadable)?))
            }
            FileRows::Text { cutter, header } => loop {
                let passing = self.passing;
                // What lies in the file that goes on in its place has its end there.
                let length = || self.trail.file().metadata().map_or(0, |metadata| metadata.len());
                let is_in_other = self.succeeded.is_some_and(|shared| shared == length());
                let is_open = passing.is_some() || !self.later.is_empty() || is_in_other;
                let end = if is_open { TextEnd::Open } else { own_end };
                let cut = cutter.next(&mut self.trail, end);
                let within = self.trail.is_unfolded().then(|| cutter.place().row);
                let unreadable = |why: io::Error| {
                    let why = match within {
                        None => why.to_string(),
                        Some(line) => format!("{why}; its rows before line {line} were taken"),
                    };
                    SourceError::unreadable(name, &self.path, why)
                };
                let mut cut = cut.map_err(unreadable)?;
                if cut == CutRows::Waiting
                    && !is_open
                    && cutter.goes_over_lines()
                    && self.unended.is_given_up(cutter.place(), &self.origin, patience)
                {
                    cut = cutter.give_up_row();
                }
                match cut {
                    CutRows::Rows { .. } if passing.is_some() => {}
                    CutRows::Rows { bytes, first_line } => {
                        let to = cutter.place();
                        let span = self.marking.rows(
                            &mut self.trail,
                            &self.origin,
                            &bytes,
                            first_line,
                            (to, cutter.is_empty()),
                        );
                        let bytes = encoding::rows(&source.text, bytes);
                        let (header, arrived) = (header.clone(), wall_clock());
                        let lines = Payload::Lines { bytes, first_line, header, arrived };
                        return Ok(Piece::Rows(lines, span.map_err(unreadable)?));
                    }
                    _ if self.trail.is_broken() => return self.anew(name),
                    CutRows::Ended => return Ok(Piece::Ended),
                    CutRows::Waiting => {
                        if let Some((_, after)) = passing {
                            self.passing = None;
                            self.trail.limit(None);
                            let (at, after) = (cutter.place(), Some(after));
                            self.marking = Marking::new(self.id, PartStart { at, after }, at);
                            // A header alone tells nothing.
                            let is_headed = header.is_some() && source.text.columns.is_none();
                            self.is_untold = at.row > 1 + u64::from(is_headed);
                        } else {
                            let csv = RecordForm::of(source, header.as_deref());
                            let behind = self.later.pass(&mut self.trail, csv, &self.origin);
                            if let Some(behind) = behind.map_err(unreadable)? {
                                self.marking.go_on(behind.place());
                                *cutter = behind;
                                continue;
                            }
                        }
                        // Said at once: no row may come any more.
                        if std::mem::take(&mut self.is_untold)
                            && let known = self.marking.known(&self.trail, &self.origin)
                            && let Some(known) = known.map_err(unreadable)?
                        {
                            return Ok(Piece::Known(known));
                        }
                        if passing.is_none() {
                            return Ok(Piece::Waiting);
                        }
                    }
                }
            },
        }
    }

    /// What was read does not stand in the file any more.
    fn anew(&mut self, name: &str) -> Result<Piece, SourceError> {
        let read = self.trail.at();
        let rows = std::mem::replace(&mut self.rows, FileRows::Unbegun);
        let half = match rows {
            FileRows::Text { cutter, .. } if self.passing.is_none() => cutter.incomplete(),
            _ => None,
        };
        let (kept, half, seen) = self
            .trail
            .begin_anew(half)
            .map_err(|why| SourceError::unreadable(name, &self.path, why))?;
        tracing::warn!(
            "'{}' was cut off or written anew: of {read} bytes that had been read, the first {kept} stand \
             in it, and what follows these is read. If more was written to it before, it is lost",
            self.path.display()
        );
        self.begin_part();
        if kept > 0 {
            self.pass_over(kept, self.part);
        }
        let half = half.map(|(raw, line)| {
            let why = "the file was cut off, or written anew, before the row was complete";
            Unread { line: Some(line), code: "cut_off", why: why.to_owned(), raw }
        });
        // What lies in the file that goes on in its place is not to be found in another one.
        let seen = self.succeeded.take().is_none().then(|| Box::new(seen));
        Ok(Piece::Anew(Lost { half, seen, kept }))
    }

    fn begin_part(&mut self) {
        self.passing = None;
        self.later.clear();
        self.trail.limit(None);
        self.marking = Marking::new(self.id, PartStart::FIRST, FileOffset::FIRST);
    }

    /// Whether what another run has read does not stand in it any more: then nothing is known of it.
    fn is_another(&mut self, source: &Source) -> Result<bool, SourceError> {
        let Some(known) = &self.known else { return Ok(false) };
        let stands = known
            .stands(self.trail.file())
            .map_err(|why| SourceError::unreadable(&source.name, &self.path, why))?;
        if !stands {
            recognized::tell_another(&source.name, &self.origin);
            self.known = None;
            self.begin_part();
        }
        Ok(!stands)
    }

    /// Reads what comes before the rows. `false` if it is not all there.
    ///
    /// # Errors
    /// If the file's columns are not those that the source wants.
    pub fn begin(&mut self, source: &Source) -> Result<bool, SourceError> {
        let io = |why: io::Error| SourceError::unreadable(&source.name, &self.path, why);
        if source.format == Format::Parquet {
            let file = self.trail.file().try_clone().map_err(io)?;
            let mut rows = parquet::ParquetRows::open(source, &self.path, file)?;
            if let Some(known) = self.known.take() {
                rows.only(known.rows_left());
            }
            self.rows = FileRows::Columns(Box::new(rows));
            return Ok(true);
        }
        if !self.trail.is_unfolded()
            && !unfold(source, &mut self.trail, self.end, self.follows).map_err(io)?
        {
            return Ok(false);
        }
        if self.trail.is_unfolded() {
            self.passing = None;
        }
        let peeked = self.trail.peek(begin::most(source.format)).map_err(io)?;
        let begun = begin::begin(source, &self.path, &peeked, self.text_end())?;
        let Some(Begun { length, line, header }) = begun else { return Ok(false) };
        if self.passing.is_some_and(|(until, _)| until < length as u64) {
            self.passing = None;
            self.trail.limit(None);
        }
        self.trail.pass(length).map_err(io)?;
        let csv = RecordForm::of(source, header.as_deref());
        let rows = FileOffset { byte: length as u64, row: line };
        let cutter = match self.known.take() {
            None => Cutter::new(csv, rows),
            Some(known) => {
                let (trail, path) = (&mut self.trail, &self.origin);
                self.later.begin(trail, &known, csv, rows, path).map_err(io)?
            }
        };
        self.rows = FileRows::Text { cutter, header: header.map(Arc::from) };
        Ok(true)
    }
}
