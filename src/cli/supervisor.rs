//! `selfsame run --processes N`: the processes of a run on one machine, started together and ended together.
//!
//! Each is this program again, with the same arguments, the addresses of all, and its place among them. Signals are passed on; whoever has not
//! ended soon behind the second one, as a process that stands still does not, is ended by force. A process that is lost ends the others, by their own doing; where rows are stored all are then started again, at growing intervals, with
//! the definition that was in force.

use std::ffi::OsString;
use std::net::TcpListener;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use selfsame::internals::plan::DataPlace;
use selfsame::internals::store::{InForce, working_folder};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::print::CommandResult;
use super::signals::{exit_code, stopping};

/// How often it is looked whether a process has ended.
const LOOK: Duration = Duration::from_millis(50);
/// How long the others may take to notice that one is lost.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long they may take to end by themselves behind a second signal.
const AT_ONCE: Duration = Duration::from_millis(500);
/// The first pause before all are started again, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];
/// How a process ends that does not understand its arguments.
const MISUSED: i32 = 2;
/// A run that lasted so long had begun well.
const BEGUN: Duration = Duration::from_secs(10);

/// Runs the processes to their common end. `data` is the folder that they store rows in.
pub fn supervise(processes: usize, data: Option<&DataPlace>) -> CommandResult {
    let is_durable = data.is_some();
    let folder = data.and_then(|data| working_folder(data).ok());
    let in_force = || folder.as_deref().and_then(|folder| InForce::of(folder).ok().flatten());
    // What an earlier run was given says nothing of this one.
    let before = in_force();
    let mut goes_on = false;
    let running: Arc<Mutex<Vec<u32>>> = Arc::default();
    let stopped = pass_signals_on(&running)?;
    let mut pause = PAUSES[0];
    loop {
        let hosts = hosts(processes)?;
        let started = Instant::now();
        let ended = run_all(&hosts, goes_on, &running, &stopped)?;
        let is_stopped = stopped.is_asked();
        if let Some(code) = stopped.code_at_once() {
            return Ok(ExitCode::from(code));
        }
        // It came before all were there, or before one of them had begun to hear of any.
        let had_not_begun = ended.iter().any(|status| status.signal() == Some(stopped.last()));
        if is_stopped && (ended.len() < processes || had_not_begun) {
            return Ok(ExitCode::from(exit_code(stopped.last())));
        }
        let Some((process, status)) = first_failure(&ended) else { return Ok(ExitCode::SUCCESS) };
        let is_misused = ended.iter().any(|status| status.code() == Some(MISUSED));
        let was_killed = !is_misused && ended.iter().any(|status| status.signal().is_some());
        let may_heal = was_killed || started.elapsed() >= BEGUN;
        if is_stopped || !is_durable || !may_heal {
            if was_killed && !is_durable && !is_stopped {
                tracing::error!(
                    "process {process} is lost ({status}): nothing was stored to go on from (see --data)"
                );
            }
            let code = if is_misused { Some(MISUSED) } else { status.code() };
            let code = code.and_then(|code| u8::try_from(code).ok());
            return Ok(ExitCode::from(code.unwrap_or(1)));
        }
        goes_on = in_force() != before;
        if started.elapsed() >= PAUSES[1] {
            pause = PAUSES[0];
        }
        tracing::warn!(
            "process {process} is lost ({status}): all are started again in {} s",
            pause.as_secs()
        );
        let until = Instant::now() + pause;
        while Instant::now() < until && !stopped.is_asked() {
            std::thread::sleep(LOOK);
        }
        if stopped.is_asked() {
            return Ok(ExitCode::from(exit_code(stopped.last())));
        }
        pause = (pause * 2).min(PAUSES[1]);
    }
}

/// Which process failed first, as far as that is known: one that a signal ended is the cause of the others' end.
fn first_failure(ended: &[ExitStatus]) -> Option<(usize, ExitStatus)> {
    let failed = || ended.iter().copied().enumerate().filter(|(_, status)| !status.success());
    failed().find(|(_, status)| status.signal().is_some()).or_else(|| failed().next())
}

