//! Asks a run to stop, and tells how it came to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use signal_hook::consts::SIGPIPE;

/// How a run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// All that there was has been read and sent.
    Reached,
    /// A run without an end of its own was asked to stop, by this signal.
    Stopped(i32),
    /// This signal came before all that there was had been read.
    Interrupted(i32),
}

/// Asks a run to stop, by the signal that a process, or another one of its run, was sent.
#[derive(Clone)]
pub struct Stop(Arc<StopRequest>);

pub struct StopRequest {
    /// 0: nobody asked.
    signal: AtomicI32,
    /// Wakes those who are to look.
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Stop {
    pub fn new(wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        Stop(Arc::new(StopRequest { signal: AtomicI32::new(0), wake }))
    }

    pub fn asked(&self) -> Option<i32> {
        Some(self.0.signal.load(Ordering::Relaxed)).filter(|signal| *signal != 0)
    }

    /// Whether it is the first that asks.
    pub fn ask(&self, signal: i32) -> bool {
        let asked = &self.0.signal;
        let first = asked.compare_exchange(0, signal, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        (self.0.wake)();
        first
    }
}

impl RunEnd {
    /// Whether it came because who reads standard output has left.
    pub fn is_left(self) -> bool {
        self == RunEnd::Interrupted(SIGPIPE)
    }
}
