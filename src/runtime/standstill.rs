//! What holds a run back for long: that rows do not become durable, or that an output does not take its records. It is told
//! while it lasts, and counted for the summary. What is read waits meanwhile, in bounded memory.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::console::counted;
use crate::plan::Plan;
use crate::sink::UnderWay;
use crate::time::Tick;

/// What takes less time is the ordinary course of things.
const LONG: Duration = Duration::from_secs(2);
/// When a wait is told, and how often it is told again.
const TELLING: Duration = Duration::from_secs(10);
const TELLING_AGAIN: Duration = Duration::from_secs(60);

/// What a run waits for.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WaitsFor {
    /// That rows are durable in the data folder.
    DataFolder,
    /// That an output takes its records, by its number.
    Output(u16),
}

/// How long a run has waited for something, each time for long.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongWait {
    pub waits_for: WaitsFor,
    pub times: u64,
    pub took: Duration,
}

/// How far something is, and since when it has been there though it could go on.
#[derive(Copy, Clone)]
struct StandsAt {
    at: Tick,
    /// How many records it has yet to take, of an output.
    pending: u64,
    since: Instant,
    told: Option<Instant>,
}

/// Watches one process.
pub struct Standstill {
    standing: BTreeMap<WaitsFor, StandsAt>,
    over: BTreeMap<WaitsFor, LongWait>,
    /// How long an output may take at the most where all is well.
    of_output: Duration,
}

impl Standstill {
    pub fn new(plan: &Plan) -> Self {
        let of_output = LONG + plan.kafka.commit_every;
        Standstill { standing: BTreeMap::new(), over: BTreeMap::new(), of_output }
    }

    /// Looks how far all is: ticks before `handed` have passed through the dataflow, those before `durable` are durable.
    pub fn look(
        &mut self,
        plan: &Plan,
        under_way: &UnderWay,
        [handed, durable]: [Tick; 2],
        now: Instant,
    ) {
        let stored = (durable < handed).then_some((durable, 0));
        self.see(plan, WaitsFor::DataFolder, stored, now);
        let committable = handed.min(durable);
        for (number, (of, output)) in (0..).zip(plan.outputs.iter().zip(under_way.iter())) {
            // A service is waited for by nobody.
            if of.target.is_service() {
                continue;
            }
            let oldest = output.oldest().filter(|oldest| *oldest < committable);
            let at = oldest.map(|oldest| (oldest, output.records()));
            self.see(plan, WaitsFor::Output(number), at, now);
        }
    }

    /// How long something may take at the most where all is well.
    fn patience(&self, waits_for: WaitsFor) -> Duration {
        match waits_for {
            WaitsFor::DataFolder => LONG,
            WaitsFor::Output(_) => self.of_output,
        }
    }

    /// It is at a tick, with records that it has yet to take, and could go on; `None` if there is nothing for it to do.
    fn see(&mut self, plan: &Plan, waits_for: WaitsFor, at: Option<(Tick, u64)>, now: Instant) {
        let before = self.standing.get(&waits_for).copied();
        match (before, at) {
            (Some(mut standing), Some(at)) if (standing.at, standing.pending) == at => {
                let took = now - standing.since;
                let is_due =
                    standing.told.map_or(took >= self.patience(waits_for).max(TELLING), |told| {
                        now - told >= TELLING_AGAIN
                    });
                if is_due {
                    standing.told = Some(now);
                    self.standing.insert(waits_for, standing);
                    tracing::warn!(
                        "what is read waits for {}, for {} s by now{}",
                        shown(plan, waits_for),
                        took.as_secs(),
                        match standing.pending {
                            0 => String::new(),
                            pending => format!(
                                ": it has yet to take {}",
                                counted(pending, "record", "records")
                            ),
                        }
                    );
                }
                return;
            }
            (Some(standing), _) => self.end(plan, waits_for, standing, now),
            (None, _) => {}
        }
        match at {
            Some((at, pending)) => {
                self.standing.insert(waits_for, StandsAt { at, pending, since: now, told: None })
            }
            None => self.standing.remove(&waits_for),
        };
    }

    fn end(&mut self, plan: &Plan, waits_for: WaitsFor, standing: StandsAt, now: Instant) {
        let took = now - standing.since;
        if took >= self.patience(waits_for) {
            let none = LongWait { waits_for, times: 0, took: Duration::ZERO };
            let wait = self.over.entry(waits_for).or_insert(none);
            wait.times += 1;
            wait.took += took;
        }
        if standing.told.is_some() {
            tracing::info!("{} goes on, after {} s", shown(plan, waits_for), took.as_secs());
        }
    }

    /// All that took long.
    pub fn finish(mut self, plan: &Plan, now: Instant) -> Vec<LongWait> {
        for (waits_for, standing) in std::mem::take(&mut self.standing) {
            self.end(plan, waits_for, standing, now);
        }
        self.over.into_values().collect()
    }
}

impl LongWait {
    /// What several processes saw of the same waits: each sees them all, or those of its own part.
    pub fn together(all: impl Iterator<Item = LongWait>) -> Vec<LongWait> {
        let mut longest: BTreeMap<WaitsFor, LongWait> = BTreeMap::new();
        for wait in all {
            let known = longest.entry(wait.waits_for).or_insert(wait);
            if wait.took > known.took {
                *known = wait;
            }
        }
        longest.into_values().collect()
    }
}

/// What is waited for, for people.
pub fn shown(plan: &Plan, waits_for: WaitsFor) -> String {
    match waits_for {
        WaitsFor::DataFolder => "the data folder".to_owned(),
        WaitsFor::Output(number) => {
            let output = &plan.outputs[usize::from(number)];
            format!("output {} ({})", output.name, output.target)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::parse;
    use crate::sink::OutputTicks;

    fn plan() -> Plan {
        let text = "name: n\nsources: {s: {files: s.csv, kind: events, fields: {a: text}}}\n\
            identity: {a: {from: {s: a}}}\n\
            outputs: {one: {files: one.ndjson, publish: profiles}, two: {webhook: {url: 'http://localhost:1'}, publish: profiles}}\n";
        parse(text, std::path::Path::new("n.yaml"), &|_| None).expect("a definition")
    }

    #[test]
    fn what_stands_still_for_long_is_counted_and_what_goes_on_is_not() {
        let plan = plan();
        let under_way: UnderWay = [OutputTicks::default(), OutputTicks::default()].into();
        let began = Instant::now();
        let mut standstill = Standstill::new(&plan);
        let mut look = |frontiers: [Tick; 2], seconds: u64| {
            let now = began + Duration::from_secs(seconds);
            standstill.look(&plan, &under_way, frontiers, now);
        };
        // A service holds nobody back.
        under_way[0].add(1, 3);
        under_way[1].add(1, 3);
        look([1, 9], 0);
        look([1, 9], 20);
        // From here on the file could take them.
        look([2, 9], 20);
        look([2, 9], 24);
        under_way[0].release(1, 1);
        look([2, 9], 25);
        // It goes on: each step alone is short.
        look([2, 9], 26);
        under_way[0].release(1, 2);
        look([2, 9], 27);
        look([9, 3], 30);
        look([9, 4], 31);
        look([9, 4], 40);
        let waits = standstill.finish(&plan, began + Duration::from_secs(41));
        let wait = |waits_for, seconds| LongWait {
            waits_for,
            times: 1,
            took: Duration::from_secs(seconds),
        };
        assert_eq!(waits, [wait(WaitsFor::DataFolder, 10), wait(WaitsFor::Output(0), 5)]);
    }
}
