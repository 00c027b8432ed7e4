//! The bytes of a file that others write to meanwhile: in order, each once.
//!
//! A file is its device and inode, but what is in it may be taken away and written anew. So what has been
//! read is remembered: its first bytes, its last ones, and hashes of its beginnings up to ends of lines.
//! After each read the first and last are compared with what stands in the file: if they do not stand any
//! more, then neither does what was just read follow on what was read before. The hashes tell up to where
//! the file is still the same: what follows there is new.
//!
//! A file that has changed and is no longer than before was not appended to, so all of it is compared. Of one
//! that has grown nothing tells what else was done to it: there all is compared where that costs little (see
//! [`CHEAP`]), so that in all no more is read again than a few times what was written.

use std::fs::File;
use std::io::{self, Read};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::ahead::Ahead;
use super::content::{FileContent, Hashing, hashed, read_whole};
use super::paths::Stamp;
use super::reached::FileOffset;
use super::seen::{HEAD, Seen, holds, read_at};

/// A file that was written so lately may be written again without a later time of change.
const GRAIN: Duration = Duration::from_secs(2);

/// What was read of a file that has grown is compared as a whole if it has no more bytes than this, or no more
/// than so many times what was read since the last time.
const CHEAP: u64 = 1 << 20;
const TIMES: u64 = 4;

/// Reads a file on from where it was read to.
pub(super) struct Trail {
    file: File,
    /// The text that is unfolded from its bytes: then that is what is read, and where.
    unfolded: Option<UnfoldedText>,
    /// The hash of the bytes that are about to be unfolded.
    reread: Option<Hashing>,
    /// Whether what the file holds is to be known, and that where it is read by columns.
    pub remembers: bool,
    whole: Option<Hashing>,
    at: u64,
    /// `None`: nobody writes to it.
    seen: Option<Seen>,
    /// No byte from here on is read yet.
    limit: Option<u64>,
    /// What was read does not stand in the file any more.
    broken: bool,
    /// The file's stamp when it was compared last.
    compared: Option<Stamp>,
    /// What the file was when its end was reached last, and whether it was read on since.
    at_end: Option<Stamp>,
    read_on: bool,
    /// How much was read when all of it was compared last.
    verified: u64,
}

/// A row whose end was not read, and its line.
pub(super) type HalfRow = (Vec<u8>, u64);

/// A text, and the last byte that was read of it.
struct UnfoldedText {
    text: Ahead,
    /// The hash of the file's bytes.
    hashing: Option<Hashing>,
    last: u8,
}

impl Trail {
    /// From the file's beginning on; `grows` if others may write to it meanwhile.
    pub fn new(file: File, grows: bool) -> Self {
        let seen = grows.then(Seen::default);
        Trail {
            file,
            unfolded: None,
            reread: None,
            remembers: false,
            whole: None,
            at: 0,
            seen,
            limit: None,
            broken: false,
            compared: None,
            at_end: None,
            read_on: false,
            verified: 0,
        }
    }

