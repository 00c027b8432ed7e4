//! The keys with the greatest sums: what `mode` and `top` by another value look at.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::i256;

use crate::row::Datum;

/// From more keys than this on, an index by sum is kept, so that one change costs what it changes …
const MANY: usize = 32;
/// … until there are fewer than this.
const FEW: usize = 16;

/// Where a sum lies among others of its type.
#[derive(Clone, Debug, PartialEq, PartialOrd, Eq, Ord)]
pub enum SumRank {
    Whole(i256),
    Number(Datum),
}

/// What sums are by key, and where one lies among others.
pub struct RankedSums<'a, S> {
    pub by_key: &'a BTreeMap<Datum, S>,
    pub rank: fn(&S) -> SumRank,
}

/// Keys by their sums, the greatest first, of equal ones the least key first.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum KeyRanks {
    /// Nobody asks.
    #[default]
    Unasked,
    /// They are few, and put in order when they are asked for.
    Few,
    Many(BTreeSet<(Reverse<SumRank>, Datum)>),
}

impl KeyRanks {
    /// What is to be known of a key before its sum changes.
    pub fn before<S>(&self, key: &Datum, sums: RankedSums<'_, S>) -> Option<SumRank> {
        matches!(self, KeyRanks::Many(_)).then(|| sums.of(key)).flatten()
    }

    /// Takes in that a key's sum has changed.
    pub fn change<S>(&mut self, key: &Datum, before: Option<SumRank>, sums: RankedSums<'_, S>) {
        match self {
            KeyRanks::Many(ranks) => {
                let now = sums.of(key);
                if now != before {
                    before.map(|before| ranks.remove(&(Reverse(before), key.clone())));
                    ranks.extend(now.map(|now| (Reverse(now), key.clone())));
                }
                if ranks.len() < FEW {
                    *self = KeyRanks::Few;
                }
            }
            KeyRanks::Few if sums.by_key.len() >= MANY => {
                *self = KeyRanks::Many(sums.all().map(|(rank, key)| (rank, key.clone())).collect());
            }
            KeyRanks::Few | KeyRanks::Unasked => {}
        }
    }

    /// So many keys with the greatest sums, and the one with the least of all.
    pub fn ends<'a, S>(
        &'a self,
        sums: RankedSums<'a, S>,
        number: usize,
    ) -> (Vec<&'a Datum>, Option<&'a Datum>) {
        if let KeyRanks::Many(ranks) = self {
            let greatest = ranks.iter().take(number).map(|(_, key)| key).collect();
            return (greatest, ranks.last().map(|(_, key)| key));
        }
        let mut ranked: Vec<(Reverse<SumRank>, &Datum)> = sums.all().collect();
        ranked.sort_unstable();
        let least = ranked.last().map(|(_, key)| *key);
        (ranked.into_iter().take(number).map(|(_, key)| key).collect(), least)
    }
}

impl<'a, S> RankedSums<'a, S> {
    fn of(&self, key: &Datum) -> Option<SumRank> {
        self.by_key.get(key).map(self.rank)
    }

    fn all(&self) -> impl Iterator<Item = (Reverse<SumRank>, &'a Datum)> + use<'a, S> {
        let rank = self.rank;
        self.by_key.iter().map(move |(key, sum)| (Reverse(rank(sum)), key))
    }
}
