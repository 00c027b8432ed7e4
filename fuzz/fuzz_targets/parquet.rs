//! Whole Parquet files, through the reader.
#![no_main]

#[path = "../account.rs"]
mod account;

use account::{check, definition};
use libfuzzer_sys::fuzz_target;
use selfsame::internals::source::{self, Next, SourceOptions};
use std::sync::Arc;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("orders.parquet"), bytes).expect("room on the disk");
    let plan = Arc::new(definition::FLAT_ORDERS(folder.path()));
    let options = SourceOptions { until_end: true, ..SourceOptions::default() };
    let Ok(mut feeds) = source::start(&plan, &options, Arc::new(|| ())) else { return };
    loop {
        match feeds.workers[0].try_next() {
            Next::Chunk(chunk) => check(&plan, &chunk),
            Next::Empty | Next::Together(..) => std::thread::yield_now(),
            Next::Ended | Next::Failed(_) => break,
        }
    }
});
