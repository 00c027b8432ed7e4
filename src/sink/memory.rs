//! Records kept in memory, tick by tick: for tests, and for embedding.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::catalog::Catalog;
use super::json::{Json, TextRecord};
use super::receipt::Receipt;
use super::record::Record;
use super::target::Target;
use crate::plan::Plan;
use crate::time::Tick;

/// What each tick sent, to all outputs.
#[derive(Clone, Default)]
pub struct MemoryTarget(Arc<Mutex<BTreeMap<Tick, Vec<Record>>>>);

impl MemoryTarget {
    /// All that has been sent since this was last asked.
    pub fn take(&self) -> BTreeMap<Tick, Vec<Record>> {
        std::mem::take(&mut *self.0.lock().expect("no one panics with it"))
    }

    /// The same as text.
    pub fn take_texts(&self, plan: &Plan) -> BTreeMap<Tick, Vec<TextRecord>> {
        let catalog = Catalog::of(plan);
        let mut json = Json::new(&catalog);
        let mut texts = |records: Vec<Record>| {
            records.iter().map(|record| json.text_record(record, &catalog)).collect()
        };
        self.take().into_iter().map(|(tick, records)| (tick, texts(records))).collect()
    }
}

impl Target for MemoryTarget {
    fn send(&self, tick: Tick, records: Vec<Record>, _: Receipt) {
        let mut all = self.0.lock().expect("no one panics with it");
        all.entry(tick).or_default().extend(records);
    }
}
