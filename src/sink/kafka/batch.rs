//! What is handed to the threads that write topics, and how they start.

use std::sync::Arc;

use super::super::receipt::Receipt;
use super::super::record::Record;
use super::topics::OutputTopic;
use crate::time::Tick;

/// Records of a tick for a topic, which has a number among those of the process.
pub struct TopicBatch {
    pub tick: Tick,
    pub number: usize,
    pub topic: Arc<OutputTopic>,
    pub records: Vec<Record>,
    pub receipt: Receipt,
}

/// Starts a thread.
pub fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map(drop).map_err(|error| error.to_string())
}
