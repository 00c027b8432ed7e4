//! Where a history goes: files, or topics at a given rate.

use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

use super::generated_row::{GeneratedRow, RowDestination};
use super::history::{History, RowReceiver};
use super::{GenerateOptions, GenerateTarget};
use crate::wait::wait_for;

const PATIENCE: Duration = Duration::from_secs(10);
/// Web events are split into so many files, in the order of time.
const WEB_FILES: u64 = 8;

#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    #[error("--rate is a number of rows a second, above 0")]
    Rate,
    #[error("'{path}' can't be written: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("Kafka at '{brokers}' can't be written to: {message}")]
    Kafka { brokers: String, message: String },
}

/// What was made.
#[derive(Clone, Debug, Default)]
pub struct GeneratedSummary {
    /// By destination.
    rows: [u64; 4],
    took: Duration,
}

impl GeneratedSummary {
    fn count(&mut self, destination: RowDestination) {
        self.rows[destination as usize] += 1;
    }
}

impl fmt::Display for GeneratedSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [web, orders, crm, products] = self.rows;
        write!(
            f,
            "{web} web events, {orders} orders, {crm} customer records, {products} products \
             in {:.1} s",
            self.took.as_secs_f64()
        )
    }
}

/// Makes a history.
pub fn run(options: &GenerateOptions) -> Result<GeneratedSummary, GenerateError> {
    let started = Instant::now();
    let history = History::new(options);
    let mut summary = match &options.to {
        GenerateTarget::Folder(folder) => {
            let mut files = FileTarget::create(folder, options.events)?;
            history.write(&mut files)?;
            files.finish()?
        }
        GenerateTarget::Kafka { brokers, rate, partitions } => {
            let mut topics = TopicTarget::connect(brokers, *rate, *partitions)?;
            history.write(&mut topics)?;
            topics.finish()?
        }
    };
    summary.took = started.elapsed();
    Ok(summary)
}

struct FileTarget {
    folder: PathBuf,
    web: Open,
    orders: Open,
    crm: Open,
    products: Open,
    events_a_file: u64,
    events: u64,
    summary: GeneratedSummary,
}

struct Open {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Open {
    fn create(path: PathBuf) -> Result<Self, GenerateError> {
        let named = |source| GenerateError::File { path: path.clone(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(named)?;
        }
        let file = File::create(&path).map_err(named)?;
        Ok(Open { file: BufWriter::with_capacity(1 << 18, file), path })
    }

    fn write(&mut self, parts: &[&str]) -> Result<(), GenerateError> {
        for part in parts {
            let written = self.file.write_all(part.as_bytes());
            written.map_err(|source| GenerateError::File { path: self.path.clone(), source })?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), GenerateError> {
        let flushed = self.file.flush();
        flushed.map_err(|source| GenerateError::File { path: self.path.clone(), source })
    }
}

fn web_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("web/events-{number}.ndjson"))
}

impl FileTarget {
    fn create(folder: &Path, events: u64) -> Result<Self, GenerateError> {
        let mut products = Open::create(folder.join("products.csv"))?;
        products.write(&["sku,title,department,price\n"])?;
        Ok(FileTarget {
            web: Open::create(web_path(folder, 0))?,
            orders: Open::create(folder.join("orders/orders.ndjson"))?,
            crm: Open::create(folder.join("crm/customers.ndjson"))?,
            products,
            folder: folder.to_owned(),
            events_a_file: events.div_ceil(WEB_FILES).max(10_000),
            events: 0,
            summary: GeneratedSummary::default(),
        })
    }

    fn finish(mut self) -> Result<GeneratedSummary, GenerateError> {
        for open in [&mut self.web, &mut self.orders, &mut self.crm, &mut self.products] {
            open.finish()?;
        }
        Ok(self.summary)
    }
}

impl RowReceiver for FileTarget {
    type Error = GenerateError;

