//! Asking a run to stop, and how a run ends.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

/// Asks a run to stop: what has been read is sent yet.
#[derive(Clone)]
pub struct Stop {
    asked: Arc<OnceLock<StopCause>>,
    /// Wakes those who are to look.
    wake: Arc<dyn Fn() + Send + Sync>,
}

/// Why a run is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopCause {
    /// The program around the run wants it.
    Program,
    /// A process, perhaps another one of the run, was sent this signal.
    Signal(i32),
    /// Who reads standard output has left.
    Left,
}

impl Stop {
    pub(super) fn new(wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        Stop { asked: Arc::default(), wake }
    }

    pub fn asked(&self) -> Option<StopCause> {
        self.asked.get().copied()
    }

    /// Whether it is the first that asks.
    pub fn ask(&self, cause: StopCause) -> bool {
        let first = self.asked.set(cause).is_ok();
        (self.wake)();
        first
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