/// Starts all, and waits until none is left.
fn run_all(
    hosts: &[String],
    goes_on: bool,
    running: &Mutex<Vec<u32>>,
    stopped: &StopSignals,
) -> Result<Vec<ExitStatus>, Box<dyn std::error::Error>> {
    let mut children: Vec<Child> = Vec::new();
    for process in 0..hosts.len() {
        // A signal is either seen here, or passed on to this one as well.
        let mut running = running.lock().expect("no one panics with it");
        if stopped.is_asked() {
            break;
        }
        let child = start(process, hosts, goes_on)?;
        running.push(child.id());
        children.push(child);
    }
    let mut ended: Vec<Option<ExitStatus>> = vec![None; children.len()];
    let (mut lost, mut at_once): (Option<Instant>, Option<Instant>) = (None, None);
    let is_past = |since: &mut Option<Instant>, most: Duration| {
        since.get_or_insert_with(Instant::now).elapsed() > most
    };
    while ended.iter().any(Option::is_none) {
        for (child, ended) in children.iter_mut().zip(&mut ended) {
            *ended = child.try_wait()?;
        }
        let failed = ended.iter().flatten().any(|status| !status.success());
        // What one does not understand no other does.
        let is_misused = ended.iter().flatten().any(|status| status.code() == Some(MISUSED));
        if is_misused {
            children.iter_mut().for_each(|child| drop(child.kill()));
        }
        let is_asked_again = stopped.code_at_once().is_some();
        if failed && is_past(&mut lost, PATIENCE)
            || is_asked_again && is_past(&mut at_once, AT_ONCE)
        {
            for (child, _) in children.iter_mut().zip(&ended).filter(|(_, ended)| ended.is_none()) {
                let _ = child.kill();
            }
        }
        std::thread::sleep(LOOK);
    }
    running.lock().expect("no one panics with it").clear();
    Ok(ended.into_iter().flatten().collect())
}

/// This program again, as one process of several.
fn start(process: usize, hosts: &[String], goes_on: bool) -> std::io::Result<Child> {
    let mut arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let is_count =
        |argument: &OsString| argument.to_str().is_some_and(|text| text.starts_with("--processes"));
    if let Some(at) = arguments.iter().position(is_count) {
        let alone = arguments[at] == "--processes";
        arguments.drain(at..at + 1 + usize::from(alone));
    }
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).arg("--process").arg(process.to_string());
    for host in hosts {
        command.arg("--host").arg(host);
    }
    if goes_on {
        command.arg("--in-force");
    }
    let is_quiet = |argument: &OsString| argument == "--quiet" || argument == "-q";
    if process > 0 && !std::env::args_os().any(|argument| is_quiet(&argument)) {
        // The first one says it for all.
        command.arg("--quiet");
    }
    // Signals of the terminal are passed on once, and only by this one.
    command.process_group(0);
    #[cfg(target_os = "linux")]
    {
        let ends_with_us = || {
            // SAFETY: it takes two numbers, and may be called between fork and exec.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) };
            Ok(())
        };
        // SAFETY: it does nothing else. Whoever is killed can't end the others: the system does.
        unsafe { command.pre_exec(ends_with_us) };
    }
    command.spawn()
}

/// A port of this machine for each.
fn hosts(processes: usize) -> std::io::Result<Vec<String>> {
    let listeners = (0..processes).map(|_| TcpListener::bind("127.0.0.1:0"));
    let listeners: Vec<TcpListener> = listeners.collect::<Result<_, _>>()?;
    listeners.iter().map(|listener| Ok(listener.local_addr()?.to_string())).collect()
}

/// Signals that ended the reading, and then all.
#[derive(Default)]
struct StopSignals {
    number: AtomicU32,
    last: AtomicI32,
}

impl StopSignals {
    fn ask(&self, signal: i32) {
        self.last.store(signal, Ordering::SeqCst);
        self.number.fetch_add(1, Ordering::SeqCst);
    }

    fn is_asked(&self) -> bool {
        self.number.load(Ordering::SeqCst) > 0
    }

    /// The last of them.
    fn last(&self) -> i32 {
        self.last.load(Ordering::SeqCst)
    }

    /// How this process exits, if all is to end at once.
    fn code_at_once(&self) -> Option<u8> {
        let again = self.number.load(Ordering::SeqCst) > 1;
        again.then(|| exit_code(self.last()))
    }
}

/// Passes signals on to whatever runs.
fn pass_signals_on(running: &Arc<Mutex<Vec<u32>>>) -> Result<Arc<StopSignals>, String> {
    let failed = |error: std::io::Error| format!("signals can't be handled: {error}");
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(failed)?;
    let stopped = Arc::new(StopSignals::default());
    let (of_thread, running) = (Arc::clone(&stopped), Arc::clone(running));
    let spawned = std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if stopping().contains(&signal) {
                of_thread.ask(signal);
            }
            for id in &*running.lock().expect("no one panics with it") {
                // SAFETY: it takes two numbers. The process may have ended; its number is not given again before
                // it was waited for.
                unsafe { libc::kill(*id as libc::pid_t, signal) };
            }
        }
    });
    spawned.map(|_| stopped).map_err(|error| format!("a thread can't start: {error}"))
}
