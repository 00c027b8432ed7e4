//! Signals that stop a run, and the exit codes that tell of them.

use std::io::IsTerminal;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use selfsame::internals::runtime::{Stop, StopCause};
use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// Whether a signal has come that the log is yet to tell of.
static UNTOLD: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

/// Where nobody reads the log, the process ends without it after so long.
const MOST_WAITED: Duration = Duration::from_secs(1);

/// What is said where a signal asks for files to be read anew, as many programs take it.
const HUNG_UP: &str = "SIGHUP changes nothing: files of TLS and of keys are read anew when they change, another definition \
                       takes the place of this one by `selfsame apply`, and the log goes to standard error";

/// The signals that stop a run. A terminal that goes away sends SIGHUP to what was started from it.
pub fn stopping() -> Vec<i32> {
    let hung_up = std::io::stdin().is_terminal().then_some(SIGHUP);
    [SIGINT, SIGTERM].into_iter().chain(hung_up).collect()
}

/// The first signal ends the reading, and the run once all is sent; the second ends the process. It
/// does so in the signal's own handler, whatever the threads are about: one that waits for a disk, for
/// another process or for who reads the log holds it up no more than the locks that it has.
pub fn stop_on_signals(stop: &Stop) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("signals can't be handled: {error}");
    let stop = stop.clone();
    // This comes before what the second one does: of a signal that comes between the two nothing else would be known.
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(failed)?;
    let again = Arc::new(AtomicBool::new(false));
    for signal in stopping() {
        let status = i32::from(exit_code(signal));
        flag::register_conditional_shutdown(signal, status, Arc::clone(&again)).map_err(failed)?;
        flag::register(signal, Arc::clone(&again)).map_err(failed)?;
    }
    let spawned = std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if !stopping().contains(&signal) {
                tracing::info!("{HUNG_UP}");
                continue;
            }
            set_untold(true);
            stop.ask(StopCause::Signal(signal));
            tracing::info!("stopping: what has been read is being sent; again to stop at once");
            set_untold(false);
        }
    });
    spawned.map(drop).map_err(|error| format!("a thread can't start: {error}"))
}

fn set_untold(untold: bool) {
    *UNTOLD.0.lock().unwrap_or_else(PoisonError::into_inner) = untold;
    UNTOLD.1.notify_all();
}

/// Waits for the line in the log that says why a run has ended. It is written after the run is asked
/// to end, so that a log which nobody reads holds nothing up, and a short run would be gone before it.
pub fn wait_until_told() {
    let untold = UNTOLD.0.lock().unwrap_or_else(PoisonError::into_inner);
    drop(UNTOLD.1.wait_timeout_while(untold, MOST_WAITED, |untold| *untold));
}

/// What the shell says of a process that a signal ended.
pub fn exit_code(signal: i32) -> u8 {
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
