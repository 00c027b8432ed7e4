//! The places of connections that are served at once: so many, and no more.
//!
//! When all are taken and another client comes, whoever has been silent for longest goes: it has not agreed on TLS, or has
//! not sent a whole head of a request yet, or no other behind the last one. Where nobody is silent, whoever has been at the
//! body of a request for longest goes; where nobody is, either, whoever has taken nothing of their answer, or follows
//! changes, for longest, who can go on where they were. So a flood of connections keeps nobody out who says something.
//! Whoever is being answered stays.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::Response;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::unread::UnreadInput;

/// How long is waited for a place before it is looked again whether somebody is silent.
const LOOK: Duration = Duration::from_millis(20);
/// How long who is being answered is left alone, whatever of it they take.
const LASTING: Duration = Duration::from_secs(1);

/// All places.
pub struct ConnectionPlaces {
    room: Arc<Semaphore>,
    silent: Arc<SilentPlaces>,
}

/// What is waited for: whoever comes first here makes room first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum WaitedFor {
    /// The head of a request.
    Head,
    /// The rest of a body.
    Body,
    /// That the client takes what is sent.
    Taking,
    /// Something to tell to who follows.
    Change,
}

/// Who is waited for, and since when.
type WaitingSince = (WaitedFor, u64);

/// Who is waited for, in the order in which they make room.
#[derive(Debug, Default)]
struct SilentPlaces(Mutex<SilentOrder>);

#[derive(Debug, Default)]
struct SilentOrder {
    next: u64,
    places: BTreeMap<WaitingSince, (Instant, Arc<Notify>)>,
}

impl SilentOrder {
    /// Lets go who comes first.
    fn make_room(&mut self) {
        let is_first = |((of, _), (since, _)): &(&WaitingSince, &(Instant, Arc<Notify>))| {
            *of <= WaitedFor::Body || since.elapsed() >= LASTING
        };
        let first = self.places.iter().find(is_first).map(|(number, _)| *number);
        if let Some((_, dismissed)) = first.and_then(|first| self.places.remove(&first)) {
            dismissed.notify_one();
        }
    }
}

impl SilentPlaces {
    fn order(&self) -> MutexGuard<'_, SilentOrder> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the connections that are served at once, while it is held.
#[derive(Debug)]
pub struct ConnectionPlace {
    _room: OwnedSemaphorePermit,
    /// That a server that closes waits for.
    _busy: Arc<()>,
    all: Arc<SilentPlaces>,
    /// What is waited for, and since when, if anything is.
    since: Mutex<Option<WaitingSince>>,
    dismissed: Arc<Notify>,
}

impl ConnectionPlaces {
    pub fn new(most: usize) -> Self {
        let (room, silent) = (Arc::new(Semaphore::new(most)), Arc::default());
        ConnectionPlaces { room, silent }
    }

    /// Waits until there is room, for a client that has come.
    pub async fn room(&self) -> OwnedSemaphorePermit {
        if let Ok(room) = Arc::clone(&self.room).try_acquire_owned() {
            return room;
        }
        loop {
            self.silent.order().make_room();
            let room = Arc::clone(&self.room).acquire_owned();
            if let Ok(room) = tokio::time::timeout(LOOK, room).await {
                return room.expect("it is never closed");
            }
        }
    }

    /// The place of a client that has just come and said nothing yet.
    pub fn place(&self, room: OwnedSemaphorePermit, busy: &Arc<()>) -> Arc<ConnectionPlace> {
        let place = ConnectionPlace {
            _room: room,
            _busy: Arc::clone(busy),
            all: Arc::clone(&self.silent),
            since: Mutex::default(),
            dismissed: Arc::default(),
        };
        place.is_silent();
        Arc::new(place)
    }
}

impl ConnectionPlace {
    /// From now on the client is waited for.
    pub fn is_silent(&self) {
        self.waits_for(Some(WaitedFor::Head), |_| true);
    }

    /// From now on the client waits.
    pub fn is_answered(&self) {
        self.waits_for(None, |_| true);
    }

    /// More of a body is waited for. However little comes at a time, it is since its first part was.
    pub fn sends_a_body(&self) {
        self.waits_for(Some(WaitedFor::Body), |before| before.is_none());
    }

    /// No more of a body is.
    pub fn has_sent_its_body(&self) {
        self.waits_for(None, |before| before == Some(WaitedFor::Body));
    }

    /// What is sent does not go.
    pub fn takes_nothing(&self) {
        self.waits_for(Some(WaitedFor::Taking), |before| before.is_none());
    }

    /// It does.
    pub fn takes_something(&self) {
        self.waits_for(None, |before| before == Some(WaitedFor::Taking));
    }

