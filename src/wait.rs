//! Waiting: for a future on the present thread, for the few calls that are only to be had as futures; and for what
//! fails to work again.

use std::fmt::Display;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// What goes on failing is told again so often.
const REMINDER: Duration = Duration::from_secs(60);

/// Runs a future to its end.
pub fn wait_for<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// How something that fails is tried again: after pauses that grow, and told when it begins, when the reason changes,
/// once a minute, and when it is over.
pub struct Retry {
    next: Duration,
    longest: Duration,
    began: Instant,
    told: Option<(String, Instant)>,
}

impl Retry {
    pub fn new(shortest: Duration, longest: Duration) -> Self {
        Retry { next: shortest, longest, began: Instant::now(), told: None }
    }

    /// It failed again. How long to wait before the next try.
    pub fn failed(&mut self, what: &str, error: &impl Display) -> Duration {
        let error = error.to_string();
        let is_known = |(told, at): &(String, Instant)| *told == error && at.elapsed() < REMINDER;
        if !self.told.as_ref().is_some_and(is_known) {
            match self.told {
                None => tracing::warn!("{what}, trying again: {error}"),
                Some(_) => tracing::warn!(
                    "{what}, for {} s by now, trying again: {error}",
                    self.began.elapsed().as_secs()
                ),
            }
            self.told = Some((error, Instant::now()));
        }
        let pause = self.next;
        self.next = (self.next * 2).min(self.longest);
        pause
    }

    /// It works, again where it had failed.
    pub fn works(self, what: &str) {
        if self.told.is_some() {
            tracing::info!("{what} again, after {} s", self.began.elapsed().as_secs());
        }
    }
}