    /// The file's bytes, to be unfolded.
    pub fn reread(&mut self) -> io::Result<impl Read + Send + 'static> {
        let (bytes, hashing) = hashed(&self.file)?;
        self.reread = Some(hashing);
        Ok(bytes)
    }

    /// From now on a text is read that is unfolded from the file's bytes as they are reread, which nobody adds to.
    pub fn unfold(&mut self, text: Ahead) {
        let hashing = self.reread.take();
        self.unfolded = Some(UnfoldedText { text, hashing, last: 0 });
        (self.at, self.seen, self.limit) = (0, None, None);
    }

    /// Looks at all of the file's bytes, which are about to be read by columns: what is changed from now on is seen.
    pub fn look_through(&mut self) -> io::Result<()> {
        if self.remembers && self.whole.is_none() {
            self.whole = Some(read_whole(&self.file)?);
        }
        Ok(())
    }

    /// What the file holds, if it was looked through, or its text is unfolded and was read to its end.
    pub fn content(&self) -> io::Result<Option<FileContent>> {
        let unfolded = self.unfolded.as_ref().and_then(|unfolded| unfolded.hashing.as_ref());
        let hashing = self.whole.as_ref().or(unfolded);
        hashing.map_or(Ok(None), |hashing| hashing.content(&self.file))
    }

    pub fn is_unfolded(&self) -> bool {
        self.unfolded.is_some()
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    pub fn into_file(self) -> File {
        self.file
    }

    /// How many bytes were read.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// What is known of the bytes that were read, if others write to the file.
    pub fn seen(&self) -> Option<&Seen> {
        self.seen.as_ref()
    }

    pub fn into_seen(self) -> Option<Seen> {
        self.seen
    }

    /// Reads no further than here until told otherwise.
    pub fn limit(&mut self, limit: Option<u64>) {
        self.limit = limit;
    }

    /// The bytes that come next, without going on to them: `most`, or as many as there are.
    pub fn peek(&mut self, most: usize) -> io::Result<Vec<u8>> {
        if let Some(UnfoldedText { text, .. }) = &mut self.unfolded {
            return text.peek(most).map(<[u8]>::to_vec);
        }
        let mut bytes = vec![0; most.min(HEAD)];
        let mut length = 0;
        loop {
            let read = read_at(&self.file, &mut bytes[length..], self.at + length as u64)?;
            length += read;
            if read == 0 || length == most {
                bytes.truncate(length);
                return Ok(bytes);
            }
            if length == bytes.len() {
                bytes.resize((length * 2).min(most), 0);
            }
        }
    }

    /// Goes on over so many bytes, which are there.
    pub fn pass(&mut self, mut length: usize) -> io::Result<()> {
        let mut buffer = vec![0; length.min(64 << 10)];
        while length > 0 {
            let room = buffer.len().min(length);
            match self.read(&mut buffer[..room])? {
                0 => return Ok(()),
                read => length -= read,
            }
        }
        Ok(())
    }

    /// Goes on to a place up to which another run has read the file, which is the one that it was then.
    pub fn jump(&mut self, to: FileOffset) -> io::Result<()> {
        if self.is_unfolded() {
            return self.pass(to.byte.saturating_sub(self.at) as usize);
        }
        if self.seen.is_some() {
            self.seen = Some(Seen::up_to(&self.file, to.byte, (to.row - 1) as usize)?);
        }
        (self.at, self.verified) = (to.byte, to.byte);
        Ok(())
    }

    /// Whether what was read stands in the file no more.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether a line ends with the byte that was read last.
    pub fn is_behind_line(&self) -> io::Result<bool> {
        match &self.unfolded {
            Some(unfolded) => Ok(unfolded.last == b'\n'),
            None => holds(&self.file, self.at - 1, b"\n"),
        }
    }

    /// Begins a broken trail anew. Returns up to where the file is what was read, the row that was incomplete unless it is
    /// there still, since then it is read with what follows it, and what was read.
    pub fn begin_anew(
        &mut self,
        half: Option<HalfRow>,
    ) -> io::Result<(u64, Option<HalfRow>, Seen)> {
        let read = self.at;
        let seen = self.seen.take().unwrap_or_default();
        let kept = seen.kept(&self.file)?;
        (self.at, self.seen, self.broken, self.compared) = (0, Some(Seen::default()), false, None);
        (self.at_end, self.read_on, self.verified) = (None, false, 0);
        let length = self.file.metadata()?.len();
        let Some((bytes, line)) = half else { return Ok((kept, None, seen)) };
        let at = read - bytes.len() as u64;
        let left = bytes.len().min(length.saturating_sub(at) as usize);
        let stands = left > 0 && at >= kept && holds(&self.file, at, &bytes[..left])?;
        Ok((kept, (!stands).then_some((bytes, line)), seen))
    }

    /// Compares all that was read, unless it is known to be broken: it is if that does not stand.
    pub fn verify(&mut self) -> io::Result<()> {
        if let Some(seen) = self.seen.as_ref().filter(|_| !self.broken) {
            self.broken = !seen.is_whole(&self.file)?;
            self.verified = self.at;
        }
        Ok(())
    }

    /// What is to be read on, where the end was reached before: whether it follows on what was read.
    fn verify_where_cheap(&mut self) -> io::Result<()> {
        let grew = self.at - self.verified;
        match self.at <= CHEAP || self.at / TIMES <= grew {
            true => self.verify(),
            false => Ok(()),
        }
    }

    /// At the end of the file: whether it is still the end of what was read.
    fn compare_at_end(&mut self) -> io::Result<()> {
        let Some(seen) = &self.seen else { return Ok(()) };
        let stamp = Stamp::of(&self.file.metadata()?);
        if self.compared == Some(stamp) {
            return Ok(());
        }
        self.broken = stamp.length < self.at || !seen.stands(&self.file)?;
        // What was read since explains a change.
        let changed = !self.read_on && self.at_end.is_some_and(|before| before != stamp);
        if !self.broken && changed {
            self.verify()?;
        }
        (self.at_end, self.read_on) = (Some(stamp), false);
        let (seconds, nanoseconds) = stamp.modified;
        let modified = Duration::new(seconds.max(0) as u64, nanoseconds as u32);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.compared = (now > modified + GRAIN).then_some(stamp);
        Ok(())
    }
}

impl Read for Trail {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.broken {
            return Ok(0);
        }
        let room = match self.limit {
            Some(limit) => into.len().min(limit.saturating_sub(self.at) as usize),
            None => into.len(),
        };
        if room == 0 {
            return Ok(0);
        }
        if let Some(UnfoldedText { text, last, .. }) = &mut self.unfolded {
            let read = text.read(&mut into[..room])?;
            *last = into[..read].last().copied().unwrap_or(*last);
            self.at += read as u64;
            return Ok(read);
        }
        let read = read_at(&self.file, &mut into[..room], self.at)?;
        if read == 0 {
            self.compare_at_end()?;
            return Ok(0);
        }
        if let Some(seen) = &self.seen {
            // After the read: if what came before stands now, it stood when this was read.
            self.broken = !seen.stands(&self.file)?;
            if !self.broken && self.at_end.is_some() && !self.read_on {
                self.verify_where_cheap()?;
            }
            if self.broken {
                return Ok(0);
            }
            self.read_on = true;
            self.seen.as_mut().expect("it is followed").add(&into[..read]);
        }
        self.at += read as u64;
        Ok(read)
    }
}
