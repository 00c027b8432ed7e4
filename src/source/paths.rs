//! Patterns of paths, and the files that they lead to: each once, however many names lead to it.
//!
//! A folder is walked once for what is left of the pattern there. So links may lead in circles, or by
//! many ways to one place, and the walk comes to its end all the same.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use glob::{MatchOptions, PatternError};
use serde::{Deserialize, Serialize};

use crate::place::FileId;

/// `*` stays within a folder, and hidden files are files.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// A pattern, part by part.
#[derive(Clone, Debug)]
pub(super) struct PathPattern {
    pub text: String,
    root: PathBuf,
    parts: Vec<PatternPart>,
}

#[derive(Clone, Debug)]
enum PatternPart {
    Name(String),
    Like(glob::Pattern),
    /// `**`
    Folders,
}

/// A regular file.
#[derive(Clone, Debug)]
pub(super) struct FoundFile {
    pub path: PathBuf,
    pub id: FileId,
    pub stamp: Stamp,
}

/// What changes when a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Stamp {
    pub length: u64,
    pub modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub fn of(metadata: &Metadata) -> Self {
        Stamp {
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// What a walk came across.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// In the order of names.
    pub files: Vec<FoundFile>,
    /// What matches, and is no file that could be read: its path, and what it is.
    pub others: Vec<(PathBuf, &'static str)>,
    /// Names that lead to a file, or a folder, which another name led to before, and that one.
    pub again: Vec<(PathBuf, PathBuf)>,
    /// Folders that could not be looked into.
    pub unreadable: Vec<(PathBuf, io::Error)>,
    /// Folders, each with the number of the pattern and of the part that is sought in it.
    entered: HashMap<(FileId, usize, usize), PathBuf>,
}

impl PathPattern {
    pub fn new(text: &str) -> Result<Self, PatternError> {
        // Looked at as a whole for where in it the mistake is.
        glob::Pattern::new(text)?;
        let root = if text.starts_with('/') { "/" } else { "" };
        let mut parts = Vec::new();
        for part in text.split('/').filter(|part| !part.is_empty() && *part != ".") {
            parts.push(match literal(part) {
                _ if part == "**" => PatternPart::Folders,
                Some(name) => PatternPart::Name(name),
                None => PatternPart::Like(glob::Pattern::new(part)?),
            });
        }
        if matches!(parts.last(), Some(PatternPart::Folders)) {
            parts.push(PatternPart::Like(glob::Pattern::new("*")?));
        }
        Ok(PathPattern { text: text.to_owned(), root: root.into(), parts })
    }

    /// Whether several names may match it, so that it is no mistake of writing where none does yet.
    pub fn is_of_many(&self) -> bool {
        !self.parts.iter().all(|part| matches!(part, PatternPart::Name(_)))
    }

    /// Whether the names, one below the other, are what is sought from a part on.
    fn fits(&self, part: usize, names: &[&str]) -> bool {
        match (self.parts.get(part), names) {
            (None, names) => names.is_empty(),
            (Some(PatternPart::Folders), names) => {
                (0..=names.len()).any(|skipped| self.fits(part + 1, &names[skipped..]))
            }
            (Some(_), []) => false,
            (Some(sought), [name, below @ ..]) => sought.is(name) && self.fits(part + 1, below),
        }
    }
}

impl PatternPart {
    fn is(&self, name: &str) -> bool {
        match self {
            PatternPart::Name(own) => own == name,
            PatternPart::Like(pattern) => pattern.matches_with(name, OPTIONS),
            PatternPart::Folders => true,
        }
    }
}

/// The one name that a part stands for: a bracket with one character in it is that character.
fn literal(part: &str) -> Option<String> {
    let mut name = String::new();
    let mut characters = part.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' | '?' => return None,
            '[' => {
                name.push(characters.next()?);
                if characters.next() != Some(']') {
                    return None;
                }
            }
            character => name.push(character),
        }
    }
    Some(name)
}

