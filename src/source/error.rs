//! What can be wrong with the world that sources read from.

use std::path::PathBuf;

/// Names the source, says what was found and what would be right.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SourceError {
    #[error("source {name}: no file matches {glob}")]
    NoFile { name: String, glob: String },

    #[error("source {name}: {glob} is no pattern of paths: {why}")]
    Glob { name: String, glob: String, why: String },

    #[error("source {name}: {}: {why}", path.display())]
    Unreadable { name: String, path: PathBuf, why: String },

    #[error("source {name}: {}: no column {column}{}", path.display(), found(near, columns))]
    NoColumn {
        name: String,
        path: PathBuf,
        column: String,
        near: Option<String>,
        columns: Vec<String>,
    },

    #[error("source {name}: {}: column {column} is {found}, which is no {wanted}", path.display())]
    ColumnType { name: String, path: PathBuf, column: String, found: String, wanted: String },

    #[error("source {name}: the brokers at {brokers} have no topic {topic}{}", near.as_ref().map(|near| format!("; did you mean {near}?")).unwrap_or_default())]
    NoTopic { name: String, brokers: String, topic: String, near: Option<String> },

    #[error("no broker answers at {brokers}: {why}")]
    NoBroker { brokers: String, why: String },

    #[error("kafka: {why}")]
    Kafka { why: String },

    /// Our own mistake.
    #[error("the thread that reads {thread} broke down: {why}")]
    Broken { thread: String, why: String },

    /// Everything that was wrong at the start.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Several(Vec<SourceError>),
}

fn found(near: &Option<String>, columns: &[String]) -> String {
    match near {
        Some(near) => format!("; did you mean {near}?"),
        None => format!("; it has {}", columns.join(", ")),
    }
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
        .map(|name| (distance(name), name))
        .min()
        .filter(|(distance, _)| *distance <= wanted.chars().count() / 3 + 1)
        .map(|(_, name)| name.to_owned())
}
