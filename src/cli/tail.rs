//! `selfsame tail`: the last records of an output, and those that come.

use std::process::ExitCode;

use clap::Args;
use selfsame::internals::changelog;

use super::outputs::{WhereArgs, outputs};
use super::print::CommandResult;

#[derive(Args)]
pub struct TailArgs {
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

pub fn tail(args: &TailArgs) -> CommandResult {
    let (_, changelogs) = outputs(&args.from)?;
    let mut out = std::io::stdout().lock();
    changelog::tail(&changelogs, &args.output, args.records, args.follow, &mut out)?;
    Ok(ExitCode::SUCCESS)
}
