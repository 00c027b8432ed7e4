//! What is known of a chunk's rows while they are decoded.

use arrow::datatypes::SchemaRef;

use super::packed::Packing;
use crate::plan::{Decisions, Plan, Source};
use crate::source::Chunk;
use crate::time::Micros;

pub struct DecodeContext<'a> {
    pub plan: &'a Plan,
    pub source: &'a Source,
    pub prefixes: &'a [SchemaRef],
    pub packing: Option<&'a Packing>,
    pub chunk: &'a Chunk,
    pub wall: Micros,
    /// Whether it is asked for what rows name that do not stand.
    pub names_all: bool,
}

impl<'a> DecodeContext<'a> {
    /// The table of decisions, where this source is it.
    pub fn decisions(&self) -> Option<&'a Decisions> {
        let decisions = self.plan.decisions.as_ref()?;
        (decisions.source == usize::from(self.chunk.source)).then_some(decisions)
    }
}

/// What is known of a row, unless it has reasons to be set aside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum RowFate {
    /// It counts.
    Stands,
    /// It says that its record is gone.
    Gone,
    /// It does not count.
    Dropped,
}
