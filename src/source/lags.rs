//! How far topics are ahead of their readers, by partition.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Messages that are yet to be read, by topic and partition: as the readers of this process last knew.
#[derive(Clone, Debug, Default)]
pub struct Lags(Arc<Mutex<ByPartition>>);

/// By topic and partition.
type ByPartition = BTreeMap<(Arc<str>, i32), u64>;

impl Lags {
    pub fn note(&self, topic: &Arc<str>, partition: i32, messages: u64) {
        let mut all = self.0.lock().expect("no one panics with it");
        all.insert((Arc::clone(topic), partition), messages);
    }

    pub fn all(&self) -> ByPartition {
        self.0.lock().expect("no one panics with it").clone()
    }
}
