//! Which run a command asks about: the one that it names, or the one that was last started from the folder.

use std::path::{Path, PathBuf};

use selfsame::internals::changelog::LastRun;
use selfsame::internals::plan::DataPlace;
use selfsame::internals::runtime::Clock;

pub struct AskedRun {
    pub definition: PathBuf,
    pub clock: Clock,
    /// The data folder, unless it is the definition's own.
    pub data: Option<DataPlace>,
}

impl AskedRun {
    /// What a command says, and what it does not as in the last run from this folder, if that was one of the definition.
    ///
    /// # Errors
    /// If no definition is named, and none was run.
    pub fn new(
        definition: Option<&Path>,
        data: Option<&Path>,
        clock: Option<Clock>,
    ) -> Result<Self, &'static str> {
        let last = LastRun::of(definition);
        let of_last = || Some(last.as_ref()?.definition.clone());
        let definition = definition.map(Path::to_owned).or_else(of_last).ok_or(
            "no definition was run from this folder: name the one that is meant with --spec FILE",
        )?;
        Ok(AskedRun {
            definition,
            clock: clock.or_else(|| last.as_ref()?.clock()).unwrap_or(Clock::Wall),
            data: data.map(DataPlace::of).or_else(|| last.as_ref()?.data()),
        })
    }
}
