//! What the workers of a process have to say of how sources begin, each source once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::decode::Decoded;
use crate::decode::beginning::Beginning;
use crate::plan::Plan;

pub struct Beginnings {
    /// By source.
    all: Mutex<Vec<Beginning>>,
    /// Sources that are still looked at.
    open: AtomicUsize,
    /// Workers that may read more.
    reading: AtomicUsize,
}

impl Beginnings {
    pub fn new(plan: &Plan, workers: usize) -> Self {
        let all: Vec<Beginning> = plan.sources.iter().map(|_| Beginning::default()).collect();
        let (open, reading) = (AtomicUsize::new(all.len()), AtomicUsize::new(workers));
        Beginnings { all: Mutex::new(all), open, reading }
    }

    /// Looks at further rows of a source.
    pub fn look(&self, plan: &Plan, source: usize, decoded: &Decoded) {
        if self.open.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut all = self.all.lock().expect("no one panics with it");
        let said = all[source].look(plan, &plan.sources[source], decoded);
        said.iter().for_each(|said| tracing::warn!("{said}"));
        let open = all.iter().filter(|beginning| beginning.goes_on()).count();
        self.open.store(open, Ordering::Relaxed);
    }

    /// A worker has read all that there is for it. The last one says what is left to say.
    pub fn end(&self, plan: &Plan) {
        if self.reading.fetch_sub(1, Ordering::Relaxed) > 1 {
            return;
        }
        let mut all = self.all.lock().expect("no one panics with it");
        for (beginning, source) in all.iter_mut().zip(&plan.sources) {
            let said = beginning.end(plan, source);
            said.iter().for_each(|said| tracing::warn!("{said}"));
        }
        self.open.store(0, Ordering::Relaxed);
    }
}
