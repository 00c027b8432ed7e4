//! How a Kafka client is set up: the definition's properties, and librdkafka's log lines where all
//! others go.

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::SourceError;
use crate::spec::plan::Kafka;

/// A configuration with the given defaults, then what the definition says.
pub(super) fn config(
    kafka: &Kafka,
    defaults: &[(&str, &str)],
) -> Result<ClientConfig, SourceError> {
    let mut config = ClientConfig::new();
    for (name, value) in defaults {
        config.set(*name, *value);
    }
    config.set("bootstrap.servers", &kafka.brokers);
    for (name, value) in &kafka.properties {
        let encrypted = name == "security.protocol" && value.to_ascii_lowercase().ends_with("ssl");
        if encrypted && !cfg!(feature = "tls") {
            let why = format!(
                "security.protocol is {value}, but this selfsame was built without TLS: build it with `--features tls`"
            );
            return Err(SourceError::Kafka { why });
        }
        config.set(name, value);
    }
    Ok(config)
}

/// Hands librdkafka's log lines and errors to `tracing`.
pub(super) struct Logs;

impl ClientContext for Logs {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error => {
                tracing::error!(target: "librdkafka", facility, "{message}")
            }
            RDKafkaLogLevel::Warning => tracing::warn!(target: "librdkafka", facility, "{message}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                tracing::info!(target: "librdkafka", facility, "{message}");
            }
            RDKafkaLogLevel::Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The end of a partition, where somebody waits for it.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
            return;
        }
        tracing::warn!(target: "librdkafka", "{error}: {reason}");
    }
}

impl ConsumerContext for Logs {}
