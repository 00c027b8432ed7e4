//! `selfsame run`: a definition from its sources to its outputs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use selfsame::internals::changelog::LastRun;
use selfsame::internals::console;
use selfsame::internals::control::ControlSocket;
use selfsame::internals::engine::CommandOptions;
use selfsame::internals::plan::{DataPlace, Output};
use selfsame::internals::runtime::{Clock, Progress, RunEnd, tell_that_it_failed};
use selfsame::internals::serve::open_files;
use selfsame::internals::store::{InForce, working_folder};
use selfsame::{Definition, Engine, EngineError, Running};

use super::print::{CommandResult, print};
use super::{signals, supervisor};

const AFTER_RUN_HELP: &str = "\
The first Ctrl-C (SIGINT, or SIGTERM) ends the reading, and the run once all is sent; the second ends \
the process at once. A run that was to come to an end and was interrupted before it exits with 130 (143).";

#[derive(Args)]
#[command(after_help = AFTER_RUN_HELP)]
pub struct RunArgs {
    /// The definition file
    spec: PathBuf,
    /// What now() follows: `wall` (the wall clock), `event` (the greatest event time seen that
    /// does not stand alone, for replays of old data), or `fixed:` and an instant, as in fixed:2025-07-05T00:00:00Z
    #[arg(long, default_value = "wall")]
    clock: Clock,
    /// Stop when all files are read and all partitions are at the end that they had at the start,
    /// after everything is sent
    #[arg(long)]
    until_end: bool,
    /// Keep reading what is appended to files, and new files that match
    #[arg(long, conflicts_with = "until_end")]
    follow: bool,
    /// When a topic that is read is deleted and created again: go on with it, from its start, instead of
    /// ending with an error
    #[arg(long)]
    from_start: bool,
    /// Store accepted rows in this folder, and go on where the last run with it ended, however that was;
    /// in place of the definition's `data`
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Serve over HTTP at this address and port, as in 127.0.0.1:8080; in place of the definition's `http`
    #[arg(long, value_name = "ADDRESS")]
    http: Option<String>,
    /// Say nothing while it runs but what is wrong: no progress
    #[arg(long, short)]
    pub quiet: bool,
    /// Worker threads in this process
    #[arg(long, short, default_value_t = 1, value_name = "N", value_parser = parse_workers)]
    workers: usize,
    /// Start this many processes on this machine, each with the workers that --workers says. They end together; where
    /// rows are stored, all are started again when one is lost
    #[arg(long, value_name = "N", value_parser = parse_workers, conflicts_with_all = ["process", "hosts"])]
    processes: Option<usize>,
    /// This process's number, from 0, of those in --hosts
    #[arg(long, default_value_t = 0, value_name = "I")]
    process: usize,
    /// A file with a line host:port for each process, the same on all of them
    #[arg(long, value_name = "FILE")]
    hosts: Option<PathBuf>,
    /// What --hosts has a line for: of processes that --processes starts, so that no file of it is ever left
    #[arg(long, hide = true, value_name = "HOST:PORT", conflicts_with = "hosts")]
    host: Vec<String>,
    /// Go on with the definition that is in force in the data folder, in place of the file: of processes that are started
    /// again
    #[arg(long, hide = true)]
    in_force: bool,
    /// Also write the summary as JSON to this file
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
}

pub fn run(args: &RunArgs) -> CommandResult {
    let hosts = match &args.hosts {
        None => args.host.clone(),
        Some(path) => read_hosts(path)?,
    };
    if args.process > 0 && hosts.is_empty() {
        let process = args.process;
        return Err(
            format!("--process {process}: say by --hosts FILE where all processes are").into()
        );
    }
    if args.process > 0 && args.process >= hosts.len() {
        let (process, hosts) = (args.process, hosts.len());
        return Err(
            format!("--process {process}: the hosts file names {hosts}, counted from 0").into()
        );
    }
    run_as_one_of(&hosts, args).inspect_err(|error| {
        tell_that_it_failed(args.process, &hosts, &error.to_string());
    })
}

