//! What is wrong with a definition, where, and what would be right.

use std::fmt;
use std::path::{Path, PathBuf};

/// A place in the definition file, counted from 1.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// Something that is wrong, or hardly meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// Where it stands.
    pub place: Place,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// All that is wrong with a definition, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    path: PathBuf,
    lines: Vec<String>,
    found: Vec<Diagnostic>,
}

impl std::error::Error for Diagnostics {}

impl Diagnostics {
    pub fn new(path: &Path, text: &str, mut found: Vec<Diagnostic>) -> Self {
        found.sort();
        found.dedup();
        let lines = lines(text).map(str::to_owned).collect();
        Diagnostics { path: path.to_owned(), lines, found }
    }

    pub fn found(&self) -> &[Diagnostic] {
        &self.found
    }

    /// As they are printed where they are no mistakes.
    pub fn as_warnings(&self) -> String {
        let warn = |found: &Diagnostic| {
            let one = Diagnostics { found: vec![found.clone()], ..self.clone() };
            format!("warning: {one}\n")
        };
        self.found.iter().map(warn).collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for Diagnostics {
    /// A line a mistake, as compilers and editors know it, and under it the place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Diagnostic { place: Place { line, column }, message }) in
            self.found.iter().enumerate()
        {
            if index > 0 {
                writeln!(f, "\n")?;
            }
            write!(f, "{}:{line}:{column}: {message}", self.path.display())?;
            if let Some(text) = self.lines.get(line.saturating_sub(1)) {
                let margin = " ".repeat(line.to_string().len());
                // A tab is as wide as a tab.
                let before = text.chars().take(column.saturating_sub(1));
                let indent: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
                write!(f, "\n {margin} |\n {line} | {text}\n {margin} | {indent}^")?;
            }
        }
        Ok(())
    }
}

/// The lines of a text as YAML counts them: a carriage return alone ends one too.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('\r'))
}

/// The name that was most likely meant: the nearest, if it is near.
pub fn nearest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    let lower = found.to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&lower, &name.to_lowercase());
    let near = known.iter().map(|name| (distance(name), *name)).min()?;
    let most = 1 + near.1.chars().count().max(found.chars().count()) / 4;
    (near.0 <= most).then_some(near.1)
}

/// "did you mean" the nearest name, or what names there are.
pub fn suggest(found: &str, known: &[&str]) -> String {
    match nearest(found, known) {
        Some(name) => format!("did you mean '{name}'?"),
        None if known.is_empty() => "there is none".to_owned(),
        None if known.len() == 1 => format!("there is {}", list(known)),
        None => format!("there are {}", list(known)),
    }
}

/// Names, separated by commas.
pub fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}
