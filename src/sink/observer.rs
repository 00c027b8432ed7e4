//! Who sees all records of a process, beside the targets of its outputs.

use super::commit::DurableOutputs;
use super::differing::{DifferencePart, DifferingRecords};
use super::receipt::Receipt;
use super::record::Record;
use super::under_way::UnderWay;
use crate::time::Tick;

/// Sees what the outputs of this process are told.
pub trait Observer: Send + Sync {
    /// Records of a tick and of one output, those of one key in their order. The tick is complete when the receipt is
    /// gone.
    fn observe(&self, tick: Tick, records: &[Record], receipt: Receipt);

    /// The outputs of a run that outlives its process have been opened. Says up to which tick of it what comes back is
    /// not told again, where that is known: so the replay ends a step there.
    fn opened(&self, durable: &DurableOutputs, outputs: &UnderWay) -> Option<Tick>;

    /// Outputs are compared with what is replayed up to this tick: what they differ by is told before what comes behind it.
    fn awaits(&self, replayed: Tick);

    /// What outputs differed by, as a tick of its own: nothing, where none did. It comes once after it is awaited.
    fn differ(&self, tick: Tick, differing: Vec<DifferingRecords>);

    /// The same of those that another process writes, which comes in parts: it is told with it.
    fn differ_elsewhere(&self, part: DifferencePart);

    /// Ticks before this one are durable, where anything is, and have been seen whole. It never falls; several
    /// workers say it.
    fn allow(&self, before: Tick);
}
