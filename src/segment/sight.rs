//! Which columns anybody looks at: the others need not be made.

use crate::plan::{Expression, Plan, Step};

/// By column, whether it is made; the others are null.
pub struct Sight {
    /// Which columns of `Plan::profile_schema` are looked at.
    pub profile: Vec<bool>,
    /// Which columns of `Plan::aggregate_schema` are looked at.
    pub aggregates: Vec<bool>,
}

impl Sight {
    /// The columns for whoever wants attributes and segments. Identifiers are made where an expression names them.
    pub fn of_all(plan: &Plan) -> Self {
        let mut profile = vec![true; plan.profile_schema.fields().len()];
        let derived = plan.steps.iter().filter_map(|step| match step {
            Step::Derived(expression) => Some(expression),
            Step::Aggregates(_) | Step::Rank(_) => None,
        });
        let conditions = plan.outputs.iter().filter_map(|output| output.condition.as_ref());
        let instants = plan.instants.iter().map(|instant| &instant.at);
        let mut all = derived.chain(conditions).chain(instants).chain(ranked(plan));
        profile[0] = all.any(|expression| expression.uses(0));
        Sight::through(plan, profile)
    }

    /// The columns that ranks look at.
    pub fn of_ranks(plan: &Plan) -> Self {
        let mut profile = vec![false; plan.profile_schema.fields().len()];
        for column in ranked(plan).flat_map(Expression::columns) {
            profile[column] = true;
        }
        for number in (2..plan.ranked_columns).rev() {
            if let (Step::Derived(expression), true) = (&plan.steps[number - 2], profile[number]) {
                for column in expression.columns() {
                    profile[column] = true;
                }
            }
        }
        Sight::through(plan, profile)
    }

    fn through(plan: &Plan, profile: Vec<bool>) -> Self {
        let mut aggregates = vec![false; plan.aggregate_schema.fields().len()];
        for (step, _) in plan.steps.iter().zip(&profile[2..]).filter(|(_, is_made)| **is_made) {
            if let Step::Aggregates(expression) = step {
                expression.columns().into_iter().for_each(|column| aggregates[column] = true);
            }
        }
        Sight { profile, aggregates }
    }
}

fn ranked(plan: &Plan) -> impl Iterator<Item = &Expression> {
    plan.ranks.iter().map(|rank| &rank.expression)
}
