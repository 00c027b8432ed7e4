//! The steps of a funnel: what each asks for, when it was reached, and the rows that carry it.

use super::attribute_said::{AttributeSaid, Ground, StepRow, StepSaid, carrier};
use super::history::HistoryRow;
use super::inquiry::Inquiry;
use crate::plan::{Function, Plan};
use crate::row::Datum;
use crate::time::{Micros, rfc3339};

/// How many of the rows that carry a step are told.
const ROWS: usize = 3;

/// Says the steps, if it is a funnel that an attribute is made from.
pub fn steps(asking: &Inquiry, ground: &Ground, aggregates: &[u16], said: &mut AttributeSaid) {
    let plan = &asking.plan;
    for aggregate in aggregates {
        let Function::Funnel { .. } = plan.aggregates[usize::from(*aggregate)].function else {
            continue;
        };
        let reached = times(ground.person.aggregates[usize::from(*aggregate)].as_ref());
        let conditions = conditions(plan, *aggregate);
        said.sql = format!("[{}]", conditions.join(", "));
        for (index, sql) in conditions.into_iter().enumerate() {
            let at = reached.get(index).copied();
            let rows = ground.rows.iter().filter(|row| satisfies(row, *aggregate, index + 1));
            let carry = rows.clone().filter(|row| Some(row.row.time) == at).take(ROWS);
            said.steps.push(StepSaid {
                step: index + 1,
                sql,
                at: at.map(rfc3339),
                of_rows: rows.count(),
                rows: carry
                    .map(|row| StepRow {
                        row: asking.row_said(&ground.origins, row),
                        identifier: asking.spoken(&carrier(row)),
                    })
                    .collect(),
            });
        }
    }
}

fn times(value: Option<&Datum>) -> Vec<Micros> {
    let Some(Datum::List(times)) = value else { return Vec::new() };
    let time = |time: &Datum| match time {
        Datum::Timestamp(time) => *time,
        other => unreachable!("the time of a step is an instant, not {other:?}"),
    };
    times.iter().map(time).collect()
}

fn satisfies(row: &HistoryRow, aggregate: u16, step: usize) -> bool {
    let mut inputs = row.body.inputs().filter(|input| input.aggregate == aggregate);
    inputs.any(|input| input.value == Datum::Integer(step as i64))
}

/// What each step asks for, as it is written: the same for each source.
fn conditions(plan: &Plan, aggregate: u16) -> Vec<String> {
    let inputs = plan.sources.iter().map(|source| {
        let joined = source.joined.iter().flat_map(|joined| &joined.inputs);
        let inputs = source.inputs.iter().chain(joined);
        let inputs = inputs.filter(|input| input.aggregate == aggregate);
        let text = |condition: &crate::plan::Expression| condition.text.to_string();
        inputs.filter_map(|input| input.condition.as_ref().map(text)).collect::<Vec<_>>()
    });
    inputs.max_by_key(Vec::len).unwrap_or_default()
}
