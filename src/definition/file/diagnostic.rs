//! What is wrong with a definition, where, and what would be right.
#![deny(missing_docs)]

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
    /// What was found in a definition's text, which is shown beside it. It is put in order, and told once.
    pub fn new(path: &Path, text: &str, mut found: Vec<Diagnostic>) -> Self {
        found.sort();
        found.dedup();
        let lines = lines(text).map(str::to_owned).collect();
        Diagnostics { path: path.to_owned(), lines, found }
    }

    /// Each that was found, in the order of the file.
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
                let (text, before) = excerpt(text, column.saturating_sub(1));
                // A tab is as wide as a tab.
                let before = text.chars().take(before);
                let indent: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
                write!(f, "\n {margin} |\n {line} | {text}\n {margin} | {indent}^")?;
            }
        }
        Ok(())
    }
}

/// Longer than the lines that people write.
const WIDEST: usize = 200;

/// What is shown of a line, and how many characters of it stand before the place that is so many into the line:
/// of a line that is too long what is around it.
fn excerpt(line: &str, before: usize) -> (String, usize) {
    let characters = line.chars().count();
    if characters <= WIDEST {
        return (line.to_owned(), before);
    }
    let first = before.saturating_sub(WIDEST / 4);
    let (head, more) = (if first > 0 { "…" } else { "" }, characters > first + WIDEST);
    let shown: String = line.chars().skip(first).take(WIDEST).collect();
    let tail = if more { "…" } else { "" };
    (format!("{head}{shown}{tail}"), before - first + head.chars().count())
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn of_a_long_line_what_is_around_the_place_is_shown(
            line in prop_oneof!["\\PC{0,30}", "[a-zä \t]{150,700}"],
            at in 0usize..800,
        ) {
            let characters: Vec<char> = line.chars().collect();
            let at = at.min(characters.len());
            let (shown, before) = excerpt(&line, at);
            let shown: Vec<char> = shown.chars().collect();
            prop_assert!(shown.len() <= WIDEST + 2);
            prop_assert_eq!(shown.get(before), characters.get(at));
            prop_assert!(characters.len() > WIDEST || shown == characters);
        }
    }
}