    /// From now on it is told what happens.
    pub fn follows(&self) {
        self.waits_for(Some(WaitedFor::Change), |_| true);
    }

    /// Waits for something else, where that is to follow on what was waited for before.
    fn waits_for(&self, next: Option<WaitedFor>, follows: impl Fn(Option<WaitedFor>) -> bool) {
        let mut since = self.since();
        if !follows(since.map(|(before, _)| before)) || (since.is_none() && next.is_none()) {
            return;
        }
        let mut order = self.all.order();
        if let Some(before) = since.take() {
            order.places.remove(&before);
        }
        if let Some(next) = next {
            let number = (next, order.next);
            order.next += 1;
            order.places.insert(number, (Instant::now(), Arc::clone(&self.dismissed)));
            *since = Some(number);
        }
    }

    /// Waits until it has to make room.
    pub async fn dismissed(&self) {
        self.dismissed.notified().await;
    }

    fn since(&self) -> MutexGuard<'_, Option<WaitingSince>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        self.is_answered();
    }
}

/// The body of a request: the client is waited for until it is there.
pub struct RequestBody {
    body: Incoming,
    place: Arc<ConnectionPlace>,
    unread: UnreadInput,
    is_over: bool,
}

impl RequestBody {
    /// What is sent by who has a place.
    pub fn of(body: Incoming, place: Arc<ConnectionPlace>, unread: UnreadInput) -> Self {
        let is_over = hyper::body::Body::is_end_stream(&body);
        RequestBody { body, place, unread, is_over }
    }
}

impl hyper::body::Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Pending => self.place.sends_a_body(),
            Poll::Ready(Some(Ok(_))) => self.is_over = self.body.is_end_stream(),
            Poll::Ready(None | Some(Err(_))) => self.is_over = true,
        }
        if self.is_over {
            self.place.has_sent_its_body();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.place.has_sent_its_body();
        if !self.is_over {
            self.unread.note();
        }
    }
}

/// The body of an answer: the client waits until all of it has gone.
pub struct AnswerBody {
    body: Body,
    place: Option<Arc<ConnectionPlace>>,
}

impl AnswerBody {
    /// The answer to who has a place.
    pub fn of(answer: Response, place: Arc<ConnectionPlace>) -> axum::http::Response<Self> {
        // Behind that HTTP has ended there, and nobody is waited for.
        let place = (answer.status() != StatusCode::SWITCHING_PROTOCOLS).then_some(place);
        answer.map(|body| AnswerBody { body, place })
    }
}

impl hyper::body::Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.place.iter().for_each(|place| place.is_silent());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who makes room next, of some places; `None`: nobody.
    fn dismissed(places: &ConnectionPlaces, all: &[Arc<ConnectionPlace>]) -> Option<usize> {
        places.silent.order().make_room();
        let is_dismissed = |place: &&Arc<ConnectionPlace>| {
            use futures_util::FutureExt;
            place.dismissed().now_or_never().is_some()
        };
        let found = all.iter().find(is_dismissed)?;
        all.iter().position(|place| Arc::ptr_eq(place, found))
    }

    fn some() -> (ConnectionPlaces, Vec<Arc<ConnectionPlace>>) {
        let (places, busy) = (ConnectionPlaces::new(8), Arc::default());
        let room = || Arc::clone(&places.room).try_acquire_owned().expect("there is room");
        let all = (0..6).map(|_| places.place(room(), &busy)).collect();
        (places, all)
    }

    #[test]
    fn whoever_is_silent_makes_room_first_and_then_whoever_is_at_a_body_for_longest() {
        let (places, all) = some();
        all.iter().for_each(|place| place.is_answered());
        all[0].sends_a_body();
        all[1].sends_a_body();
        all[2].is_silent();
        all[3].is_silent();
        // However often more of it comes.
        all[0].sends_a_body();
        all[3].is_answered();
        all[3].is_silent();
        let order: Vec<_> = (0..5).map(|_| dismissed(&places, &all)).collect();
        assert_eq!(order, [Some(2), Some(3), Some(0), Some(1), None]);
    }

    #[test]
    fn who_is_being_answered_stays_unless_that_lasts() {
        let (places, all) = some();
        all.iter().for_each(|place| place.is_answered());
        all[0].follows();
        all[1].takes_nothing();
        all[2].takes_nothing();
        all[2].takes_something();
        all[3].sends_a_body();
        all[3].has_sent_its_body();
        // What follows is no less followed since it does not go.
        all[0].takes_nothing();
        all[0].takes_something();
        std::thread::sleep(LASTING);
        all[4].takes_nothing();
        let order: Vec<_> = (0..2).map(|_| dismissed(&places, &all)).collect();
        assert_eq!(order, [Some(1), Some(0)]);
    }
}
