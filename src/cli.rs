//! Commands, their options and help.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use selfsame::generate::GenerateArgs;
use selfsame::runtime::{self, Clock, End, Ended, Progress};
use selfsame::serve::{self, Found};
use selfsame::spec::plan::{Output, Plan, Target};
use selfsame::why::{self, WhyArgs};
use selfsame::{console, generate, spec};
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format;

type Outcome = Result<ExitCode, Box<dyn std::error::Error>>;

const AFTER_HELP: &str = "\
Start here:
  selfsame run dataflows/retail/retail.yaml --clock event --until-end
  selfsame get klara.huber.0@example.com
  selfsame tail segments

A definition says where records come from, what ties them to a person, what is known about each
person and which people belong to which segment. docs/reference.md has every word of it.";

const AFTER_RUN_HELP: &str = "\
The first Ctrl-C (SIGINT, or SIGTERM) ends the reading, and the run once all is sent; the second ends \
the process at once. A run that was to come to an end and was interrupted before it exits with 130 (143).";

/// The same person, across every system, at every instant.
///
/// Reads event streams and record tables, keeps who is the same person, what is known about them and
/// which segments they are in, and sends every change as a changelog.
#[derive(Parser)]
#[command(version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// What to log to stderr: a level (error, warn, info, debug), or levels by target as in
    /// `warn,selfsame=debug`
    #[arg(
        long,
        global = true,
        default_value = "info",
        env = "SELFSAME_LOG",
        value_name = "FILTER"
    )]
    log: String,
}

#[derive(Subcommand)]
enum Command {
    /// Run a definition: read its sources, send its outputs
    #[command(after_help = AFTER_RUN_HELP)]
    Run(RunArgs),
    /// Check a definition, and say what it does or what is wrong with it
    Check {
        /// The definition file
        spec: PathBuf,
        /// Fail if there is a warning
        #[arg(long)]
        deny_warnings: bool,
    },
    /// Print the JSON Schema of the definition file, for editors
    Schema,
    /// Print the reference of the definition file, every field and function, as Markdown
    Reference,
    /// Make a deterministic retail history of any size, as files or into Kafka
    Generate(GenerateArgs),
    /// Print the profile of a person, by person id or any identifier
    Get(GetArgs),
    /// Explain why some identifiers are one person or not, why they are in a segment, where a value
    /// comes from
    Why(WhyArgs),
    /// Print the last records of an output, and with --follow those that come
    Tail(TailArgs),
    /// Print what does not fit, by rule with examples: links withheld, identifiers shared, sources that
    /// disagree, people whom one source alone knows (of the output `conflicts`)
    Report(ReportArgs),
}

#[derive(Args)]
struct RunArgs {
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
    /// Say nothing while it runs but what is wrong: no progress
    #[arg(long, short)]
    quiet: bool,
    /// Worker threads in this process
    #[arg(long, short, default_value_t = 1, value_name = "N", value_parser = parse_workers)]
    workers: usize,
    /// This process's number, from 0, of those in --hosts
    #[arg(long, default_value_t = 0, value_name = "I", requires = "hosts")]
    process: usize,
    /// A file with a line host:port for each process, the same on all of them
    #[arg(long, value_name = "FILE")]
    hosts: Option<PathBuf>,
    /// Also write the summary as JSON to this file
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
}

#[derive(Args)]
struct WhereArgs {
    /// Read the outputs that this definition names [default: the definition that was last run from
    /// this folder]
    #[arg(long, env = "SELFSAME_SPEC", value_name = "FILE")]
    spec: Option<PathBuf>,
    /// Read the *.ndjson files in this folder [default: `out`, where no definition was run from here]
    #[arg(long, value_name = "DIR", conflicts_with = "spec")]
    out: Option<PathBuf>,
}

#[derive(Args)]
struct GetArgs {
    /// A person id (p_…), an identifier as type:value, or a value of whatever type
    id: String,
    #[command(flatten)]
    from: WhereArgs,
}

