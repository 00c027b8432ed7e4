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
    /// What signals for a part of it. It goes first: who waits for all looks at what it tells.
    _of_part: Option<Arc<Signal>>,
    /// `None`: the run waits no longer.
    hold: Option<Hold>,
}

/// Held for as long as the run waits for an acknowledgement.
#[derive(Clone)]
pub struct Hold {
    _signal: Arc<Signal>,
}

impl Acknowledgement {
    /// What makes the run wait for it, to be let go of before it is acknowledged.
    pub fn take_hold(&mut self) -> Option<Hold> {
        self.hold.take()
    }
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
        let hold = Some(Hold { _signal: acknowledged });
        let acknowledgement = Acknowledgement { _of_part: None, hold };
        (Receipt { taking, acknowledgement }, awaited_taking, awaited)
    }

    /// A record that came with it is not taken.
    pub fn refuse(&self, refused: Refused) {
        self.taking.refused.lock().expect("no one panics with it").push(refused);
    }

    /// The same, for a part of what came with it: `when_acknowledged` is called once that is acknowledged.
    pub fn part(&self, when_acknowledged: impl Fn() + Send + Sync + 'static) -> Self {
        let hold = self.acknowledgement.hold.clone();
        let acknowledgement =
            Acknowledgement { _of_part: Some(Signal::new(when_acknowledged)), hold };
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
