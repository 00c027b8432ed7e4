//! Files through a source's reader, and what is in them through its decoder.

use std::path::Path;
use std::sync::Arc;

use selfsame::internals::plan::Plan;
use selfsame::internals::source::{self, Next, SourceOptions};

use super::account::check;

/// Reads the only source's files to their end, or to what is wrong with them.
pub fn read(plan: &Arc<Plan>) {
    let options = SourceOptions { until_end: true, ..SourceOptions::default() };
    let Ok(mut feeds) = source::start(plan, &options, Arc::new(|| ())) else { return };
    loop {
        match feeds.workers[0].try_next() {
            Next::Chunk(chunk) => check(plan, &chunk),
            Next::Empty | Next::Together(..) => std::thread::yield_now(),
            Next::Ended | Next::Failed(_) => break,
        }
    }
}

/// A folder with one file of these bytes.
pub fn folder(name: &str, bytes: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(Path::new(folder.path()).join(name), bytes).expect("room on the disk");
    folder
}
