//! What outputs hold, read while another run writes them still: the one that takes its place has only what came since to
//! read, so that outputs are still for a short while, however much they hold.
//!
//! Whatever is amiss with it is passed over: then all is read when the outputs are opened.

use std::collections::BTreeMap;

use super::catalog::Catalog;
use super::compare::Comparison;
use super::kafka::spread::KeyPlaces;
use super::local_progress::FilePart;

/// What an output held.
pub struct HeldAhead {
    pub comparison: Comparison,
    /// Names, and those that were found besides.
    pub catalog: Catalog,
    pub read: ReadAhead,
}

/// How far an output was read.
pub enum ReadAhead {
    /// By partition of a topic, the offset of the next message; and where its keys lie.
    Topic(BTreeMap<i32, i64>, KeyPlaces),
    /// The whole records of a file, and the number of the line behind them.
    File(FilePart, usize),
}

/// By output.
#[derive(Default)]
pub struct OutputsAhead(pub BTreeMap<usize, HeldAhead>);

impl OutputsAhead {
    pub fn take(&mut self, output: usize) -> Option<HeldAhead> {
        self.0.remove(&output)
    }
}
