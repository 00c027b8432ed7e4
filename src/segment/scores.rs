//! People's scores by each rank: when a border moves, only those it passes are scored anew.

use std::collections::BTreeSet;
use std::ops::Bound::{Excluded, Included};

use hashbrown::HashMap;

use super::borders::Border;
use super::rank_change::Ranked;
use crate::plan::Plan;
use crate::row::{Datum, IdentifierHash};
use crate::state::entries::{StateSize, drained};
use crate::state::table::Table;

/// One worker's share of the people, by their places.
pub struct Scores {
    ranks: Vec<RankBorders>,
    /// One score a rank; 0 is none.
    people: Table<IdentifierHash, Box<[u16]>>,
    /// What the scores were of those whom the tick at hand scores anew.
    before: HashMap<IdentifierHash, Option<Box<[u16]>>>,
}

struct RankBorders {
    /// Where all borders are; `None` while nobody has a value.
    borders: Vec<Option<Datum>>,
    /// The people who have a value, in the order of the values.
    people: BTreeSet<(Datum, IdentifierHash)>,
}

impl Scores {
    pub fn new(plan: &Plan) -> Self {
        Scores::of_bins(plan.ranks.iter().map(|rank| rank.bins))
    }

    fn of_bins(bins: impl Iterator<Item = u16>) -> Self {
        let standing = |bins: u16| RankBorders {
            borders: vec![None; usize::from(bins) - 1],
            people: BTreeSet::new(),
        };
        let ranks = bins.map(standing).collect();
        Scores { ranks, people: Table::default(), before: HashMap::new() }
    }

    /// A person's scores, one a rank; 0 is null, and so are all of a person who has none.
    pub fn of(&self, person: &IdentifierHash) -> Option<&[u16]> {
        self.people.get(person).map(|scores| &**scores)
    }

    /// What they were when the tick began.
    pub fn before(&self, person: &IdentifierHash) -> Option<&[u16]> {
        match self.before.get(person) {
            Some(before) => before.as_deref(),
            None => self.of(person),
        }
    }

    /// A tick is over.
    pub fn end_tick(&mut self) {
        drained(&mut self.before).for_each(drop);
        self.people.give_back();
    }

    /// Takes in a tick's changes; returns whose score they change. A person whose value changed is
    /// not told again, nor is one who is gone.
    pub fn apply(&mut self, ranked: Vec<Ranked>, borders: Vec<Border>) -> Vec<IdentifierHash> {
        let mut passed = Vec::new();
        for Border { rank, number, value } in borders {
            let border = &mut self.ranks[usize::from(rank)].borders[usize::from(number)];
            let before = std::mem::replace(border, value.clone());
            // Where there was nobody, or will be, no value stands still.
            if let (Some(before), Some(after)) = (before, value) {
                passed.push((rank, before.clone().min(after.clone()), before.max(after)));
            }
        }
        // Those who have a new value are scored by it, and the others where a border passes.
        for Ranked { person, rank, before, after } in ranked {
            let standing = &mut self.ranks[usize::from(rank)];
            before.map(|value| standing.people.remove(&(value, person)));
            let score = after.as_ref().map_or(0, |value| standing.score(value));
            after.map(|value| standing.people.insert((value, person)));
            self.set(person, rank, score);
        }
        let mut changed = Vec::new();
        for (rank, least, most) in passed {
            let standing = &self.ranks[usize::from(rank)];
            let all = standing.between(&least, &most);
            let new: Vec<(IdentifierHash, u16)> =
                all.map(|(value, person)| (*person, standing.score(value))).collect();
            for (person, score) in new {
                if self.set(person, rank, score) {
                    changed.push(person);
                }
            }
        }
        changed
    }

    /// Whether that is another score than before.
    fn set(&mut self, person: IdentifierHash, rank: u16, score: u16) -> bool {
        let Some(scores) = self.people.get_mut(&person) else {
            if score > 0 {
                let mut scores = vec![0; self.ranks.len()].into_boxed_slice();
                scores[usize::from(rank)] = score;
                self.people.insert(person, scores);
                self.before.entry(person).or_insert(None);
            }
            return score > 0;
        };
        if scores[usize::from(rank)] == score {
            return false;
        }
        self.before.entry(person).or_insert_with(|| Some(scores.clone()));
        scores[usize::from(rank)] = score;
        if scores.iter().all(|score| *score == 0) {
            self.people.remove(&person);
        }
        true
    }
}

