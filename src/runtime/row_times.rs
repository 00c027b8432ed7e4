//! How new the rows are whose consequences can be read: of each source everywhere, and of all rows in each output.

use std::collections::BTreeMap;

use crate::time::{Micros, Tick};

/// The newest times of rows.
#[derive(Debug)]
pub struct RowTimes {
    /// Of ticks that some output has not acknowledged, the newest row of each source.
    by_tick: BTreeMap<Tick, Vec<(u16, Micros)>>,
    settled: NewestRows,
}

/// The times of the newest rows whose consequences can be read, where there are any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewestRows {
    pub sources: Vec<Option<Micros>>,
    pub outputs: Vec<Option<Micros>>,
}

impl RowTimes {
    pub fn new(sources: usize, outputs: usize) -> Self {
        let settled = NewestRows { sources: vec![None; sources], outputs: vec![None; outputs] };
        RowTimes { by_tick: BTreeMap::new(), settled }
    }

    /// The newest rows of a tick, by source.
    pub fn add(&mut self, tick: Tick, newest: impl IntoIterator<Item = (u16, Micros)>) {
        let mut newest = newest.into_iter().peekable();
        if newest.peek().is_some() {
            self.by_tick.entry(tick).or_default().extend(newest);
        }
    }

    /// What is known, where ticks before `complete` are complete and those before each of `acknowledged` are
    /// acknowledged by that output.
    pub fn settle(&mut self, complete: Tick, acknowledged: &[Tick]) -> NewestRows {
        for (tick, rows) in &self.by_tick {
            for (source, time) in rows {
                if *tick < complete {
                    let newest = &mut self.settled.sources[usize::from(*source)];
                    *newest = (*newest).max(Some(*time));
                }
                for (newest, before) in self.settled.outputs.iter_mut().zip(acknowledged) {
                    if tick < before {
                        *newest = (*newest).max(Some(*time));
                    }
                }
            }
        }
        let first = acknowledged.iter().copied().fold(complete, Tick::min);
        self.by_tick = self.by_tick.split_off(&first);
        self.settled.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_counts_for_an_output_once_that_has_acknowledged_its_tick() {
        let mut times = RowTimes::new(2, 2);
        times.add(5, [(0, 50), (1, 70)]);
        times.add(6, [(0, 60)]);
        times.add(7, [(0, 40)]);
        let newest = |sources: [Option<Micros>; 2], outputs: [Option<Micros>; 2]| NewestRows {
            sources: sources.to_vec(),
            outputs: outputs.to_vec(),
        };
        assert_eq!(times.settle(5, &[6, 5]), newest([None, None], [Some(70), None]));
        assert_eq!(times.settle(6, &[7, 6]), newest([Some(50), Some(70)], [Some(70); 2]));
        assert_eq!(times.settle(8, &[8, 8]), newest([Some(60), Some(70)], [Some(70); 2]));
        assert!(times.by_tick.is_empty());
        times.add(9, [(1, 90)]);
        assert_eq!(times.settle(10, &[10, 9]), newest([Some(60), Some(90)], [Some(90), Some(70)]));
    }
}
