//! What rows say beside the records of the tables that they join: looked up and worked out anew, one
//! by one.

use std::sync::Arc;

use arrow::array::ArrayRef;
use selfsame::internals::columns;
use selfsame::internals::plan::{Expression, Plan};
use selfsame::internals::row::Datum;

use super::rows::{Row, Said, row_of, text};
use super::values;

/// What a row says while these rows stand; `None` if it says nothing, or does not count.
pub fn said(plan: &Plan, row: &Row, standing: &[Row]) -> Option<Said> {
    let mut said = row.said.clone()?;
    let Some(joined) = &plan.sources[row.source].joined else { return Some(said) };
    let mut columns = row.columns.clone();
    let records: Vec<Option<&Row>> = joined
        .tables
        .iter()
        .map(|table| {
            let key = text(&columns[table.key])?;
            standing
                .iter()
                .find(|other| other.source == table.source && other.key.as_ref() == Some(&key))
        })
        .collect();
    for index in columns.len()..joined.schema.fields().len() {
        let of_table = joined.tables.iter().zip(&records).find(|(t, _)| t.range().contains(&index));
        let derived = joined.derived.iter().find(|(column, _)| *column == index);
        let value = match (of_table, derived) {
            (Some((table, Some(record))), _) => {
                Some(Arc::clone(&record.columns[index - table.first]))
            }
            (_, Some((_, expression))) => {
                expression.evaluate(&row_of(&joined.schema, &columns)).ok()
            }
            _ => None,
        };
        let null = || values::null(joined.schema.field(index).data_type());
        columns.push(value.unwrap_or_else(null));
    }
    let all = row_of(&joined.schema, &columns);
    // What fails is null, and null does not hold.
    let value = |of: &Expression| -> Option<ArrayRef> { of.evaluate(&all).ok() };
    let holds = |of: &Option<Expression>| match of {
        None => true,
        Some(of) => {
            value(of).and_then(|value| columns::datum(&value, 0)) == Some(Datum::Boolean(true))
        }
    };
    if !holds(&joined.condition) {
        return None;
    }
    for input in joined.inputs.iter().filter(|input| holds(&input.condition)) {
        let value = match &input.argument {
            None => Some(Datum::Boolean(true)),
            Some(argument) => value(argument).and_then(|value| columns::datum(&value, 0)),
        };
        said.values.extend(value.map(|value| (usize::from(input.aggregate), value)));
    }
    Some(said)
}
