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
use std::os::unix::fs::FileExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use xxhash_rust::xxh3::Xxh3;

use super::paths::Stamp;

/// First and last bytes that are kept as they are.
const HEAD: usize = 1 << 10;
const TAIL: usize = 1 << 10;
/// So many of the last bytes are kept if the last whole line is so long: lines often end all alike.
const LONG_TAIL: usize = 64 << 10;
/// Marks that are kept, one a line in small files; of more, every other one goes.
const MARKS: usize = 16 << 10;
/// A file that was written so lately may be written again without a later time of change.
const GRAIN: Duration = Duration::from_secs(2);

/// What was read of a file that has grown is compared as a whole if it has no more bytes than this, or no more
/// than so many times what was read since the last time.
const CHEAP: u64 = 1 << 20;
const TIMES: u64 = 4;

/// Reads a file on from where it was read to.
pub(super) struct Trail {
    file: File,
    at: u64,
    /// `None`: nobody writes to it.
    seen: Option<Seen>,
    /// No byte from here on is read yet.
    limit: Option<u64>,
    /// What was read does not stand in the file any more.
    broken: bool,
    /// The file's stamp when it was compared last.
    compared: Option<Stamp>,
    /// Of the file when its end was reached last, and whether it was read on since.
    at_end: Option<Stamp>,
    read_on: bool,
    /// How much was read when all of it was compared last.
    verified: u64,
}

/// What is known of the bytes that were read.
#[derive(Clone)]
pub(super) struct Seen {
    head: Vec<u8>,
    tail: Vec<u8>,
    length: u64,
    hasher: Xxh3,
    marks: Vec<Mark>,
    /// How far marks lie apart, at least.
    spacing: u64,
    /// What comes before this was not read, but known from another run: `before` are the last bytes of it.
    base: u64,
    before: Vec<u8>,
}

/// A line's end, and the hash of all bytes before it.
#[derive(Clone, Copy)]
struct Mark {
    at: u64,
    hash: u64,
}

impl Default for Seen {
    fn default() -> Self {
        Seen {
            head: Vec::new(),
            tail: Vec::new(),
            length: 0,
            hasher: Xxh3::new(),
            marks: Vec::new(),
            spacing: 1,
            base: 0,
            before: Vec::new(),
        }
    }
}

impl Seen {
    /// As if a file had been read up to there.
    fn up_to(file: &File, base: u64) -> io::Result<Self> {
        let bytes = |from: u64, most: u64| {
            let mut bytes = vec![0; most.min(base) as usize];
            file.read_exact_at(&mut bytes, from).map(|()| bytes)
        };
        let mut seen = Seen { head: bytes(0, HEAD as u64)?, length: base, base, ..Seen::default() };
        seen.keep_tail(&bytes(base.saturating_sub(LONG_TAIL as u64), LONG_TAIL as u64)?);
        seen.before.clone_from(&seen.tail);
        seen.marks.push(Mark { at: base, hash: seen.hasher.digest() });
        Ok(seen)
    }

    fn add(&mut self, mut bytes: &[u8]) {
        let missing = HEAD - self.head.len();
        self.head.extend(&bytes[..bytes.len().min(missing)]);
        self.keep_tail(bytes);
        while !bytes.is_empty() {
            let next = self.marks.last().map_or(0, |mark| mark.at + self.spacing);
            let before = (next.saturating_sub(self.length + 1) as usize).min(bytes.len());
            let end = memchr::memchr(b'\n', &bytes[before..]).map(|end| before + end + 1);
            let (now, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            self.hasher.update(now);
            self.length += now.len() as u64;
            bytes = rest;
            if end.is_some() {
                self.mark();
            }
        }
    }

    /// The last whole line and what follows it, so that what stands in its place is seen to be another.
    fn keep_tail(&mut self, bytes: &[u8]) {
        self.tail.extend(&bytes[bytes.len().saturating_sub(LONG_TAIL)..]);
        let newline = |within: &[u8]| memchr::memrchr(b'\n', within);
        let line = newline(&self.tail).and_then(|end| newline(&self.tail[..end]));
        let most = self.tail.len().saturating_sub(LONG_TAIL);
        let least = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..line.map_or(0, |before| before + 1).clamp(most, least));
    }

    fn mark(&mut self) {
        self.marks.push(Mark { at: self.length, hash: self.hasher.digest() });
        if self.marks.len() > MARKS {
            let mut number = 0;
            self.marks.retain(|_| {
                number += 1;
                number % 2 == 0
            });
            // So that those to come lie as far apart as those that are left.
            self.spacing = self.length / self.marks.len() as u64;
        }
    }

