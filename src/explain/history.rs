//! Which of all rows stand: they are decoded and admitted as in a run, so that these are the same.

use std::sync::Arc;

use hashbrown::HashMap;
use thin_vec::ThinVec;

use super::error::WhyError;
use super::reading::{AllRows, Origins, RowsReading};
use crate::plan::{Plan, RowPlace};
use crate::row::{Body, Position, Row, StandingRow};
use crate::standing::{Admission, ArrivalClock, JoinsByHand, RowChange, RowStatus};
use crate::state::batch::Batch;

/// A row that stands.
#[derive(Clone, Debug)]
pub struct HistoryRow {
    pub row: Row,
    pub body: Body,
}

/// Reads everything, and hands on what each tick changes of the rows that stand: a row, and what is
/// said of it. Of a row that `keep` does not want only its id or key is remembered.
pub fn changes(
    all: &AllRows,
    keep: impl Fn(&Body) -> Option<Body>,
    mut change: impl FnMut(&Row, RowChange),
) -> Result<RowsReading, WhyError> {
    let (plan, mut reading) = (&all.plan, all.read()?);
    let mut admission = Admission::new(plan, all.clock.arrival());
    let mut arriving = ArrivalClock::new(all.clock.arrival());
    let mut joined = JoinsByHand::new(plan);
    let joins: Vec<bool> = (0..plan.sources.len()).map(|source| takes_part(plan, source)).collect();
    let mut joining: HashMap<Id, Row> = HashMap::new();
    while let Some(together) = reading.next()? {
        let mut rows: Vec<Row> =
            together.into_iter().flat_map(|(_, decoded)| decoded.rows).collect();
        // As in a run: what arrives at once is taken in in the order in which it came.
        rows.sort_by_key(|row| (row.arrived, row.source, row.position));
        let mut to_join = Batch::default();
        let mut admitted = |row: Row, status| {
            let head = Row { body: None, ..row.clone() };
            match joins[usize::from(row.source)] {
                true => RowChange::each(row, status, |change| to_join.push(change)),
                false => RowChange::each(row, status, |told| change(&head, told)),
            }
        };
        for row in rows {
            let row = if joins[usize::from(row.source)] {
                let id = (row.source, row.position);
                joining.insert(id, Row { body: None, ..row.clone() });
                row
            } else {
                Row { body: row.body.as_ref().and_then(|body| kept(body, &keep)), ..row }
            };
            let arrived = arriving.at(&row, reading.now);
            admission.admit(row, arrived, &mut admitted);
        }
        admission.end_tick(reading.now, &mut admitted);
        for mut told in joined.apply(to_join) {
            let of = told.row.body.joining().expect("a row that takes part in a join says so");
            let row = &joining[&(of.source, of.position)];
            if let Some(body) = keep(&told.row.body) {
                told.row.body = body;
                change(row, told);
            }
        }
    }
    Ok(reading)
}

/// What is wanted of a row, or of its elements.
fn kept(body: &Body, keep: impl Fn(&Body) -> Option<Body>) -> Option<Body> {
    if body.elements().is_empty() {
        return keep(body);
    }
    let elements: ThinVec<_> = body.elements().iter().filter_map(keep).collect();
    (!elements.is_empty()).then(|| Body::of_elements(body.verdict(), elements))
}

/// A row's source and position.
type Id = (u16, Position);

/// Whether a source's rows are joined with others: then all that they say is kept, since what counts of
/// it may change.
fn takes_part(plan: &Plan, source: usize) -> bool {
    let mut joined = plan.sources.iter().filter_map(|source| source.joined.as_ref());
    plan.sources[source].joined.is_some()
        || joined.any(|joined| joined.tables.iter().any(|table| table.source == source))
}

/// Reads everything, and returns the rows that stand in the end and that `keep` wants.
pub fn standing(
    all: &AllRows,
    keep: impl Fn(&Body) -> Option<Body>,
) -> Result<(Vec<HistoryRow>, RowsReading), WhyError> {
    let mut rows: Vec<Option<HistoryRow>> = Vec::new();
    let mut known: HashMap<Id, Vec<usize>> = HashMap::new();
    let reading =
        changes(all, keep, |row, RowChange { status, row: StandingRow { body, .. } }| {
            let known = known.entry((row.source, row.position)).or_default();
            match status {
                RowStatus::Stands => {
                    known.push(rows.len());
                    rows.push(Some(HistoryRow { row: row.clone(), body }));
                }
                // One row may say several things, of which each comes and goes by itself, and in a tick in any order.
                RowStatus::Gone => {
                    let says = |at: &usize| rows[*at].as_ref().is_some_and(|of| of.body == body);
                    let place = known.iter().position(says);
                    debug_assert!(place.is_some(), "what goes stood");
                    place.into_iter().for_each(|place| rows[known.swap_remove(place)] = None);
                }
                RowStatus::SeenOnly => {}
            }
        })?;
    Ok((rows.into_iter().flatten().collect(), reading))
}

/// Where a row stood, as users find it.
pub fn place(plan: &Plan, origins: &Origins, row: &Row) -> RowPlace {
    let origin = Arc::clone(&origins[&(row.source, row.position.part)]);
    plan.sources[usize::from(row.source)].connector.place(origin, row.position)
}
