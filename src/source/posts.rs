//! Rows that are posted over HTTP, until they are handed over, in bounded memory.
//!
//! A post is answered when its rows can't be lost any more, and not before: until then whoever sent it has it. One
//! for which there is no room is refused at once; one that the run's end overtakes is never answered. Either way
//! it is to be sent again.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use tokio::sync::oneshot;

use super::outlet::RejectedRow;
use super::{ROW_LIMIT, Unread};

/// Bytes that may wait, beside those that have been handed over.
const MOST_BYTES: usize = 32 << 20;
/// Posts that may wait, however small they are.
const MOST_POSTS: usize = 8_192;

/// Where rows are posted to.
#[derive(Clone)]
pub struct Posts {
    /// Std's, since that lets go of what waits when nobody receives any more.
    sender: SyncSender<Post>,
    /// What waits, in bytes.
    waiting: Arc<AtomicUsize>,
}

/// Rows that come together: they happen in one tick.
#[derive(Clone, Debug, Default)]
pub struct PostedRows {
    bytes: Vec<u8>,
    rows: Vec<Range<usize>>,
    /// Which of those rows are not read, and why.
    unread: Vec<(usize, &'static str, String)>,
}

/// Says which rows of a post were rejected, by their places in it, once all others can't be lost any more. If it is
/// disconnected, nothing of the post counts as taken.
pub type AwaitedPost = oneshot::Receiver<Vec<RejectedRow>>;

/// Why a post is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostRefused {
    /// There is no room at present.
    Full,
    /// The run takes no more.
    Over,
}

/// What was posted and waits to be handed over.
pub struct Post {
    pub source: u16,
    pub rows: PostedRows,
    pub answer: oneshot::Sender<Vec<RejectedRow>>,
    /// Makes room again.
    _room: PostRoom,
}

struct PostRoom {
    waiting: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for PostRoom {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl PostedRows {
    /// Adds a row. Of one that is too long as much is kept as says so.
    pub fn push(&mut self, row: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&row[..row.len().min(ROW_LIMIT + 1)]);
        self.rows.push(start..self.bytes.len());
    }

    /// Adds a row that is not read: it is rejected as it stands.
    pub fn push_unread(&mut self, row: &[u8], code: &'static str, why: String) {
        self.unread.push((self.rows.len(), code, why));
        self.push(row);
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What it holds, nearly.
    pub fn held(&self) -> usize {
        self.bytes.len() + self.rows.len() * size_of::<Range<usize>>()
    }

    /// Its rows, numbered from `first` on.
    pub fn into_parts(self, first: u64) -> PostedParts {
        let PostedRows { bytes, rows, unread } = self;
        let (mut read, mut not_read) = (Vec::with_capacity(rows.len()), Vec::new());
        let mut unread = unread.into_iter().peekable();
        for (at, range) in rows.into_iter().enumerate() {
            let number = first + at as u64;
            match unread.next_if(|(of, ..)| *of == at) {
                None => read.push((number, range)),
                Some((_, code, why)) => {
                    let raw = bytes[range].to_vec();
                    not_read.push(Unread { line: Some(number), code, why, raw });
                }
            }
        }
        (bytes, read, not_read)
    }
}

/// The bytes of all rows, where in them each row lies that is read, with its number, and those that are not read.
pub type PostedParts = (Vec<u8>, Vec<(u64, Range<usize>)>, Vec<Unread>);

impl Posts {
    /// Where rows are posted to, and where they come out.
    pub fn new() -> (Self, Receiver<Post>) {
        let (sender, posted) = sync_channel(MOST_POSTS);
        (Posts { sender, waiting: Arc::default() }, posted)
    }

    /// Posts rows of a source, by its number.
    ///
    /// # Errors
    /// If there is no room, or the run takes no more.
    pub fn post(&self, source: u16, rows: PostedRows) -> Result<AwaitedPost, PostRefused> {
        let bytes = rows.held();
        let before = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let room = PostRoom { waiting: Arc::clone(&self.waiting), bytes };
        // One that is larger than all the room there is goes when nothing else waits.
        if before > 0 && before + bytes > MOST_BYTES {
            return Err(PostRefused::Full);
        }
        let (answer, kept) = oneshot::channel();
        match self.sender.try_send(Post { source, rows, answer, _room: room }) {
            Ok(()) => Ok(kept),
            Err(TrySendError::Full(_)) => Err(PostRefused::Full),
            Err(TrySendError::Disconnected(_)) => Err(PostRefused::Over),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(bytes: usize) -> PostedRows {
        let mut rows = PostedRows::default();
        let row = vec![b' '; ROW_LIMIT];
        (0..bytes / ROW_LIMIT).for_each(|_| rows.push(&row));
        rows.push(b"{}");
        rows
    }

    #[test]
    fn what_has_no_room_is_refused_until_there_is_some() {
        let (posts, posted) = Posts::new();
        let _first = posts.post(0, rows(MOST_BYTES - ROW_LIMIT)).expect("there is room");
        assert_eq!(posts.post(0, rows(MOST_BYTES)).expect_err("no room"), PostRefused::Full);
        let _small = posts.post(0, rows(0)).expect("there is room for little");
        drop(posted.try_iter().collect::<Vec<_>>());
        let _large = posts.post(0, rows(2 * MOST_BYTES)).expect("nothing else waits");
        drop(posted);
        assert_eq!(posts.post(0, rows(0)).expect_err("it is over"), PostRefused::Over);
    }

    #[test]
    fn after_the_end_nothing_is_taken_and_what_waited_is_not_answered() {
        let (posts, posted) = Posts::new();
        let mut kept = posts.post(0, rows(0)).expect("there is room");
        drop(posted);
        assert!(kept.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Closed));
        assert_eq!(posts.post(0, rows(0)).expect_err("it is over"), PostRefused::Over);
    }
}
