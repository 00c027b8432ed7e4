//! Funnels: how far a person's rows come, step by step.

use arrow::datatypes::DataType;
use datafusion_common::Column;
use datafusion_expr::{Expr, lit};
use datafusion_functions_nested::expr_fn::cardinality;

use super::from_rows::{FiledAggregates, FromRows, condition, from, shared_columns};
use super::object::{Object, ReadContext, SqlText, sql};
use super::windows::needs_time;
use crate::definition::file::yaml::YamlValue;
use crate::plan::{Aggregate, AggregateInput, Function, Source};
use crate::time::Micros;

/// The attributes of a funnel: the furthest step, and under the name with `_times` when each was.
pub fn funnel(
    context: &mut ReadContext,
    object: &Object<'_>,
    sources: &mut [Source],
    filed: &mut FiledAggregates,
) -> Option<[FromRows; 2]> {
    for other in ["select", "since", "between"] {
        if object.get(other).is_some() {
            let message = format!(
                "'{other}' has no place in {}, a funnel: every row counts that 'where' leaves, and \
                 'within' is how long a chain may take",
                object.what
            );
            context.complain(object.place_of(other), message);
        }
    }
    let from = match object.get("from") {
        Some(_) => from(context, object, sources),
        None => {
            let message = format!("{} lacks 'from', as in from: web", object.what);
            context.complain(object.place, message);
            None
        }
    };
    let within = match object.get("within") {
        Some(_) => object.length(context, "within"),
        None => {
            let message = format!(
                "{} lacks 'within', how long a chain may take, as in within: 1 day",
                object.what
            );
            context.complain(object.place, message);
            None
        }
    };
    let texts = steps(context, object);
    let (from, within) = (from?, within?.as_micros() as Micros);
    needs_time(context, object, "funnel", sources, &from);
    let schema = shared_columns(sources, &from);
    let planned: Vec<Option<Expr>> =
        texts.iter().flatten().map(|text| condition(context, text, &schema)).collect();
    let counts = object.sql(context, "where").map(|text| condition(context, &text, &schema));
    // What is wrong has been noted.
    let (texts, planned) = (texts?, planned.into_iter().collect::<Option<Vec<Expr>>>()?);
    let counts = counts.map_or(Some(None), |planned| planned.map(Some))?;
    let steps: Vec<Expr> = planned
        .into_iter()
        .map(|step| counts.iter().cloned().chain([step]).reduce(Expr::and).expect("a step"))
        .collect();
    let number = file(context, &texts, &steps, &from, within, sources, filed)?;
    let times = Expr::Column(Column::new_unqualified(format!("#{number}")));
    let text = texts[0].clone();
    let (within, _) = object.text(context, "within")?;
    let note = format!("funnel of {} steps within {within}", steps.len());
    let furthest =
        FromRows { text: text.clone(), expression: cardinality(times.clone()), note: Some(note) };
    let note = Some("when its steps were".to_owned());
    Some([furthest, FromRows { text, expression: times, note }])
}

/// The conditions of its steps.
pub fn steps(context: &mut ReadContext, object: &Object<'_>) -> Option<Vec<SqlText>> {
    let node = object.get("funnel")?;
    let what = format!("'funnel' of {}", object.what);
    let items = match &node.value {
        YamlValue::Sequence(items) if (2..=32).contains(&items.len()) => items,
        other => {
            let found = match other {
                YamlValue::Sequence(items) => format!("{} of them", items.len()),
                _ => node.kind().to_owned(),
            };
            let message = format!(
                "{what} is a list of 2 to 32 conditions, as in [event = 'Viewed', event = \
                 'Ordered']: found {found}"
            );
            context.complain(node.place, message);
            return None;
        }
    };
    let numbered = items.iter().enumerate();
    numbered
        .map(|(index, item)| sql(context, format!("step {} of {what}", index + 1), item))
        .collect()
}

/// The number of a funnel's aggregate, which is filed unless it is known.
fn file(
    context: &mut ReadContext,
    texts: &[SqlText],
    steps: &[Expr],
    from: &[usize],
    within: Micros,
    sources: &mut [Source],
    filed: &mut FiledAggregates,
) -> Option<usize> {
    let identity = format!("{from:?} funnel {within} {steps:?}");
    if let Some(index) = filed.known(&identity) {
        return Some(index);
    }
    let index = filed.aggregates.len();
    let mut retracts = false;
    for source in from {
        let source = &mut sources[*source];
        let mut inputs = Vec::new();
        for (step, (text, condition)) in (1i64..).zip(texts.iter().zip(steps)) {
            let compile = |expression: Expr, wanted| {
                context.dialect.compile(expression, source.columns(), Some(&wanted), &text.text)
            };
            let condition = compile(condition.clone(), DataType::Boolean);
            let argument = compile(lit(step), DataType::Int64);
            inputs.push(AggregateInput {
                aggregate: index as u16,
                condition: Some(context.check(text, condition)?),
                argument: Some(context.check(text, argument)?),
            });
        }
        retracts |= source.add_inputs(inputs);
    }
    let aggregate = Aggregate {
        function: Function::Funnel { within, steps: steps.len() as u8 },
        argument: Some(DataType::Int64),
        output: crate::aggregate::list_of(context.dialect.timestamp()),
        window: None,
        retracts,
        sessions: None,
    };
    filed.add(aggregate, identity);
    Some(index)
}