fn run_as_one_of(hosts: &[String], args: &RunArgs) -> CommandResult {
    let mut definition = Definition::load(&args.spec)?;
    let data = args.data.clone().map(DataPlace::from);
    let data = data.or_else(|| definition.plan().data.clone());
    if let Some(processes) = args.processes.filter(|processes| *processes > 1) {
        return supervisor::supervise(processes, data.as_ref());
    }
    if let Some(data) = data.as_ref().filter(|_| args.in_force) {
        let of = InForce::of(&working_folder(data)?)?.filter(|of| !of.text.is_empty());
        if let Some(InForce { path, text, .. }) = of {
            // As it was named: what is told of files has their paths.
            let here = std::env::current_dir()?;
            let below = path.strip_prefix(here).ok().filter(|_| args.spec.is_relative());
            definition = Definition::parse(&text, below.unwrap_or(&path))?;
        }
    }
    let reads = [("the definition", Some(&args.spec)), ("the hosts file", args.hosts.as_ref())];
    let reads = reads.into_iter().filter_map(|(what, path)| Some((what, path?.clone())));
    let command = CommandOptions {
        process: args.process,
        hosts: hosts.to_vec(),
        progress: match (args.quiet, console::is_terminal()) {
            (true, _) => Progress::Quiet,
            (false, true) => Progress::Drawn,
            (false, false) => Progress::Logged,
        },
        reads: reads.collect(),
        summary: args.summary.clone(),
        // Its connections break when the process ends, and not before.
        stay: || {
            loop {
                std::thread::park();
            }
        },
        stoppable: signals::stop_on_signals,
    };
    open_files::raise();
    let builder = Engine::builder(&definition);
    // One that is in force need not say it.
    let builder = match data.filter(|_| args.data.is_some() || args.in_force) {
        Some(data) => builder.data_at(data),
        None => builder,
    };
    let builder = match &args.http {
        Some(listen) => builder.http(listen),
        None => builder,
    };
    let running = builder
        .workers(args.workers)
        .clock(args.clock)
        .until_end(args.until_end)
        .follow(args.follow)
        .from_start(args.from_start)
        .as_command(command)
        .start()
        .map_err(of_command)?;
    if let Some(url) = running.url() {
        tracing::info!("listens at {url}");
    }
    LastRun::new(&args.spec, args.data.as_deref(), args.clock).remember();
    let _control = listen(&running);
    let summary = running.wait_and_leave().map_err(of_command)?;
    let end = summary.end();
    signals::wait_until_told();
    if summary.is_known() {
        if let Some(path) = &args.summary {
            let json = format!("{:#}\n", summary.to_json());
            std::fs::write(path, json).map_err(|error| unwritten(path, &error))?;
        }
        let text = console::shown_lines(&summary.to_string());
        let is_standard = |output: &Output| output.target.is_standard_output();
        match definition.plan().outputs.iter().any(is_standard) {
            // It has gone to who wanted no more of it, and so would the summary.
            true if end.is_left() => {}
            // Only records go there.
            true => eprint!("{text}"),
            false => drop(print(&text)?),
        }
    }
    Ok(match end {
        RunEnd::Reached | RunEnd::Stopped(_) => ExitCode::SUCCESS,
        RunEnd::Interrupted(cause) => ExitCode::from(signals::exit_code_of(cause)),
    })
}

/// Listens for changes, where something is stored.
fn listen(running: &Running) -> Option<ControlSocket> {
    let (control, (folder, process)) = (running.control(), running.data()?);
    match ControlSocket::open(&folder, process, control) {
        Ok(socket) => Some(socket),
        Err(error) => {
            tracing::warn!(
                "no definition can be applied to this run, since '{}' takes no socket: {error}",
                folder.display()
            );
            None
        }
    }
}

fn unwritten(path: &Path, error: &std::io::Error) -> String {
    format!("summary '{}' can't be written: {error}", path.display())
}

/// What is wrong, with the options that the command has for it.
fn of_command(error: EngineError) -> Box<dyn std::error::Error> {
    match error {
        EngineError::NoEventTimes => {
            "--clock event follows the times of rows, and the rows of no source have any: \
             name the column that says when a row happened by `time`, or run with --clock wall"
                .into()
        }
        error => error.into(),
    }
}

fn parse_workers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(workers @ 1..=1024) => Ok(workers),
        _ => Err("a number from 1 to 1024".to_owned()),
    }
}

fn read_hosts(path: &Path) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("hosts file '{}' can't be read: {error}", path.display()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let hosts: Vec<String> = lines.map(str::to_owned).collect();
    let bad = hosts.iter().find(|host| !host.contains(':'));
    match bad {
        Some(host) => {
            Err(format!("hosts file '{}': '{host}' is not host:port", path.display()).into())
        }
        None if hosts.is_empty() => {
            Err(format!("hosts file '{}' names no process", path.display()).into())
        }
        None => Ok(hosts),
    }
}
