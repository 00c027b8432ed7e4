//! What a client has sent and nobody has read: its connection is not closed at once then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a client has sent something that is not read.
#[derive(Clone, Debug, Default)]
pub struct UnreadInput(Arc<AtomicBool>);

impl UnreadInput {
    pub fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// All of it has been read.
    pub fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    pub fn is_there(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
