//! A reader that can be looked into before it is read.

use std::io::{self, BufRead, Read};

/// What is read at once.
const READ: usize = 64 << 10;

/// Bytes of a reader, with those that come next at hand.
pub(super) struct Ahead {
    inner: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// The buffer's bytes that have been read.
    at: usize,
    /// Bytes that have been read in all.
    pub taken: u64,
    /// Whether somebody has read on behind the last byte.
    pub ended: bool,
}

impl Ahead {
    pub fn new(inner: impl Read + Send + 'static) -> Self {
        Ahead { inner: Box::new(inner), buffer: Vec::new(), at: 0, taken: 0, ended: false }
    }

    /// The bytes that come next, without going on to them: `most`, or as many as there are.
    pub fn peek(&mut self, most: usize) -> io::Result<&[u8]> {
        while self.buffer.len() - self.at < most && self.fill()? > 0 {}
        Ok(&self.buffer[self.at..][..most.min(self.buffer.len() - self.at)])
    }

    /// Looks at the bytes that come next, at some more each time, until they tell enough; `None` if there are no
    /// more.
    pub fn look<T>(&mut self, mut told: impl FnMut(&[u8]) -> Option<T>) -> io::Result<Option<T>> {
        let mut known = usize::MAX;
        loop {
            let had = self.buffer.len() - self.at;
            if had != known
                && had > 0
                && let Some(told) = told(&self.buffer[self.at..])
            {
                return Ok(Some(told));
            }
            known = had;
            if self.fill()? == 0 {
                return Ok(None);
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        if self.at > 0 {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        let had = self.buffer.len();
        self.buffer.resize(had + READ, 0);
        let read = loop {
            match self.inner.read(&mut self.buffer[had..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer.truncate(had + read.as_ref().map_or(0, |read| *read));
        read
    }
}

impl Read for Ahead {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let read = bytes.len().min(into.len());
        into[..read].copy_from_slice(&bytes[..read]);
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Ahead {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.buffer.len() && self.fill()? == 0 {
            self.ended = true;
        }
        Ok(&self.buffer[self.at..])
    }

    fn consume(&mut self, read: usize) {
        self.at += read;
        self.taken += read as u64;
    }
}
