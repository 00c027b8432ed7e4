//! What a tick tells of what is kept, where a run reads back rows of which outputs hold all.

use crate::time::Tick;

/// What a tick tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentifiersTold {
    /// It is only taken in, as all ticks before this one are.
    NothingBefore(Tick),
    /// What there is, since nothing was told before.
    All,
    /// What changes.
    Changes,
}

impl IdentifiersTold {
    /// Before the tick `told_from` nothing is told, and with the first one that is not before it what there is by then.
    pub fn new(told_from: Tick) -> Self {
        if told_from > 0 {
            IdentifiersTold::NothingBefore(told_from)
        } else {
            IdentifiersTold::Changes
        }
    }

    /// What this tick tells.
    pub fn begin_tick(&mut self, tick: Tick) -> Self {
        *self = match *self {
            IdentifiersTold::NothingBefore(told_from) if tick < told_from => *self,
            IdentifiersTold::NothingBefore(_) => IdentifiersTold::All,
            IdentifiersTold::All | IdentifiersTold::Changes => IdentifiersTold::Changes,
        };
        *self
    }

    /// Whether what changes is told: else nobody has to know what was there before.
    pub fn are_changes(self) -> bool {
        self == IdentifiersTold::Changes
    }

    /// Whether anything is told.
    pub fn is_any(self) -> bool {
        !matches!(self, IdentifiersTold::NothingBefore(_))
    }
}
