//! Rows that are posted over HTTP.
//!
//! Nothing of it can be read again, so its chunks do not say how far it is read: who posts a row has it until it is
//! answered, which is when it can't be lost any more (`Ticket::kept`). Posts that come while others are handed over
//! are handed over together. A row's time is when it was taken, unless the source names a column. Only the first
//! process takes rows.

use std::any::Any;
use std::fmt::Display;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};

use tokio::sync::oneshot;

use super::connector::{ConnectorType, ConnectorWords, Inflow, Settings, SettingsFault};
use super::outlet::{
    Chunks, Outlet, RejectedRow, STOP_CHECK, SharedState, SourceOptions, Stopped, Ticket,
};
use super::posts::{Post, Posts};
use super::{Chunk, Message, Payload, SourceError};
use crate::plan::{Connector, Format, Plan, Source};
use crate::time::wall_clock;

/// What positions call it.
const ORIGIN: &str = "http";

/// Posts are handed over together up to this many bytes and rows: a tick takes several such groups.
const GROUP_BYTES: usize = 1 << 20;
const GROUP_ROWS: usize = 4_096;

pub(super) const TYPE: ConnectorType =
    ConnectorType { said: Some(ConnectorWords { field: "http", example: "http: {}", read }), open };

/// Rows that are posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http {
    /// Whether it also takes what the SDKs of Segment and RudderStack send.
    pub collector: bool,
}

impl Connector for Http {
    fn ends(&self, _follow: bool) -> bool {
        false
    }

    /// By when it was taken.
    fn is_dated(&self) -> bool {
        true
    }

    fn refuses(&self, format: Format) -> Option<&'static str> {
        (format != Format::Json).then_some("rows are posted as json")
    }

    fn again(&self) -> Option<Arc<dyn Connector>> {
        None
    }
}

impl Display for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("rows that are posted over HTTP")
    }
}

fn read(settings: &Settings<'_>, _faults: &mut Vec<SettingsFault>) -> Option<Arc<dyn Connector>> {
    let collector = settings.value["collector"].as_str() == Some("segment");
    Some(Arc::new(Http { collector }))
}

/// The sources that are posted into.
struct Posted {
    posts: Posts,
    posted: Receiver<Post>,
    sources: usize,
    workers: usize,
    /// Nothing has been posted when a run begins, so one that ends with what there is takes nothing.
    takes: bool,
}

/// `None` if there is no such source, or another process takes its rows.
fn open(
    plan: &Arc<Plan>,
    options: &SourceOptions,
    _wrong: &mut Vec<SourceError>,
) -> Option<Box<dyn Inflow>> {
    let is_posted = |source: &Source| (&*source.connector as &dyn Any).is::<Http>();
    if options.process > 0 || !plan.sources.iter().any(is_posted) {
        return None;
    }
    let (posts, posted) = Posts::new();
    let (sources, workers, takes) = (plan.sources.len(), options.workers, !options.until_end);
    Some(Box::new(Posted { posts, posted, sources, workers, takes }))
}

impl Inflow for Posted {
    fn posts(&self) -> Option<Posts> {
        Some(self.posts.clone())
    }

    /// Starts the thread that hands over; whichever worker is free takes its chunks.
    fn start(self: Box<Self>, shared: &SharedState) -> Result<Vec<Option<Chunks>>, SourceError> {
        let workers = self.workers;
        if !self.takes {
            return Ok(vec![None; workers]);
        }
        let (outlet, receiver) = shared.channel();
        // It keeps an end for posting, too: that nobody posts at present says nothing about what comes.
        shared.spawn("rows over HTTP", outlet, move |outlet| {
            Ok(Grouping::new(self.sources).run(&self.posted, outlet)?)
        });
        Ok(vec![Some(receiver); workers])
    }
}

/// Puts posts together.
struct Grouping {
    /// By source, the number of the row that was handed over last.
    handed: Vec<u64>,
}

impl Grouping {
    /// Rows are numbered from the microsecond on at which the run begins: of those that are stored none has the number of
    /// another one, and whatever came in a later run is the later one.
    fn new(sources: usize) -> Self {
        Grouping { handed: vec![wall_clock().max(0) as u64; sources] }
    }

    fn run(mut self, posted: &Receiver<Post>, outlet: &Outlet) -> Result<(), Stopped> {
        loop {
            let first = match posted.recv_timeout(STOP_CHECK) {
                Ok(post) => post,
                Err(RecvTimeoutError::Timeout) if !outlet.shared.stopped() => continue,
                Err(_) => return Err(Stopped),
            };
            let (mut bytes, mut rows) = (first.rows.held(), first.rows.len());
            let mut group = vec![first];
            while bytes < GROUP_BYTES && rows < GROUP_ROWS {
                let Ok(post) = posted.try_recv() else { break };
                bytes += post.rows.held();
                rows += post.rows.len();
                group.push(post);
            }
            let (chunks, ticket) = self.together(group);
            outlet.send_together(chunks, ticket)?;
        }
    }