/// Walks all patterns of a source.
pub(super) fn walk(patterns: &[PathPattern]) -> Walk {
    let mut walk = Walk::default();
    for (number, pattern) in patterns.iter().enumerate() {
        walk.enter(number, pattern, &pattern.root, 0);
    }
    walk.files.sort_by(|one, other| one.path.cmp(&other.path));
    let (mut known, again) = (HashMap::new(), &mut walk.again);
    walk.files.retain(|file| {
        let first = known.entry(file.id).or_insert_with(|| file.path.clone());
        if *first != file.path {
            again.push((file.path.clone(), first.clone()));
        }
        *first == file.path
    });
    walk.files.dedup_by(|one, other| one.id == other.id);
    walk
}

impl Walk {
    fn enter(&mut self, number: usize, pattern: &PathPattern, folder: &Path, part: usize) {
        let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let Ok(metadata) = std::fs::metadata(here) else { return };
        if !metadata.is_dir() {
            return;
        }
        match self.entered.entry((FileId::of(&metadata), number, part)) {
            Entry::Occupied(first) => {
                self.again.push((folder.to_owned(), first.get().clone()));
                return;
            }
            Entry::Vacant(vacant) => drop(vacant.insert(folder.to_owned())),
        }
        match &pattern.parts[part] {
            PatternPart::Name(name) => self.reach(number, pattern, folder.join(name), part + 1),
            PatternPart::Like(like) => {
                for (name, path) in self.entries(here, folder) {
                    if like.matches_with(&name, OPTIONS) {
                        self.reach(number, pattern, path, part + 1);
                    }
                }
            }
            PatternPart::Folders => {
                self.enter(number, pattern, folder, part + 1);
                for (_, path) in self.entries(here, folder) {
                    self.enter(number, pattern, &path, part);
                }
            }
        }
    }

    /// In the order of names.
    fn entries(&mut self, here: &Path, folder: &Path) -> Vec<(String, PathBuf)> {
        let read = std::fs::read_dir(here).and_then(|entries| {
            let name = |entry: io::Result<std::fs::DirEntry>| {
                let name = entry?.file_name();
                Ok((name.to_string_lossy().into_owned(), folder.join(name)))
            };
            entries.map(name).collect::<io::Result<Vec<_>>>()
        });
        match read {
            Ok(mut entries) => {
                entries.sort();
                entries
            }
            // It went just now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                self.unreadable.push((here.to_owned(), error));
                Vec::new()
            }
        }
    }

    fn reach(&mut self, number: usize, pattern: &PathPattern, path: PathBuf, part: usize) {
        if part < pattern.parts.len() {
            self.enter(number, pattern, &path, part);
            return;
        }
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => {
                let (id, stamp) = (FileId::of(&metadata), Stamp::of(&metadata));
                self.files.push(FoundFile { path, id, stamp });
            }
            Ok(metadata) => self.others.push((path, kind(&metadata))),
            Err(_) if path.is_symlink() => self.others.push((path, "a link that leads nowhere")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.unreadable.push((path, error)),
        }
    }

    /// The pattern that a file of this resolved path would match.
    pub fn would_match<'a>(
        &self,
        patterns: &'a [PathPattern],
        path: &Path,
    ) -> Option<&'a PathPattern> {
        for folder in path.ancestors().skip(1) {
            let Ok(metadata) = std::fs::metadata(folder) else { continue };
            let id = FileId::of(&metadata);
            let below = path.strip_prefix(folder).ok()?;
            let names: Vec<_> = below.iter().map(|name| name.to_string_lossy()).collect();
            let names: Vec<&str> = names.iter().map(|name| &**name).collect();
            let entered = self.entered.keys().filter(|(entered, ..)| *entered == id);
            for (_, number, part) in entered {
                if patterns[*number].fits(*part, &names) {
                    return Some(&patterns[*number]);
                }
            }
        }
        None
    }
}

