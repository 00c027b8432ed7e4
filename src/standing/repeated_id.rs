//! What is remembered of one id that repeats: the rows that are held, and when those stood that no longer are.

use serde::{Deserialize, Serialize};
use thin_vec::{ThinVec, thin_vec};

use super::change::RowStatus;
use crate::row::{Body, Position};
use crate::time::Micros;

/// Rows of one id that are held, or hardly more. Of more than that the first that do not stand are let
/// go: they would stand only if one came that is earlier still.
pub(super) const OF_ONE_ID: usize = 1 << 10;

/// A million are held, of nearly all of which one row stood: so that takes no memory of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum RepeatedId {
    /// When the only row stood that did, which is no longer held.
    Once(Micros),
    Held {
        /// When those stood that are no longer held, in order.
        bare: ThinVec<Micros>,
        /// In order, but for those that came in the tick at hand.
        rows: ThinVec<RepeatedRow>,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RepeatedRow {
    /// When it arrived, by its own time.
    pub(super) at: Micros,
    pub(super) time: Micros,
    pub(super) position: Position,
    pub(super) body: Option<Body>,
    /// `None`: it came in the tick at hand.
    pub(super) stands: Option<bool>,
}

impl Default for RepeatedId {
    fn default() -> Self {
        RepeatedId::Held { bare: ThinVec::new(), rows: ThinVec::new() }
    }
}

impl RepeatedId {
    #[inline]
    pub(super) fn bare(&self) -> &[Micros] {
        match self {
            RepeatedId::Once(at) => std::slice::from_ref(at),
            RepeatedId::Held { bare, .. } => bare,
        }
    }

    #[inline]
    pub(super) fn rows(&self) -> &[RepeatedRow] {
        match self {
            RepeatedId::Once(_) => &[],
            RepeatedId::Held { rows, .. } => rows,
        }
    }

    #[inline]
    pub(super) fn is_nothing(&self) -> bool {
        self.bare().is_empty() && self.rows().is_empty()
    }

    /// What it holds, to be changed: [`RepeatedId::shrink`] makes it short again.
    #[inline]
    pub(super) fn open(&mut self) -> (&mut ThinVec<Micros>, &mut ThinVec<RepeatedRow>) {
        if let RepeatedId::Once(at) = *self {
            *self = RepeatedId::Held { bare: thin_vec![at], rows: ThinVec::new() };
        }
        match self {
            RepeatedId::Once(_) => unreachable!("just made another"),
            RepeatedId::Held { bare, rows } => (bare, rows),
        }
    }

    /// Takes no more room than what is left needs.
    fn shrink(&mut self) {
        if let RepeatedId::Held { bare, rows } = self
            && rows.is_empty()
        {
            match bare[..] {
                [once] => *self = RepeatedId::Once(once),
                _ => (*rows, *bare) = (ThinVec::new(), bare.iter().copied().collect()),
            }
        }
    }

    /// Holds no rows from before this instant any more, and remembers when those stood that did.
    pub(super) fn let_go(&mut self, since: Micros) {
        let (bare, rows) = self.open();
        let gone = rows.partition_point(|row| row.at < since);
        let stood = rows.drain(..gone).filter(|row| row.stands == Some(true));
        bare.extend(stood.map(|row| row.at));
        bare.sort_unstable();
        self.shrink();
    }

    /// Forgets what stood before this instant, and is no longer held.
    pub(super) fn forget(&mut self, since: Micros) {
        if self.bare().first().is_some_and(|first| *first < since) {
            self.open().0.retain(|at| *at >= since);
            self.shrink();
        }
    }

    /// Judges the rows that came, and those behind them as far as that changes what they are.
    pub(super) fn judge(
        &mut self,
        window: Micros,
        mut change: impl FnMut(&RepeatedRow, RowStatus),
    ) {
        let (bare_times, rows) = self.open();
        rows.sort_by_key(|row| (row.at, row.position));
        let came = |row: &RepeatedRow| row.stands.is_none();
        let Some(first) = rows.iter().position(came) else { return };
        let last = rows.iter().rposition(came).unwrap_or(first);
        let within = |one: Micros, other: Micros| other.saturating_sub(one) <= window;
        let stood = rows[..first].iter().rev().find(|row| row.stands == Some(true));
        let mut before = stood.map(|row| row.at);
        for (place, row) in rows.iter_mut().enumerate().skip(first) {
            let bare = bare_times.partition_point(|at| *at <= row.at);
            let bare_before = bare.checked_sub(1).map(|last| bare_times[last]);
            let bare_after = bare_times.get(bare);
            let repeats = [before, bare_before].into_iter().flatten().any(|at| within(at, row.at))
                || bare_after.is_some_and(|at| within(row.at, *at));
            let stands = !repeats;
            let was = row.stands.replace(stands);
            match (was, stands) {
                (None, true) => change(row, RowStatus::Stands),
                (None, false) => change(row, RowStatus::SeenOnly),
                (Some(false), true) => change(row, RowStatus::Stands),
                (Some(true), false) => change(row, RowStatus::Gone),
                // From here on all is as it was.
                (Some(true), true) if place > last => break,
                _ => {}
            }
            if stands {
                before = Some(row.at);
            }
        }
        // What comes at the very time of another one, behind it, can never stand.
        let mut at = None;
        rows.retain(|row| at.replace(row.at) != Some(row.at));
    }

    pub(super) fn thin_out(&mut self) {
        if self.rows().len() <= 2 * OF_ONE_ID {
            return;
        }
        let (_, rows) = self.open();
        let mut over = rows.len() - OF_ONE_ID;
        rows.retain(|row| {
            let goes = over > 0 && row.stands == Some(false);
            over -= usize::from(goes);
            !goes
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_of_an_id_takes_no_more_room_than_its_key() {
        assert_eq!(size_of::<(u128, RepeatedId)>(), 32);
        let mut id = RepeatedId::default();
        let position = Position { part: 0, offset: 1 };
        for (at, stands) in [(1, true), (2, false), (9, true)] {
            let row = RepeatedRow { at, time: at, position, body: None, stands: Some(stands) };
            id.open().1.push(row);
        }
        id.let_go(5);
        assert_eq!((id.bare(), id.rows().len()), (&[1][..], 1));
        id.let_go(10);
        assert_eq!((id.bare(), id.rows().len()), (&[1, 9][..], 0));
        id.forget(5);
        assert!(matches!(id, RepeatedId::Once(9)) && !id.is_nothing());
        id.forget(10);
        assert!(id.is_nothing());
    }
}
