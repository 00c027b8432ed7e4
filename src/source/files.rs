//! Files: NDJSON, CSV and Parquet, by patterns of paths, in the order of their names.
//!
//! One thread a process reads them all and hands its chunks to whichever worker is free, so that a
//! single large file keeps every worker busy. Sources take turns chunk by chunk: tables and events
//! arrive together. A file's place in the order of names is its part, and files are spread over
//! processes by it, unless they are followed: then the first process reads all of them. What is a new file, what
//! an old one with a new name, and what a copy, two processes would see differently, and could not know together.

use std::any::Any;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::SourceError;
use super::connector::{ConnectorType, ConnectorWords, Inflow, Settings, SettingsFault};
use super::error::near_file;
use super::file::OpenFile;
use super::left_files::LeavesFiles;
use super::outlet::{Chunks, Outlet, ReadEnd, SharedState, SourceOptions};
use super::paths::{PathPattern, walk};
use super::piece::Patience;
use super::source_files::SourceFiles;
use super::standard::{self, StandardInput};
use super::text::TextEnd;
use crate::place::of_a_shell;
use crate::plan::{Connector, Format, Plan, Source};

/// How often growing files, and folders, are looked at.
const POLL: Duration = Duration::from_millis(150);

const PATIENCE: Patience = Patience {
    unready: Duration::from_secs(10),
    gone: Duration::from_secs(60),
    copied: Duration::from_secs(2),
};

pub(super) const TYPE: ConnectorType = ConnectorType {
    said: Some(ConnectorWords { field: "files", example: "files: \"data/*.ndjson\"", read }),
    open,
};

/// Files, by patterns of their paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// Relative to the definition file's folder unless absolute (already joined here).
    pub globs: Vec<String>,
}

impl Connector for Files {
    fn ends(&self, follow: bool) -> bool {
        !follow
    }

    fn again(&self) -> Option<Arc<dyn Connector>> {
        Some(Arc::new(self.clone()))
    }
}

impl Display for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.globs.join(", "))
    }
}

/// Reads patterns, of which `-` alone is standard input.
fn read(settings: &Settings<'_>, faults: &mut Vec<SettingsFault>) -> Option<Arc<dyn Connector>> {
    let what = settings.what;
    let texts = settings.value.as_array()?.iter();
    let texts: Vec<&str> = texts.filter_map(|text| text.as_str()).collect();
    if let Some(at) = texts.iter().position(|text| standard::is_named_by(text)) {
        if texts.len() > 1 {
            let message = format!(
                "'{}' of {what} is standard input, which is no file among others: let it stand alone",
                texts[at]
            );
            faults.push(SettingsFault { pointer: format!("/{at}"), message });
        }
        return Some(Arc::new(StandardInput));
    }
    if texts.is_empty() {
        let message = format!("'files' of {what} names no file: add one");
        faults.push(SettingsFault { pointer: String::new(), message });
    }
    let folder = glob::Pattern::escape(&settings.folder.to_string_lossy());
    for (at, text) in texts.iter().enumerate() {
        if let Some(why) = of_a_shell(text) {
            let message = format!("'files' of {what}: {why}");
            faults.push(SettingsFault { pointer: format!("/{at}"), message });
        }
        if let Err(error) = glob::Pattern::new(text) {
            let message = format!("'files' of {what}: '{text}' is no glob: {}", error.msg);
            faults.push(SettingsFault { pointer: format!("/{at}"), message });
        }
    }
    let joined = |text: &&str| Path::new(&folder).join(text).to_string_lossy().into_owned();
    Some(Arc::new(Files { globs: texts.iter().map(joined).collect() }))
}

/// A source's files, if it reads files.
fn connected(source: &Source) -> Option<&Files> {
    (&*source.connector as &dyn Any).downcast_ref()
}

/// The files of all sources, found and checked.
struct AllFiles {
    plan: Arc<Plan>,
    sources: Vec<SourceFiles>,
    /// Where what is held open is left in the end, if files are followed.
    leaves: Option<LeavesFiles>,
}

