//! The command line: a thin skin on the library.

mod cli;

use std::process::ExitCode;

/// Rows are made on one worker and freed on another, and each tick needs again what the one before freed.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::main()
}
