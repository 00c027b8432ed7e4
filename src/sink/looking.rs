//! Reads what outputs hold while another run writes them still.

use super::ahead::OutputsAhead;
use super::catalog::Catalog;
use super::commit::DurableOutputs;
use super::{durable_file, kafka};
use crate::plan::Plan;

/// What outputs hold that can be read on later. Nothing of them is changed.
pub fn read_ahead(plan: &Plan, durable: &DurableOutputs) -> OutputsAhead {
    let names = Catalog::shared(plan);
    let mut ahead = kafka::read_topics_ahead(plan, &names, durable);
    if durable.process == 0 {
        ahead.extend(durable_file::read_files_ahead(plan, &names));
    }
    OutputsAhead(ahead.into_iter().collect())
}
