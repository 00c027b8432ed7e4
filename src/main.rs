//! The command line: a thin skin on the library.

mod cli;

use std::process::ExitCode;

/// Rows are made on one worker and freed on another; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
