//! What is left of a run that has ended: what its workers held.

use std::time::Duration;

use timely::communication::WorkerGuards;

use crate::sink::Failure;

/// How often a process that waits for others' goodbye looks whether they are still there.
const GOODBYE: Duration = Duration::from_millis(100);

/// What the workers of a run that has ended held: it takes long to take apart.
#[derive(Default)]
pub struct Leftover {
    guards: Option<WorkerGuards<()>>,
    /// The failure of a run that has ended well and says goodbye to other processes.
    failure: Option<Failure>,
}

impl Leftover {
    pub(super) fn of(guards: Option<WorkerGuards<()>>, failure: Option<Failure>) -> Self {
        Leftover { guards, failure }
    }

    pub fn take_apart(self) {
        drop(self.guards);
    }

    pub fn take_apart_meanwhile(self) {
        std::thread::spawn(move || self.take_apart());
    }

    /// Leaves it to the end of the process.
    pub fn leave(self) {
        match (self.guards, self.failure) {
            (Some(guards), Some(failure)) => part(guards, &failure),
            (guards, _) => std::mem::forget(guards),
        }
    }
}

/// Says goodbye to the other processes. All that there was to do is done: if one is lost just now,
/// there is nobody left to say it to.
fn part(guards: WorkerGuards<()>, failure: &Failure) {
    let (sender, parted) = crossbeam_channel::bounded(0);
    std::thread::spawn(move || {
        drop(guards);
        let _ = sender.send(());
    });
    while failure.get().is_none() && parted.recv_timeout(GOODBYE).is_err() {}
}
