//! An output that goes nowhere: who asks over HTTP is answered by an observer, which sees its records like all others.

use super::failure::SinkError;
use super::receipt::Receipt;
use super::record::Record;
use super::target::{Opened, Opening, Target};
use crate::plan::Destination;
use crate::time::Tick;

struct HttpTarget;

pub(super) fn open(opening: &mut Opening<'_>) -> Result<Opened, SinkError> {
    let outputs = opening.plan.outputs.iter().enumerate();
    let served = outputs.filter(|(_, output)| output.target == Destination::Http);
    let is_first = opening.process == 0;
    let opened = served.filter(|_| is_first);
    Ok(opened.map(|(index, _)| (index, Box::new(HttpTarget) as Box<dyn Target>)).collect())
}

impl Target for HttpTarget {
    fn send(&self, _: Tick, _: Vec<Record>, _: Receipt) {}
}
