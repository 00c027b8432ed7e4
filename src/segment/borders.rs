//! The borders between ranks: order statistics of the present population, kept by one worker a rank.

use serde::{Deserialize, Serialize};

use super::order_statistics::OrderStatistics;
use crate::flow::consolidate;
use crate::plan::Plan;
use crate::row::Datum;
use crate::state::batch::Batch;
use crate::state::entries::StateSize;

/// A value that someone has, or no longer has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RankedValue {
    pub rank: u16,
    pub value: Datum,
    pub diff: i8,
}

/// Where a border stands after a tick in which it moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Border {
    pub rank: u16,
    /// From 0: the border between the scores `number + 1` and `number + 2`.
    pub number: u16,
    /// `None`: nobody has a value.
    pub value: Option<Datum>,
}

/// The ranks; each is looked after by one worker, and empty at the others.
pub struct Borders(pub(super) Vec<Population>);

pub(super) struct Population {
    bins: u16,
    values: OrderStatistics,
    /// As last told.
    borders: Vec<Option<Datum>>,
}

impl Borders {
    pub fn new(plan: &Plan) -> Self {
        Borders(plan.ranks.iter().map(|rank| Population::new(rank.bins)).collect())
    }

    pub fn apply(
        &mut self,
        batch: impl IntoIterator<Item = RankedValue>,
        moved: &mut Batch<Border>,
    ) {
        // What comes and what goes arrive in any order: only the outcome can be taken in.
        let held = batch.into_iter().map(|held| ((held.rank, held.value), isize::from(held.diff)));
        let mut held: Vec<_> = held.collect();
        consolidate(&mut held);
        let mut touched = Vec::new();
        for ((rank, value), diff) in held {
            self.0[usize::from(rank)].values.add(value, diff as i64);
            touched.push(rank);
        }
        touched.dedup();
        for rank in touched {
            self.0[usize::from(rank)].emit(rank, moved);
        }
    }
}

impl StateSize for Borders {
    /// The values that people have.
    fn entries(&self) -> usize {
        self.0.iter().map(|population| population.values.number() as usize).sum()
    }

    /// The place of each value, and nothing of what lists and texts hold.
    fn bytes(&self) -> usize {
        self.entries() * size_of::<(Datum, i64)>()
    }
}

impl Population {
    pub(super) fn new(bins: u16) -> Self {
        let borders = vec![None; usize::from(bins) - 1];
        Population { bins, values: OrderStatistics::default(), borders }
    }

    fn emit(&mut self, rank: u16, moved: &mut Batch<Border>) {
        let (people, bins) = (self.values.number(), u64::from(self.bins));
        let places = (1..bins).map(|border| (border * people).div_ceil(bins));
        let now: Vec<Option<Datum>> = match people {
            0 => vec![None; self.borders.len()],
            _ => self.values.at(places).into_iter().map(Some).collect(),
        };
        for (number, (border, value)) in (0..).zip(self.borders.iter_mut().zip(now)) {
            if *border != value {
                border.clone_from(&value);
                moved.push(Border { rank, number, value });
            }
        }
    }
}
