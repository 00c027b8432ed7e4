//! Which run a command asks about: the one that it names, or the one that was last started from the folder, or that of the data
//! folder that it names.

use std::error::Error;
use std::path::{Path, PathBuf};

use selfsame::Definition;
use selfsame::internals::changelog::LastRun;
use selfsame::internals::plan::DataPlace;
use selfsame::internals::runtime::Clock;
use selfsame::internals::store::{InForce, working_folder};

pub struct AskedRun {
    pub definition: Definition,
    pub clock: Clock,
    /// The data folder, unless it is the definition's own.
    pub data: Option<DataPlace>,
}

impl AskedRun {
    /// What a command says, and what it does not as in the last run from this folder, if that was one of the definition; where
    /// it names the data folder of another one, the definition that is in force there.
    ///
    /// # Errors
    /// If no definition is named, and none was run; or it is wrong.
    pub fn new(
        definition: Option<&Path>,
        data: Option<&Path>,
        clock: Option<Clock>,
    ) -> Result<Self, Box<dyn Error>> {
        let (mut last, data) = (LastRun::of(definition), data.map(DataPlace::of));
        let of_data = data.as_ref().filter(|_| definition.is_none());
        let of_data = of_data.and_then(|data| Some((data, in_force(data)?)));
        let is_last = |of: &InForce| {
            let last = last.as_ref().map(|last| last.definition.as_path());
            matches!(last.map(|last| [last, &of.path].map(std::fs::canonicalize)), Some([Ok(one), Ok(other)]) if one == other)
        };
        let mut noted = None;
        let definition = match (definition, of_data) {
            (Some(definition), _) => Definition::load(definition)?,
            (None, Some((data, of))) if !is_last(&of) => {
                last = None;
                noted = of.clock.parse().ok();
                let path = place(data, &of)?;
                tracing::info!("as the definition says that is in force in '{data}'");
                Definition::parse(&of.text, path)?
            }
            (None, _) => Definition::load(&last.as_ref().ok_or(NONE)?.definition)?,
        };
        Ok(AskedRun {
            definition,
            clock: clock.or(noted).or_else(|| last.as_ref()?.clock()).unwrap_or(Clock::Wall),
            data: data.or_else(|| last.as_ref()?.data()),
        })
    }
}

const NONE: &str = "no definition was run from this folder: name the one that is meant with --spec FILE, or the data folder of the run with \
     --data FOLDER";

/// The definition that is in force in a data folder, where it is known.
fn in_force(data: &DataPlace) -> Option<InForce> {
    let of = InForce::of(&working_folder(data).ok()?).ok()??;
    (!of.text.is_empty()).then_some(of)
}

/// The file that the paths of a definition are relative to, which need not be there: beside the data folder or above it, where that
/// was moved or copied with the definition.
///
/// # Errors
/// If it lies elsewhere: its outputs may be those of another data folder.
fn place(data: &DataPlace, of: &InForce) -> Result<PathBuf, String> {
    let DataPlace::Folder(folder) = data else { return Ok(of.path.clone()) };
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.clone());
    let name = of.path.file_name().unwrap_or_default();
    let above = folder.ancestors().skip(1).map(|above| above.join(name));
    match above.into_iter().find(|path| path.is_file()) {
        Some(path) => Ok(path),
        None if of.path.is_file() => Err(format!(
            "the definition that is in force in '{data}' came from '{}', which lies elsewhere: name the one that is meant with \
             --spec FILE, since its outputs are meant, too",
            of.path.display()
        )),
        None => Ok(of.path.clone()),
    }
}
