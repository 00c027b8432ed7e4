//! The command line: a thin skin on the library.

mod cli;

use std::process::ExitCode;

/// Rows are made on one worker and freed on another; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// mimalloc's `mi_option_purge_delay`, which its binding does not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// For how long freed memory is kept from the system, in milliseconds: each tick needs again what the one before freed, and
/// those of many rows take seconds. `MIMALLOC_PURGE_DELAY` takes precedence.
const KEPT: std::ffi::c_long = 10_000;

fn main() -> ExitCode {
    // SAFETY: no other thread has been started that could read or set options.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, KEPT) };
    cli::main()
}
