//! What HTTP itself refuses, told as all else is: whatever is no request, and a head that is too long, is answered before
//! any route sees it, by an answer without a body; it gets one on its way out.
//!
//! What HTTP/2 begins with is refused likewise: HTTP itself would close the connection without a word, where it knows that
//! beginning. So its last byte is read as another one, with which it is no request, and is refused as what is none.
//!
//! Whoever has sent more than was read is told before the connection is closed: it is read on for a while, and dropped,
//! since a connection that is closed with something unread takes its answer along.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::denial::Denial;
use super::places::ConnectionPlace;
use super::unread::UnreadInput;

/// What RFC 9113 has HTTP/2 begin with, in section 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long, and how much, is read that nobody wants, so that an answer arrives.
const READ_ON: Duration = Duration::from_secs(2);
const READ_ON_BYTES: usize = 64 << 20;

/// A connection whose client is told what HTTP refuses.
pub struct RefusingStream<S> {
    stream: S,
    place: Arc<ConnectionPlace>,
    unread: UnreadInput,
    /// How many bytes of what HTTP/2 begins with have come, while nothing else has.
    preface: Option<usize>,
    /// What takes an answer's place, and how much of it has gone.
    told: Option<(Vec<u8>, usize)>,
    reading_on: Option<ReadingOn>,
}

/// What is read that nobody wants.
struct ReadingOn {
    until: Pin<Box<Sleep>>,
    bytes: usize,
}

impl<S> RefusingStream<S> {
    pub fn new(stream: S, place: Arc<ConnectionPlace>, unread: UnreadInput) -> Self {
        RefusingStream { stream, place, unread, preface: Some(0), told: None, reading_on: None }
    }

    /// Looks at the first bytes that come: HTTP does not know by its whole preface that somebody speaks HTTP/2.
    fn look(&mut self, read: &mut [u8]) {
        let Some(known) = self.preface else { return };
        let rest = &PREFACE[known..];
        let length = rest.len().min(read.len());
        self.preface = (rest[..length] == read[..length]).then_some(known + length);
        if self.preface == Some(PREFACE.len()) {
            read[length - 1] = 0;
            self.preface = None;
        }
    }

    /// Notes whether the client takes what is sent.
    fn taken<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match written.is_pending() {
            true => self.place.takes_nothing(),
            false => self.place.takes_something(),
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for RefusingStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        if read.is_ready() {
            self.look(&mut into.filled_mut()[before..]);
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for RefusingStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let Some((before, refusal)) = refusal(bytes) else {
            let written = Pin::new(&mut this.stream).poll_write(context, bytes);
            return this.taken(written);
        };
        if before > 0 {
            let written = Pin::new(&mut this.stream).poll_write(context, &bytes[..before]);
            return this.taken(written);
        }
        this.unread.note();
        let (told, gone) = this.told.get_or_insert_with(|| (refusal.into_answer(), 0));
        while *gone < told.len() {
            *gone += match ready!(Pin::new(&mut this.stream).poll_write(context, &told[*gone..])) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(more) => more,
                Err(error) => return Poll::Ready(Err(error)),
            };
        }
        this.told = None;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.taken(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.reading_on.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        }
        if !this.unread.is_there() {
            return Poll::Ready(Ok(()));
        }
        let new = || ReadingOn { until: Box::pin(sleep(READ_ON)), bytes: 0 };
        let reading = this.reading_on.get_or_insert_with(new);
        let mut read = [0; 8 << 10];
        while reading.bytes < READ_ON_BYTES && reading.until.as_mut().poll(context).is_pending() {
            let mut into = ReadBuf::new(&mut read);
            // However it ends, it has ended.
            match ready!(Pin::new(&mut this.stream).poll_read(context, &mut into)) {
                Ok(()) if !into.filled().is_empty() => reading.bytes += into.filled().len(),
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // A refusal comes alone: it has no body.
        if let [part] = parts {
            return self.as_mut().poll_write(context, part);
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.taken(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// What HTTP refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpRefusal {
    NoRequest,
    LongPath,
    LongHead,
}

/// By the head of an answer: what it says.
const HEADS: [(&[u8], HttpRefusal); 3] = [
    (b"HTTP/1.1 400 Bad Request\r\n", HttpRefusal::NoRequest),
    (b"HTTP/1.1 414 URI Too Long\r\n", HttpRefusal::LongPath),
    (b"HTTP/1.1 431 Request Header Fields Too Large\r\n", HttpRefusal::LongHead),
];

/// What is refused at the end of what is to be sent, and where that begins: an answer without a body, of which no route
/// gives any.
fn refusal(bytes: &[u8]) -> Option<(usize, HttpRefusal)> {
    let head = bytes.strip_suffix(b"\r\n\r\n")?;
    let begins = |at: &usize| head[*at..].starts_with(b"HTTP/1.");
    let at = (0..head.len()).rev().take(512).find(begins)?;
    let (_, refusal) = HEADS.iter().find(|(begin, _)| bytes[at..].starts_with(begin))?;
    let is_bare = |line: &[u8]| {
        let line = line.to_ascii_lowercase();
        line.starts_with(b"date:")
            || [&b"connection: close"[..], b"content-length: 0"].contains(&&*line)
    };
    let lines = head[at..].split(|byte| *byte == b'\n').skip(1);
    let mut lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.all(is_bare).then_some((at, *refusal))
}

impl HttpRefusal {
    /// What it says.
    pub fn denial(self) -> Denial {
        let (status, code, message, remedy) = match self {
            HttpRefusal::NoRequest => (
                StatusCode::BAD_REQUEST,
                "bad_request",
                "what came is no request of HTTP/1.1",
                "send a request as RFC 9112 has it",
            ),
            HttpRefusal::LongPath => (
                StatusCode::URI_TOO_LONG,
                "long_path",
                "a path may have 65,534 bytes with its parameters, and this has more",
                "ask for many in a body, as POST /v1/profiles:batch has it",
            ),
            HttpRefusal::LongHead => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "long_head",
                "a request's head may have 64 KiB and 100 headers, and this has more",
                "send fewer headers, or a shorter path",
            ),
        };
        Denial::new(status, code, message, remedy)
    }

    /// The whole answer.
    fn into_answer(self) -> Vec<u8> {
        let denial = self.denial();
        let status = denial.status;
        let body = json!({"error": denial.error()}).to_string();
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        (head + &body).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_known_by_its_head_alone() {
        let date = "date: Sun, 29 Nov 2026 16:04:53 GMT\r\n";
        let bare = |status: &str| {
            format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n{date}\r\n")
        };
        let of = |text: &str| refusal(text.as_bytes());
        assert_eq!(of(&bare("400 Bad Request")), Some((0, HttpRefusal::NoRequest)));
        assert_eq!(of(&bare("414 URI Too Long")), Some((0, HttpRefusal::LongPath)));
        let long = bare("431 Request Header Fields Too Large");
        let before = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(of(&format!("{before}{long}")), Some((before.len(), HttpRefusal::LongHead)));
        assert_eq!(of(&bare("200 OK")), None);
        assert_eq!(of(&bare("404 Not Found")), None);
        let ours = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n";
        assert_eq!(of(ours), None, "its body comes next");
        assert_eq!(of(&long[..long.len() - 2]), None);
        assert_eq!(of("{\"a\": 1}\r\n\r\n"), None);
        assert_eq!(of("\r\n\r\n"), None);
    }
}
