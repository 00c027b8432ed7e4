//! The command line: commands, each in a file of its own, what they log and how they end.

mod apply;
mod asked;
mod check;
mod forget;
mod generate;
mod get;
mod init;
mod outputs;
mod print;
mod report;
mod run;
mod signals;
mod supervisor;
mod tail;
mod telemetry;
mod top;
mod why;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use selfsame::internals::{console, definition};
use tracing_subscriber::Layer;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use apply::ApplyArgs;
use check::CheckArgs;
use forget::ForgetArgs;
use generate::GenerateArgs;
use get::GetArgs;
use init::InitArgs;
use print::print;
use report::ReportArgs;
use run::RunArgs;
use tail::TailArgs;
use telemetry::{LogLayer, Telemetry, endpoint};
use top::TopArgs;
use why::WhyArgs;

const AFTER_HELP: &str = "\
Start here:
  selfsame run dataflows/retail/retail.yaml --clock event --until-end
  selfsame get klara.huber.0@example.com
  selfsame tail segments

A definition says where records come from, what ties them to a person, what is known about each \
person and which people belong to which segment. docs/reference.md has every word of it.";

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
    /// How it is logged: `text` for people, `json` for programs, an object a line
    #[arg(
        long,
        global = true,
        default_value = "text",
        env = "SELFSAME_LOG_FORMAT",
        value_name = "FORMAT"
    )]
    log_format: LogFormat,
    /// Also export the log, and a span for each request over HTTP, to a collector of OpenTelemetry, as in
    /// http://collector:4318 (OTLP over HTTP) [default: OTEL_EXPORTER_OTLP_ENDPOINT]; wants a program that
    /// is built with `--features otel`
    #[arg(long, global = true, value_name = "URL")]
    otlp: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// Run a definition: read its sources, send its outputs
    Run(RunArgs),
    /// Draft a definition for files, each guess with what speaks for it
    Init(InitArgs),
    /// Check a definition, and say what it does or what is wrong with it
    Check(CheckArgs),
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
    /// Give an engine that runs another definition, or say what that would change
    Apply(ApplyArgs),
    /// Show how a running engine does: rates, latency, lag, freshness, the flows of segments
    Top(TopArgs),
    /// Forget a person: the stored rows that carry their identifiers leave the data folder
    Forget(ForgetArgs),
}

pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let is_quiet = matches!(&cli.command, Command::Run(args) if args.quiet);
    let endpoint = endpoint(cli.otlp.as_deref());
    let telemetry = match start_logging(&cli.log, cli.log_format, is_quiet, endpoint) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let code = ended(cli.command);
    telemetry.iter().for_each(Telemetry::end);
    code
}

fn ended(command: Command) -> ExitCode {
    let outcome = match command {
        Command::Run(args) => run::run(&args),
        Command::Init(args) => init::init(&args),
        Command::Check(args) => check::check(&args),
        Command::Schema => print(&format!("{:#}\n", definition::schema())),
        Command::Reference => print(&definition::reference()),
        Command::Generate(args) => generate::generate(&args),
        Command::Get(args) => get::get(&args),
        Command::Why(args) => why::why(&args),
        Command::Tail(args) => tail::tail(&args),
        Command::Top(args) => top::top(&args),
        Command::Report(args) => report::report(&args),
        Command::Apply(args) => apply::apply(&args),
        Command::Forget(args) => forget::forget(&args),
    };
    outcome.unwrap_or_else(|error| {
        match error.downcast_ref() {
            // Each line names its place, in the form that editors follow.
            Some(wrong @ definition::DefinitionError::Wrong(_)) => {
                eprintln!("{}", console::shown_lines(&wrong.to_string()))
            }
            _ => eprintln!("error: {}", console::shown_lines(&error.to_string())),
        }
        ExitCode::FAILURE
    })
}

fn start_logging(
    filter: &str,
    log_format: LogFormat,
    is_quiet: bool,
    endpoint: Option<String>,
) -> Result<Option<Telemetry>, Box<dyn std::error::Error>> {
    let filter = match is_quiet {
        true => format!("{filter},selfsame=warn"),
        false => filter.to_owned(),
    };
    let levels = tracing_subscriber::EnvFilter::builder()
        .parse(&filter)
        .map_err(|error| format!("--log '{filter}' is no filter: {error}"))?;
    let log = tracing_subscriber::fmt::layer().with_writer(|| console::Log);
    let log: LogLayer = match log_format {
        LogFormat::Json => {
            let log = log.json().flatten_event(true).with_current_span(false);
            Box::new(log.with_span_list(false).with_filter(levels))
        }
        LogFormat::Text => {
            // What is told may be from data.
            let fields = format::debug_fn(|line, field, value| match field.name() {
                "message" => write!(line, "{}", console::shown(&format!("{value:?}"))),
                name => write!(line, "{name}={}", console::shown(&format!("{value:?}"))),
            });
            let log = log.with_ansi(console::is_terminal()).with_target(false);
            Box::new(log.fmt_fields(fields.delimited(" ")).with_filter(levels))
        }
    };
    let mut layers = vec![log];
    let mut telemetry = None;
    if let Some(endpoint) = endpoint {
        let (started, exported) = Telemetry::start(&endpoint, &filter)?;
        layers.extend(exported);
        telemetry = Some(started);
    }
    tracing_subscriber::registry().with(layers).init();
    Ok(telemetry)
}
