//! `selfsame forget`: a person's rows leave the store.

use std::path::{Path, PathBuf};

use clap::Args;
use selfsame::Forgetting;
use selfsame::internals::console;
use selfsame::internals::console::counted;
use selfsame::internals::control::{AskError, ControlAnswer, ControlRequest, ask};
use selfsame::internals::runtime::Clock;
use selfsame::internals::store::Erasure;

use super::asked::AskedRun;
use super::print::{CommandResult, print};

const FORGET_HELP: &str = "\
An engine that runs with the data folder does it itself: what is left is computed beside it, and takes its place at a \
tick, in all of its processes. Where none runs, the next run tells the outputs. They are told the difference: tombstones of the person's profile \
and identifiers, and that they left their segments. A topic holds what it was told before until it is compacted.

Rows that carry any of the person's identifiers leave, also those that do not stand. What a source still has (a \
topic, a file) is not touched, and not read again. Files of outputs are written anew without the records that name \
them.";

#[derive(Args)]
#[command(after_help = FORGET_HELP)]
pub struct ForgetArgs {
    /// A person id (p_…), an identifier as type:value, or a value of whatever type
    id: String,
    /// The data folder [default: that of the last run from this folder, or the definition's `data`]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// The definition file [default: the one that was last run from this folder, or is in force in the data folder that is named]
    #[arg(long, env = "SELFSAME_SPEC", value_name = "FILE")]
    spec: Option<PathBuf>,
    /// What now() follows in the run, where none runs now [default: as in the last run from this folder, or `wall`]
    #[arg(long)]
    clock: Option<Clock>,
    /// Also drop rows that come later and carry one of the person's identifiers, of which only hashes are kept
    #[arg(long)]
    suppress: bool,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn forget(args: &ForgetArgs) -> CommandResult {
    let AskedRun { definition, clock, data } =
        AskedRun::new(args.spec.as_deref(), args.data.as_deref(), args.clock)?;
    let data = data
        .or_else(|| definition.plan().data.clone())
        .ok_or("nothing is stored: name the data folder of the run with --data FOLDER")?;
    let how = Forgetting { suppress: args.suppress, dry_run: args.dry_run };
    let request = ControlRequest::Forget { id: args.id.clone(), how };
    let (is_running, forgotten) = match ask(&data, &request, |text| tracing::info!("{text}")) {
        Ok(ControlAnswer::Forgotten(forgotten)) => (true, forgotten),
        Ok(ControlAnswer::Failed(why)) => return Err(why.into()),
        Ok(other) => return Err(format!("the engine answered something else: {other:?}").into()),
        Err(AskError::NotRunning { .. }) => {
            (false, definition.forget(data.clone(), clock, &args.id, how)?)
        }
        Err(AskError::Silent { folder }) => return Err(unanswered(args, &folder).into()),
        Err(error) => return Err(error.into()),
    };
    let Some(forgotten) = forgotten else {
        let id = &args.id;
        return Err(format!("no row in '{data}' carries '{id}', and nobody is known by it").into());
    };
    if args.json {
        return print(&format!("{:#}\n", forgotten.to_json(how)));
    }
    let (is, are) = if args.dry_run { ("would be", "would be") } else { ("is", "are") };
    let so_many = |number: u64, what: &str| {
        counted(number, &format!("{what} {is} removed"), &format!("{what}s {are} removed"))
    };
    let mut text = match &forgotten.person {
        Some(person) => format!("{person}: {}\n", forgotten.identifiers.join(", ")),
        None => format!("nobody is known by '{}' now\n", args.id),
    };
    let all: u64 = forgotten.rows.values().sum();
    text.push_str(&so_many(all, "stored row"));
    for (source, rows) in &forgotten.rows {
        text.push_str(&format!("\n  {source}: {rows}"));
    }
    text.push('\n');
    for (output, records) in &forgotten.records {
        let removed = so_many(*records, "record");
        text.push_str(&format!("{removed} from the file of output {output}\n"));
    }
    if args.suppress {
        text.push_str(&format!(
            "rows that come with these identifiers {are} dropped from now on\n"
        ));
    }
    if !args.dry_run && !is_running {
        text.push_str("start the run again: it tells its outputs\n");
    }
    print(&console::shown_lines(&text))
}

/// What has become of it where the engine that was asked has ended: what is to leave is noted before anything does.
fn unanswered(args: &ForgetArgs, folder: &Path) -> String {
    let (id, silent) = (&args.id, AskError::Silent { folder: folder.to_owned() });
    match Erasure::of(folder) {
        _ if args.dry_run => format!("{silent}. Nothing was to be removed: ask again"),
        Ok(Some(_)) => format!(
            "{silent}. It had begun to forget the person, which is noted: whatever uses the folder next finishes that first, the run \
             that is started again or the same command, and '{id}' is forgotten then"
        ),
        _ => format!(
            "{silent}. No removal is half done: either nothing of the person has left yet, or all has. Say the same again: it removes \
             what is there, or says that nobody is known by '{id}'"
        ),
    }
}
