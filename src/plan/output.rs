//! Outputs: what is published, and where to.

use super::{Expression, Format};

#[derive(Clone, Debug)]
pub struct Output {
    pub name: String,
    pub publish: Publish,
    pub target: Destination,
    /// How files are written: `Json`, a record a line, or `Csv`. Messages of topics are JSON.
    pub format: Format,
    /// `profiles` only: who is in it, over `profile_schema` with every column.
    pub condition: Option<Expression>,
    /// `profiles` only: indexes into `Plan::attributes`, in the order to print them.
    pub attributes: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publish {
    Profiles,
    Segments,
    Identities,
    Rejects,
    Conflicts,
}

impl Publish {
    pub const ALL: [Publish; 5] = [
        Publish::Profiles,
        Publish::Segments,
        Publish::Identities,
        Publish::Rejects,
        Publish::Conflicts,
    ];

    /// As definitions call it. An output of this name publishes this.
    pub fn name(self) -> &'static str {
        match self {
            Publish::Profiles => "profiles",
            Publish::Segments => "segments",
            Publish::Identities => "identities",
            Publish::Rejects => "rejects",
            Publish::Conflicts => "conflicts",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    Kafka {
        topic: String,
    },
    /// Relative to the definition file's folder unless absolute (already joined here).
    File {
        path: std::path::PathBuf,
    },
    StandardOutput,
    /// A function of the program that the engine runs in.
    Program,
    /// Nowhere else than to those who ask over HTTP.
    Http,
}

impl Destination {
    /// Whether the first process alone writes it.
    pub fn is_local(&self) -> bool {
        !matches!(self, Destination::Kafka { .. })
    }

    /// The path, if it is a file.
    pub fn file(&self) -> Option<&std::path::Path> {
        match self {
            Destination::File { path } => Some(path),
            Destination::Kafka { .. }
            | Destination::StandardOutput
            | Destination::Program
            | Destination::Http => None,
        }
    }
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Destination::Kafka { topic } => write!(f, "topic {topic}"),
            Destination::File { path } => write!(f, "{}", path.display()),
            Destination::StandardOutput => f.write_str("standard output"),
            Destination::Program => f.write_str("the program"),
            Destination::Http => f.write_str("HTTP"),
        }
    }
}
