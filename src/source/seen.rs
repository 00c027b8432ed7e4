//! What is known of the bytes of a file that were read while others may write to it: its first bytes, its last
//! ones, and hashes of its beginnings up to ends of lines.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use xxhash_rust::xxh3::Xxh3;

/// First and last bytes that are kept as they are.
pub(super) const HEAD: usize = 1 << 10;
const TAIL: usize = 1 << 10;
/// So many of the last bytes are kept if the last whole line is so long: lines often end all alike.
const LONG_TAIL: usize = 64 << 10;
/// Marks that are kept, one a line in small files; of more, every other one goes.
const MARKS: usize = 16 << 10;

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
    /// What comes before this was not read, but known from another run, so many lines: `before` are the last bytes of it.
    base: u64,
    lines_before: usize,
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
            lines_before: 0,
            before: Vec::new(),
        }
    }
}

impl Seen {
    /// As if a file had been read up to there, so many lines.
    pub fn up_to(file: &File, base: u64, lines: usize) -> io::Result<Self> {
        let bytes = |from: u64, most: u64| {
            let mut bytes = vec![0; most.min(base) as usize];
            file.read_exact_at(&mut bytes, from).map(|()| bytes)
        };
        let mut seen = Seen { head: bytes(0, HEAD as u64)?, length: base, base, ..Seen::default() };
        seen.keep_tail(&bytes(base.saturating_sub(LONG_TAIL as u64), LONG_TAIL as u64)?);
        seen.before.clone_from(&seen.tail);
        seen.lines_before = lines;
        seen.marks.push(Mark { at: base, hash: seen.hasher.digest() });
        Ok(seen)
    }

    pub fn add(&mut self, mut bytes: &[u8]) {
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

    /// The first bytes.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// How many bytes were read.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// How many of the lines that were read end before a place, or at it, at least.
    pub fn lines(&self, to: u64) -> usize {
        let marked = self.marks.partition_point(|mark| mark.at <= to);
        // The base is marked, too.
        if marked > 0 { marked + self.lines_before.saturating_sub(1) } else { 0 }
    }

    /// Whether another file holds all of it.
    pub fn is_in(&self, file: &File) -> io::Result<bool> {
        Ok(self.length > 0 && self.stands(file)? && self.is_whole(file)?)
    }

    /// Up to where another file holds it.
    pub fn held_by(&self, file: &File) -> io::Result<u64> {
        match self.is_in(file)? {
            true => Ok(self.length),
            false => self.kept(file),
        }
    }

    /// Whether the file stands as it was read, as far as its first and last bytes tell.
    pub fn stands(&self, file: &File) -> io::Result<bool> {
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
    pub fn is_whole(&self, file: &File) -> io::Result<bool> {
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

pub(super) fn holds(file: &File, at: u64, expected: &[u8]) -> io::Result<bool> {
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

/// Up to where two files hold the same bytes, of which those before a place are known to be.
pub(super) fn alike(one: &File, other: &File, mut at: u64) -> io::Result<u64> {
    let (mut of_one, mut of_other) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        let both = read_at(one, &mut of_one, at)?.min(read_at(other, &mut of_other, at)?);
        let pairs = of_one[..both].iter().zip(&of_other[..both]);
        let alike = pairs.take_while(|(one, other)| one == other).count();
        at += alike as u64;
        if both == 0 || alike < both {
            return Ok(at);
        }
    }
}

pub(super) fn read_at(file: &File, into: &mut [u8], at: u64) -> io::Result<usize> {
    loop {
        match file.read_at(into, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}
