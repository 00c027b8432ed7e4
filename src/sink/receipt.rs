//! Receipts: held by whoever writes a record until it is acknowledged.

use std::sync::{Arc, Mutex, Weak};

use super::refused::Refused;

/// Held by a target for as long as what came with it is not acknowledged.
#[derive(Clone)]
pub struct Receipt {
    signal: Arc<Signal>,
}

/// Calls when the last receipt is gone.
struct Signal {
    when_gone: Box<dyn Fn() + Send + Sync>,
    refused: Arc<Mutex<Vec<Refused>>>,
}

impl Drop for Signal {
    fn drop(&mut self) {
        (self.when_gone)();
    }
}

/// Whether anyone still holds a receipt, and what was refused of what came with it.
pub struct Awaited {
    signal: Weak<Signal>,
    refused: Arc<Mutex<Vec<Refused>>>,
}

impl Receipt {
    /// `when_gone` is called once nobody holds the receipt or a clone of it.
    pub fn new(when_gone: impl Fn() + Send + Sync + 'static) -> (Self, Awaited) {
        let refused: Arc<Mutex<Vec<Refused>>> = Arc::default();
        let signal = Signal { when_gone: Box::new(when_gone), refused: Arc::clone(&refused) };
        let signal = Arc::new(signal);
        let awaited = Awaited { signal: Arc::downgrade(&signal), refused };
        (Receipt { signal }, awaited)
    }

    /// A record that came with it is not taken.
    pub fn refuse(&self, refused: Refused) {
        self.signal.refused.lock().expect("no one panics with it").push(refused);
    }
}

impl Awaited {
    pub fn is_held(&self) -> bool {
        self.signal.strong_count() > 0
    }

    pub fn take_refused(&self) -> Vec<Refused> {
        std::mem::take(&mut *self.refused.lock().expect("no one panics with it"))
    }
}
