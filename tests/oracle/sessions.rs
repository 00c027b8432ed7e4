//! Sessions: a person's rows of a source, parted where they pause.

use arrow::array::ArrayRef;
use selfsame::internals::columns;
use selfsame::internals::plan::{Expression, Sessions};
use selfsame::internals::row::Datum;
use selfsame::internals::time::{Micros, SECOND};

use super::rows::{Row, row_of};

/// What a person's rows give to an aggregate that looks at their sessions, each with its time.
pub fn values(of: &Sessions, index: usize, rows: &[&Row]) -> Vec<(Micros, Datum)> {
    let mut timeline: Vec<(Micros, &Datum)> = Vec::new();
    for row in rows.iter().filter(|row| row.source == usize::from(of.source)) {
        let said = &row.said.as_ref().expect("it stands").values;
        let brought = said.iter().filter(|(of_row, _)| *of_row == usize::from(of.timeline));
        timeline.extend(brought.map(|(_, value)| (row.time, value)));
    }
    timeline.sort();
    let mut sessions: Vec<Vec<(Micros, &Datum)>> = Vec::new();
    for (time, value) in timeline {
        match sessions.last_mut() {
            Some(session) if time - session[session.len() - 1].0 <= of.gap => {
                session.push((time, value));
            }
            _ => sessions.push(vec![(time, value)]),
        }
    }
    let input = of.inputs.iter().find(|input| usize::from(input.aggregate) == index);
    let input = input.expect("the aggregate looks at these sessions");
    let mut values = Vec::new();
    for (number, session) in (1..).zip(&sessions) {
        for (time, brought) in session {
            let row = looked_at(of, number, session, *time, brought);
            let row = row_of(&of.schema, &row);
            // What fails for a row gives nothing.
            let value =
                |expression: &Expression| columns::datum(&expression.evaluate(&row).ok()?, 0);
            if input.condition.as_ref().is_some_and(|it| value(it) != Some(Datum::Boolean(true))) {
                continue;
            }
            let value = match &input.argument {
                None => Some(Datum::Boolean(true)),
                Some(argument) => value(argument),
            };
            values.extend(value.map(|value| (*time, value)));
        }
    }
    values
}

/// All that aggregates look at: what the row brings, its time, and its session.
fn looked_at(
    of: &Sessions,
    number: i64,
    session: &[(Micros, &Datum)],
    time: Micros,
    brought: &Datum,
) -> Vec<ArrayRef> {
    let (first, last) = (session[0].0, session[session.len() - 1].0);
    let brought = match brought {
        Datum::Struct(values) if of.brings > 0 => values.to_vec(),
        _ => Vec::new(),
    };
    let of_session = [
        Datum::Timestamp(time),
        Datum::Integer(number),
        Datum::Timestamp(first),
        Datum::Integer((last - first) / SECOND),
        Datum::Integer(session.len() as i64),
    ];
    let all = brought.into_iter().chain(of_session.map(Some));
    let fields = of.schema.fields().iter();
    fields.zip(all).map(|(of, value)| columns::array(of.data_type(), [value.as_ref()])).collect()
}
