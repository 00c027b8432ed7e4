//! Outputs: what is published, and where to.

use std::path::Path;

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
    Webhook(Webhook),
    Postgres(PostgresTable),
}

/// Where changes are posted.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    pub url: String,
    /// What posts are signed with.
    pub secret: Option<String>,
    /// Records of a post, at most.
    pub batch: usize,
}

/// A table, and how its database is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresTable {
    pub connection: String,
    pub table: String,
}

// Neither tells what it knows of passwords.
impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("batch", &self.batch).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for PostgresTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresTable").field("table", &self.table).finish_non_exhaustive()
    }
}

impl std::fmt::Display for PostgresTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "table {} in PostgreSQL", self.table)
    }
}

// What others ask of a destination. The matches are complete, so that the compiler asks each of them of a new one.
impl Destination {
    /// Whether the first process alone writes it.
    pub fn is_local(&self) -> bool {
        match self {
            Destination::Kafka { .. } => false,
            Destination::File { .. }
            | Destination::StandardOutput
            | Destination::Program
            | Destination::Http
            | Destination::Webhook(_)
            | Destination::Postgres(_) => true,
        }
    }

    /// Whether it is somebody else's service, which takes records when it does.
    pub fn is_service(&self) -> bool {
        match self {
            Destination::Webhook(_) | Destination::Postgres(_) => true,
            Destination::Kafka { .. }
            | Destination::File { .. }
            | Destination::StandardOutput
            | Destination::Program
            | Destination::Http => false,
        }
    }

    /// Whether what it has taken is soon known. A webhook may be slow, and nothing can be asked of it.
    pub fn commits(&self) -> bool {
        match self {
            Destination::Webhook(_) => false,
            Destination::Kafka { .. }
            | Destination::File { .. }
            | Destination::StandardOutput
            | Destination::Program
            | Destination::Http
            | Destination::Postgres(_) => true,
        }
    }

    /// The path, if it is a file.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Destination::File { path } => Some(path),
            Destination::Kafka { .. }
            | Destination::StandardOutput
            | Destination::Program
            | Destination::Http
            | Destination::Webhook(_)
            | Destination::Postgres(_) => None,
        }
    }

    /// What is written on this machine: a file, or what standard output is.
    pub fn written(&self) -> Option<&Path> {
        match self {
            Destination::StandardOutput => Some(Path::new("/dev/stdout")),
            Destination::File { .. }
            | Destination::Kafka { .. }
            | Destination::Program
            | Destination::Http
            | Destination::Webhook(_)
            | Destination::Postgres(_) => self.file(),
        }
    }

    /// Whether records go to standard output, where nothing else may stand then.
    pub fn is_standard_output(&self) -> bool {
        *self == Destination::StandardOutput
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
            // What stands behind the host may be a secret.
            Destination::Webhook(Webhook { url, .. }) => {
                let host = url.split('/').nth(2).unwrap_or_default();
                write!(f, "the webhook at {}", host.rsplit('@').next().unwrap_or_default())
            }
            Destination::Postgres(table) => write!(f, "{table}"),
        }
    }
}
