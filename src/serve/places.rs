//! The places of connections that are served at once: so many, and no more.
//!
//! When all are taken and another client comes, whoever has been silent for longest goes: it has not agreed on TLS, or has
//! not sent a whole head of a request yet, or no other behind the last one. So a flood of connections keeps nobody out
//! who says something. Whoever is being answered stays.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// How long is waited for a place before it is looked again whether somebody is silent.
const LOOK: Duration = Duration::from_millis(20);

/// All places.
pub struct ConnectionPlaces {
    room: Arc<Semaphore>,
    silent: Arc<SilentPlaces>,
}

/// Who is silent, in the order in which they became so.
#[derive(Debug, Default)]
struct SilentPlaces(Mutex<SilentOrder>);

#[derive(Debug, Default)]
struct SilentOrder {
    next: u64,
    places: BTreeMap<u64, Arc<Notify>>,
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
    /// Since when it is silent, if it is.
    since: Mutex<Option<u64>>,
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
            if let Some((_, dismissed)) = self.silent.order().places.pop_first() {
                dismissed.notify_one();
            }
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
        let number = {
            let mut order = self.all.order();
            let number = order.next;
            order.next += 1;
            order.places.insert(number, Arc::clone(&self.dismissed));
            number
        };
        let before = self.since().replace(number);
        before.map(|before| self.all.order().places.remove(&before));
    }

    /// From now on the client waits.
    pub fn is_answered(&self) {
        let since = self.since().take();
        since.map(|since| self.all.order().places.remove(&since));
    }

    /// Waits until it has to make room.
    pub async fn dismissed(&self) {
        self.dismissed.notified().await;
    }

    fn since(&self) -> MutexGuard<'_, Option<u64>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        self.is_answered();
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
