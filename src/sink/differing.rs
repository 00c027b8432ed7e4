//! What outputs lack, or have too much, where it is not known what they were told: who sees all records is told it, too.
//!
//! Outputs are compared by the threads that write them, each when its time has come. It is told at once when all have
//! found it, and has a tick of its own, behind all that is replayed and before whatever happens next.

use std::sync::{Arc, Mutex};

use super::catalog::Catalog;
use super::record::Record;

/// Records by which an output differed from what it should hold, with the names that they speak of.
#[derive(Clone)]
pub struct DifferingRecords {
    pub records: Vec<Record>,
    pub names: Arc<Catalog>,
}

/// Hears what outputs differ by.
type Told = Box<dyn FnOnce(Vec<DifferingRecords>) + Send>;

/// What the outputs of a process differ by.
#[derive(Clone, Default)]
pub struct OutputsDifference(Arc<Mutex<FoundDifference>>);

#[derive(Default)]
struct FoundDifference {
    /// How many have yet to find it.
    awaited: usize,
    found: Vec<DifferingRecords>,
    /// Who is told.
    told: Option<Told>,
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

    /// Who is told once all have found it: said before any has.
    pub fn is_told_to(&self, told: impl FnOnce(Vec<DifferingRecords>) + Send + 'static) {
        let mut difference = self.0.lock().expect("no one panics with it");
        difference.told = Some(Box::new(told));
        difference.tell();
    }
}

impl FoundDifference {
    fn tell(&mut self) {
        if self.awaited > 0 {
            return;
        }
        // Who is told ends with the run, and is not held beyond.
        if let Some(told) = self.told.take() {
            told(std::mem::take(&mut self.found));
        }
    }
}
