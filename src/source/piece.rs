//! What comes of a file that is being read, and what is left of it.

use std::fs::File;
use std::time::{Duration, Instant};

use super::content::FileContent;
use super::reached::{FileMark, FileOffset, Print, Span};
use super::seen::Seen;
use super::trail::Trail;
use super::{Payload, Unread};

/// How long what is being written may stand still.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// A file that can't be read as it is, before it is rejected.
    pub unready: Duration,
    /// A file that is gone from its folder, before no more of it is expected.
    pub gone: Duration,
    /// A file that begins as another does, and may be a copy of it that is being made, before it is one of its own.
    pub copied: Duration,
}

/// A row that goes over lines and has not ended: where it begins, and since when its end is waited for.
#[derive(Default)]
pub(super) struct UnendedRow(Option<(FileOffset, Instant)>);

impl UnendedRow {
    /// Whether the end of the row that begins there is not waited for any more, which is told.
    pub fn is_given_up(&mut self, at: FileOffset, file: &str, patience: Patience) -> bool {
        let now = Instant::now();
        let since = self.0.filter(|(row, _)| *row == at).map_or(now, |(_, since)| since);
        self.0 = Some((at, since));
        let is_given_up = now.duration_since(since) >= patience.unready;
        if is_given_up {
            tracing::warn!(
                "'{file}': a quote on line {} has not been closed for {} s: that line is rejected, and those below \
                 are read by themselves",
                at.row,
                patience.unready.as_secs()
            );
        }
        is_given_up
    }
}

/// What is known of a file that is let go.
pub(super) enum Left {
    /// None of it was read.
    Nothing,
    Text(Box<Seen>),
    /// A file that does not grow, and what it holds where that is known.
    Whole(Print, Option<FileContent>),
}

impl Left {
    /// What is known of a file that does not grow.
    pub fn of(mark: &FileMark) -> Self {
        Left::Whole(mark.print, mark.content)
    }

    /// The same of one that is let go.
    pub fn of_whole(trail: &Trail) -> Self {
        let content = trail.content().unwrap_or_default();
        let print = Print::of_whole(trail.file());
        print.map_or(Left::Nothing, |print| Left::Whole(print, content))
    }

    /// Whether a file holds what was left of one, read as a whole: the same one, which may have changed since, or another
    /// one, of which its print alone does not say so.
    pub fn is_whole_in(&self, file: &File, is_same: bool) -> bool {
        let Left::Whole(before, content) = self else { return false };
        let holds = |content: FileContent| content.is_in(file, is_same).is_ok_and(|is_in| is_in);
        Print::of_whole(file).is_ok_and(|now| now == *before) && content.map_or(is_same, holds)
    }
}

/// What does not stand in a file any more, which may stand in a copy of it.
#[derive(Default)]
pub(super) struct Lost {
    /// The row that was incomplete.
    pub half: Option<Unread>,
    /// What was read, and up to where that stands in the file still.
    pub seen: Option<Box<Seen>>,
    pub kept: u64,
}

/// What a file gives.
pub(super) enum Piece {
    Rows(Payload, Span),
    /// It gives no row: how it is known, and up to where it was read.
    Known(Span),
    Waiting,
    /// It was cut off or written anew: what follows is of a new part.
    Anew(Lost),
    Ended,
    /// It can't be read, or not further.
    Rejected(Unread),
}
