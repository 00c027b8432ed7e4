//! Changelogs read back, from files and topics alike.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Headers;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::plan::{Destination, Format, Kafka, Output, Plan, Publish};
use crate::source::brokers;

const PATIENCE: Duration = Duration::from_secs(10);

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

/// What a definition says of an output.
#[derive(Clone, Debug)]
pub struct Defined {
    pub name: String,
    publish: Publish,
    /// Profiles of some people only, or with some of the attributes only.
    is_variant: bool,
}

impl Defined {
    fn new(plan: &Plan, output: &Output) -> Self {
        let Output { name, publish, condition, attributes, .. } = output;
        let is_variant = condition.is_some() || attributes.len() < plan.attributes.len();
        Defined { name: name.clone(), publish: *publish, is_variant }
    }
}

/// One record.
#[derive(Clone, Debug)]
pub struct ReadRecord<'a> {
    pub output: Cow<'a, str>,
    pub key: Cow<'a, str>,
    /// JSON; `None` is a tombstone.
    pub value: Option<&'a str>,
    pub merged_into: Option<Cow<'a, str>>,
}

#[derive(Debug, thiserror::Error)]
pub enum ChangelogError {
    #[error("'{path}' can't be read: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("'{path}', line {line}, is no record of a changelog: {source}")]
    Line { path: PathBuf, line: u64, source: serde_json::Error },
    #[error("topic '{topic}' at '{brokers}' can't be read: {message}")]
    Topic { topic: String, brokers: String, message: String },
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

/// The outputs of a plan.
pub fn changelogs_of(plan: &Plan) -> Vec<Changelog> {
    let changelog = |output: &Output| {
        let defined = Defined::new(plan, output);
        match &output.target {
            Destination::File { .. } if output.format != Format::Json => Changelog::Unread {
                output: defined,
                why: "it is CSV, and what is read is json, the default of `format`",
            },
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

/// A file's line.
#[derive(Deserialize)]
pub struct Line<'a> {
    #[serde(borrow)]
    output: Cow<'a, str>,
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow, default)]
    merged_into: Option<Cow<'a, str>>,
}

impl<'a> Line<'a> {
    pub fn parse(line: &'a str) -> Result<ReadRecord<'a>, serde_json::Error> {
        let Line { output, key, value, merged_into } = serde_json::from_str(line)?;
        Ok(ReadRecord { output, key, value: value.map(RawValue::get), merged_into })
    }
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

    /// Every record up to the present end, in order.
    pub fn scan(&self, mut take: impl FnMut(ReadRecord<'_>)) -> Result<(), ChangelogError> {
        match self {
            Changelog::File { path, .. } => scan_file(path, take),
            Changelog::Topic { output, topic, kafka } => {
                let reader = CommittedTopic::new(topic, kafka, Offset::Beginning)?;
                reader.read_to_end(&output.name, &mut take)
            }
            Changelog::Unread { output, why } => {
                Err(ChangelogError::Unread { name: output.name.clone(), why })
            }
        }
    }
}

fn scan_file(path: &Path, mut take: impl FnMut(ReadRecord<'_>)) -> Result<(), ChangelogError> {
    let named = |source| ChangelogError::File { path: path.to_owned(), source };
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path).map_err(named)?);
    let mut text = String::new();
    for line in 1.. {
        text.clear();
        // A last line without its end is still being written.
        if reader.read_line(&mut text).map_err(named)? == 0 || !text.ends_with('\n') {
            break;
        }
        let entry = Line::parse(&text).map_err(|source| ChangelogError::Line {
            path: path.to_owned(),
            line,
            source,
        })?;
        take(entry);
    }
    Ok(())
}

/// A topic read from all partitions, committed records only, without a group.
pub struct CommittedTopic {
    consumer: BaseConsumer,
    topic: String,
    brokers: String,
    /// Partitions whose end has not been seen. What the last offsets hold may not be for readers, so
    /// it is the broker that says where the end is.
    open: RefCell<BTreeSet<i32>>,
}

impl CommittedTopic {
    pub fn new(topic: &str, kafka: &Kafka, from: Offset) -> Result<Self, ChangelogError> {
        let failed = |message: String| ChangelogError::Topic {
            topic: topic.to_owned(),
            brokers: kafka.brokers.clone(),
            message,
        };
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &kafka.brokers).set("group.id", "selfsame-reader");
        for (property, value) in &kafka.properties {
            config.set(property, value);
        }
        config
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed");
        let consumer: BaseConsumer = config.create().map_err(|error| failed(error.to_string()))?;
        let metadata = consumer
            .fetch_metadata(Some(topic), PATIENCE)
            .map_err(|error| failed(brokers::silence(&kafka.brokers, &error)))?;
        let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
        if partitions == 0 {
            return Err(failed("there is no such topic".to_owned()));
        }
        let mut assignment = TopicPartitionList::new();
        let mut open = BTreeSet::new();
        for partition in 0..partitions as i32 {
            let (low, high) = consumer
                .fetch_watermarks(topic, partition, PATIENCE)
                .map_err(|error| failed(error.to_string()))?;
            let start = match from {
                Offset::OffsetTail(records) => Offset::Offset((high - records).max(low)),
                other => other,
            };
            assignment
                .add_partition_offset(topic, partition, start)
                .map_err(|error| failed(error.to_string()))?;
            open.insert(partition);
        }
        consumer.assign(&assignment).map_err(|error| failed(error.to_string()))?;
        let (topic, brokers) = (topic.to_owned(), kafka.brokers.clone());
        Ok(CommittedTopic { consumer, topic, brokers, open: RefCell::new(open) })
    }

    /// Reads until it has caught up with every partition.
    pub fn read_to_end(
        &self,
        output: &str,
        take: &mut dyn FnMut(ReadRecord<'_>),
    ) -> Result<(), ChangelogError> {
        let mut heard = Instant::now();
        while !self.open.borrow().is_empty() {
            if self.read(output, Duration::from_millis(100), take)? {
                heard = Instant::now();
            } else if heard.elapsed() > PATIENCE {
                return Err(self.failed("no broker answers any more".to_owned()));
            }
        }
        Ok(())
    }

    /// Reads a record if one comes in time; says whether anything came. A broker that is away may come
    /// back.
    pub fn read(
        &self,
        output: &str,
        patience: Duration,
        take: &mut dyn FnMut(ReadRecord<'_>),
    ) -> Result<bool, ChangelogError> {
        let is_away = |error: &KafkaError| error.rdkafka_error_code().is_some_and(brokers::is_away);
        let message = match self.consumer.poll(patience) {
            None => return Ok(false),
            Some(Err(error)) if is_away(&error) => return Ok(false),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                self.open.borrow_mut().remove(&partition);
                return Ok(true);
            }
            Some(message) => message.map_err(|error| self.failed(error.to_string()))?,
        };
        let headers = message.headers();
        let merged_into = headers.and_then(|headers| {
            headers.iter().find(|header| header.key == "merged_into").and_then(|h| h.value)
        });
        take(ReadRecord {
            output: Cow::Borrowed(output),
            key: String::from_utf8_lossy(message.key().unwrap_or_default()),
            value: message.payload().and_then(|payload| std::str::from_utf8(payload).ok()),
            merged_into: merged_into.map(String::from_utf8_lossy),
        });
        Ok(true)
    }

    fn failed(&self, message: String) -> ChangelogError {
        let (topic, brokers) = (self.topic.clone(), self.brokers.clone());
        ChangelogError::Topic { topic, brokers, message }
    }
}
