//! Changelogs read back, from files and topics alike.

use std::path::{Path, PathBuf};

use rdkafka::Offset;

use super::defined::{Defined, TakeRecord};
use super::error::ChangelogError;
use super::file::FileReader;
use super::topic::ChangelogTopic;
use crate::plan::{Destination, Kafka, Output, Plan, Publish};
use crate::sink::Catalog;

/// Where an output's changelog lies.
#[derive(Clone, Debug)]
pub enum Changelog {
    /// A file may hold several outputs; `output` is the one meant, `None` all of them.
    File {
        output: Option<Defined>,
        path: PathBuf,
    },
    Topic {
        output: Defined,
        topic: String,
        kafka: Kafka,
    },
    /// It can't be read back, for this reason.
    Unread {
        output: Defined,
        why: &'static str,
    },
}

/// The outputs of a plan.
pub fn changelogs_of(plan: &Plan) -> Vec<Changelog> {
    let catalog = Catalog::shared(plan);
    let changelog = |output: &Output| {
        let defined = Defined::new(plan, output, &catalog);
        match &output.target {
            Destination::File { path } => {
                Changelog::File { output: Some(defined), path: path.clone() }
            }
            Destination::Kafka { topic } => {
                let (topic, kafka) = (topic.clone(), plan.kafka.clone());
                Changelog::Topic { output: defined, topic, kafka }
            }
            Destination::Program => Changelog::Unread {
                output: defined,
                why: "it went to the program that ran the definition",
            },
            Destination::Http => Changelog::Unread {
                output: defined,
                why: "it is held in memory alone, for those who ask over HTTP",
            },
            Destination::Webhook(_) => {
                Changelog::Unread { output: defined, why: "it was posted to a webhook" }
            }
            Destination::Postgres(_) => Changelog::Unread {
                output: defined,
                why: "it is in a table of PostgreSQL: ask there",
            },
            Destination::StandardOutput => Changelog::Unread {
                output: defined,
                why: "it went to standard output: where that was kept in a file DIR/NAME.ndjson, read it \
                      with --out DIR",
            },
        }
    };
    plan.outputs.iter().map(changelog).collect()
}

/// Those that can be read back, as far as there are any: what they hold is an answer, of some at least.
pub fn readable<'a>(changelogs: impl IntoIterator<Item = &'a Changelog>) -> Vec<&'a Changelog> {
    let (unread, read): (Vec<_>, Vec<_>) =
        changelogs.into_iter().partition(|changelog| changelog.is_unread());
    if read.is_empty() { unread } else { read }
}

/// The `*.ndjson` files in a folder.
pub fn changelogs_in(folder: &Path) -> Result<Vec<Changelog>, ChangelogError> {
    let named = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => ChangelogError::NoFiles(folder.to_owned()),
        _ => ChangelogError::File { path: folder.to_owned(), source },
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(named)? {
        let path = entry.map_err(named)?.path();
        if path.extension().is_some_and(|extension| extension == "ndjson") {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(ChangelogError::NoFiles(folder.to_owned()));
    }
    Ok(paths.into_iter().map(|path| Changelog::File { output: None, path }).collect())
}

impl Changelog {
    pub fn is_unread(&self) -> bool {
        matches!(self, Changelog::Unread { .. })
    }

    /// What a definition says of its output; without a definition nobody says.
    pub fn defined(&self) -> Option<&Defined> {
        match self {
            Changelog::File { output, .. } => output.as_ref(),
            Changelog::Topic { output, .. } | Changelog::Unread { output, .. } => Some(output),
        }
    }

    /// Whether it can hold records of this output.
    pub fn may_hold(&self, wanted: &str) -> bool {
        self.defined().is_none_or(|output| output.name == wanted)
    }

    /// The output in it that publishes this, by its definition or else by the name that such an output
    /// has where it has no other.
    pub fn publishing(&self, publish: Publish) -> Option<&str> {
        match self.defined() {
            None => Some(publish.name()),
            Some(output) => (output.publish == publish).then_some(&*output.name),
        }
    }

    /// Whether that output is there though it may hold nothing yet: a file is named after it.
    pub fn is_named_after(&self, publish: Publish) -> bool {
        match self {
            Changelog::File { output: None, path } => {
                path.file_stem().is_some_and(|stem| stem == publish.name())
            }
            _ => true,
        }
    }

    /// Whether it leaves people or attributes out.
    pub fn is_variant(&self) -> bool {
        self.defined().is_some_and(|output| output.is_variant)
    }

    /// Every record up to the present end, in order; returns the names that they speak of.
    pub fn scan(&self, take: &mut TakeRecord<'_>) -> Result<Catalog, ChangelogError> {
        match self {
            Changelog::File { output, path } => {
                let mut reader = FileReader::new(path, output.as_ref())?;
                reader.read(take)?;
                Ok(reader.catalog().clone())
            }
            Changelog::Topic { output, topic, kafka } => {
                let mut reader = ChangelogTopic::new(output, topic, kafka, Offset::Beginning)?;
                reader.read_to_end(take)?;
                Ok(reader.catalog().clone())
            }
            Changelog::Unread { output, why } => {
                Err(ChangelogError::Unread { name: output.name.clone(), why })
            }
        }
    }
}
