//! What a run has to publish so that all that is asked for over HTTP comes to its first process.
//!
//! Each of several processes writes its own share of a topic. The first one is told all of it by a twin of the topic's
//! output, which goes nowhere else; to who follows changes the twin's records are the output's. Where there is one
//! process, and for outputs that the first process alone writes, all comes there anyhow.

use std::sync::Arc;

use crate::plan::{Destination, Format, Output, Plan, Publish};

/// The output that is added where no other tells all of everybody.
const ADDED: &str = "served over HTTP";

/// Whether an output is nobody's but those' who ask over HTTP.
pub fn is_added(output: &Output) -> bool {
    output.target == Destination::Http
}

/// A plan with what is added to it.
pub struct ServedPlan {
    pub plan: Arc<Plan>,
    /// The output that tells all of everybody to the first process.
    pub whole: u16,
    /// By output: as which one its records that come to the first process are told; `None`: as none.
    pub told_as: Vec<Option<u16>>,
    /// How many processes there are beside the first one.
    pub others: usize,
}

impl ServedPlan {
    /// The plan of a run of so many processes.
    pub fn new(mut plan: Plan, processes: usize) -> Self {
        let comes_here = |output: &Output| processes <= 1 || output.target.is_local();
        let mut told_as: Vec<Option<u16>> = Vec::new();
        let numbered = plan.outputs.iter().zip(0..);
        told_as.extend(numbered.map(|(output, number)| comes_here(output).then_some(number)));
        for number in 0..plan.outputs.len() {
            let output = &plan.outputs[number];
            if comes_here(output) {
                continue;
            }
            let (name, target) = (format!("{} {ADDED}", output.name), Destination::Http);
            plan.outputs.push(Output { name, target, format: Format::Json, ..output.clone() });
            told_as.push(Some(number as u16));
        }
        let tells_all = |output: &Output| {
            let is_whole = output.attributes.iter().copied().eq(0..plan.attributes.len());
            output.publish == Publish::Profiles && output.condition.is_none() && is_whole
        };
        let outputs = plan.outputs.iter().enumerate();
        let mut whole = outputs.filter(|(number, _)| told_as[*number].is_some());
        let whole = whole.find(|(_, output)| tells_all(output)).map(|(number, _)| number);
        let whole = whole.unwrap_or_else(|| {
            plan.outputs.push(Output {
                name: ADDED.to_owned(),
                publish: Publish::Profiles,
                target: Destination::Http,
                format: Format::Json,
                condition: None,
                attributes: (0..plan.attributes.len()).collect(),
            });
            told_as.push(None);
            plan.outputs.len() - 1
        });
        ServedPlan {
            plan: Arc::new(plan),
            whole: whole as u16,
            told_as,
            others: processes.saturating_sub(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::unserved::unserved;
    use super::*;

    const SHOP: &str = "
kafka: {brokers: localhost:9092}
sources: {orders: {kafka: {topic: orders}, kind: events, fields: {email: text, amount: integer}}}
identity: {email: {from: {orders: email}}}
attributes: {spent: {from: orders, select: sum(amount)}}
outputs:
  profiles: {kafka: {topic: profiles}}
  rejects: {files: rejects.ndjson}
";

    #[test]
    fn a_topic_of_several_processes_has_a_twin_that_tells_all_to_the_first() {
        let served = |processes| {
            let plan = Plan::clone(&unserved(SHOP).plan);
            let served = ServedPlan::new(plan, processes);
            let names = served.plan.outputs.iter().map(|of| of.name.clone()).collect::<Vec<_>>();
            (names, served.whole, served.told_as.clone(), served.others)
        };
        let (names, whole, told_as, others) = served(1);
        assert_eq!(names, ["profiles", "rejects"]);
        assert_eq!((whole, told_as, others), (0, vec![Some(0), Some(1)], 0));
        let (names, whole, told_as, others) = served(3);
        assert_eq!(names, ["profiles", "rejects", "profiles served over HTTP"]);
        assert_eq!((whole, told_as, others), (2, vec![None, Some(1), Some(0)], 2));
    }
}
