//! A definition and its files in a temporary folder, read and decoded as the engine does it.

// Each test uses its part of this.
#![allow(dead_code)]

pub mod definition;
pub mod written;

use std::sync::Arc;

use selfsame::internals::decode::{Decoded, Decoder};
use selfsame::internals::plan::Plan;
use selfsame::internals::row::{RawPosition, Reject, Row};
use selfsame::internals::source::{self, Chunk, Feeds, Next, SourceOptions};
use selfsame::internals::time::Micros;

/// 2025-07-06T00:00:00Z.
pub const WALL: Micros = 1_751_760_000_000_000;

pub struct Input {
    folder: tempfile::TempDir,
    plan: Arc<Plan>,
}

/// All that became of an input, by place.
#[derive(Default)]
pub struct Read {
    pub rows: Vec<Row>,
    pub rejects: Vec<Reject>,
    pub rows_in: u64,
    pub dropped: u64,
}

impl Input {
    pub fn new(definition: definition::Make, files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).expect("room on the disk");
        }
        let plan = Arc::new(definition(folder.path()));
        Input { folder, plan }
    }

    /// The input of something other than files.
    pub fn of(plan: Plan) -> Self {
        Input { folder: tempfile::tempdir().expect("a temporary folder"), plan: Arc::new(plan) }
    }

    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    pub fn start(&self, options: &SourceOptions) -> Feeds {
        self.start_with(options, Arc::new(|| ()))
    }

    pub fn start_with(&self, options: &SourceOptions, wake: Arc<dyn Fn() + Send + Sync>) -> Feeds {
        source::start(&self.plan, options, wake).expect("it starts")
    }

    pub fn decode(&self, chunk: &Chunk) -> Decoded {
        Decoder::new(Arc::clone(&self.plan), usize::from(chunk.source)).decode(chunk, WALL)
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self) -> Read {
        self.read_with(&SourceOptions { until_end: true, ..SourceOptions::default() })
    }

    pub fn read_with(&self, options: &SourceOptions) -> Read {
        let mut feeds = self.start(options);
        let mut decoders: Vec<Decoder> = (0..self.plan.sources.len())
            .map(|source| Decoder::new(Arc::clone(&self.plan), source))
            .collect();
        let mut read = Read::default();
        while !feeds.workers.is_empty() {
            feeds.workers.retain_mut(|feed| match feed.try_next() {
                Next::Together(..) => unreachable!("nobody pushes"),
                Next::Chunk(chunk) => {
                    let decoded = decoders[usize::from(chunk.source)].decode(&chunk, WALL);
                    let arrived: u32 = decoded.arrived.iter().map(|(_, rows)| rows).sum();
                    assert_eq!(u64::from(arrived), decoded.rows_in);
                    read.rows.extend(decoded.rows);
                    read.rejects.extend(decoded.rejects);
                    read.rows_in += decoded.rows_in;
                    read.dropped += decoded.dropped;
                    true
                }
                Next::Empty => {
                    std::thread::yield_now();
                    true
                }
                Next::Ended => false,
                Next::Failed(error) => panic!("{error}"),
            });
        }
        read.rows.sort_by_key(|row| (row.source, row.position));
        read
    }

    /// Why it does not start, with the folder's name left out.
    pub fn fails(&self) -> String {
        let options = SourceOptions { until_end: true, ..SourceOptions::default() };
        let error = source::start(&self.plan, &options, Arc::new(|| ())).expect_err("an error");
        error.to_string().replace(&*self.folder.path().to_string_lossy(), "<folder>")
    }
}

impl Read {
    pub fn keys(&self) -> Vec<u128> {
        self.rows.iter().map(|row| row.key.expect("a key").bits()).collect()
    }

    /// Each reason as `line code path: message`.
    pub fn reasons(&self) -> Vec<String> {
        let rejects = self.rejects.iter();
        rejects
            .flat_map(|reject| {
                let line = match &reject.position {
                    RawPosition::Line { line: Some(line), .. } => line.to_string(),
                    other => format!("{other:?}"),
                };
                reject.reasons.iter().map(move |reason| {
                    format!("{line} {} {}: {}", reason.code, reason.path, reason.message)
                })
            })
            .collect()
    }
}
