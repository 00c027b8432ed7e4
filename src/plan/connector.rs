//! Where rows come from, and in which format.

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connector {
    /// Globs, relative to the definition file's folder unless absolute (already joined here).
    Files {
        globs: Vec<String>,
    },
    /// Read by the first process.
    StandardInput,
    Kafka {
        topic: String,
        start: KafkaStart,
    },
}

impl Connector {
    /// Whether each of its rows comes with an instant.
    pub fn is_dated(&self) -> bool {
        matches!(self, Connector::Kafka { .. })
    }

    /// Whether it comes to an end by itself, where files that grow are followed or not.
    pub fn ends(&self, follow: bool) -> bool {
        match self {
            Connector::Files { .. } => !follow,
            Connector::StandardInput => true,
            Connector::Kafka { .. } => false,
        }
    }
}

impl std::fmt::Display for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Connector::Files { globs } => f.write_str(&globs.join(", ")),
            Connector::StandardInput => f.write_str("standard input"),
            Connector::Kafka { topic, .. } => write!(f, "topic {topic}"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KafkaStart {
    Earliest,
    Latest,
}

/// Brokers and properties shared by every topic.
#[derive(Clone, Debug, Default)]
pub struct Kafka {
    pub brokers: String,
    /// librdkafka's own, in order.
    pub properties: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    Csv,
    Parquet,
}