impl RankBorders {
    fn score(&self, value: &Datum) -> u16 {
        let below = self.borders.partition_point(|border| {
            border.as_ref().expect("where someone has a value, there are borders") < value
        });
        below as u16 + 1
    }

    /// The people with values above the one and up to the other: those a border between the two
    /// passes.
    fn between(
        &self,
        least: &Datum,
        most: &Datum,
    ) -> impl Iterator<Item = &(Datum, IdentifierHash)> {
        let last = IdentifierHash(u128::MAX);
        self.people.range((Excluded((least.clone(), last)), Included((most.clone(), last))))
    }
}

impl StateSize for Scores {
    /// People with a score, and their places by each rank.
    fn entries(&self) -> usize {
        self.people.len() + self.ranks.iter().map(|rank| rank.people.len()).sum::<usize>()
    }

    fn bytes(&self) -> usize {
        let placed: usize = self.ranks.iter().map(|rank| rank.people.len()).sum();
        self.people.room() + placed * size_of::<(Datum, IdentifierHash)>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::borders::{Borders, Population};
    use super::*;
    use crate::state::batch::Batch;
    use proptest::prelude::*;

    const BINS: [u16; 3] = [2, 5, 40];

    fn id(number: u32) -> IdentifierHash {
        IdentifierHash(number.into())
    }

    /// Sort what is there, and count.
    fn score(all: &[i64], value: i64, bins: u64) -> i64 {
        let mut sorted = all.to_vec();
        sorted.sort_unstable();
        let up_to = |value: i64| sorted.iter().filter(|other| **other <= value).count() as u64;
        let borders = (1..bins).map(|k| {
            let enough = |value: &&i64| up_to(**value) * bins >= k * sorted.len() as u64;
            *sorted.iter().find(enough).expect("the greatest is one")
        });
        1 + borders.filter(|border| *border < value).count() as i64
    }

    proptest! {
        #![proptest_config(crate::property::cases(64))]

        #[test]
        fn scores_are_always_those_of_the_present_values_and_no_change_is_missed(
            ticks in prop::collection::vec(
                prop::collection::btree_map(0u32..30, prop::option::weighted(0.8, 0i64..15), 0..6),
                1..30,
            )
        ) {
            let mut borders = Borders(BINS.into_iter().map(Population::new).collect());
            let mut scores = Scores::of_bins(BINS.into_iter());
            let mut values: HashMap<u32, i64> = HashMap::new();
            let mut known: HashMap<(u32, usize), i64> = HashMap::new();
            for tick in ticks {
                let mut ranked = Vec::new();
                for (person, after) in &tick {
                    let before = match after {
                        Some(after) => values.insert(*person, *after),
                        None => values.remove(person),
                    };
                    for rank in (0..BINS.len() as u16).filter(|_| before != *after) {
                        let datum = |value: Option<i64>| value.map(Datum::Integer);
                        let (before, after) = (datum(before), datum(*after));
                        let person = id(*person);
                        ranked.push(Ranked { person, rank, before, after });
                    }
                }
                let mut moved = Batch::default();
                borders.apply(ranked.iter().cloned().flat_map(Ranked::changes), &mut moved);
                let changed = scores.apply(ranked, moved.into_iter().collect());
                let all: Vec<i64> = values.values().copied().collect();
                for (rank, bins) in BINS.into_iter().enumerate() {
                    for person in 0..30 {
                        let value = values.get(&person);
                        let expected = value.map(|value| score(&all, *value, bins.into()));
                        let score = scores.of(&id(person)).map(|scores| scores[rank]);
                        let score = score.filter(|score| *score > 0).map(i64::from);
                        prop_assert_eq!(score, expected);
                        let before = known.get(&(person, rank)).copied();
                        let scored_before = scores.before(&id(person)).map(|scores| scores[rank]);
                        let scored_before = scored_before.filter(|score| *score > 0).map(i64::from);
                        prop_assert_eq!(scored_before, before);
                        if before != expected && !tick.contains_key(&person) {
                            prop_assert!(changed.contains(&id(person)));
                        }
                        known.remove(&(person, rank));
                        expected.map(|score| known.insert((person, rank), score));
                    }
                }
                scores.end_tick();
            }
        }
    }
}
