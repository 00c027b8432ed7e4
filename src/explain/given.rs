//! What a person's rows give to some aggregates: as they say it themselves, or in their sessions.

use serde::Serialize;

use super::history::HistoryRow;
use super::value::ShownValue;
use crate::columns;
use crate::decode::{evaluate, matches};
use crate::plan::{Plan, Sessions};
use crate::profile::{InSession, session_columns};
use crate::row::Datum;
use crate::time::{Micros, SECOND, rfc3339};

/// A row that gives something.
pub struct GivenRow<'a> {
    pub standing: &'a HistoryRow,
    /// What it gives to each aggregate; nothing where rows are counted.
    pub gives: Vec<ShownValue>,
    /// Where an aggregate looks at sessions: the one that the row is in.
    pub session: Option<SessionSaid>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionSaid {
    /// From 1 for the person.
    pub session: i64,
    pub start: String,
    pub seconds: i64,
    pub events: i64,
}

#[derive(Clone, Copy)]
struct GivenSession {
    number: i64,
    start: Micros,
    end: Micros,
    events: i64,
}

/// The rows that give something to one of the aggregates, the newest last. `rows` are all of a
/// person's.
pub fn given<'a>(plan: &Plan, aggregates: &[u16], rows: &'a [HistoryRow]) -> Vec<GivenRow<'a>> {
    let mut rows: Vec<&HistoryRow> = rows.iter().collect();
    rows.sort_by_key(|row| (row.row.time, row.row.source, row.row.position));
    let over = |aggregate: &u16| plan.aggregates[usize::from(*aggregate)].sessions;
    let plain: Vec<u16> = aggregates.iter().copied().filter(|of| over(of).is_none()).collect();
    let mut all: Vec<(bool, GivenRow<'a>)> =
        rows.iter().map(|row| of_itself(plan, &plain, row)).collect();
    let mut sessions: Vec<u16> = aggregates.iter().filter_map(over).collect();
    sessions.sort_unstable();
    sessions.dedup();
    for index in sessions {
        in_sessions(&plan.sessions[usize::from(index)], plan, aggregates, &mut all);
    }
    all.into_iter().filter(|(gives, _)| *gives).map(|(_, given)| given).collect()
}

/// What a row gives as it stands, and whether that is anything.
fn of_itself<'a>(
    plan: &Plan,
    aggregates: &[u16],
    standing: &'a HistoryRow,
) -> (bool, GivenRow<'a>) {
    let inputs = standing.body.inputs();
    let inputs: Vec<_> = inputs.filter(|input| aggregates.contains(&input.aggregate)).collect();
    let value = |input: &crate::row::Input| {
        let argument = plan.aggregates[usize::from(input.aggregate)].argument.as_ref()?;
        Some(ShownValue::of_datum(argument, &input.value))
    };
    let gives = inputs.iter().filter_map(value).collect();
    (!inputs.is_empty(), GivenRow { standing, gives, session: None })
}

/// Adds what rows of a source give by the sessions that they are in.
fn in_sessions(of: &Sessions, plan: &Plan, aggregates: &[u16], all: &mut [(bool, GivenRow<'_>)]) {
    let brings = |(_, given): &&mut (bool, GivenRow<'_>)| brought(of, given.standing).is_some();
    let mut all: Vec<&mut (bool, GivenRow<'_>)> = all.iter_mut().filter(brings).collect();
    let times: Vec<Micros> = all.iter().map(|(_, given)| given.standing.row.time).collect();
    let sessions = part(of.gap, &times);
    let values = all.iter().map(|(_, given)| brought(of, given.standing));
    let values: Vec<Datum> = values.map(|value| value.expect("it brings something")).collect();
    let rows =
        all.iter().zip(&sessions).zip(&values).map(|(((_, given), session), brought)| InSession {
            brought,
            time: given.standing.row.time,
            number: session.number,
            start: session.start,
            seconds: session.seconds(),
            events: session.events,
        });
    let batch = session_columns(of, &rows.collect::<Vec<_>>());
    for input in of.inputs.iter().filter(|input| aggregates.contains(&input.aggregate)) {
        let counts = input.condition.as_ref().map(|condition| matches(condition, &batch).0);
        let values = input.argument.as_ref().map(|argument| evaluate(argument, &batch).0);
        let argument = plan.aggregates[usize::from(input.aggregate)].argument.as_ref();
        for (row, (gives, given)) in all.iter_mut().map(|one| &mut **one).enumerate() {
            if counts.as_ref().is_some_and(|counts| !counts.value(row)) {
                continue;
            }
            let value = values.as_ref().map(|values| columns::datum(values, row));
            if value == Some(None) {
                continue;
            }
            *gives = true;
            let value = value.flatten().zip(argument);
            given.gives.extend(value.map(|(value, of)| ShownValue::of_datum(of, &value)));
            given.session = Some(sessions[row].said());
        }
    }
}

/// What a row brings to its person's timeline.
fn brought(of: &Sessions, row: &HistoryRow) -> Option<Datum> {
    let input = row.body.inputs().find(|input| input.aggregate == of.timeline);
    input.map(|input| input.value)
}

/// The session that each row is in, by their times, which rise.
fn part(gap: Micros, times: &[Micros]) -> Vec<GivenSession> {
    let follows = |before: &Micros, after: &Micros| *after <= before.saturating_add(gap);
    let mut sessions = Vec::new();
    for (number, times) in (1..).zip(times.chunk_by(follows)) {
        let (start, end, events) = (times[0], times[times.len() - 1], times.len() as i64);
        sessions.extend(times.iter().map(|_| GivenSession { number, start, end, events }));
    }
    sessions
}

impl GivenSession {
    fn seconds(&self) -> i64 {
        self.end.saturating_sub(self.start) / SECOND
    }

    fn said(&self) -> SessionSaid {
        let GivenSession { number, start, events, .. } = *self;
        SessionSaid { session: number, start: rfc3339(start), seconds: self.seconds(), events }
    }
}
