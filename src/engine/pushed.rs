//! Rows that a program pushes into sources, until they are handed over.

use serde::Serialize;

use super::error::{EngineError, unknown};
use crate::plan::Plan;
use crate::source::{Chunk, Payload, ROW_LIMIT};
use crate::time::wall_clock;

/// What positions call the rows that are pushed.
const ORIGIN: &str = "pushed";

/// Rows of several sources, as lines of JSON.
pub struct PushedLines {
    by_source: Vec<SourceLines>,
}

#[derive(Clone, Default)]
struct SourceLines {
    lines: Vec<u8>,
    /// Rows that were handed over, and those that wait.
    handed: u64,
    waiting: u64,
}

impl PushedLines {
    pub fn new(plan: &Plan) -> Self {
        PushedLines { by_source: vec![SourceLines::default(); plan.sources.len()] }
    }

    /// Adds rows of a source; those before one that is wrong are added.
    pub fn add<R: Serialize>(
        &mut self,
        plan: &Plan,
        source: usize,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<(), EngineError> {
        let of = &mut self.by_source[source];
        for row in rows {
            let start = of.lines.len();
            let written = serde_json::to_writer(&mut of.lines, &row).map_err(|why| why.to_string());
            let written = match written {
                Ok(()) if of.lines.get(start) != Some(&b'{') => Err(
                    "it is no object with a value for each field, such as a struct or a JSON object".to_owned()
                ),
                written => written,
            };
            if let Err(why) = written {
                of.lines.truncate(start);
                let (name, number) =
                    (plan.sources[source].name.clone(), of.handed + of.waiting + 1);
                return Err(EngineError::Row { name, number, why });
            }
            // A longer line is kept as far as it says that it is too long.
            of.lines.truncate(of.lines.len().min(start + ROW_LIMIT + 1));
            of.lines.push(b'\n');
            of.waiting += 1;
        }
        Ok(())
    }

    pub fn are_any(&self) -> bool {
        self.by_source.iter().any(|of| of.waiting > 0)
    }

    /// All that wait, a chunk a source.
    pub fn take(&mut self) -> Vec<Chunk> {
        let arrived = wall_clock();
        let sources = self.by_source.iter_mut().enumerate().filter(|(_, of)| of.waiting > 0);
        let chunks = sources.map(|(source, of)| {
            let (bytes, first_line) = (std::mem::take(&mut of.lines), of.handed + 1);
            of.handed += std::mem::take(&mut of.waiting);
            let payload = Payload::Lines { bytes, first_line, header: None, arrived };
            Chunk { source: source as u16, part: 0, origin: ORIGIN.into(), payload, reached: None }
        });
        chunks.collect()
    }
}

/// The number of a source.
pub fn source_named(plan: &Plan, name: &str) -> Result<usize, EngineError> {
    let sources = || plan.sources.iter().map(|source| source.name.as_str());
    sources().position(|of| of == name).ok_or_else(|| unknown("source", name, sources()))
}