/// Finds the files of all sources and looks into each; `None` if no source is made of files.
fn open(
    plan: &Arc<Plan>,
    options: &SourceOptions,
    wrong: &mut Vec<SourceError>,
) -> Option<Box<dyn Inflow>> {
    let taken = options.follow.then(|| options.left.take());
    let (mut left, leaves) = taken.unzip();
    let mut sources = Vec::new();
    for (source, of) in plan.sources.iter().enumerate() {
        let Some(Files { globs }) = connected(of) else { continue };
        let patterns = globs.iter().filter_map(|glob| {
            let pattern = PathPattern::new(glob).map_err(|error| SourceError::Glob {
                name: of.name.clone(),
                glob: glob.clone(),
                why: error.to_string(),
            });
            pattern.map_err(|error| wrong.push(error)).ok()
        });
        let patterns: Vec<PathPattern> = patterns.collect();
        for pattern in &patterns {
            let alone = walk(std::slice::from_ref(pattern));
            let failed = alone.unreadable.iter();
            wrong.extend(failed.map(|(path, why)| SourceError::unreadable(&of.name, path, why)));
            let was_read = options.positions.of(&of.name).is_some_and(|of| !of.files.is_empty());
            if alone.files.is_empty() && alone.unreadable.is_empty() && was_read {
                tracing::warn!(
                    "source {}: no file matches {} any more; the rows that were read before stand",
                    of.name,
                    pattern.text
                );
            } else if alone.files.is_empty() && alone.unreadable.is_empty() {
                let but = alone
                    .others
                    .first()
                    .map(|(path, what)| format!(": '{}' is {what}", path.display()))
                    .or_else(|| {
                        near_file(&pattern.text).map(|near| format!("; did you mean {near}?"))
                    });
                let (name, glob) = (of.name.clone(), pattern.text.clone());
                let none = SourceError::NoFile { name, glob, but: but.unwrap_or_default() };
                match options.awaits && pattern.is_of_many() {
                    true => tracing::warn!("{none}; the run waits for one to come"),
                    false => wrong.push(none),
                }
            }
        }
        let mut files = SourceFiles::new(
            source,
            of,
            patterns,
            options,
            PATIENCE,
            left.as_mut().and_then(|left| left.remove(&of.name)),
        );
        // While files are followed, what can't be read yet may be unfinished.
        if !options.follow {
            let looked: Vec<_> = files.paths_ahead().map(|path| look(of, path)).collect();
            files.has_unfolded = looked.iter().any(|unfolded| matches!(unfolded, Ok(true)));
            wrong.extend(looked.into_iter().filter_map(Result::err));
        }
        for (path, first) in &files.first.again {
            tracing::info!(
                "source {}: '{}' is '{}' by another name: it is read once",
                of.name,
                path.display(),
                first.display()
            );
        }
        sources.push(files);
    }
    let all = AllFiles { plan: Arc::clone(plan), sources, leaves };
    (!all.sources.is_empty()).then(|| Box::new(all) as Box<_>)
}

/// Looks at how a file begins; says whether it has to be unfolded.
fn look(source: &Source, path: &Path) -> Result<bool, SourceError> {
    let mut file = OpenFile::new(source, 0, path, TextEnd::Final)?;
    if !file.begin(source)? && source.format == Format::Csv {
        let path = path.display();
        tracing::warn!(
            "source {}: '{path}' is empty: no header names its columns, and no row comes of it",
            source.name
        );
    }
    Ok(file.is_unfolded())
}

/// The files of a source that no run would read, each with what the run would say.
pub fn refused(source: &Source) -> Vec<(PathBuf, SourceError)> {
    let Some(Files { globs }) = connected(source) else { return Vec::new() };
    let patterns = globs.iter().filter_map(|glob| PathPattern::new(glob).ok());
    let files = walk(&patterns.collect::<Vec<_>>()).files;
    let refused =
        files.into_iter().filter_map(|file| Some((look(source, &file.path).err()?, file)));
    refused.map(|(why, file)| (file.path, why)).collect()
}

impl Drop for AllFiles {
    fn drop(&mut self) {
        for files in &mut self.sources {
            if let Some(leaves) = &self.leaves {
                leaves.leave(&self.plan.sources[files.source].name, files.leave());
            }
        }
    }
}

impl Inflow for AllFiles {
    fn bytes(&self) -> Option<u64> {
        // Nobody knows how much there is of what is unfolded.
        let grow = self.sources.iter().any(|files| files.options.follow || files.has_unfolded);
        (!grow).then(|| self.sources.iter().map(SourceFiles::bytes_ahead).sum())
    }

    fn files(&self) -> Vec<(&str, &Path)> {
        let all = self.sources.iter().flat_map(|files| {
            let name = self.plan.sources[files.source].name.as_str();
            files.first.files.iter().map(move |file| (name, file.path.as_path()))
        });
        all.collect()
    }

    fn would_read(&self, path: &Path) -> Option<(&str, &str)> {
        self.sources.iter().find_map(|files| {
            let pattern = files.first.would_match(&files.patterns, path)?;
            Some((self.plan.sources[files.source].name.as_str(), pattern.text.as_str()))
        })
    }

    /// Starts the thread that reads; whichever worker is free takes its chunks.
    fn start(self: Box<Self>, shared: &SharedState) -> Result<Vec<Option<Chunks>>, SourceError> {
        let workers = self.sources[0].options.workers;
        let (outlet, receiver) = shared.channel();
        shared.spawn("files", outlet, move |outlet| self.run(outlet));
        Ok(vec![Some(receiver); workers])
    }
}

impl AllFiles {
    fn run(mut self, outlet: &Outlet) -> Result<(), ReadEnd> {
        for files in &mut self.sources {
            files.hold_ahead(&self.plan.sources[files.source]);
        }
        // The first one reads what is followed.
        self.sources.retain(|files| !files.options.follow || files.options.process == 0);
        loop {
            let mut read = false;
            for files in &mut self.sources {
                let source = &self.plan.sources[files.source];
                if let Some(chunk) = files.next(source)? {
                    outlet.send(Ok(chunk))?;
                    read = true;
                }
            }
            if read {
                continue;
            }
            if !self.sources.iter().any(|files| files.options.follow) {
                return Ok(());
            }
            outlet.shared.sleep(POLL)?;
            for files in &mut self.sources {
                files.look_again(&self.plan.sources[files.source]);
            }
        }
    }
}
