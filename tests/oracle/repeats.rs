//! Where time is that of events: what `now()` is, and which events are others again.

use std::collections::{BTreeMap, BTreeSet};

use selfsame::internals::plan::{Kind, Plan};
use selfsame::internals::time::Micros;

use super::rows::Row;

/// A row that says when something happened.
#[derive(Clone, Debug)]
pub struct Dated {
    pub time: Micros,
    pub max_ahead: Micros,
    /// Its source, and its id or key, or where it stood.
    pub which: (usize, Option<String>, Option<(u32, u64)>),
}

/// The latest time that another row confirms: one that is dated no more than `max_ahead` before it.
pub fn followed(rows: &[Dated]) -> Option<Micros> {
    let confirmed = rows.iter().filter(|row| {
        rows.iter().any(|other| {
            let is_other = (&other.which, other.time) != (&row.which, row.time);
            is_other && i128::from(row.time) - i128::from(other.time) <= row.max_ahead.into()
        })
    });
    confirmed.map(|row| row.time).max()
}

/// The places of events that are dropped: of those with one id, by their times, all that follow one that
/// stands within the window. The window of a file without times never ends.
pub fn repeated(plan: &Plan, rows: &[Row]) -> BTreeSet<usize> {
    let mut by_id: BTreeMap<(usize, &str), Vec<usize>> = BTreeMap::new();
    for (place, row) in rows.iter().enumerate() {
        if let (Kind::Events, Some(id)) = (plan.sources[row.source].kind, &row.key) {
            by_id.entry((row.source, id)).or_default().push(place);
        }
    }
    let mut repeated = BTreeSet::new();
    for ((source, _), mut places) in by_id {
        places.sort_by_key(|place| (rows[*place].time, rows[*place].position));
        let source = &plan.sources[source];
        let mut stood: Option<Micros> = None;
        for place in places {
            let time = rows[place].time;
            let ends = |stood: Micros| source.is_dated() && time - stood > source.id_window;
            if stood.is_none_or(ends) {
                stood = Some(time);
            } else {
                repeated.insert(place);
            }
        }
    }
    repeated
}
