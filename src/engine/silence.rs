//! Which of the other processes says nothing: one that stands still holds up a change for so long and no longer. Each says
//! again and again that it is there, on a thread of its own, whatever else it does.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::fault;

/// Who looks seldom has stood still: then nothing is known of the others.
const SELDOM: Duration = Duration::from_secs(5);

/// How long a process may say nothing.
pub fn patience() -> Duration {
    Duration::from_millis(fault::number("SELFSAME_SILENCE_MS", 30_000))
}

/// How often a process says that it is there.
pub fn beat() -> Duration {
    patience() / 10
}

/// When processes were heard last.
#[derive(Default)]
pub struct Silence(Mutex<LastHeard>);

#[derive(Default)]
struct LastHeard {
    by_process: BTreeMap<usize, Instant>,
    looked: Option<Instant>,
}

impl Silence {
    pub fn hear(&self, process: usize) {
        let mut last = self.0.lock().expect("no one panics with it");
        last.by_process.insert(process, Instant::now());
    }

    /// One of some processes that has said nothing for too long. Whoever waits looks often.
    pub fn silent(&self, processes: impl IntoIterator<Item = usize>) -> Option<usize> {
        let (mut last, now) = (self.0.lock().expect("no one panics with it"), Instant::now());
        if last.looked.replace(now).is_none_or(|looked| now.duration_since(looked) > SELDOM) {
            last.by_process.clear();
        }
        processes.into_iter().find(|process| {
            let heard = *last.by_process.entry(*process).or_insert(now);
            now.duration_since(heard) > patience()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_heard_is_silent_only_once_that_was_waited_for() {
        let silence = Silence::default();
        let long_ago = Instant::now().checked_sub(patience() * 2).expect("it runs for longer");
        silence.hear(1);
        silence.0.lock().expect("it").by_process.insert(2, long_ago);
        assert_eq!(silence.silent([1, 2]), None, "nobody has looked before");
        silence.0.lock().expect("it").by_process.insert(2, long_ago);
        assert_eq!(silence.silent([1]), None);
        assert_eq!(silence.silent([1, 2]), Some(2));
        silence.hear(2);
        assert_eq!(silence.silent([1, 2]), None);
    }
}
