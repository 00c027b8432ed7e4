//! How far a person comes in a funnel.
//!
//! Only times matter: those at which a row satisfies a step. From a first step each further one is
//! taken as early as it can be, so how far a start reaches is quickly found, and what comes or goes
//! concerns only the starts whose chain would pass there: those that have the step before behind
//! them, but not yet another of its own step.

use std::collections::{BTreeMap, BTreeSet};

use super::function::{AggregateFunction, Called, Gather, Kept, KeptValues, Travels};
use super::room::{NoRoom, Types};
use crate::row::Datum;
use crate::time::Micros;

/// Definitions have words of their own for it.
pub struct Funnel {
    pub within: Micros,
    pub steps: u8,
}

impl AggregateFunction for Funnel {
    fn called(&self) -> Option<Called> {
        None
    }

    fn kept(&self) -> Kept {
        let Funnel { within, steps } = *self;
        let gathered =
            KeptValues::gathered(Travels::Presence, move |_| Box::new(Chains::new(within, steps)));
        let of_nothing = Some(Datum::List([].into()));
        Kept::Values(KeptValues { with_times: true, of_nothing, ..gathered })
    }
}

impl Gather for Chains {
    fn add(&mut self, time: Micros, value: &Datum, diff: i64) {
        match value {
            Datum::Integer(step) => self.satisfy(*step as usize - 1, time, diff),
            other => unreachable!("{other:?} is no step"),
        }
    }

    fn is_empty(&self) -> bool {
        self.steps.iter().all(BTreeMap::is_empty)
    }

    fn value(&self, _: Types<'_>) -> Result<Option<Datum>, NoRoom> {
        Ok(Some(Datum::List(self.furthest().into_iter().map(Datum::Timestamp).collect())))
    }
}

/// When a person's rows satisfy the steps.
#[derive(Debug)]
struct Chains {
    within: Micros,
    /// By step, the times at which it is satisfied, each with how often that was said.
    steps: Vec<BTreeMap<Micros, i64>>,
    /// By how many steps it reaches, each start: the last is the best.
    reached: BTreeSet<(usize, Micros)>,
}

impl Chains {
    fn new(within: Micros, steps: u8) -> Self {
        let steps = (0..steps).map(|_| BTreeMap::new()).collect();
        Chains { within, steps, reached: BTreeSet::new() }
    }

    /// Takes in that a step, counted from 0, is satisfied at a time, `diff` times more or less.
    fn satisfy(&mut self, step: usize, time: Micros, diff: i64) {
        let before = self.steps[step].get(&time).copied().unwrap_or(0);
        let after = before + diff;
        if (before > 0) == (after > 0) {
            return self.set(step, time, after);
        }
        let starts = if step == 0 { vec![time] } else { self.starts_through(step, time) };
        if step > 0 || before > 0 {
            self.forget(&starts);
        }
        self.set(step, time, after);
        if step > 0 || after > 0 {
            let reached = starts.into_iter().map(|start| (self.chain(start).count(), start));
            let reached: Vec<_> = reached.collect();
            self.reached.extend(reached);
        }
    }

    fn forget(&mut self, starts: &[Micros]) {
        for start in starts {
            let reached = self.chain(*start).count();
            self.reached.remove(&(reached, *start));
        }
    }

    fn set(&mut self, step: usize, time: Micros, count: i64) {
        match count {
            0 => self.steps[step].remove(&time),
            _ => self.steps[step].insert(time, count),
        };
    }

    /// The starts whose chain takes this step at this time, if it is satisfied then.
    fn starts_through(&self, step: usize, time: Micros) -> Vec<Micros> {
        let Some(last) = self.latest_start(step, time) else { return Vec::new() };
        // Those of an earlier time of the step take that.
        let earlier = self.steps[step].range(..time).next_back();
        let past = earlier.and_then(|(earlier, _)| self.latest_start(step, *earlier));
        let first = time.saturating_sub(self.within).max(past.map_or(Micros::MIN, |past| past + 1));
        if first > last {
            return Vec::new();
        }
        self.steps[0].range(first..=last).map(|(start, _)| *start).collect()
    }

    /// The latest start that has the step before behind it at a time.
    fn latest_start(&self, step: usize, time: Micros) -> Option<Micros> {
        self.steps[..step]
            .iter()
            .rev()
            .try_fold(time, |time, step| step.range(..=time).next_back().map(|(latest, _)| *latest))
    }

    /// The times of the steps that a start reaches, its own first.
    fn chain(&self, start: Micros) -> impl Iterator<Item = Micros> {
        let mut at = start;
        let further = self.steps[1..].iter().map_while(move |step| {
            let (next, _) = step.range(at..).next()?;
            at = *next;
            (at.saturating_sub(start) <= self.within).then_some(at)
        });
        std::iter::once(start).chain(further)
    }