    /// Whether the file stands as it was read, as far as its first and last bytes tell.
    fn stands(&self, file: &File) -> io::Result<bool> {
        let behind = self.length - self.tail.len() as u64;
        Ok(holds(file, 0, &self.head)? && holds(file, behind, &self.tail)?)
    }

    /// Whether what comes before the base stands in the file, as far as its first and last bytes tell.
    fn has_base(&self, file: &File) -> io::Result<bool> {
        let head = &self.head[..self.head.len().min(self.base as usize)];
        let behind = self.base - self.before.len() as u64;
        Ok(holds(file, 0, head)? && holds(file, behind, &self.before)?)
    }

    /// Whether the file holds all that was read.
    fn is_whole(&self, file: &File) -> io::Result<bool> {
        if !self.has_base(file)? {
            return Ok(false);
        }
        let (mut hasher, mut at) = (Xxh3::new(), self.base);
        let mut buffer = vec![0; 64 << 10];
        while at < self.length {
            let room = buffer.len().min((self.length - at) as usize);
            match read_at(file, &mut buffer[..room], at)? {
                0 => return Ok(false),
                read => {
                    hasher.update(&buffer[..read]);
                    at += read as u64;
                }
            }
        }
        Ok(hasher.digest() == self.hasher.digest())
    }

    /// Up to where the file holds what was read: all of it, or up to a line's end.
    pub fn kept(&self, file: &File) -> io::Result<u64> {
        if !self.has_base(file)? {
            return Ok(0);
        }
        let (mut hasher, mut kept) = (Xxh3::new(), self.base);
        let mut buffer = vec![0; 64 << 10];
        for mark in &self.marks {
            let mut at = kept;
            while at < mark.at {
                let room = buffer.len().min((mark.at - at) as usize);
                match read_at(file, &mut buffer[..room], at)? {
                    0 => return Ok(kept),
                    read => {
                        hasher.update(&buffer[..read]);
                        at += read as u64;
                    }
                }
            }
            if hasher.digest() != mark.hash {
                return Ok(kept);
            }
            kept = mark.at;
        }
        Ok(if self.stands(file)? { self.length } else { kept })
    }
}

fn holds(file: &File, at: u64, expected: &[u8]) -> io::Result<bool> {
    let mut found = vec![0; expected.len()];
    let mut read = 0;
    while read < found.len() {
        match read_at(file, &mut found[read..], at + read as u64)? {
            0 => return Ok(false),
            more => read += more,
        }
    }
    Ok(found == expected)
}

fn read_at(file: &File, into: &mut [u8], at: u64) -> io::Result<usize> {
    loop {
        match file.read_at(into, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

impl Trail {
    /// From the file's beginning on; `grows` if others may write to it meanwhile.
    pub fn new(file: File, grows: bool) -> Self {
        let seen = grows.then(Seen::default);
        Trail {
            file,
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

    /// Whether others may write to it.
    pub fn grows(&self) -> bool {
        self.seen.is_some()
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    /// How many bytes were read.
    pub fn at(&self) -> u64 {
        self.at
    }

    pub fn into_seen(self) -> Option<Seen> {
        self.seen
    }

    /// Reads no further than here until told otherwise.
    pub fn limit(&mut self, limit: Option<u64>) {
        self.limit = limit;
    }

    /// The bytes that come next, without going on to them: `most`, or as many as there are.
    pub fn peek(&self, most: usize) -> io::Result<Vec<u8>> {
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
    pub fn jump(&mut self, to: u64) -> io::Result<()> {
        if self.seen.is_some() {
            self.seen = Some(Seen::up_to(&self.file, to)?);
        }
        (self.at, self.verified) = (to, to);
        Ok(())
    }

    /// Whether what was read stands in the file no more.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether these bytes stand in the file there.
    pub fn holds(&self, at: u64, bytes: &[u8]) -> io::Result<bool> {
        holds(&self.file, at, bytes)
    }

    /// Begins a broken trail anew. Returns up to where the file holds what was read before.
    pub fn begin_anew(&mut self) -> io::Result<u64> {
        let seen = self.seen.take().unwrap_or_default();
        let kept = seen.kept(&self.file)?;
        (self.at, self.seen, self.broken, self.compared) = (0, Some(Seen::default()), false, None);
        (self.at_end, self.read_on, self.verified) = (None, false, 0);
        Ok(kept)
    }

    /// Compares all that was read.
    fn verify(&mut self) -> io::Result<()> {
        if let Some(seen) = &self.seen {
            self.broken |= !seen.is_whole(&self.file)?;
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
