//! Rows that a worker has decoded and that wait for a tick.

use std::collections::{BTreeMap, VecDeque};

use arrow::array::RecordBatch;

use super::amount::{TICK_ROWS, held_bytes, tick_bytes};
use super::live::SharedLive;
use super::replay::Replay;
use crate::decode::Decoded;
use crate::decode::latest::Latest;
use crate::metrics::{Counts, SharedCounts};
use crate::row::{REASON_CODES, Reject, Row};
use crate::source::{Awaited, Reached, Ticket};
use crate::state::batch;
use crate::state::saved::{SavedChunk, saved_entries};
use crate::time::{Micros, Tick};

/// The section of a checkpoint in which what was counted of sources is.
pub const COUNTS: &str = "Counts";

/// What goes into one tick on one worker.
#[derive(Default)]
pub struct TickInput {
    pub rows: batch::Batch<Row>,
    pub rejects: batch::Batch<Reject>,
    /// The greatest event times of rows; once at the beginning even if there are none.
    pub latest: Option<Latest>,
    /// By source, accepted rows to be stored.
    pub stored: BTreeMap<usize, VecDeque<RecordBatch>>,
    /// Rejects, to be stored until outputs have committed them.
    pub stored_rejects: Vec<Reject>,
    /// How far the sources were read.
    pub reached: Vec<Reached>,
    /// By section, what a checkpoint puts back.
    pub saved: BTreeMap<String, Vec<SavedChunk>>,
}

/// What rows hold, in bytes. Both are bounded alike: so a run that stores its rows has ticks as large as one that does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    rows: u64,
    /// The columns that are to be stored of them.
    to_store: u64,
}

impl Held {
    fn most(self) -> u64 {
        self.rows.max(self.to_store)
    }
}

/// The batch that is being filled, and those that have been given to ticks but not yet taken.
pub struct Inbox {
    open: TickInput,
    /// When the open batch's rows arrived: runs of instants with numbers of rows.
    open_arrivals: Vec<(Micros, u32)>,
    /// What waits in the open batch holds.
    open_held: Held,
    /// Raw rows that it was read from.
    open_read: u64,
    /// What rows hold that a tick takes at most, by what operators keep.
    tick_bytes: u64,
    /// The tickets of the tick that takes the open batch, which one waits for also without rows.
    pub tickets: Vec<Ticket>,
    /// By source, the newest row of chunks that wait.
    newest: Vec<(u16, Micros)>,
    /// Who is told what goes into which tick.
    pub live: Option<SharedLive>,
    /// Tickets that wait until the rows of their ticks can't be lost.
    kept: BTreeMap<Tick, Vec<Ticket>>,
    sealed: BTreeMap<Tick, TickInput>,
    /// When the rows arrived that went into ticks which are not complete.
    arrivals: BTreeMap<Tick, Arrivals>,
    /// What the rows held that went into ticks which are not handed over.
    under_way: BTreeMap<Tick, Held>,
    ticks: u64,
    /// Rows that were added.
    pub rows: u64,
    /// What had been counted of rows when the last tick took what waited.
    pub read: Counts,
    /// Whether what is taken in is stored.
    pub is_stored: bool,
    /// While stored rows are read back: each tick takes those that are its own.
    pub replay: Option<Replay>,
}

/// What arrived with a tick.
pub struct Arrivals {
    /// Runs of instants with numbers of rows.
    pub runs: Vec<(Micros, u32)>,
    /// Those that wait until the tick is complete.
    pub tickets: Vec<Ticket>,
}

impl Default for Inbox {
    fn default() -> Self {
        // Before the first event time, `now()` has to be known too.
        let open = TickInput { latest: Some(Latest::default()), ..TickInput::default() };
        Inbox {
            open,
            open_arrivals: Vec::new(),
            open_held: Held::default(),
            open_read: 0,
            tick_bytes: tick_bytes(0),
            tickets: Vec::new(),
            newest: Vec::new(),
            live: None,
            kept: BTreeMap::new(),
            sealed: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            under_way: BTreeMap::new(),
            ticks: 0,
            rows: 0,
            read: Counts::default(),
            is_stored: false,
            replay: None,
        }
    }
}