    /// The times of the furthest chain, which begins latest of those.
    fn furthest(&self) -> Vec<Micros> {
        let best = self.reached.last();
        best.map(|(_, start)| self.chain(*start).collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn funnel(within: Micros, rows: &str) -> usize {
        let mut funnel = Chains::new(within, 4);
        for row in rows.split(' ') {
            let (steps, time) = row.split_once(|c: char| c.is_ascii_digit()).expect("a time");
            let time = row[row.len() - time.len() - 1..].parse().expect("a time");
            steps.bytes().for_each(|step| funnel.satisfy((step - b'a') as usize, time, 1));
        }
        funnel.furthest().len()
    }

    /// What `windowFunnel(within)(t, e = 'a', e = 'b', e = 'c', e = 'd')` gives in ClickHouse
    /// 26.9.2.1 for events such as ('a', 1), written `a1`; `ab1` satisfies two conditions.
    #[test]
    fn the_furthest_step_is_that_of_clickhouse() {
        for (within, rows, furthest) in [
            (3, "a1 a2 b3 a11 c12 b17 a18 a20 a27", 2),
            (6, "a1 c3 d7 c12 a18 a20 c22 a23 b24 a26 b27 a29", 2),
            (10, "c3 c5 c6 a18 a20 a21 c25 b26", 2),
            (6, "d10 b13 a14 b17 c18 b21 a24", 3),
            (3, "c9 c10 a14 a15 a16 b18 b23", 2),
            (6, "c1 c2 c15 b21 c22", 0),
            (10, "d2 b4 c5 a7 a11 a12 a13 c21", 1),
            (6, "c0 b4 c9 d11 a13 c17", 1),
            (10, "b1 b12 a14 a17 b19 a20 b21 c23 a24 a27 a28 a29", 3),
            (3, "b4 a8 c12 b19 b20", 1),
            (6, "c2 b4 b9 a14 c15", 1),
            (10, "d0 a6 b7 b8 b11 c15 c16 c22 b23 b25", 3),
            (10, "a4 c11 c15 a17 a19 a21 d22 b24 d26 c28 c29", 3),
            (6, "a2 b3 c5 d7 c8 c14 b20 a23 c28 a29", 4),
            (10, "a0 a5 a7 b8 c10 d11 b12 d15 a17 a18 c22 b29", 4),
            (10, "a3 c5 c6 a7 c8 c11 b12 c13 d14 a16 d18 a26", 4),
            // One row may be two steps, equal times may follow each other either way, and the last
            // step may come exactly so long after the first.
            (10, "ab1 c3", 3),
            (10, "b1 a1", 2),
            (10, "a1 b3 c11", 3),
            (10, "a1 b3 c12", 2),
        ] {
            assert_eq!(self::funnel(within, rows), furthest, "{within}: {rows}");
        }
    }

    /// Every chain there is.
    fn chains(steps: &[Vec<Micros>], chain: &[Micros], within: Micros, all: &mut Vec<Vec<Micros>>) {
        all.push(chain.to_vec());
        let Some((step, further)) = steps.split_first() else { return };
        for time in step {
            let follows = chain.last().is_none_or(|last| time >= last);
            let fits = chain.first().is_none_or(|first| time - first <= within);
            if follows && fits {
                chains(further, &[chain, &[*time]].concat(), within, all);
            }
        }
    }

    proptest! {
        #[test]
        fn the_furthest_chain_begins_latest_and_goes_on_earliest(
            within in 0..9i64,
            changes in prop::collection::vec((0..3usize, 0..14i64, any::<bool>()), 1..40),
        ) {
            let mut funnel = Chains::new(within, 3);
            let mut counts = BTreeMap::new();
            // The second half takes back what the first brought.
            let back = changes.iter().map(|(step, time, comes)| (*step, *time, !comes));
            for (step, time, comes) in changes.iter().copied().chain(back) {
                let count = counts.entry((step, time)).or_insert(0i64);
                let diff = if comes { 1 } else { -1i64.min(*count) };
                if diff == 0 {
                    continue;
                }
                *count += diff;
                funnel.satisfy(step, time, diff);
                let satisfied = |of: usize| {
                    counts.iter().filter(move |((step, _), count)| *step == of && **count > 0)
                };
                let steps: Vec<Vec<Micros>> =
                    (0..3).map(|of| satisfied(of).map(|((_, time), _)| *time).collect()).collect();
                let mut all = Vec::new();
                chains(&steps, &[], within, &mut all);
                let best = all.into_iter().max_by_key(|chain| {
                    let further: Vec<Micros> = chain.iter().skip(1).map(|time| -time).collect();
                    (chain.len(), chain.first().copied(), further)
                });
                prop_assert_eq!(Some(funnel.furthest()), best);
                prop_assert_eq!(funnel.is_empty(), steps.iter().all(Vec::is_empty));
            }
        }
    }
}
