//! What outputs lack, or have too much, where it is not known what they were told: who sees all records is told it, too.
//!
//! Outputs are compared by the threads that write them, each when its time has come. It is told at once when all have
//! found it, and has a tick of its own, behind all that is replayed and before whatever happens next.

use std::sync::{Arc, Mutex};

use super::observer::{DifferingRecords, Observer};
use crate::time::Tick;

/// What the outputs of a process differ by.
#[derive(Clone, Default)]
pub struct OutputsDifference(Arc<Mutex<FoundDifference>>);

#[derive(Default)]
struct FoundDifference {
    /// How many have yet to find it.
    awaited: usize,
    found: Vec<DifferingRecords>,
    /// Who is told, and the tick that it is told as.
    told: Option<(Arc<dyn Observer>, Tick)>,
}

impl OutputsDifference {
    /// Somebody compares what an output holds, and says later what it comes to.
    pub fn is_awaited(&self) {
        self.0.lock().expect("no one panics with it").awaited += 1;
    }

    /// One of those who were awaited has found it, and says it if anybody is told.
    pub fn found(&self, found: impl FnOnce() -> Vec<DifferingRecords>) {
        let mut difference = self.0.lock().expect("no one panics with it");
        if difference.told.is_some() {
            difference.found.extend(found());
        }
        difference.awaited -= 1;
        difference.tell();
    }

    /// Who is told once all have found it, and as which tick: said before any has. What is replayed ends with another one.
    pub fn is_told_to(&self, observer: &Arc<dyn Observer>, replayed: Tick, tick: Tick) {
        let mut difference = self.0.lock().expect("no one panics with it");
        observer.awaits(replayed);
        difference.told = Some((Arc::clone(observer), tick));
        difference.tell();
    }
}

impl FoundDifference {
    fn tell(&mut self) {
        if self.awaited > 0 {
            return;
        }
        // The observer ends with the run, and is not held beyond.
        if let Some((observer, tick)) = self.told.take() {
            observer.differ(tick, std::mem::take(&mut self.found));
        }
    }
}
