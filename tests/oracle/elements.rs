//! Rows whose list is unnested: what each element says, and what that makes of the row.

use std::collections::BTreeSet;

use selfsame::internals::plan::{Field, Kind, PathStep, Plan};
use selfsame::internals::time::Micros;
use serde_json::value::RawValue;

use super::json;
use super::rows::{RawRow, Row, Verdict, judge_values};
use super::script::Delivery;
use super::values::{Code, Value};

/// What becomes of the row: it is accepted, rejected or dropped with all of its elements.
pub fn judge(plan: &Plan, delivery: &Delivery, payload: &str, wall: Micros) -> Verdict {
    let source = &plan.sources[delivery.source];
    let list = source.unnest.as_ref().expect("it is unnested").path.steps();
    let row = match RawRow::read(source, delivery, payload) {
        Ok(row) => row,
        Err(code) => return Verdict::Rejected([code].into()),
    };
    let values = |element: Result<Option<(usize, &RawValue)>, Code>| -> Vec<_> {
        let value = |field: &Field| match (below(field, list), element) {
            (None, _) => row.field(source, field),
            (Some(_), Err(code)) => Err(code),
            (Some(_), Ok(None)) => Ok(None),
            (Some(below), Ok(Some((number, element)))) => of_element(field, below, number, element),
        };
        source.fields.iter().map(value).collect()
    };
    let found = row.at(list).and_then(|found| match found {
        None => Ok(Vec::new()),
        Some(raw) => {
            serde_json::from_str::<Vec<Box<RawValue>>>(raw.get()).map_err(|_| "wrong_type")
        }
    });
    let judge = |values| judge_values(plan, delivery, values, wall, false);
    let bare = |values| vec![judge_values(plan, delivery, values, wall, true)];
    let verdicts = match &found {
        Err(code) => bare(values(Err(code))),
        Ok(items) => {
            let elements = (1..).zip(items).filter(|(_, item)| item.get() != "null");
            let all: Vec<Verdict> =
                elements.map(|(number, item)| judge(values(Ok(Some((number, item)))))).collect();
            if all.is_empty() { bare(values(Ok(None))) } else { all }
        }
    };
    let (mut reasons, mut rows) = (BTreeSet::new(), Vec::new());
    for verdict in verdicts {
        match verdict {
            Verdict::Rejected(codes) => reasons.extend(codes),
            Verdict::Dropped => {}
            Verdict::Valid(row) => rows.push(row),
        }
    }
    if !reasons.is_empty() {
        return Verdict::Rejected(reasons);
    }
    let Some(first) = rows.first().cloned() else { return Verdict::Dropped };
    let is_dropped = rows.iter().any(|row| row.dropped);
    let elements: Vec<Row> = rows.into_iter().filter(|row| row.said.is_some()).collect();
    if elements.is_empty() && source.kind == Kind::Events {
        return Verdict::Dropped;
    }
    Verdict::Valid(Row {
        said: None,
        dropped: elements.is_empty() && is_dropped,
        elements,
        ..first
    })
}

/// A field's path from an element of the list down, unless it leads elsewhere or names one of the elements.
fn below<'a>(field: &'a Field, list: &[PathStep]) -> Option<&'a [PathStep]> {
    let below = field.path.steps().strip_prefix(list)?;
    (!matches!(below.first(), Some(PathStep::Item(_)))).then_some(below)
}

fn of_element(
    field: &Field,
    below: &[PathStep],
    number: usize,
    element: &RawValue,
) -> Result<Option<Value>, Code> {
    match below {
        [] => json::of_raw(field, element.get()),
        [PathStep::Key(key)] if key == "#" => json::of_raw(field, &number.to_string()),
        below => match json::at_path(&json::object(element.get())?, below)? {
            None => Ok(None),
            Some(raw) => json::of_raw(field, raw.get()),
        },
    }
}
