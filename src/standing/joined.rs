//! What rows say over the columns of joined tables, by column.
//!
//! A row is never rejected for what stands in another table: where an expression fails, a column is
//! null and a condition does not hold, and the failure is counted.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, new_null_array};

use super::joining_row::JoiningRow;
use crate::columns;
use crate::decode::derived::batch_of;
use crate::decode::evaluate::{Room, evaluate_where, evaluate_within, in_parts, matches};
use crate::decode::packed::Packing;
use crate::plan::{Joined, Plan};
use crate::row::{Body, Datum, Input, Joining};

/// A row, with the record of each table that it names; `None` where there is none.
pub struct JoinCandidate<'a> {
    pub row: &'a Joining,
    pub records: Vec<Option<&'a Joining>>,
}

impl<'a> JoinCandidate<'a> {
    pub fn of(row: &'a JoiningRow) -> Self {
        JoinCandidate {
            row: row.joining(),
            records: row.records.iter().map(Option::as_deref).collect(),
        }
    }
}

/// What a row says with the present records.
#[derive(Debug, Default, PartialEq)]
pub struct JoinedInputs {
    /// Whether it counts.
    pub counts: bool,
    /// What it gives to aggregates over joined columns, by aggregate.
    pub inputs: Vec<Input>,
}

/// Evaluates the rows of one source that joins tables.
pub struct Evaluation {
    plan: Arc<Plan>,
    source: usize,
    own: Packing,
    tables: Vec<Packing>,
    /// Whether the join gives something to the aggregate of this index.
    gives: Vec<bool>,
}

impl Evaluation {
    /// `None` for a source that joins nothing.
    pub fn new(plan: &Arc<Plan>, source: usize) -> Option<Self> {
        let of = &plan.sources[source];
        let joined = of.joined.as_ref()?;
        let packing = |source: usize| Packing::of(&plan.sources[source]);
        let tables = joined.tables.iter().map(|table| packing(table.source));
        let mut gives = vec![false; plan.aggregates.len()];
        joined.inputs.iter().for_each(|input| gives[usize::from(input.aggregate)] = true);
        Some(Evaluation {
            plan: Arc::clone(plan),
            source,
            own: packing(source)?,
            tables: tables.collect::<Option<_>>()?,
            gives,
        })
    }

    fn joined(&self) -> &Joined {
        self.plan.sources[self.source].joined.as_ref().expect("it joins")
    }

    /// What each row says, and how many expressions failed.
    pub fn evaluate(&self, rows: &[JoinCandidate<'_>]) -> (Vec<JoinedInputs>, u64) {
        let (mut outputs, mut failed) = (Vec::with_capacity(rows.len()), 0);
        in_parts(rows.len(), &mut |part, room| {
            let (more, also) = self.evaluate_together(&rows[part], room)?;
            outputs.extend(more);
            failed += also;
            Some(())
        });
        (outputs, failed)
    }

    /// Nothing where there is no room.
    fn evaluate_together(
        &self,
        rows: &[JoinCandidate<'_>],
        room: &mut Room,
    ) -> Option<(Vec<JoinedInputs>, u64)> {
        let joined = self.joined();
        let mut failed = 0;
        let mut columns = self.columns(rows);
        for (column, expression) in &joined.derived {
            let batch = batch_of(&joined.schema, columns.clone(), rows.len());
            let (values, failures) = evaluate_within(expression, &batch, room)?;
            failed += failures.len();
            columns[*column] = values;
        }
        let batch = batch_of(&joined.schema, columns, rows.len());
        let counts = match &joined.condition {
            None => BooleanArray::from(vec![true; rows.len()]),
            Some(condition) => {
                let (counts, failures) = matches(condition, &batch);
                failed += failures.len();
                counts
            }
        };
        let outputs =
            counts.values().iter().map(|counts| JoinedInputs { counts, inputs: Vec::new() });
        let mut outputs: Vec<JoinedInputs> = outputs.collect();
        for input in &joined.inputs {
            let aggregate = input.aggregate;
            let chosen = match &input.condition {
                None => counts.clone(),
                Some(condition) => {
                    let (chosen, failures) = matches(condition, &batch);
                    failed += failures.iter().filter(|(row, _)| counts.value(*row)).count();
                    arrow::compute::and(&chosen, &counts).expect("columns of one batch")
                }
            };
            let chosen_rows = (0..rows.len()).filter(|row| chosen.value(*row));
            let Some(argument) = &input.argument else {
                let value = || Datum::Boolean(true);
                chosen_rows
                    .for_each(|row| outputs[row].inputs.push(Input { aggregate, value: value() }));
                continue;
            };
            let (values, failures) = evaluate_where(argument, &batch, &chosen, room)?;
            failed += failures.len();
            columns::for_each(&values, chosen_rows, |row, value| {
                outputs[row].inputs.push(Input { aggregate, value });
            });
        }
        Some((outputs, failed as u64))
    }

    /// The columns of the joined schema. Those at which nobody looks, and those that are yet to be
    /// derived, are null.
    fn columns(&self, rows: &[JoinCandidate<'_>]) -> Vec<ArrayRef> {
        let joined = self.joined();
        let fields = joined.schema.fields().iter();
        let mut columns: Vec<ArrayRef> =
            fields.map(|field| new_null_array(field.data_type(), rows.len())).collect();
        let own = self.own.unpack(rows.iter().map(|asking| Some(asking.row)));
        for (column, values) in self.own.columns().iter().zip(own) {
            columns[*column] = values;
        }
        for (number, (table, packing)) in joined.tables.iter().zip(&self.tables).enumerate() {
            let records = packing.unpack(rows.iter().map(|asking| asking.records[number]));
            for (column, values) in packing.columns().iter().zip(records) {
                columns[table.first + column] = values;
            }
        }
        columns
    }

    /// A row's body with what it says now, instead of what it said before.
    pub fn body(&self, before: &Body, mut outputs: Vec<Input>) -> Body {
        outputs.sort_by_key(|input| input.aggregate);
        let gives = |input: &Input| self.gives[usize::from(input.aggregate)];
        let (said, mut inputs): (Vec<Input>, Vec<Input>) = before.inputs().partition(gives);
        if said == outputs {
            return before.clone();
        }
        inputs.append(&mut outputs);
        inputs.sort_by_key(|input| input.aggregate);
        before.with_inputs(&inputs)
    }
}
