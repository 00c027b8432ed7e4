//! Who sees all records of a process, beside the targets of its outputs.

use super::receipt::Receipt;
use super::record::Record;
use crate::time::Tick;

/// Sees what the outputs of this process are told.
pub trait Observer: Send + Sync {
    /// Records of a tick and of one output, those of one key in their order. The tick is complete when the receipt is
    /// gone.
    fn observe(&self, tick: Tick, records: &[Record], receipt: Receipt);

    /// Ticks before this one are durable, where anything is, and have been seen whole. It never falls; several
    /// workers say it.
    fn allow(&self, before: Tick);
}
