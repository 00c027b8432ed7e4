//! Which outputs are read back: those of a definition, or those in a folder.

use std::path::{Path, PathBuf};

use clap::Args;
use selfsame::internals::changelog::{self, LastRun};
use selfsame::internals::definition;
use selfsame::internals::plan::Plan;

#[derive(Args)]
pub struct WhereArgs {
    /// Read the outputs that this definition names [default: the definition that was last run from
    /// this folder]
    #[arg(long, env = "SELFSAME_SPEC", value_name = "FILE")]
    spec: Option<PathBuf>,
    /// Read the *.ndjson files in this folder [default: `out`, where no definition was run from here]
    #[arg(long, value_name = "DIR", conflicts_with = "spec")]
    out: Option<PathBuf>,
}

/// Outputs that are read back, with the definition that has them, where there is one.
pub type ReadOutputs = (Option<Plan>, Vec<changelog::Changelog>);

pub fn outputs(from: &WhereArgs) -> Result<ReadOutputs, Box<dyn std::error::Error>> {
    if let Some(out) = &from.out {
        return Ok((None, changelog::changelogs_in(out)?));
    }
    let spec = from.spec.clone().or_else(|| Some(LastRun::of_folder()?.definition));
    let plan = spec.map(|spec| definition::load(&spec)).transpose()?;
    let changelogs = match &plan {
        Some(plan) => changelog::changelogs_of(plan),
        None => changelog::changelogs_in(Path::new("out"))?,
    };
    Ok((plan, changelogs))
}