#[derive(Args)]
struct TailArgs {
    /// The output's name, such as profiles, segments, identities or rejects
    output: String,
    /// How many of the last records to print
    #[arg(long, short = 'n', default_value_t = 10, value_name = "N")]
    records: usize,
    /// Go on printing records as they come
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    from: WhereArgs,
}

#[derive(Args)]
struct ReportArgs {
    /// How many examples of each rule to print
    #[arg(long, short = 'n', default_value_t = 3, value_name = "N")]
    examples: usize,
    #[command(flatten)]
    from: WhereArgs,
}

pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let is_quiet = matches!(&cli.command, Command::Run(args) if args.quiet);
    if let Err(error) = start_logging(&cli.log, is_quiet) {
        eprintln!("error: {error}");
        return ExitCode::from(2);
    }
    let outcome = match cli.command {
        Command::Run(args) => run(args),
        Command::Check { spec, deny_warnings } => check(&spec, deny_warnings),
        Command::Schema => print(&format!("{:#}\n", spec::schema())),
        Command::Reference => print(&spec::reference()),
        Command::Generate(args) => generate(&args),
        Command::Get(args) => get(&args),
        Command::Why(args) => explain(&args),
        Command::Tail(args) => tail(&args),
        Command::Report(args) => report(&args),
    };
    outcome.unwrap_or_else(|error| {
        match error.downcast_ref() {
            // Each line names its place, in the form that editors follow.
            Some(wrong @ spec::SpecError::Wrong(_)) => {
                eprintln!("{}", console::shown_lines(&wrong.to_string()))
            }
            _ => eprintln!("error: {}", console::shown_lines(&error.to_string())),
        }
        ExitCode::FAILURE
    })
}

