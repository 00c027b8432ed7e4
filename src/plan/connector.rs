//! Where rows come from, as far as the plan and the stages behind it have to know, and in which format.

use std::any::Any;
use std::fmt::{Debug, Display};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::row::{Position, RawPosition};

/// Where a source's rows come from. It is shown as messages and summaries name it: `topic orders`.
///
/// Each type of source implements it in a file of `source`, where it is also read from the definition and
/// opened (see `source::connectors`).
pub trait Connector: Any + Debug + Display + Send + Sync {
    /// Whether it comes to an end by itself, where files that grow are followed or not.
    fn ends(&self, follow: bool) -> bool;

    /// Whether each of its rows comes with an instant.
    fn is_dated(&self) -> bool {
        false
    }

    /// Whether one source alone can read it: of several, each would get some of its bytes.
    fn is_single(&self) -> bool {
        false
    }

    /// Why its rows can't have a format, if they can't.
    fn refuses(&self, _format: Format) -> Option<&'static str> {
        None
    }

    /// The topic that it reads, which no output may go to.
    fn topic(&self) -> Option<&str> {
        None
    }

    /// A row's place as users find it. `origin` is that of the chunk that had the row.
    fn place(&self, origin: Arc<str>, position: Position) -> RowPlace {
        RowPlace::File { file: origin, line: position.offset }
    }

    /// The same from the beginning of all that it holds: what a run began after is part of the history, too.
    /// `None`: what was read once is gone.
    fn again(&self) -> Option<Arc<dyn Connector>>;
}

/// Where a row stood: `orders.ndjson:12`, or `web.events[0]@4711`.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum RowPlace {
    File { file: Arc<str>, line: u64 },
    Topic { topic: Arc<str>, partition: u32, offset: u64 },
}

impl From<RowPlace> for RawPosition {
    fn from(place: RowPlace) -> Self {
        match place {
            RowPlace::File { file, line } => {
                RawPosition::Line { file: file.to_string(), line: Some(line) }
            }
            RowPlace::Topic { topic, partition, offset } => {
                RawPosition::Offset { topic: topic.to_string(), partition, offset }
            }
        }
    }
}

impl Display for RowPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RowPlace::File { file, line } => write!(f, "{file}:{line}"),
            RowPlace::Topic { topic, partition, offset } => {
                write!(f, "{topic}[{partition}]@{offset}")
            }
        }
    }
}

/// Brokers and properties shared by every topic.
#[derive(Clone, Debug)]
pub struct Kafka {
    pub brokers: String,
    /// librdkafka's own, in order.
    pub properties: Vec<(String, String)>,
    /// How often outputs of a run that outlives its process are committed.
    pub commit_every: Duration,
    /// Whether they are committed in transactions.
    pub transactions: bool,
}

/// How librdkafka's properties end that name files or folders; `paths` names several, parted by semicolons.
const NAMES_FILES: [&str; 4] = [".location", ".keytab", ".file", ".paths"];

impl Kafka {
    /// Files and folders that the library reads: the property that names each, and its path.
    pub fn files(&self) -> Vec<(&str, &Path)> {
        let naming = self.properties.iter().filter(|(name, value)| {
            // A text that is no path, but what the file would have.
            let is_text = value.trim_start().starts_with("-----BEGIN");
            !is_text && NAMES_FILES.iter().any(|end| name.ends_with(end))
        });
        let paths = naming.flat_map(|(name, value)| {
            value.split(';').map(move |path| (name.as_str(), Path::new(path.trim())))
        });
        paths.filter(|(_, path)| !path.as_os_str().is_empty()).collect()
    }
}

impl Default for Kafka {
    fn default() -> Self {
        Kafka {
            brokers: String::new(),
            properties: Vec::new(),
            commit_every: Duration::from_millis(50),
            transactions: true,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    Csv,
    Parquet,
}
