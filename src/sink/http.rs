//! An output that goes nowhere: who asks over HTTP is answered by an observer, which sees its records like all others.

use super::failure::SinkError;
use super::receipt::Receipt;
use super::record::Record;
use super::target::{Opened, Opening, Target};
use super::under_way::UnderWay;
use crate::plan::Destination;
use crate::time::Tick;

struct HttpTarget {
    /// What comes behind this tick is sent: those who follow know the rest. 0, where nothing outlives the run.
    replayed: Tick,
    /// Where that is counted: the output's place is the number.
    counted: (UnderWay, usize),
}

pub(super) fn open(opening: &mut Opening<'_>) -> Result<Opened, SinkError> {
    let outputs = opening.plan.outputs.iter().enumerate();
    let served = outputs.filter(|(_, output)| output.target == Destination::Http);
    let is_first = opening.process == 0;
    let opened = served.filter(|_| is_first);
    let replayed = opening.durable.as_ref().map_or(0, |durable| durable.replayed);
    let target =
        |index| HttpTarget { replayed, counted: (UnderWay::clone(&opening.under_way), index) };
    Ok(opened.map(|(index, _)| (index, Box::new(target(index)) as Box<dyn Target>)).collect())
}

impl Target for HttpTarget {
    fn send(&self, tick: Tick, records: Vec<Record>, _: Receipt) {
        let (outputs, number) = &self.counted;
        if tick > self.replayed {
            outputs[*number].note_sent(records.len() as u64);
        }
    }

    fn counts_sent(&self) -> bool {
        true
    }
}
