//! `selfsame apply`: another definition for an engine that runs.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use selfsame::internals::changelog::LastRun;
use selfsame::internals::console;
use selfsame::internals::console::counted;
use selfsame::internals::control::{AskError, ControlAnswer, ControlRequest, ask};
use selfsame::internals::plan::DataPlace;
use selfsame::internals::runtime::{Clock, Difference, SegmentDifference};
use selfsame::{Applied, Definition};

use super::print::{CommandResult, print};

const APPLY_HELP: &str = "\
The definition is checked first, as `selfsame check` does. Then it is computed of the stored rows, beside the engine \
that runs, which goes on; and takes its place at a tick, when outputs are told what differs. If anything fails, all is \
as it was. With --dry-run nothing is done: people are computed by both definitions, and what differs is told. \
Several processes change together, whichever of them is asked.

Its variables (${NAME}) are taken from the environment of the engine.";

#[derive(Args)]
#[command(after_help = APPLY_HELP)]
pub struct ApplyArgs {
    /// The definition file
    spec: PathBuf,
    /// The data folder of the engine [default: the definition's `data`, or that of the one last run from this folder]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Only say what would change: sizes of segments, who would enter and leave, how many values
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn apply(args: &ApplyArgs) -> CommandResult {
    let definition = Definition::load(&args.spec)?;
    eprint!("{}", definition.warnings().as_warnings());
    let last = LastRun::of_folder();
    let of_last = || {
        let last = last.as_ref()?;
        last.data().or_else(|| Definition::load(&last.definition).ok()?.plan().data.clone())
    };
    let data = args
        .data
        .clone()
        .map(DataPlace::from)
        .or_else(|| definition.plan().data.clone())
        .or_else(of_last);
    let data = data.ok_or("name the data folder of the engine with --data FOLDER")?;
    let request = ControlRequest::Apply {
        path: std::path::absolute(&args.spec)?,
        text: definition.text().to_owned(),
        dry_run: args.dry_run,
    };
    let told = |text: &str| tracing::info!("{text}");
    let answer = ask(&data, &request, told).map_err(|error| match error {
        AskError::Silent { .. } => {
            format!("{error}, and at `definition.yaml` in the folder, which is the definition that is in force")
        }
        error => error.to_string(),
    });
    let applied = match answer? {
        ControlAnswer::Applied(applied) => applied,
        ControlAnswer::Failed(why) => {
            eprintln!("error: {}", console::shown_lines(&why));
            return Ok(ExitCode::FAILURE);
        }
        other => return Err(format!("the engine answered something else: {other:?}").into()),
    };
    if !args.dry_run {
        let wall = || LastRun::new(&args.spec, args.data.as_deref(), Clock::Wall);
        last.map_or_else(wall, |last| last.with(&args.spec)).remember();
    }
    if args.json {
        return print(&format!("{:#}\n", serde_json::to_value(&applied)?));
    }
    print(&console::shown_lines(&text(&applied, args.dry_run)))
}

fn text(applied: &Applied, is_dry: bool) -> String {
    let mut text = match (is_dry, applied.changes.is_empty()) {
        (true, _) => "would change:\n".to_owned(),
        (false, true) => return "the engine runs this definition already\n".to_owned(),
        (false, false) => "changed:\n".to_owned(),
    };
    let mut line = |line: &str| writeln!(text, "{line}").expect("to a string");
    line(applied.changes.to_string().trim_end());
    applied.fields.iter().for_each(|field| line(field));
    if let Some(difference) = &applied.difference {
        line(&text_of(difference));
    }
    let rows = counted(applied.rows, "stored row", "stored rows");
    match is_dry {
        true => line(&format!("computed of {rows}; nothing is changed")),
        false => line(&format!("in force: computed of {rows}, and outputs were told what differs")),
    }
    text
}

fn text_of(of: &Difference) -> String {
    let [before, after] = of.people;
    let mut text = format!("\nat {}:\n  people {before} → {after}", of.at);
    let size = |size: Option<u64>| size.map_or("none".to_owned(), |size| size.to_string());
    for segment in &of.segments {
        let SegmentDifference { segment, before, after, enter, leave, entering, leaving } = segment;
        let (before, after) = (size(*before), size(*after));
        let _ = write!(text, "\n  segment {segment}: {before} → {after}");
        for (number, verb, examples) in [(enter, "enter", entering), (leave, "leave", leaving)] {
            if *number > 0 {
                let more = if examples.len() as u64 == *number { "" } else { ", …" };
                let _ = write!(text, "\n    {number} {verb}: {}{more}", examples.join(", "));
            }
        }
    }
    for of in &of.attributes {
        let people = counted(of.changed, "person", "people");
        let _ = write!(text, "\n  attribute {}: another value for {people}", of.attribute);
    }
    text.push('\n');
    text
}