fn start_logging(filter: &str, is_quiet: bool) -> Result<(), Box<dyn std::error::Error>> {
    let filter = match is_quiet {
        true => format!("{filter},selfsame=warn"),
        false => filter.to_owned(),
    };
    let filter = tracing_subscriber::EnvFilter::builder()
        .parse(&filter)
        .map_err(|error| format!("--log '{filter}' is no filter: {error}"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| console::Log)
        .with_ansi(console::is_terminal())
        // What is told may be from data.
        .fmt_fields(
            format::debug_fn(|line, field, value| match field.name() {
                "message" => write!(line, "{}", console::shown(&format!("{value:?}"))),
                name => write!(line, "{name}={}", console::shown(&format!("{value:?}"))),
            })
            .delimited(" "),
        )
        .with_target(false)
        .init();
    Ok(())
}

fn run(args: RunArgs) -> Outcome {
    let plan = Arc::new(spec::load(&args.spec)?);
    let hosts = match &args.hosts {
        None => Vec::new(),
        Some(path) => read_hosts(path)?,
    };
    if args.process > 0 && args.process >= hosts.len() {
        let (process, hosts) = (args.process, hosts.len());
        return Err(
            format!("--process {process}: the hosts file names {hosts}, counted from 0").into()
        );
    }
    let options = runtime::Options {
        clock: args.clock,
        workers: args.workers,
        process: args.process,
        hosts,
        until_end: args.until_end,
        follow: args.follow,
        progress: match (args.quiet, console::is_terminal()) {
            (true, _) => Progress::Quiet,
            (false, true) => Progress::Drawn,
            (false, false) => Progress::Logged,
        },
        from_start: args.from_start,
        reads: [("the definition", Some(&args.spec)), ("the hosts file", args.hosts.as_ref())]
            .into_iter()
            .filter_map(|(what, path)| Some((what, path?.clone())))
            .collect(),
        summary: args.summary.clone(),
    };
    serve::remember_run(&args.spec);
    let Ended { end, report } = runtime::run(Arc::clone(&plan), &options)?;
    if let Some(report) = report {
        if let Some(path) = &args.summary {
            let json = format!("{:#}\n", runtime::summary_json(&plan, end, &report));
            std::fs::write(path, json).map_err(|error| {
                format!("summary '{}' can't be written: {error}", path.display())
            })?;
        }
        let text = console::shown_lines(&runtime::summary_text(&plan, end, &report));
        let is_standard = |output: &Output| output.target == Target::StandardOutput;
        match plan.outputs.iter().any(is_standard) {
            // It has gone to who wanted no more of it, and so would the summary.
            true if end.is_left() => {}
            // Only records go there.
            true => eprint!("{text}"),
            false => drop(print(&text)?),
        }
    }
    Ok(match end {
        End::Reached | End::Stopped(_) => ExitCode::SUCCESS,
        End::Interrupted(signal) => ExitCode::from(runtime::exit_code(signal)),
    })
}

fn check(path: &Path, deny_warnings: bool) -> Outcome {
    let (plan, warnings) = spec::check(path)?;
    let mut text = spec::explain(&plan);
    if !warnings.found().is_empty() {
        text.push('\n');
        text.push_str(&warnings.as_warnings());
    }
    print(&text)?;
    let denied = deny_warnings && !warnings.found().is_empty();
    Ok(if denied { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn generate(args: &GenerateArgs) -> Outcome {
    let summary = generate::run(&args.options()?)?;
    print(&format!("{summary}\n"))
}

fn get(args: &GetArgs) -> Outcome {
    let (plan, changelogs) = outputs(&args.from)?;
    match serve::lookup(&changelogs, plan.as_ref(), &args.id)? {
        Found::Profile { json, merged } => {
            for person in merged {
                eprintln!("{person} was merged into:");
            }
            let profile: Box<serde_json::value::RawValue> = serde_json::from_str(&json)?;
            print(&format!("{}\n", serve::indented(profile.get())))
        }
        Found::Gone { person } => {
            eprintln!("{person} is gone");
            Ok(ExitCode::FAILURE)
        }
        Found::Nobody { near } => {
            let hint = match (near.as_slice(), &plan) {
                ([], Some(_)) => String::new(),
                ([], None) => "; with --spec FILE it is normalised as the definition says".into(),
                (near, _) => format!("; did you mean {}?", near.join(" or ")),
            };
            let text = format!("nobody is known as '{}'{hint}", args.id);
            eprintln!("{}", console::shown(&text));
            Ok(ExitCode::FAILURE)
        }
    }
}

fn explain(args: &WhyArgs) -> Outcome {
    let spec = args.spec.clone().or_else(serve::last_run).ok_or(
        "no definition was run from this folder: name the one that is meant with --spec FILE",
    )?;
    let answer = why::why(spec::load(&spec)?, args.clock, &args.id, &args.question())?;
    match args.json {
        true => print(&format!("{}\n", serde_json::to_string_pretty(&answer)?)),
        false => print(&answer.to_string()),
    }
}

fn tail(args: &TailArgs) -> Outcome {
    let (_, changelogs) = outputs(&args.from)?;
    let mut out = std::io::stdout().lock();
    serve::tail(&changelogs, &args.output, args.records, args.follow, &mut out)?;
    Ok(ExitCode::SUCCESS)
}

fn report(args: &ReportArgs) -> Outcome {
    print(&serve::report(&outputs(&args.from)?.1, args.examples)?)
}

/// Outputs that are read back, with the definition that has them, where there is one.
type Outputs = (Option<Plan>, Vec<serve::Changelog>);

fn outputs(from: &WhereArgs) -> Result<Outputs, Box<dyn std::error::Error>> {
    if let Some(out) = &from.out {
        return Ok((None, serve::changelogs_in(out)?));
    }
    let spec = from.spec.clone().or_else(serve::last_run);
    let plan = spec.map(|spec| spec::load(&spec)).transpose()?;
    let changelogs = match &plan {
        Some(plan) => serve::changelogs_of(plan),
        None => serve::changelogs_in(Path::new("out"))?,
    };
    Ok((plan, changelogs))
}

/// A reader that leaves early (`| head`) is no error.
fn print(text: &str) -> Outcome {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
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
