//! OpenTelemetry: the log, and a span for each request over HTTP, to whatever speaks its protocol (OTLP over HTTP).
//!
//! It is a feature of the build, since few want it and it brings a lot in.

use tracing_subscriber::{Layer, Registry};

/// What is done with what is logged and traced.
pub type LogLayer = Box<dyn Layer<Registry> + Send + Sync>;

#[cfg(feature = "otel")]
pub use exported::Telemetry;

/// Where telemetry goes: as it is said, or as other programs of the machine are told.
pub fn endpoint(stated: Option<&str>) -> Option<String> {
    let told = || std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT").ok();
    // Without the feature a variable that is for all programs of a machine concerns the others.
    let told = if cfg!(feature = "otel") { told() } else { None };
    stated.map(str::to_owned).or(told).filter(|endpoint| !endpoint.is_empty())
}

/// What is exported, until it is ended.
#[cfg(not(feature = "otel"))]
pub struct Telemetry;

#[cfg(not(feature = "otel"))]
impl Telemetry {
    pub fn start(_endpoint: &str, _filter: &str) -> Result<(Self, Vec<LogLayer>), String> {
        Err("--otlp: this program is built without OpenTelemetry: build it with \
             `cargo build --release --features otel`"
            .to_owned())
    }

    pub fn end(&self) {}
}

#[cfg(feature = "otel")]
mod exported {
    use std::time::Duration;

    use opentelemetry::KeyValue;
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
    use opentelemetry_otlp::{LogExporter, SpanExporter, WithExportConfig};
    use opentelemetry_sdk::Resource;
    use opentelemetry_sdk::logs::SdkLoggerProvider;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::filter::{LevelFilter, Targets};
    use tracing_subscriber::{EnvFilter, Layer};

    use crate::cli::telemetry::LogLayer;

    /// How long the end of the program may wait for a collector.
    const PATIENCE: Duration = Duration::from_secs(5);
    /// What sends it logs and traces as well, which would have no end.
    const OF_SENDING: &str = "hyper=off,hyper_util=off,reqwest=off,rustls=off,opentelemetry=off";

    /// What is exported, until it is ended.
    pub struct Telemetry {
        logs: SdkLoggerProvider,
        traces: SdkTracerProvider,
    }

    impl Telemetry {
        /// Exports to `ENDPOINT/v1/logs` and `ENDPOINT/v1/traces`: what the filter lets into the log, and all requests.
        pub fn start(endpoint: &str, filter: &str) -> Result<(Self, Vec<LogLayer>), String> {
            let failed = |error: &dyn std::fmt::Display| format!("--otlp '{endpoint}': {error}");
            let base = endpoint.trim_end_matches('/');
            if !base.starts_with("http://") && !base.starts_with("https://") {
                return Err(failed(&"give it as http://collector:4318"));
            }
            let at = |signal: &str| format!("{base}/v1/{signal}");
            let logs = LogExporter::builder().with_http().with_endpoint(at("logs")).build();
            let spans = SpanExporter::builder().with_http().with_endpoint(at("traces")).build();
            let logs = SdkLoggerProvider::builder()
                .with_batch_exporter(logs.map_err(|error| failed(&error))?)
                .with_resource(resource())
                .build();
            let traces = SdkTracerProvider::builder()
                .with_batch_exporter(spans.map_err(|error| failed(&error))?)
                .with_resource(resource())
                .build();
            let filter = format!("{filter},{OF_SENDING}");
            let filter = EnvFilter::builder().parse(&filter).map_err(|error| failed(&error))?;
            let logged = OpenTelemetryTracingBridge::new(&logs).with_filter(filter);
            let requests = Targets::new().with_target("selfsame", LevelFilter::DEBUG);
            let traced = tracing_opentelemetry::layer()
                .with_tracer(traces.tracer("selfsame"))
                .with_location(false)
                .with_threads(false)
                .with_filter(requests);
            Ok((Telemetry { logs, traces }, vec![Box::new(logged), Box::new(traced)]))
        }

        /// Sends what is yet to be sent.
        pub fn end(&self) {
            for ended in [
                self.logs.shutdown_with_timeout(PATIENCE),
                self.traces.shutdown_with_timeout(PATIENCE),
            ] {
                if let Err(error) = ended {
                    tracing::warn!("the last of what was to be exported is lost: {error}");
                }
            }
        }
    }

    /// Who says it. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say more of it.
    fn resource() -> Resource {
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder().with_attribute(version);
        match std::env::var_os("OTEL_SERVICE_NAME") {
            Some(_) => resource.build(),
            None => resource.with_service_name("selfsame").build(),
        }
    }
}
