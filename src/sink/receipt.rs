//! Receipts: held by whoever writes a record, until it is taken and until it is acknowledged.
//!
//! A record is *taken* when it is known whether its target refuses it: what is told of a refusal belongs to the same
//! tick. It is *acknowledged* when it can't be lost any more.

use std::sync::{Arc, Mutex, Weak};

use super::refused::Refused;

/// Held by a target for as long as what came with it is neither taken nor acknowledged.
#[derive(Clone)]
pub struct Receipt {
    taking: Taking,
    acknowledgement: Acknowledgement,
}

/// Held for as long as it is not known of every record whether it is refused.
#[derive(Clone)]
pub struct Taking {
    _signal: Arc<Signal>,
    refused: Arc<Mutex<Vec<Refused>>>,
}

/// Held for as long as something that was taken is not acknowledged.
#[derive(Clone)]
pub struct Acknowledgement {
    _signal: Arc<Signal>,
}

/// Calls when the last holder is gone.
struct Signal {
    when_gone: Box<dyn Fn() + Send + Sync>,
}

impl Signal {
    fn new(when_gone: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Signal { when_gone: Box::new(when_gone) })
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        (self.when_gone)();
    }
}

impl Receipt {
    /// `when_gone` is called once nobody holds the receipt, or one part of it, any more.
    pub fn new(
        when_gone: impl Fn() + Send + Sync + Clone + 'static,
    ) -> (Self, AwaitedTaking, AwaitedAcknowledgement) {
        let (taking, acknowledged) = (Signal::new(when_gone.clone()), Signal::new(when_gone));
        let refused: Arc<Mutex<Vec<Refused>>> = Arc::default();
        let awaited_taking =
            AwaitedTaking { signal: Arc::downgrade(&taking), refused: Arc::clone(&refused) };
        let awaited = AwaitedAcknowledgement { signal: Arc::downgrade(&acknowledged) };
        let taking = Taking { _signal: taking, refused };
        let acknowledgement = Acknowledgement { _signal: acknowledged };
        (Receipt { taking, acknowledgement }, awaited_taking, awaited)
    }

    /// A record that came with it is not taken.
    pub fn refuse(&self, refused: Refused) {
        self.taking.refused.lock().expect("no one panics with it").push(refused);
    }

    /// The same, for a part of what came with it: `when_acknowledged` is called once that is acknowledged.
    pub fn part(&self, when_acknowledged: impl Fn() + Send + Sync + 'static) -> Self {
        let whole = self.acknowledgement.clone();
        let signal = Signal::new(move || {
            when_acknowledged();
            // It goes with the signal.
            let _ = &whole;
        });
        let acknowledgement = Acknowledgement { _signal: signal };
        Receipt { taking: self.taking.clone(), acknowledgement }
    }

    /// To be held with a record that has been looked at.
    pub fn acknowledgement(&self) -> Acknowledgement {
        self.acknowledgement.clone()
    }

    /// All that came with it has been looked at: who holds back what comes next keeps the first part for a while.
    pub fn taken(self) -> (Taking, Acknowledgement) {
        (self.taking, self.acknowledgement)
    }
}

/// Whether anyone has yet to look at a record, and what was refused.
pub struct AwaitedTaking {
    signal: Weak<Signal>,
    refused: Arc<Mutex<Vec<Refused>>>,
}

impl AwaitedTaking {
    pub fn is_held(&self) -> bool {
        self.signal.strong_count() > 0
    }

    pub fn take_refused(&self) -> Vec<Refused> {
        std::mem::take(&mut *self.refused.lock().expect("no one panics with it"))
    }
}

/// Whether anything is not acknowledged.
pub struct AwaitedAcknowledgement {
    signal: Weak<Signal>,
}

impl AwaitedAcknowledgement {
    pub fn is_held(&self) -> bool {
        self.signal.strong_count() > 0
    }
}
