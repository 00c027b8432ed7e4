//! `selfsame check`: what a definition does, or what is wrong with it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use selfsame::internals::{definition, serve};

use super::print::{CommandResult, print};

#[derive(Args)]
pub struct CheckArgs {
    /// The definition file
    spec: PathBuf,
    /// Fail if there is a warning
    #[arg(long)]
    deny_warnings: bool,
}

pub fn check(args: &CheckArgs) -> CommandResult {
    let (plan, warnings) = definition::check(&args.spec)?;
    serve::check(&plan)?;
    let mut text = definition::explain(&plan);
    if !warnings.found().is_empty() {
        text.push('\n');
        text.push_str(&warnings.as_warnings());
    }
    print(&text)?;
    let denied = args.deny_warnings && !warnings.found().is_empty();
    Ok(if denied { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
