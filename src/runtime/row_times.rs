//! How new the rows are whose consequences can be read: of each source everywhere, and of all rows in each output.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::{Micros, Tick};

/// The times of so many ticks are kept; where an output lags by more, those of two ticks become the later one's.
const MOST: usize = 16_384;

/// The newest times of rows.
#[derive(Debug)]
pub struct RowTimes {
    /// The newest row of each source in ticks that some output has not acknowledged.
    by_tick: BTreeMap<Tick, Vec<(u16, Micros)>>,
    settled: NewestRows,
}

/// The times of the newest rows whose consequences can be read, where there are any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewestRows {
    pub sources: Vec<Option<Micros>>,
    pub outputs: Vec<Option<Micros>>,
}

impl NewestRows {
    /// Takes in those of another process.
    pub fn add(&mut self, other: &NewestRows) {
        let both = [(&mut self.sources, &other.sources), (&mut self.outputs, &other.outputs)];
        for (newest, others) in both {
            newest.iter_mut().zip(others).for_each(|(one, other)| *one = (*one).max(*other));
        }
    }
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
        if self.by_tick.len() > MOST {
            self.thin();
        }
    }

    /// Puts the rows of each second tick to those of the one behind it: they count once that is acknowledged.
    fn thin(&mut self) {
        let mut ticks = std::mem::take(&mut self.by_tick).into_iter();
        while let Some((tick, mut rows)) = ticks.next() {
            let (tick, later) = ticks.next().unwrap_or((tick, Vec::new()));
            rows.extend(later);
            let mut newest: BTreeMap<u16, Micros> = BTreeMap::new();
            for (source, time) in rows {
                let of = newest.entry(source).or_insert(time);
                *of = (*of).max(time);
            }
            self.by_tick.insert(tick, newest.into_iter().collect());
        }
    }

    /// What is known, where ticks before `complete` are complete and those before each of `acknowledged` are
    /// acknowledged by that output.
    pub fn newest(&mut self, complete: Tick, acknowledged: &[Tick]) -> NewestRows {
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
        assert_eq!(times.newest(5, &[6, 5]), newest([None, None], [Some(70), None]));
        assert_eq!(times.newest(6, &[7, 6]), newest([Some(50), Some(70)], [Some(70); 2]));
        assert_eq!(times.newest(8, &[8, 8]), newest([Some(60), Some(70)], [Some(70); 2]));
        assert!(times.by_tick.is_empty());
        times.add(9, [(1, 90)]);
        assert_eq!(times.newest(10, &[10, 9]), newest([Some(60), Some(90)], [Some(90), Some(70)]));
    }

    #[test]
    fn an_output_that_lags_by_many_ticks_costs_little_and_is_told_late_rather_than_early() {
        let mut times = RowTimes::new(1, 2);
        let most = MOST as Micros * 5;
        for tick in 0..most {
            times.add(tick as Tick, [(0, tick)]);
            assert!(times.by_tick.len() <= MOST);
        }
        let of_outputs = |times: &mut RowTimes, acknowledged: Tick| {
            times.newest(most as Tick, &[most as Tick, acknowledged]).outputs
        };
        let told = of_outputs(&mut times, most as Tick / 2);
        assert_eq!(told[0], Some(most - 1));
        let late = most / 2 - 1 - told[1].expect("some of it");
        assert!((0..64).contains(&late), "{late}");
        assert_eq!(of_outputs(&mut times, most as Tick), [Some(most - 1); 2]);
        assert!(times.by_tick.is_empty());
    }
}
