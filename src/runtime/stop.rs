//! Asking a run to stop, and how a run ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use serde::{Deserialize, Serialize};

/// Asks a run to stop: what has been read is sent yet. Runs that take each other's place are asked at once.
#[derive(Clone)]
pub struct Stop {
    asked: Arc<OnceLock<StopCause>>,
    /// Whether another run takes the place of this one alone.
    replaced: Arc<AtomicBool>,
    /// Wakes those who are to look, of each run.
    wakes: Arc<Mutex<Vec<Wake>>>,
}

pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Why a run is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopCause {
    /// The program around the run wants it.
    Program,
    /// A process, perhaps another one of the run, was sent this signal.
    Signal(i32),
    /// Who reads standard output has left.
    Left,
    /// Another run takes its place.
    Replaced,
}

impl Stop {
    pub fn new(wake: Wake) -> Self {
        let wakes = Arc::new(Mutex::new(vec![wake]));
        Stop { asked: Arc::default(), replaced: Arc::default(), wakes }
    }

    /// The stop of a run that is to take the place of this one.
    pub(super) fn of_successor(&self, wake: Wake) -> Self {
        self.wakes.lock().expect("no one panics with it").push(wake);
        Stop { replaced: Arc::default(), ..self.clone() }
    }

    pub fn asked(&self) -> Option<StopCause> {
        let replaced = self.replaced.load(Ordering::Acquire).then_some(StopCause::Replaced);
        self.asked.get().copied().or(replaced)
    }

    /// Whether it is the first that asks.
    pub fn ask(&self, cause: StopCause) -> bool {
        let first = self.asked.set(cause).is_ok();
        self.wake();
        first
    }

    /// Asks this run alone to make room.
    pub fn replace(&self) {
        self.replaced.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether it makes room for another run, and everything goes on.
    pub(super) fn is_replaced(&self) -> bool {
        self.replaced.load(Ordering::Acquire)
    }

    pub(super) fn wake(&self) {
        let wakes = self.wakes.lock().expect("no one panics with it").clone();
        wakes.iter().for_each(|wake| wake());
    }
}

/// How a run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// All that there was has been read and sent.
    Reached,
    /// A run without an end of its own was asked to stop.
    Stopped(StopCause),
    /// It was asked to stop before all that there was had been read.
    Interrupted(StopCause),
}

impl RunEnd {
    pub(super) fn of(asked: Option<StopCause>, ends: bool, was_cut: bool) -> Self {
        match (asked, ends) {
            // What was yet to be sent has nobody to go to, whether all was read or not.
            (Some(StopCause::Left), _) => RunEnd::Interrupted(StopCause::Left),
            (Some(cause), false) => RunEnd::Stopped(cause),
            (Some(cause), true) if was_cut => RunEnd::Interrupted(cause),
            _ => RunEnd::Reached,
        }
    }

    /// Whether it came because who reads standard output has left.
    pub fn is_left(self) -> bool {
        self == RunEnd::Interrupted(StopCause::Left)
    }
}
