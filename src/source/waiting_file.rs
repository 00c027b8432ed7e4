//! A file whose turn to be read has not come.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::SourceError;
use super::file::OpenFile;
use super::left_files::LeftFile;
use super::paths::{PathPattern, Walk};
use super::positions::{FilePosition, SourcePositions};
use super::text::TextEnd;
use crate::place::FileId;
use crate::plan::Source;

pub(super) struct WaitingFile {
    pub part: u32,
    pub path: PathBuf,
    pub id: FileId,
    /// How far another run has read it.
    pub known: Option<FilePosition>,
    /// Held while it may be moved or deleted before its turn comes.
    pub held: Option<OpenFile>,
}

impl WaitingFile {
    /// One that is open.
    pub fn held(file: OpenFile) -> Self {
        let (part, path, id) = (file.part, file.path.clone(), file.id);
        WaitingFile { part, path, id, known: None, held: Some(file) }
    }

    /// One that the run which went before had open.
    pub fn left(left: LeftFile, part: u32, known: Option<FilePosition>) -> Self {
        let file = left.open(part, known.is_some());
        WaitingFile { known, ..WaitingFile::held(file) }
    }

    /// How many bytes of it there are to read, if it is there.
    pub fn bytes_left(&self) -> Option<u64> {
        let length = std::fs::metadata(&self.path).ok()?.len();
        Some(self.known.as_ref().map_or(length, |known| known.bytes_left(length)))
    }

    /// Opens it, if it can be: it may be moved or deleted before its turn comes.
    pub fn hold(&mut self, source: &Source) {
        if let Ok(file) = OpenFile::new(source, self.part, &self.path, TextEnd::Open) {
            self.id = file.id;
            self.held = Some(file);
        }
    }

    /// Opens it to be read, from where it is read on.
    pub fn open(self, source: &Source, end: TextEnd) -> Result<OpenFile, SourceError> {
        let WaitingFile { part, path, known, held, id: _ } = self;
        let mut file = held.map_or_else(|| OpenFile::new(source, part, &path, end), Ok)?;
        if let Some(known) = known {
            file.go_on_from(known);
        }
        Ok(file)
    }
}

impl LeftFile {
    pub fn of(file: OpenFile) -> Self {
        let behind = file.behind();
        let OpenFile { part, path, id, gone, succeeded, trail, .. } = file;
        LeftFile { part, path, id, file: trail.into_file(), gone, succeeded, behind }
    }

    /// Opens it under a part: one that is known was read as far as is stored.
    pub fn open(self, part: u32, is_known: bool) -> OpenFile {
        let LeftFile { path, id, file, gone, succeeded, behind, .. } = self;
        let mut file = OpenFile::of(file, id, part, path, TextEnd::Open);
        (file.gone, file.succeeded) = (gone, succeeded);
        if let Some((length, part)) = behind.filter(|_| !is_known) {
            file.pass_over(length, part);
        }
        file
    }
}

/// What the run that went before has left of a source's files.
pub(super) struct LeftBehind {
    /// Those that are there.
    pub there: HashMap<FileId, LeftFile>,
    /// Those that no name leads to any more, to be read on.
    pub gone: Vec<WaitingFile>,
    /// Behind all parts.
    pub next_part: u32,
}

impl LeftBehind {
    /// What is left of those files whose last names are the source's.
    pub fn of(
        left: Vec<LeftFile>,
        found: &Walk,
        patterns: &[PathPattern],
        before: &SourcePositions,
        columnar: bool,
    ) -> Self {
        let (mut there, mut gone, mut next_part) = (HashMap::new(), Vec::new(), before.next_part);
        let known = if left.is_empty() { Default::default() } else { before.known() };
        next_part = left.iter().fold(next_part, |next, file| next.max(file.part + 1));
        for mut file in left {
            let mut position = known.get(&file.part).cloned();
            if found.files.iter().any(|found| found.id == file.id) {
                there.insert(file.id, file);
            } else if found.would_match(patterns, &resolved(&file.path)).is_some()
                && position.as_ref().is_none_or(|position| position.is_columnar() == columnar)
            {
                let (mut part, read) =
                    (file.part, position.as_ref().map_or(0, |known| known.read_to().byte));
                // What was not read of it, and lies in a file that goes on behind it, is read there.
                if let Some(at) = before.continued(part).filter(|at| *at > read) {
                    (file.behind, position) = (Some((at, part)), None);
                    (part, next_part) = (next_part, next_part + 1);
                }
                gone.push(WaitingFile::left(file, part, position));
            }
        }
        LeftBehind { there, gone, next_part }
    }
}

/// A part behind all that there are.
pub(super) fn new_part(next_part: &mut u32) -> u32 {
    let part = *next_part;
    *next_part += 1;
    part
}

/// The path of a file that may be gone.
fn resolved(path: &Path) -> PathBuf {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    match (folder, path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}