    fn row(&mut self, row: GeneratedRow<'_>) -> Result<(), GenerateError> {
        self.summary.count(row.destination);
        match row.destination {
            RowDestination::Web => {
                if self.events > 0 && self.events.is_multiple_of(self.events_a_file) {
                    self.web.finish()?;
                    let next = self.events / self.events_a_file;
                    self.web = Open::create(web_path(&self.folder, next))?;
                }
                self.events += 1;
                self.web.write(&[row.value, "\n"])
            }
            RowDestination::Orders => self.orders.write(&[row.value, "\n"]),
            RowDestination::Crm => self.crm.write(&[row.value, "\n"]),
            RowDestination::Products => {
                let product: serde_json::Map<String, serde_json::Value> =
                    serde_json::from_str(row.value).expect("products are never bad");
                let text = |name: &str| product[name].as_str().unwrap_or_default().to_owned();
                let price = product["price"].to_string();
                let columns = [text("sku"), text("title"), text("department"), price];
                self.products.write(&[&columns.join(","), "\n"])
            }
        }
    }
}

struct TopicTarget {
    brokers: String,
    producer: ThreadedProducer<DefaultProducerContext>,
    rate: Option<f64>,
    started: Instant,
    sent: u64,
    summary: GeneratedSummary,
}

impl TopicTarget {
    fn connect(brokers: &str, rate: Option<f64>, partitions: i32) -> Result<Self, GenerateError> {
        let failed =
            |message: String| GenerateError::Kafka { brokers: brokers.to_owned(), message };
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", brokers)
            .set("enable.idempotence", "true")
            .set("queue.buffering.max.messages", "200000");
        let admin: AdminClient<DefaultClientContext> =
            config.create().map_err(|error: KafkaError| failed(error.to_string()))?;
        admin.inner().fetch_metadata(None, PATIENCE).map_err(|error| {
            failed(format!(
                "no broker answers: {}",
                crate::source::brokers::silence(brokers, &error)
            ))
        })?;
        let topics = [
            RowDestination::Web,
            RowDestination::Orders,
            RowDestination::Crm,
            RowDestination::Products,
        ];
        let new = topics.map(|destination| {
            let policy = match destination {
                RowDestination::Crm | RowDestination::Products => "compact",
                RowDestination::Web | RowDestination::Orders => "delete",
            };
            NewTopic::new(topic(destination), partitions, TopicReplication::Fixed(-1))
                .set("cleanup.policy", policy)
        });
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let created = wait_for(admin.create_topics(&new, &options));
        for result in created.map_err(|error| failed(error.to_string()))? {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, error)) => {
                    return Err(failed(format!("topic '{topic}' can't be created: {error}")));
                }
            }
        }
        let producer: ThreadedProducer<_> =
            config.create().map_err(|error| failed(error.to_string()))?;
        // Who takes them is asked before the first row is due: a rate begins without a pile.
        for name in topics {
            let found = producer.client().fetch_metadata(Some(topic(name)), PATIENCE);
            found.map_err(|error| failed(format!("topic '{}': {error}", topic(name))))?;
        }
        Ok(TopicTarget {
            brokers: brokers.to_owned(),
            producer,
            rate,
            started: Instant::now(),
            sent: 0,
            summary: GeneratedSummary::default(),
        })
    }

    fn failed(&self, message: String) -> GenerateError {
        GenerateError::Kafka { brokers: self.brokers.clone(), message }
    }

    fn finish(self) -> Result<GeneratedSummary, GenerateError> {
        let flushed = self.producer.flush(Duration::from_secs(60));
        flushed.map_err(|error| self.failed(error.to_string()))?;
        Ok(self.summary)
    }
}

fn topic(destination: RowDestination) -> &'static str {
    match destination {
        RowDestination::Web => "web.events",
        RowDestination::Orders => "orders",
        RowDestination::Crm => "crm.customers",
        RowDestination::Products => "products",
    }
}

impl RowReceiver for TopicTarget {
    type Error = GenerateError;

    fn row(&mut self, row: GeneratedRow<'_>) -> Result<(), GenerateError> {
        // Each when it is due, whatever the ones before took.
        if self.sent == 0 {
            self.started = Instant::now();
        }
        if let Some(rate) = self.rate {
            let due = Duration::from_secs_f64(self.sent as f64 / rate);
            let early = due.saturating_sub(self.started.elapsed());
            if early > Duration::from_micros(500) {
                std::thread::sleep(early);
            }
        }
        self.sent += 1;
        self.summary.count(row.destination);
        let mut record = BaseRecord::to(topic(row.destination)).key(row.key);
        if !row.erased {
            record = record.payload(row.value);
        }
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err((error, _)) => return Err(self.failed(error.to_string())),
            }
        }
    }
}
