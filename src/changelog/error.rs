//! What keeps a changelog from being read.

use std::path::PathBuf;

use crate::sink::Unreadable;

#[derive(Debug, thiserror::Error)]
pub enum ChangelogError {
    #[error("'{path}' can't be read: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("'{path}', line {line}, is no record of a changelog: {source}")]
    Line { path: PathBuf, line: u64, source: Unreadable },
    #[error("topic '{topic}' at '{brokers}' can't be read: {message}")]
    Topic { topic: String, brokers: String, message: String },
    #[error(
        "topic '{topic}', partition {partition}, offset {offset}, is no record of a changelog: {source}"
    )]
    Message { topic: String, partition: i32, offset: i64, source: Unreadable },
    #[error(
        "no changelogs (*.ndjson) in '{0}': run a definition that writes there, or name one with --spec"
    )]
    NoFiles(PathBuf),
    #[error(
        "no output publishes profiles, which is what is looked up: add one, as in outputs: \
         {{profiles: {{files: out/profiles.ndjson}}}}; one of another name is found by the \
         definition, with --spec"
    )]
    NoProfiles,
    #[error("output {name} can't be read back: {why}")]
    Unread { name: String, why: &'static str },
    #[error("no output '{found}'; there are: {known}")]
    NoOutput { found: String, known: String },
}
