//! The definition file: parse, check, explain → a typed plan.
//!
//! Every mistake is found in one reading, each with its place and what would be right.

mod file;
mod lint;
mod read;
pub mod sql;
mod summary;
#[cfg(test)]
mod tests;

use std::path::Path;

use crate::plan::Plan;
use file::{diagnostic, yaml};
use read::object::ReadContext;
use sql::Dialect;

pub use file::diagnostic::{Diagnostic, Diagnostics, Place, suggest};
pub use file::hashed::with_keys_hashed;
pub use file::reference::reference;
pub use file::schema::schema;
pub use sql::calendar::texts;
pub use summary::explain;

/// Why a definition can't be run.
#[deny(missing_docs)]
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// The file can't be read.
    #[error("'{path}' can't be read: {source}")]
    File {
        /// The definition's file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Every mistake in it.
    #[error(transparent)]
    Wrong(#[from] Diagnostics),
}

/// Reads and checks a definition file. `${NAME}` is taken from the environment.
pub fn load(path: &Path) -> Result<Plan, DefinitionError> {
    Ok(parse(&read_text(path)?, path, &|name| std::env::var(name).ok())?)
}

/// The text of a definition file.
pub fn read_text(path: &Path) -> Result<String, DefinitionError> {
    let bytes = std::fs::read(path)
        .map_err(|source| DefinitionError::File { path: path.display().to_string(), source })?;
    Ok(String::from_utf8(bytes).map_err(|error| not_utf8(path, &error))?)
}

fn not_utf8(path: &Path, error: &std::string::FromUtf8Error) -> Diagnostics {
    let text = String::from_utf8_lossy(error.as_bytes());
    let before = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
    // What follows the last line is on it, or on the next.
    let before = format!("{before}.");
    let lines: Vec<&str> = diagnostic::lines(&before).collect();
    let place = Place { line: lines.len(), column: lines[lines.len() - 1].chars().count() };
    let message = "this is no text in UTF-8: save the file in it".to_owned();
    Diagnostics::new(path, &text, vec![Diagnostic { place, message }])
}

/// As [`load`], with what is legal in the definition but hardly meant.
pub fn check(path: &Path) -> Result<(Plan, Diagnostics), DefinitionError> {
    Ok(check_text(&read_text(path)?, path)?)
}

/// As [`check`], of a definition's text. `path` gives it its name, and a folder to its files.
pub fn check_text(text: &str, path: &Path) -> Result<(Plan, Diagnostics), Diagnostics> {
    let (plan, document) = read_definition(text, path, &|name| std::env::var(name).ok())?;
    let warnings = Diagnostics::new(path, text, lint::warnings(&document, &plan));
    Ok((plan, warnings))
}

/// Checks a definition's text. `path` gives it its name, and a folder to its files.
pub fn parse(
    text: &str,
    path: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Plan, Diagnostics> {
    read_definition(text, path, environment).map(|(plan, _)| plan)
}

fn read_definition(
    text: &str,
    path: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<(Plan, yaml::YamlNode), Diagnostics> {
    let mut found = Vec::new();
    let document = yaml::read(text, environment, &mut found);
    let mut context = ReadContext::new(found, Dialect::new("UTC")).of(text);
    let plan = match &document {
        Some(document) => read::definition(&mut context, document, path),
        None => {
            if context.found.is_empty() {
                let place = Place { line: 1, column: 1 };
                context.complain(
                    place,
                    "an empty file: a definition has at least sources, identity and outputs",
                );
            }
            None
        }
    };
    match (plan, document) {
        (Some(plan), Some(document)) if context.found.is_empty() => Ok((plan, document)),
        _ => Err(Diagnostics::new(path, text, context.found)),
    }
}