impl Inbox {
    pub fn add(&mut self, source: usize, decoded: Decoded, counts: &SharedCounts) {
        let mut counts = counts.borrow_mut();
        for reject in &decoded.rejects {
            let reason = reject.reasons.first().expect("nothing is rejected without a reason").code;
            debug_assert!(REASON_CODES.contains(&reason), "{reason} is no code of a reason");
            // Few reasons, and mostly none: no text is made for a known one.
            match counts
                .rejects
                .iter_mut()
                .find(|((of, code), _)| usize::from(*of) == source && code == reason)
            {
                Some((_, rejected)) => *rejected += 1,
                None => drop(counts.rejects.insert((source as u16, reason.to_owned()), 1)),
            }
        }
        let counts = &mut counts.sources[source];
        self.rows += decoded.rows_in;
        counts.rows += decoded.rows_in;
        counts.rejected += decoded.rejects.len() as u64;
        counts.dropped += decoded.dropped;
        self.add_rows(source, decoded);
    }

    /// Notes how far a source is read with what was added.
    pub fn reached(&mut self, reached: Option<Reached>) {
        self.open.reached.extend(reached);
    }

    /// Adds rows that nobody counts.
    pub fn add_rows(&mut self, source: usize, mut decoded: Decoded) {
        if !decoded.latest.is_empty() {
            self.open.latest.get_or_insert_default().add_all(&decoded.latest);
        }
        self.newest.extend(decoded.newest.map(|newest| (source as u16, newest)));
        self.open_held.rows += decoded.held;
        self.open_held.to_store += decoded.held_to_store;
        self.open_read += decoded.rows_in;
        self.open.rows.append(&mut decoded.rows);
        if self.is_stored {
            self.open.stored_rejects.extend_from_slice(&decoded.rejects);
        }
        self.open.rejects.append(&mut decoded.rejects);
        self.open_arrivals.extend(decoded.arrived);
        if let Some(stored) = decoded.stored {
            self.open.stored.entry(source).or_default().push_back(stored);
        }
    }

    /// Rows that wait for a tick, or tickets; or what is to be stored of how far sources were read, also without rows.
    pub fn waiting(&self) -> usize {
        let rows = self.open.rows.len() + self.open.rejects.len();
        let reached = if self.is_stored { self.open.reached.len() } else { 0 };
        self.open_arrivals.len().max(rows).max(reached).max(self.tickets.len())
    }

    /// Whether as much waits as a tick takes.
    pub fn is_full(&self) -> bool {
        self.open_held.most() >= self.tick_bytes || self.open_read >= TICK_ROWS
    }

    /// Whether no more may be added before a tick that is under way is handed over.
    pub fn holds_back(&self) -> bool {
        let mut held = self.open_held;
        for under_way in self.under_way.values() {
            held.rows += under_way.rows;
            held.to_store += under_way.to_store;
        }
        held != self.open_held && held.most() >= held_bytes(self.tick_bytes)
    }

    /// Hears that all ticks before one are handed over.
    pub fn handed_over(&mut self, before: Tick) {
        self.under_way = self.under_way.split_off(&before);
    }

    /// How many ticks have taken what waited for them.
    pub fn ticks(&self) -> u64 {
        self.ticks
    }

    /// The batch of a tick; whatever waits becomes it when the tick is first asked for, and what is stored of it.
    pub fn batch(&mut self, tick: Tick, counts: &SharedCounts) -> &mut TickInput {
        if !self.sealed.contains_key(&tick)
            && let Some(mut replay) = self.replay.take()
        {
            for (source, decoded) in replay.take(tick) {
                self.add(source, decoded, counts);
            }
            self.open.saved = replay.take_saved(tick);
            for chunk in self.open.saved.remove(COUNTS).unwrap_or_default() {
                saved_entries::<Counts>(&chunk).for_each(|saved| counts.borrow_mut().add(&saved));
            }
            self.replay = Some(replay).filter(|replay| !replay.is_over());
        }
        self.sealed.entry(tick).or_insert_with(|| {
            if self.is_stored {
                self.read = counts.borrow().of_rows();
            }
            self.ticks += 1;
            self.tick_bytes = tick_bytes(counts.borrow().bytes.values().sum());
            self.under_way.insert(tick, std::mem::take(&mut self.open_held));
            self.open_read = 0;
            let newest = std::mem::take(&mut self.newest);
            if let Some(live) = &self.live {
                live.add_times(tick, newest);
            }
            let runs = std::mem::take(&mut self.open_arrivals);
            let tickets = std::mem::take(&mut self.tickets).into_iter();
            let (tickets, kept): (Vec<_>, Vec<_>) =
                tickets.partition(|ticket| ticket.awaits == Awaited::Complete);
            if !kept.is_empty() {
                self.kept.insert(tick, kept);
            }
            self.arrivals.insert(tick, Arrivals { runs, tickets });
            std::mem::take(&mut self.open)
        })
    }

