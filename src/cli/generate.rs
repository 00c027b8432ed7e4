//! `selfsame generate`: a retail history of any size, as files or into Kafka.

use std::path::PathBuf;

use clap::Args;
use selfsame::internals::generate::{self, GenerateError, GenerateOptions, GenerateTarget};
use selfsame::internals::time::{DAY, Micros};

use super::print::{CommandResult, print};

#[derive(Args, Clone, Debug)]
#[command(group(clap::ArgGroup::new("target").required(true).args(["out", "kafka"])))]
pub struct GenerateArgs {
    /// How many people there are
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    people: u64,
    /// How many web events they cause; orders and customer records come on top
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    events: u64,
    /// The same seed makes the same history
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many days it spans, from 2025-06-01 on
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// Leave out bad rows
    #[arg(long)]
    clean: bool,
    /// Make bad rows, duplicates, late rows, shared devices, test accounts and erased customers so
    /// many times as frequent
    #[arg(
        long,
        default_value_t = 1,
        value_name = "N",
        conflicts_with = "clean",
        value_parser = clap::value_parser!(u64).range(1..=100)
    )]
    mess: u64,
    /// Write files into this folder: web/, orders/, crm/ and products.csv
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write to the topics web.events, orders, crm.customers and products of these brokers
    #[arg(long, value_name = "BROKERS")]
    kafka: Option<String>,
    /// Rows a second, to Kafka; each is sent when it is due. As fast as possible unless given
    #[arg(long, requires = "kafka", value_name = "N")]
    rate: Option<f64>,
    /// Partitions of topics that do not exist yet
    #[arg(long, requires = "kafka", default_value_t = 2, value_name = "N")]
    partitions: i32,
}

/// 2025-06-01T00:00:00Z.
const START: Micros = 20_240 * DAY;

impl GenerateArgs {
    fn options(&self) -> Result<GenerateOptions, GenerateError> {
        if self.rate.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
            return Err(GenerateError::Rate);
        }
        let to = match (&self.out, &self.kafka) {
            (Some(folder), _) => GenerateTarget::Folder(folder.clone()),
            (None, Some(brokers)) => GenerateTarget::Kafka {
                brokers: brokers.clone(),
                rate: self.rate,
                partitions: self.partitions,
            },
            (None, None) => unreachable!("one of them is required"),
        };
        Ok(GenerateOptions {
            people: self.people,
            events: self.events,
            seed: self.seed,
            start: START,
            days: self.days,
            clean: self.clean,
            mess: self.mess,
            to,
        })
    }
}

pub fn generate(args: &GenerateArgs) -> CommandResult {
    let summary = generate::run(&args.options()?)?;
    print(&format!("{summary}\n"))
}
