//! What a shop's outputs have to say, by the oracle, which is told what was sent.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use selfsame::internals::plan::Plan;
use selfsame::internals::runtime::Clock;
use selfsame::internals::sink;

use super::{CLOCK, History};
use crate::broker::client::Message;
use crate::oracle::check::folded;
use crate::oracle::script::{Delivery, Tick};
use crate::oracle::{Oracle, SetAside, State as OfPlan};
use crate::program::{Record, State};

pub struct Expected {
    plan: Arc<Plan>,
    oracle: Oracle,
    now: i64,
    /// By source and partition.
    ends: BTreeMap<(usize, i32), u64>,
    rejects: Vec<SetAside>,
}

impl Expected {
    /// What is expected of a definition whose topics are empty.
    pub fn of(definition: &Path) -> Self {
        let plan =
            Arc::new(selfsame::internals::definition::load(definition).expect("a definition"));
        let clock: Clock = CLOCK.parse().expect("a clock");
        let Clock::Fixed(now) = clock else { panic!("{CLOCK} is held") };
        let oracle = Oracle::new(&plan, clock);
        Expected { plan, oracle, now, ends: BTreeMap::new(), rejects: Vec::new() }
    }

    /// What there is to say once this has been sent too.
    pub fn after(&mut self, history: &History) -> State {
        let mut rows = Vec::new();
        for (name, messages) in [("web", &history.web), ("crm", &history.crm)] {
            let source = self.plan.sources.iter().position(|source| source.name == name);
            let source = source.expect("the shop has it");
            rows.extend(messages.iter().filter_map(|message| self.delivery(source, message)));
        }
        let expected = self.oracle.tick(&Tick { reading: self.now, rows });
        self.rejects.extend(expected.set_aside);
        self.state(self.oracle.state().clone(), self.rejects.clone())
    }

    /// What was read comes to this.
    pub fn read(&self, records: Vec<Record>) -> State {
        let of_plan = |Record { output, key, value, merged_into }: Record| {
            let output = self.plan.outputs.iter().position(|of| of.name == output);
            let output = output.expect("an output of the definition") as u16;
            sink::TextRecord { output, key, value, merged_into }
        };
        let records: Vec<sink::TextRecord> = records.into_iter().map(of_plan).collect();
        let (state, rejects) = folded(&self.plan, &records);
        self.state(state, rejects.into_iter().map(|(_, reject)| reject).collect())
    }

    /// The message as the oracle is told of it. It knows text: what is none is told apart.
    fn delivery(&mut self, source: usize, message: &Message) -> Option<Delivery> {
        let end = self.ends.entry((source, message.partition)).or_default();
        let mut delivery = Delivery {
            source,
            part: message.partition as u32,
            offset: *end,
            timestamp: message.timestamp.map(|millis| millis * 1_000),
            key: message.key.clone(),
            header: None,
            payload: None,
            joined: false,
        };
        *end += 1;
        match message.payload.clone().map(String::from_utf8) {
            Some(Err(error)) => {
                let position = serde_json::json!({
                    "topic": delivery.origin(&self.plan),
                    "partition": delivery.part,
                    "offset": delivery.offset,
                });
                self.rejects.push(SetAside {
                    source: self.plan.sources[source].name.clone(),
                    position: position.to_string(),
                    codes: BTreeSet::from(["not_utf8".to_owned()]),
                    raw: String::from_utf8_lossy(error.as_bytes()).into_owned(),
                });
                return None;
            }
            payload => delivery.payload = payload.map(|text| text.expect("matched above")),
        }
        Some(delivery)
    }

    /// By the outputs' names, and values with their end.
    fn state(&self, state: OfPlan, rejects: Vec<SetAside>) -> State {
        let at = selfsame::internals::time::rfc3339(self.now);
        let named = |((output, key), value): ((usize, String), String)| {
            let output = self.plan.outputs[output].name.clone();
            ((output, key), format!("{value},\"at\":\"{at}\"}}"))
        };
        let mut rejects: Vec<String> = rejects.iter().map(|of| format!("{of:?}")).collect();
        rejects.sort();
        State { values: state.into_iter().map(named).collect(), rejects }
    }
}