    /// Takes the tickets that wait until their rows can't be lost, of ticks before this one.
    pub fn take_kept(&mut self, before: Tick) -> impl Iterator<Item = Ticket> {
        let later = self.kept.split_off(&before);
        std::mem::replace(&mut self.kept, later).into_values().flatten()
    }

    /// Takes the arrivals of a tick that `complete` says is complete, the earliest first.
    pub fn take_complete(&mut self, complete: impl Fn(Tick) -> bool) -> Option<Arrivals> {
        let entry = self.arrivals.first_entry().filter(|entry| complete(*entry.key()))?;
        let (tick, arrivals) = entry.remove_entry();
        self.sealed.remove(&tick);
        Some(arrivals)
    }
}

#[cfg(test)]
mod tests {
    use super::super::amount::{MOST_TICK_BYTES, TICK_BYTES};
    use super::*;

    fn holding(held: u64) -> Decoded {
        Decoded { held, arrived: vec![(0, 1)], ..Decoded::default() }
    }

    #[test]
    fn few_rows_that_hold_much_hold_the_inflow_back_until_a_tick_takes_them() {
        let mut inbox = Inbox::default();
        for _ in 0..2 {
            assert!(!inbox.is_full());
            inbox.add_rows(0, holding(TICK_BYTES / 2));
            assert!(!inbox.is_full());
            inbox.add_rows(0, holding(TICK_BYTES / 2));
            assert!(inbox.is_full());
            let tick = inbox.ticks() + 1;
            inbox.batch(tick, &SharedCounts::default());
        }
    }

    #[test]
    fn rows_that_do_not_count_are_given_to_ticks_too() {
        let mut inbox = Inbox::default();
        let dropped = |rows_in: u64| {
            let arrived = vec![(0, rows_in as u32)];
            Decoded { rows_in, dropped: rows_in, arrived, ..Decoded::default() }
        };
        inbox.add_rows(0, dropped(TICK_ROWS - 1));
        assert!(!inbox.is_full());
        inbox.add_rows(0, dropped(1));
        assert!(inbox.is_full() && !inbox.holds_back());
        inbox.batch(1, &SharedCounts::default());
        assert!(!inbox.is_full());
    }

    #[test]
    fn what_is_under_way_holds_the_inflow_back_until_it_is_handed_over() {
        let mut inbox = Inbox::default();
        inbox.add_rows(0, holding(TICK_BYTES));
        assert!(inbox.is_full() && !inbox.holds_back());
        inbox.batch(1, &SharedCounts::default());
        inbox.add_rows(0, holding(TICK_BYTES / 8));
        assert!(!inbox.is_full() && !inbox.holds_back());
        inbox.add_rows(0, holding(TICK_BYTES / 8));
        assert!(!inbox.is_full() && inbox.holds_back());
        inbox.handed_over(1);
        assert!(inbox.holds_back());
        inbox.handed_over(2);
        assert!(!inbox.is_full() && !inbox.holds_back());
    }

    #[test]
    fn the_more_is_kept_the_more_a_tick_takes_up_to_a_bound() {
        let counts = SharedCounts::default();
        let mut inbox = Inbox::default();
        for (tick, (kept, takes)) in (1..).zip([
            (0, TICK_BYTES),
            (3 * TICK_BYTES, 3 * TICK_BYTES / 2),
            (100 * TICK_BYTES, MOST_TICK_BYTES),
        ]) {
            counts.borrow_mut().note_bytes("People", kept as usize);
            inbox.batch(tick, &counts);
            inbox.add_rows(0, holding(takes - 1));
            assert!(!inbox.is_full(), "{kept} bytes are kept");
            inbox.add_rows(0, holding(1));
            assert!(inbox.is_full(), "{kept} bytes are kept");
        }
    }
}
