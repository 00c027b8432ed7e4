//! What can be wrong with the world that sources read from.
#![deny(missing_docs)]

use std::path::{Path, PathBuf};

/// Names the source, says what was found and what would be right.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SourceError {
    /// `but` says what matches instead, if anything does.
    #[error("source {name}: no file matches {glob}{but}")]
    NoFile {
        /// The source.
        name: String,
        /// The pattern of paths.
        glob: String,
        /// The end of the message.
        but: String,
    },

    /// A pattern of paths is none.
    #[error("source {name}: {glob} is no pattern of paths: {why}")]
    Glob {
        /// The source.
        name: String,
        /// What was given as a pattern.
        glob: String,
        /// What is wrong with it.
        why: String,
    },

    /// A file can't be read, or has other columns than the source. Boxed, so that what goes well does not carry the room for it.
    #[error("source {name}: {}: {wrong}", path.display())]
    File {
        /// The source.
        name: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        wrong: Box<WrongFile>,
    },

    /// The brokers have no such topic.
    #[error("source {name}: the brokers at {brokers} have no topic {topic}{}", near.as_ref().map(|near| format!("; did you mean {near}?")).unwrap_or_default())]
    NoTopic {
        /// The source.
        name: String,
        /// The brokers, as the definition names them.
        brokers: String,
        /// The topic that they do not have.
        topic: String,
        /// A topic of theirs with a like name.
        near: Option<String>,
    },

    /// A topic was deleted while it was read, or since it was read by a run before this one.
    #[error(
        "topic {topic} was deleted {}{} it was read{}",
        if *again { "and created again " } else { "" },
        if *since { "since" } else { "while" },
        match (again, since) {
            (false, _) => "",
            (true, false) => ": what it holds now is another history. To read it alone, start the run again (where \
             rows are stored, with a data folder that is new), or run with --from-start, which goes on with it from its start and keeps what was read before",
            (true, true) => ": what it holds now is another history. Run with --from-start, which goes on with it \
             from its start and keeps what was read before",
        }
    )]
    TopicGone {
        /// The topic.
        topic: String,
        /// Whether there is one of that name again.
        again: bool,
        /// Whether an earlier run had read it.
        since: bool,
    },

    /// No broker answers.
    #[error("no broker answers at {brokers}: {why}")]
    NoBroker {
        /// The brokers, as the definition names them.
        brokers: String,
        /// What the client says of it.
        why: String,
    },

    /// A client of Kafka fails.
    #[error("kafka: {why}")]
    Kafka {
        /// What the client says of it.
        why: String,
    },

    /// Our own mistake.
    #[error("the thread that reads {thread} broke down: {why}")]
    Broken {
        /// What the thread reads.
        thread: String,
        /// What it broke down with.
        why: String,
    },

    /// Everything that was wrong at the start.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Several(Vec<SourceError>),
}

/// What is wrong with a file.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WrongFile {
    /// It can't be read, or is no text, or no file of its format.
    #[error("{0}")]
    Unreadable(String),

    /// It lacks a column that the source wants.
    #[error("no column {}{}", shown_name(column), found(near, columns))]
    NoColumn {
        /// The column that it lacks.
        column: String,
        /// A column of the file's with a like name.
        near: Option<String>,
        /// The file's columns.
        columns: Vec<String>,
    },

    /// A column has another type.
    #[error("column {column} is {found}, which is no {wanted}: {remedy}")]
    ColumnType {
        /// The column.
        column: String,
        /// Its type.
        found: String,
        /// The type that the source wants.
        wanted: String,
        /// What to do about it.
        remedy: String,
    },
}

impl SourceError {
    /// What is wrong, without the names of source and file.
    pub(super) fn about_file(&self) -> String {
        match self {
            SourceError::File { wrong, .. } => wrong.to_string(),
            other => other.to_string(),
        }
    }

    pub(super) fn of_file(name: &str, path: &Path, wrong: WrongFile) -> Self {
        SourceError::File { name: name.to_owned(), path: path.to_owned(), wrong: Box::new(wrong) }
    }

    pub(super) fn unreadable(name: &str, path: &Path, why: impl ToString) -> Self {
        SourceError::of_file(name, path, WrongFile::Unreadable(why.to_string()))
    }
}

fn found(near: &Option<String>, columns: &[String]) -> String {
    match near {
        // What differs by spaces alone is not seen without quotes.
        Some(near) if near.trim() != near => format!("; did you mean '{near}'?"),
        Some(near) => format!("; did you mean {near}?"),
        None if columns.is_empty() => "; it has none".to_owned(),
        // A file of before the column came, for one.
        None => format!(
            "; it has {}. Where a file may lack it, the field needs a `default`",
            columns.iter().map(|name| shown_name(name)).collect::<Vec<_>>().join(", ")
        ),
    }
}

/// A column's name, of which something is seen though it is empty, as R writes that of the numbers of rows.
pub(super) fn shown_name(name: &str) -> &str {
    if name.is_empty() { "''" } else { name }
}

/// The name that is likely meant, if one is close.
pub(super) fn nearest<'a>(
    wanted: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let distance =
        |name: &str| strsim::damerau_levenshtein(&wanted.to_lowercase(), &name.to_lowercase());
    names
        .into_iter()
        .filter(|name| !name.is_empty())
        .map(|name| (distance(name), name))
        .min()
        .filter(|(distance, _)| *distance <= wanted.chars().count() / 3 + 1)
        .map(|(_, name)| name.to_owned())
}

/// The file that is likely meant by a path to none: one beside it of nearly the same name.
pub(super) fn near_file(path: &str) -> Option<String> {
    let path = Path::new(path);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let names: Vec<String> = names.collect();
    let wanted = path.file_name()?.to_str()?;
    let near = nearest(wanted, names.iter().map(String::as_str))?;
    // Brackets of a name stand for characters in a pattern.
    let near = if near == wanted { glob::Pattern::escape(&near) } else { near };
    Some(path.with_file_name(near).display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_whose_name_is_a_pattern_is_named_as_one_that_matches_it() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("x[1].log"), "").expect("it is written");
        let path = folder.path().join("x[1].log").display().to_string();
        assert!(near_file(&path).is_some_and(|near| near.ends_with("/x[[]1[]].log")));
    }

    #[test]
    fn a_column_without_a_name_is_never_meant() {
        assert_eq!(nearest("v", ["", "id"]), None);
        assert_eq!(nearest("v", ["", "w"]).as_deref(), Some("w"));
    }
}
