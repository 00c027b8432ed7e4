//! What earlier runs have committed, by process and tick: it stays true, however many workers there are today.
//!
//! A share says: all records of ticks up to this one, of the keys that this process had when there were so many
//! processes and workers, are committed. Of several shares that a key is in, the one that says the most counts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::time::Tick;

/// How keys lie on processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Distribution {
    pub processes: usize,
    /// How many workers each process has.
    pub workers: usize,
}

impl Distribution {
    /// The process whose worker publishes what is routed so, as timely routes it.
    pub fn process(self, route: u64) -> usize {
        let workers = (self.processes * self.workers) as u64;
        (route % workers) as usize / self.workers
    }
}

/// What one process has committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommittedShare {
    pub process: usize,
    #[serde(flatten)]
    pub of: Distribution,
    /// All records of ticks up to this one, and of no later one that another share does not tell.
    pub tick: Tick,
}

/// What processes have committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommittedShares(Vec<CommittedShare>);

impl CommittedShares {
    pub fn add(&mut self, share: CommittedShare) {
        let same = |of: &&mut CommittedShare| (of.process, of.of) == (share.process, share.of);
        match self.0.iter_mut().find(same) {
            Some(known) => known.tick = known.tick.max(share.tick),
            None => self.0.push(share),
        }
    }

    /// Whether something is known of every key: some distribution is known whole.
    pub fn cover_all(&self) -> bool {
        self.distributions().any(|of| self.of(of).is_some())
    }

    fn distributions(&self) -> impl Iterator<Item = Distribution> {
        self.0.iter().map(|share| share.of).collect::<BTreeSet<_>>().into_iter()
    }

    /// The least tick of a distribution's processes; `None` if one of them is not known.
    fn of(&self, of: Distribution) -> Option<Tick> {
        let tick = |process: usize| {
            let share = self.0.iter().find(|share| share.of == of && share.process == process);
            share.map(|share| share.tick)
        };
        (0..of.processes).map(tick).collect::<Option<Vec<_>>>()?.into_iter().min()
    }

    /// Up to this tick, everything is committed.
    pub fn least(&self) -> Tick {
        self.distributions().filter_map(|of| self.of(of)).max().unwrap_or(0)
    }

    /// Up to this tick, something is.
    pub fn greatest(&self) -> Tick {
        self.ticks().max().unwrap_or(0)
    }

    pub fn ticks(&self) -> impl Iterator<Item = Tick> {
        self.0.iter().map(|share| share.tick)
    }

    /// Up to which tick the records of a key are committed.
    pub fn tick(&self, route: u64) -> Tick {
        let of_key = self.0.iter().filter(|share| share.of.process(route) == share.process);
        of_key.map(|share| share.tick).max().unwrap_or(0)
    }

    /// Those that say more than that everything up to a tick is committed.
    pub fn beyond(&self, tick: Tick) -> Vec<CommittedShare> {
        self.0.iter().filter(|share| share.tick > tick).copied().collect()
    }

    pub fn all(&self) -> &[CommittedShare] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(process: usize, processes: usize, workers: usize, tick: Tick) -> CommittedShare {
        CommittedShare { process, of: Distribution { processes, workers }, tick }
    }

    fn shares(all: &[CommittedShare]) -> CommittedShares {
        let mut shares = CommittedShares::default();
        all.iter().for_each(|of| shares.add(*of));
        shares
    }

    #[test]
    fn a_key_is_committed_as_far_as_any_of_its_processes_says() {
        let all = shares(&[share(0, 2, 2, 10), share(1, 2, 2, 20), share(0, 1, 3, 12)]);
        // Routes 0 and 1 of 4 were the first process's, 2 and 3 the second one's.
        assert_eq!([0, 1, 2, 3, 4].map(|route| all.tick(route)), [12, 12, 20, 20, 12]);
        assert_eq!((all.least(), all.greatest()), (12, 20));
        assert!(all.cover_all());
        assert_eq!(all.beyond(12), [share(1, 2, 2, 20)]);
    }

    #[test]
    fn half_of_a_distribution_says_nothing_of_the_other_half() {
        let all = shares(&[share(1, 2, 1, 20)]);
        assert!(!all.cover_all());
        assert_eq!((all.least(), all.tick(0), all.tick(1)), (0, 0, 20));
    }
}
