//! Signals that stop a run, and the exit codes that tell of them.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use selfsame::internals::runtime::{Stop, StopCause};
use signal_hook::consts::{SIGINT, SIGPIPE, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// The first signal ends the reading, and the run once all is sent; the second ends the process. It
/// does so in the signal's own handler, whatever the threads are about: one that waits for a disk, for
/// another process or for who reads the log holds it up no more than the locks that it has.
pub fn stop_on_signals(stop: &Stop) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("signals can't be handled: {error}");
    let stop = stop.clone();
    let again = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let status = i32::from(exit_code(signal));
        flag::register_conditional_shutdown(signal, status, Arc::clone(&again)).map_err(failed)?;
        flag::register(signal, Arc::clone(&again)).map_err(failed)?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
    let spawned = std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            stop.ask(StopCause::Signal(signal));
            tracing::info!("stopping: what has been read is being sent; again to stop at once");
        }
    });
    spawned.map(drop).map_err(|error| format!("a thread can't start: {error}"))
}

/// What the shell says of a process that a signal ended.
fn exit_code(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

/// How a process exits whose run was interrupted.
pub fn exit_code_of(cause: StopCause) -> u8 {
    match cause {
        StopCause::Program | StopCause::Replaced => exit_code(SIGTERM),
        StopCause::Signal(signal) => exit_code(signal),
        StopCause::Left => exit_code(SIGPIPE),
    }
}
