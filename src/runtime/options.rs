//! How to run a plan, and why a run could not start or go on.

use std::path::PathBuf;

use super::Clock;
use super::door::Door;
use super::progress::Progress;
use crate::plan::{DataPlace, Plan, Source};
use crate::sink::SinkError;
use crate::source::SourceError;
use crate::store::StoreError;

/// How to run a plan.
#[derive(Clone, Debug)]
pub struct RunOptions {
    pub clock: Clock,
    /// In each process.
    pub workers: usize,
    /// This process's number, counted from 0.
    pub process: usize,
    /// One `host:port` a process; empty for a single one.
    pub hosts: Vec<String>,
    /// Stop when all that there is has been read and sent.
    pub until_end: bool,
    /// Keep reading what is appended to files.
    pub follow: bool,
    /// It is served over HTTP, whether or not a definition says so.
    pub served: bool,
    pub progress: Progress,
    /// Go on with a topic that is deleted and created again while it is read.
    pub from_start: bool,
    /// Where accepted rows are stored, if that is not the definition's.
    pub data: Option<DataPlace>,
    /// Files that belong to the run beside those that the plan names: what each is, and its path.
    pub reads: Vec<(&'static str, PathBuf)>,
    /// Where the summary will be written.
    pub summary: Option<PathBuf>,
    /// Called on a thread of a run with several processes that must not go on, since the others would take
    /// that for an end: it stays until the process ends.
    pub stay: fn() -> !,
    /// Where others find this process.
    pub door: Door,
}

impl Default for RunOptions {
    /// One worker in one process, by the wall clock.
    fn default() -> Self {
        RunOptions {
            clock: Clock::Wall,
            workers: 1,
            process: 0,
            hosts: Vec::new(),
            until_end: false,
            follow: false,
            served: false,
            progress: Progress::Quiet,
            from_start: false,
            data: None,
            reads: Vec::new(),
            summary: None,
            stay: || unreachable!("there is no other process"),
            door: Door::default(),
        }
    }
}

/// Why a run could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "--clock event follows the times of rows, and the rows of no source have any: name the \
         column that says when a row happened by `time`, or run with --clock wall"
    )]
    NoEventTimes,
    /// Something would be written over.
    #[error("{0}")]
    Overlap(String),
    #[error("{0}")]
    Workers(String),
}

impl RunOptions {
    /// Whether a run of the plan answers over HTTP.
    pub fn is_served(&self, plan: &Plan) -> bool {
        self.served || plan.http.listen.is_some()
    }

    /// Whether a run of the plan comes to an end by itself. One that is served goes on for those who ask.
    pub fn ends(&self, plan: &Plan) -> bool {
        let ends = |source: &Source| source.connector.ends(self.follow);
        self.until_end || !self.is_served(plan) && plan.sources.iter().all(ends)
    }
}