fn kind(metadata: &Metadata) -> &'static str {
    let kind = metadata.file_type();
    match kind {
        _ if kind.is_dir() => "a folder: name the files in it, as in folder/*.ndjson",
        _ if kind.is_fifo() => {
            "a pipe, of which nothing can be read twice: write into a file and read that, with --follow \
             while it grows"
        }
        _ if kind.is_socket() => "a socket, and no file",
        _ => "a device, and no file",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::symlink;

    fn names(folder: &Path, pattern: &str) -> Vec<String> {
        let folder_text = glob::Pattern::escape(&folder.to_string_lossy());
        let pattern = PathPattern::new(&format!("{folder_text}/{pattern}")).expect("a pattern");
        let name = |file: &FoundFile| {
            file.path.strip_prefix(folder).expect("below it").display().to_string()
        };
        walk(&[pattern]).files.iter().map(name).collect()
    }

    #[test]
    fn folders_that_contain_themselves_are_walked_once() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("a/b")).unwrap();
        for (number, from) in ["a/up", "a/b/up", "a/b/round", "again"].iter().enumerate() {
            symlink(at(["a", ".", "a/b", "a"][number]), at(from)).unwrap();
        }
        std::fs::write(at("a/b/x.csv"), "1").unwrap();
        std::fs::hard_link(at("a/b/x.csv"), at("a/y.csv")).unwrap();
        symlink(at("a/y.csv"), at("z.csv")).unwrap();
        std::fs::write(at("a/other.csv"), "1").unwrap();
        assert_eq!(names(folder.path(), "**/*.csv"), ["a/b/x.csv", "a/other.csv"]);
        assert_eq!(names(folder.path(), "**"), ["a/b/x.csv", "a/other.csv"]);
        assert_eq!(names(folder.path(), "again/*.csv"), ["again/other.csv", "again/y.csv"]);
        assert_eq!(names(folder.path(), "a/../z.csv"), ["a/../z.csv"]);
    }

    #[test]
    fn what_a_pattern_would_match_is_told_before_it_is_there() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = folder.path().canonicalize().unwrap();
        let at = |name: &str| folder.join(name);
        std::fs::create_dir_all(at("data/web")).unwrap();
        std::fs::create_dir_all(at("out")).unwrap();
        symlink(at("out"), at("data/link")).unwrap();
        let would = |pattern: &str, name: &str| {
            let patterns = [PathPattern::new(&at(pattern).to_string_lossy()).unwrap()];
            walk(&patterns).would_match(&patterns, &at(name)).is_some()
        };
        assert!(would("data/**/*.ndjson", "data/web/new/deeper/x.ndjson"));
        assert!(would("data/*/*.ndjson", "data/web/x.ndjson"));
        assert!(would("data/*/*.ndjson", "out/x.ndjson"), "by way of the link");
        assert!(would("data/**/x.ndjson", "out/new/x.ndjson"));
        assert!(!would("data/*/*.ndjson", "data/web/new/x.ndjson"));
        assert!(!would("data/**/*.ndjson", "data/web/x.csv"));
        assert!(!would("data/web/*", "out/x.ndjson"));
    }

    proptest! {
        /// Where there are no links, the library that everybody uses finds the same.
        #[test]
        fn patterns_find_what_others_find(
            files in prop::collection::btree_set("([abc]{1,2}/){0,3}[abc.]{0,2}[abc]", 1..12),
            pattern in "((\\*\\*|\\*|[abc?]{1,2}|\\[a-b\\]\\*)/){0,3}[abc*?]{1,3}",
        ) {
            // To us that is all files in any folder below.
            prop_assume!(!pattern.ends_with("**"));
            let folder = tempfile::tempdir().expect("a temporary folder");
            for file in &files {
                let path = folder.path().join(file);
                // A folder may be where another file is to be, and the other way round.
                let _ = std::fs::create_dir_all(path.parent().unwrap());
                let _ = std::fs::write(path, "");
            }
            let Ok(globbed) = glob::glob(&folder.path().join(&pattern).to_string_lossy()) else {
                return Ok(());
            };
            let others = globbed.map(|path| path.expect("readable")).filter(|path| path.is_file());
            let mut others: Vec<String> = others
                .map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string())
                .collect();
            others.sort();
            others.dedup();
            let mut own = names(folder.path(), &pattern);
            own.sort();
            prop_assert_eq!(own, others);
        }
    }
}
