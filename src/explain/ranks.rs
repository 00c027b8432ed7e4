//! What a rank measures a person against: all people's values, and the borders between the scores.
//!
//! The borders are counted out here from the values themselves, so that they explain the score and do
//! not repeat it.

use arrow::array::RecordBatch;
use hashbrown::HashMap;
use serde::Serialize;
use std::sync::Arc;

use super::value::ShownValue;
use crate::columns;
use crate::metrics::SharedCounts;
use crate::plan::{Plan, Step};
use crate::row::{Datum, IdentifierHash};
use crate::segment::{Evaluated, value_or_null};

/// How a person stands among all by one rank.
#[derive(Debug, Serialize)]
pub struct RankSaid {
    /// What is ranked, as SQL.
    pub by: String,
    pub value: ShownValue,
    /// From 1; null for one who has no value.
    pub score: Option<i64>,
    pub bins: u16,
    /// Those who have a value, this person among them.
    pub people: usize,
    /// How many of them have a lesser value, the same (the others), a greater one.
    pub less: usize,
    pub same: usize,
    pub greater: usize,
    /// The greatest values of the scores from 1 on, but for the last, which has none.
    pub borders: Vec<ShownValue>,
}

/// The values by which people are ranked, as last evaluated.
pub struct RankedPopulation {
    plan: Arc<Plan>,
    people: HashMap<IdentifierHash, Box<[Option<Datum>]>>,
}

impl RankedPopulation {
    pub fn new(plan: &Arc<Plan>) -> Self {
        RankedPopulation { plan: Arc::clone(plan), people: HashMap::new() }
    }

    pub fn see(&mut self, evaluated: &Evaluated) {
        let Evaluated { was, is, .. } = evaluated;
        for gone in was.people.ids() {
            self.people.remove(gone);
        }
        let value = |rank| ranked(&self.plan, rank, &is.columns);
        let values: Vec<_> = (0..self.plan.ranks.len()).map(value).collect();
        for (row, id) in is.people.ids().iter().enumerate() {
            let of_person = values.iter().map(|values| columns::datum(values, row)).collect();
            self.people.insert(*id, of_person);
        }
    }

    /// How a person stands by a rank.
    pub fn stands(&self, rank: usize, person: &RecordBatch) -> RankSaid {
        let plan = &self.plan;
        let of = &plan.ranks[rank];
        let mut values: Vec<&Datum> =
            self.people.values().filter_map(|of_person| of_person[rank].as_ref()).collect();
        values.sort_unstable();
        let column = ranked(plan, rank, person);
        let own = columns::datum(&column, 0);
        let less = own.as_ref().map_or(0, |own| values.partition_point(|value| *value < own));
        let up_to = own.as_ref().map_or(0, |own| values.partition_point(|value| *value <= own));
        let (people, bins) = (values.len(), usize::from(of.bins));
        let border = |number: usize| values[(number * people).div_ceil(bins) - 1];
        let borders = (1..bins).filter(|_| people > 0).map(border);
        let score_of =
            plan.steps.iter().position(|step| matches!(step, Step::Rank(r) if *r == rank));
        let score = score_of.and_then(|step| match columns::datum(person.column(step + 2), 0)? {
            Datum::Integer(score) => Some(score),
            other => unreachable!("a score is an integer, not {other:?}"),
        });
        RankSaid {
            by: of.expression.text.to_string(),
            value: ShownValue::of_column(&column),
            score,
            bins: of.bins,
            people,
            less,
            same: (up_to - less).saturating_sub(1),
            greater: if own.is_some() { people - up_to } else { 0 },
            borders: borders.map(|value| ShownValue::of_datum(column.data_type(), value)).collect(),
        }
    }
}

fn ranked(plan: &Plan, rank: usize, people: &RecordBatch) -> arrow::array::ArrayRef {
    value_or_null(&plan.ranks[rank].expression, people, &SharedCounts::default())
}

/// The ranks that make up a column, whatever way it comes by them.
pub fn within(plan: &Plan, column: usize) -> Vec<usize> {
    let mut found = match &plan.steps[column - 2] {
        Step::Aggregates(_) => Vec::new(),
        Step::Rank(rank) => vec![*rank],
        Step::Derived(expression) => (plan.ranked_columns..column)
            .filter(|other| expression.uses(*other))
            .flat_map(|other| within(plan, other))
            .collect(),
    };
    found.sort_unstable();
    found.dedup();
    found
}
