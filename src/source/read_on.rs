//! A text of which another run has read a part: it is cut on behind that, and what was read behind gaps is
//! passed over.

use std::collections::VecDeque;
use std::io;

use super::positions::{FilePosition, RangeEnd};
use super::reached::FileOffset;
use super::records::RecordForm;
use super::text::Cutter;
use super::trail::Trail;

/// What of a text was read behind the place that is being read, each with its first byte.
#[derive(Default)]
pub(super) struct ReadRanges(VecDeque<(u64, RangeEnd)>);

impl ReadRanges {
    /// Goes on to where another run has read a text up to, unless that is where its rows begin.
    pub fn begin(
        &mut self,
        trail: &mut Trail,
        position: &FilePosition,
        csv: Option<RecordForm>,
        rows: FileOffset,
        path: &str,
    ) -> io::Result<Cutter> {
        self.0 = position.later().collect();
        let read_to = position.read_to();
        let cutter = match read_to.byte > rows.byte {
            true => {
                trail.jump(read_to)?;
                cutter(trail, csv, read_to, path)?
            }
            false => Cutter::new(csv, rows),
        };
        self.limit(trail);
        Ok(cutter)
    }

    /// At the end of a gap: goes on behind what was read there; `None` if it is no gap that ends.
    pub fn pass(
        &mut self,
        trail: &mut Trail,
        csv: Option<RecordForm>,
        path: &str,
    ) -> io::Result<Option<Cutter>> {
        let Some((_, read)) = self.0.pop_front() else { return Ok(None) };
        trail.limit(None);
        trail.pass(read.at.saturating_sub(trail.at()) as usize)?;
        self.limit(trail);
        cutter(trail, csv, read.place(), path).map(Some)
    }

    fn limit(&self, trail: &mut Trail) {
        trail.limit(self.0.front().map(|(from, _)| *from));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Cuts on from a place up to which a text was read. Where the last row has no end there, it was taken as it
/// was: the file ended with it, or it was too long. What follows in it is no row.
fn cutter(
    trail: &mut Trail,
    csv: Option<RecordForm>,
    at: FileOffset,
    path: &str,
) -> io::Result<Cutter> {
    if trail.is_behind_line()? {
        return Ok(Cutter::new(csv, at));
    }
    let next = trail.peek(2)?;
    if !next.is_empty() && next[0] != b'\n' && next != b"\r\n" {
        tracing::warn!(
            "'{path}': line {} was taken before its end was written, or is too long: what follows in it is \
             passed over",
            at.row
        );
    }
    Ok(Cutter::within_row(csv, at))
}
