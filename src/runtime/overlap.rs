//! What a run writes is nothing that it reads, nor anything else that it writes, whatever names these
//! have: looked at before anything is opened, since opening may already spoil.

use std::fs::TryLockError;
use std::path::{Path, PathBuf};

use super::options::{RunError, RunOptions};
use crate::place::FilePlace;
use crate::plan::Plan;
use crate::source::OpenedSources;
use crate::store::working_folder;

/// A file that the run deals with, as messages call it.
struct Named {
    what: String,
    place: FilePlace,
}

impl Named {
    fn new(what: String, path: &Path) -> Result<Self, RunError> {
        let place = FilePlace::of(path).map_err(|why| {
            RunError::Overlap(format!("{what}: '{}' leads nowhere: {why}", path.display()))
        })?;
        Ok(Named { what, place })
    }

    /// Why another file can't be written, if it is this one, or one of this folder.
    fn forbids(&self, written: &FilePlace) -> Option<String> {
        if self.place.is(written) {
            return Some(format!("would write over {}", self.what));
        }
        let is_inside = self.place.path.is_dir() && written.path.starts_with(&self.place.path);
        is_inside.then(|| format!("would write into the folder of {}", self.what))
    }
}

/// What a run reads beside its sources: the files that the command names, and those that its plan does.
fn read_beside(plan: &Plan, options: &RunOptions) -> Result<Vec<Named>, RunError> {
    let mut read = Vec::new();
    for (what, path) in &options.reads {
        read.push(Named::new((*what).to_owned(), path)?);
    }
    let http = plan.http.files().into_iter().map(|(what, path)| (what.to_owned(), path));
    let kafka = plan.kafka.files().into_iter();
    let kafka = kafka.map(|(property, path)| (format!("kafka.properties {property}"), path));
    let named = http.chain(kafka).filter_map(|(what, path)| {
        // What leads nowhere, whoever reads it says.
        Named::new(format!("a file that the run reads ({what})"), path).ok()
    });
    read.extend(named);
    Ok(read)
}

/// Files such as a data folder has.
const OWN: [&str; 6] = [
    "store.json",
    "manifest-0.json",
    "log/1-p0-000000.log",
    "rows/source/1-p0-000000.parquet",
    "ticks/1-p0-000000.parquet",
    "outputs/output.json",
];

/// What the run writes, and where.
fn written_files(plan: &Plan, options: &RunOptions) -> Vec<(String, PathBuf)> {
    let outputs = plan.outputs.iter().filter_map(|output| {
        Some((format!("output {}", output.name), output.target.written()?.to_owned()))
    });
    let summary = options.summary.clone().map(|path| ("the summary".to_owned(), path));
    outputs.chain(summary).collect()
}

/// Refuses outputs, and a summary, that would go into the data folder: before that is made.
pub fn check_data(plan: &Plan, options: &RunOptions) -> Result<(), RunError> {
    let data = options.data.as_ref().or(plan.data.as_ref());
    let data = data.and_then(|data| working_folder(data).ok());
    let Some(data) = data.and_then(|data| FilePlace::of(&data).ok()) else { return Ok(()) };
    for (what, path) in written_files(plan, options) {
        if Named::new(what.clone(), &path)?.place.path.starts_with(&data.path) {
            return Err(RunError::Overlap(format!(
                "{what} goes to '{}', into the data folder '{}', which is the engine's own: give it another place",
                path.display(),
                data.path.display()
            )));
        }
    }
    Ok(())
}

/// Refuses outputs, and a summary, that would write over something of this run.
pub fn check(plan: &Plan, options: &RunOptions, sources: &OpenedSources) -> Result<(), RunError> {
    let mut read = read_beside(plan, options)?;
    for (source, path) in sources.files() {
        read.push(Named::new(format!("a file of source {source}"), path)?);
    }
    let data = options.data.as_ref().or(plan.data.as_ref());
    let data = data.and_then(|data| FilePlace::of(&working_folder(data).ok()?).ok());
    let mut written: Vec<(Named, &PathBuf)> = Vec::new();
    let all = written_files(plan, options);
    for (what, path) in &all {
        let new = Named::new(what.clone(), path)?;
        let shown = path.display();
        if let Some((of, why)) = read.iter().find_map(|of| Some((of, of.forbids(&new.place)?))) {
            let which = match of.place.is(&new.place) {
                true => "is the same file",
                false => "lies in it",
            };
            return Err(RunError::Overlap(format!(
                "{what} {why}: '{shown}' {which}: give it another place"
            )));
        }
        if let Some((other, of)) = written.iter().find(|(other, _)| other.place.is(&new.place)) {
            return Err(RunError::Overlap(format!(
                "{what} and {} are one file, '{shown}' and '{}': give each a place of its own",
                other.what,
                of.display()
            )));
        }
        if let Some((source, glob)) = sources.would_read(&new.place.path) {
            return Err(RunError::Overlap(format!(
                "{what} goes to '{shown}', which source {source} would read ({glob}): give it a place \
                 that no source looks at"
            )));
        }
        written.push((new, path));
    }
    if let Some(data) = &data {
        let own = OWN.iter().map(|name| data.path.join(name));
        if let Some((source, glob)) = own.into_iter().find_map(|path| sources.would_read(&path)) {
            return Err(RunError::Overlap(format!(
                "source {source} would read what the run stores in the data folder '{}' ({glob}): give that one a place \
                 at which no source looks",
                data.path.display()
            )));
        }
    }
    match &options.summary {
        Some(path) => make_way(path).map_err(|error| {
            RunError::Overlap(format!("summary '{}' can't be written: {error}", path.display()))
        }),
        None => Ok(()),
    }
}

/// Makes the folder of a file that is to be written when all is done, and sees whether it can be, before anything
/// else is.
fn make_way(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match std::fs::OpenOptions::new().append(true).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        // An output of another run is held by a lock.
        Ok(file) => match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(std::io::Error::other(
                "another run writes an output to it: end that one first, or give the summary another path",
            )),
            Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
        },
    }
}
