//! A file that can't be read as it is: it may be unfinished, and is looked at again whenever it has changed.

use std::time::Instant;

use super::paths::Stamp;
use super::piece::{Patience, Piece};
use super::{Payload, SourceError, Unread};
use crate::time::wall_clock;

/// What is told of what is rejected now.
pub(super) fn unread(unread: Unread) -> Payload {
    Payload::Unread { unread, arrived: wall_clock() }
}

/// Why a file can't be read yet, if it can't.
#[derive(Default)]
pub(super) struct Unready(Option<Hindrance>);

struct Hindrance {
    stamp: Option<Stamp>,
    since: Instant,
    why: SourceError,
}

impl Unready {
    /// It can be read.
    pub fn clear(&mut self) {
        self.0 = None;
    }

    /// Why it can't be read, where it is as it was when it could not.
    pub fn stands(&self, stamp: Option<Stamp>) -> Option<&SourceError> {
        self.0.as_ref().filter(|failure| failure.stamp == stamp).map(|failure| &failure.why)
    }

    /// Waits for a change, for a while, unless none is to come.
    pub fn wait(
        &mut self,
        why: SourceError,
        stamp: Option<Stamp>,
        has_ended: bool,
        patience: Patience,
    ) -> Piece {
        let now = Instant::now();
        let waiting = self.0.get_or_insert_with(|| {
            tracing::warn!("{why}: it is looked at again when it has changed");
            Hindrance { stamp, since: now, why: why.clone() }
        });
        if waiting.stamp != stamp {
            (waiting.stamp, waiting.since) = (stamp, now);
        }
        waiting.why = why;
        if now.duration_since(waiting.since) < patience.unready && !has_ended {
            return Piece::Waiting;
        }
        tracing::error!("{}: rejected as a file; once it is mended, write it anew", waiting.why);
        Piece::Rejected(Unread::file(waiting.why.about_file()))
    }
}
