//! What a worker counts while it works, and how the counts of all workers add up.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

/// One worker's counts. Those that fall as well as rise are this worker's share of the present state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// By source, in the plan's order.
    pub sources: Vec<SourceCounts>,
    /// Rejected rows, by source and by the first of their reasons.
    pub rejects: BTreeMap<(u16, String), u64>,
    pub identifiers: i64,
    pub people: i64,
    /// How often identifiers that links tie became one cluster, and came apart.
    pub joined: u64,
    pub parted: u64,
    /// People in each segment, in the plan's order.
    pub segments: Vec<i64>,
    /// How many people have entered and left each.
    pub entered: Vec<u64>,
    pub left: Vec<u64>,
    /// Changelog records sent to each output, in the plan's order. A process's writers count them, and not its workers.
    pub outputs: Vec<u64>,
    /// How many records were larger than their topic takes.
    pub too_large: Vec<u64>,
    /// Attribute and segment expressions that failed for a person, and expressions over joined
    /// columns that failed for a row: their results are null.
    pub failed_expressions: u64,
    /// The attributes and segments of which they are, as far as this process knows them.
    #[serde(skip)]
    pub failed: BTreeSet<String>,
    /// Where the clock follows event times: the row's source and time that it does not follow, since it is
    /// dated far past all others.
    pub ahead: Option<(u16, i64)>,
    /// By operator, the entries that it holds: of what has been taken back, none are left, but for
    /// when identifiers and links were first seen and which keys there have been.
    pub entries: BTreeMap<String, u64>,
    /// By operator, about how many bytes that takes. It is of now, and in no checkpoint.
    #[serde(skip)]
    pub bytes: BTreeMap<String, u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceCounts {
    /// Raw rows read.
    pub rows: u64,
    pub rejected: u64,
    /// Events whose id had been seen: by the worker that remembers ids, which may not have read them.
    pub duplicates: u64,
    /// Rows that the source's `where` does not count: events, and records that it leaves out of their table.
    pub dropped: u64,
}

impl SourceCounts {
    /// All other rows, of the counts of all workers together: so that each raw row is exactly one of the four.
    pub fn accepted(&self) -> u64 {
        self.rows.saturating_sub(self.rejected + self.duplicates + self.dropped)
    }
}

/// A worker's counts, shared by its operators.
pub type SharedCounts = Rc<RefCell<Counts>>;

impl Counts {
    pub fn new(sources: usize, segments: usize, outputs: usize) -> Self {
        Counts {
            sources: vec![SourceCounts::default(); sources],
            segments: vec![0; segments],
            entered: vec![0; segments],
            left: vec![0; segments],
            outputs: vec![0; outputs],
            too_large: vec![0; outputs],
            ..Counts::default()
        }
    }

    /// How many rows this worker has read.
    pub fn rows_read(&self) -> u64 {
        self.sources.iter().map(|of| of.rows).sum()
    }

    /// What was counted of rows that were read: it does not follow from what operators keep.
    pub fn of_rows(&self) -> Counts {
        let (sources, rejects) = (self.sources.clone(), self.rejects.clone());
        Counts { sources, rejects, ..Counts::default() }
    }

    /// What was counted of rows up to a tick, when these counts of them had been read.
    pub fn of_ticks(&self, read: &Counts) -> Counts {
        let mut of_ticks = read.clone();
        of_ticks.failed_expressions = self.failed_expressions;
        of_ticks.failed.clone_from(&self.failed);
        for (counts, now) in of_ticks.sources.iter_mut().zip(&self.sources) {
            counts.duplicates = now.duplicates;
        }
        of_ticks
    }

    /// Says how many entries an operator holds now.
    pub fn note_entries(&mut self, operator: &str, entries: usize) {
        match self.entries.get_mut(operator) {
            Some(held) => *held = entries as u64,
            None => drop(self.entries.insert(operator.to_owned(), entries as u64)),
        }
    }

    /// Says how many bytes an operator takes now.
    pub fn note_bytes(&mut self, operator: &str, bytes: usize) {
        match self.bytes.get_mut(operator) {
            Some(held) => *held = bytes as u64,
            None => drop(self.bytes.insert(operator.to_owned(), bytes as u64)),
        }
    }

    /// How often two people had to become one for as many to be left, were each identifier a person
    /// at first: a function of the present state, however it came about.
    pub fn merges(&self) -> i64 {
        self.identifiers - self.people
    }

    /// Adds another worker's counts of the same plan.
    pub fn add(&mut self, other: &Counts) {
        for (sum, source) in self.sources.iter_mut().zip(&other.sources) {
            sum.rows += source.rows;
            sum.rejected += source.rejected;
            sum.duplicates += source.duplicates;
            sum.dropped += source.dropped;
        }
        for (what, rejected) in &other.rejects {
            *self.rejects.entry(what.clone()).or_default() += rejected;
        }
        self.identifiers += other.identifiers;
        self.people += other.people;
        self.joined += other.joined;
        self.parted += other.parted;
        for (sum, size) in self.segments.iter_mut().zip(&other.segments) {
            *sum += size;
        }
        let flows = [
            (&mut self.entered, &other.entered),
            (&mut self.left, &other.left),
            (&mut self.outputs, &other.outputs),
            (&mut self.too_large, &other.too_large),
        ];
        for (sums, others) in flows {
            sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += other);
        }
        self.failed_expressions += other.failed_expressions;
        self.failed.extend(other.failed.iter().cloned());
        self.ahead = self.ahead.max(other.ahead);
        for (sums, others) in [(&mut self.entries, &other.entries), (&mut self.bytes, &other.bytes)]
        {
            for (operator, held) in others {
                *sums.entry(operator.clone()).or_default() += held;
            }
        }
    }
}