    /// What posts come to, and the ticket that answers each of them.
    fn together(&mut self, group: Vec<Post>) -> (Vec<Chunk>, Ticket) {
        let arrived = wall_clock();
        let mut by_source: Vec<(u16, Vec<u8>, Vec<Message>)> = Vec::new();
        let (mut chunks, mut answers) = (Vec::new(), Vec::new());
        let chunk = |source, payload| {
            let origin = ORIGIN.into();
            Chunk { source, part: 0, origin, payload, reached: None }
        };
        for Post { source, rows, answer, .. } in group {
            let handed = &mut self.handed[usize::from(source)];
            let first = *handed + 1;
            *handed += rows.len() as u64;
            answers.push(PostAnswer { source, rows: first..*handed + 1, answer });
            let (bytes, read, unread) = rows.into_parts(first);
            let place = match by_source.iter().position(|(of, ..)| *of == source) {
                Some(place) => place,
                None => {
                    by_source.push((source, Vec::new(), Vec::new()));
                    by_source.len() - 1
                }
            };
            let (_, all_bytes, messages) = &mut by_source[place];
            let start = all_bytes.len();
            all_bytes.extend_from_slice(&bytes);
            messages.extend(read.into_iter().map(|(offset, range)| {
                let payload = Some(range.start + start..range.end + start);
                Message { offset, timestamp: Some(arrived), arrived, key: None, payload }
            }));
            let unread = unread.into_iter().map(|unread| Payload::Unread { unread, arrived });
            chunks.extend(unread.map(|payload| chunk(source, payload)));
        }
        chunks.extend(
            by_source.into_iter().filter(|(.., messages)| !messages.is_empty()).map(
                |(source, bytes, messages)| chunk(source, Payload::Messages { bytes, messages }),
            ),
        );
        (chunks, Ticket::kept(move |rejected| answer_all(answers, rejected)))
    }
}

/// Whom to tell what became of a post's rows.
struct PostAnswer {
    source: u16,
    /// By their offsets.
    rows: Range<u64>,
    answer: oneshot::Sender<Vec<RejectedRow>>,
}

/// Tells each post which of its rows were rejected, by their places in it.
fn answer_all(answers: Vec<PostAnswer>, mut rejected: Vec<RejectedRow>) {
    rejected.sort_by_key(|row| (row.source, row.offset));
    for PostAnswer { source, rows, answer } in answers {
        let start = rejected.partition_point(|row| (row.source, row.offset) < (source, rows.start));
        let own = rejected[start..].iter();
        let own = own.take_while(|row| row.source == source && row.offset < rows.end);
        let place =
            |row: &RejectedRow| RejectedRow { offset: row.offset - rows.start, ..row.clone() };
        // Who waited for it may have gone.
        let _ = answer.send(own.map(place).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{RawPosition, Reason, Reject};
    use crate::source::PostedRows;

    fn post(source: u16, rows: &[&str]) -> (Post, oneshot::Receiver<Vec<RejectedRow>>) {
        let (posts, posted) = Posts::new();
        let mut all = PostedRows::default();
        rows.iter().for_each(|row| match row.strip_prefix('!') {
            Some(unread) => all.push_unread(unread.as_bytes(), "too_long", String::new()),
            None => all.push(row.as_bytes()),
        });
        let kept = posts.post(source, all).expect("there is room");
        (posted.recv().expect("it was posted"), kept)
    }

    fn reject(source: u16, line: u64) -> Reject {
        let position = RawPosition::Line { file: ORIGIN.to_owned(), line: Some(line) };
        let reason = Reason { code: "malformed", path: String::new(), message: String::new() };
        Reject { source, position, reasons: vec![reason], raw: Vec::new() }
    }

    #[test]
    fn posts_are_put_together_and_each_is_told_of_its_own_rejects() {
        let mut grouping = Grouping { handed: vec![0; 2] };
        let (one, mut of_one) = post(0, &["a", "b"]);
        let (other, mut of_other) = post(1, &["c", "!long", "d"]);
        let (third, mut of_third) = post(0, &["e", "f"]);
        let (chunks, mut ticket) = grouping.together(vec![one, other, third]);
        let mut handed = Vec::new();
        for chunk in &chunks {
            match &chunk.payload {
                Payload::Messages { bytes, messages } => {
                    handed.extend(messages.iter().map(|message| {
                        let row = &bytes[message.payload.clone().expect("a row")];
                        (chunk.source, message.offset, String::from_utf8_lossy(row).into_owned())
                    }));
                }
                Payload::Unread { unread, .. } => {
                    let raw = String::from_utf8_lossy(&unread.raw).into_owned();
                    handed.push((chunk.source, unread.line.expect("a line"), raw));
                }
                other => panic!("{other:?}"),
            }
        }
        handed.sort();
        let row = |source, offset, row: &str| (source, offset, row.to_owned());
        let expected = [
            row(0, 1, "a"),
            row(0, 2, "b"),
            row(0, 3, "e"),
            row(0, 4, "f"),
            row(1, 1, "c"),
            row(1, 2, "long"),
            row(1, 3, "d"),
        ];
        assert_eq!(handed, expected);
        ticket.note(&[reject(0, 4), reject(1, 2), reject(0, 1)]);
        assert!(of_one.try_recv().is_err(), "not kept yet");
        ticket.used();
        let places = |kept: &mut oneshot::Receiver<Vec<RejectedRow>>| {
            let rejected = kept.try_recv().expect("it is answered");
            rejected.iter().map(|row| row.offset).collect::<Vec<_>>()
        };
        assert_eq!(places(&mut of_one), [0]);
        assert_eq!(places(&mut of_other), [1]);
        assert_eq!(places(&mut of_third), [1]);
    }

    #[test]
    fn posts_of_a_ticket_that_is_lost_are_not_answered() {
        let mut grouping = Grouping { handed: vec![0] };
        let (one, mut of_one) = post(0, &["a"]);
        drop(grouping.together(vec![one]));
        assert_eq!(of_one.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }
}
