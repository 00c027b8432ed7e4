//! What a run counts: rows, people, segments, outputs, ticks.

use std::fmt::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::families::{Families, Labels, single};
use super::process;
use crate::metrics::{Counts, SourceCounts};
use crate::plan::Plan;
use crate::row::REASON_CODES;
use crate::runtime::SharedLive;
use crate::source::Lags;
use crate::time::{Micros, wall_clock};

/// The metrics of a run.
pub struct RunMetrics {
    plan: Arc<Plan>,
    live: SharedLive,
    started: Micros,
}

impl std::fmt::Debug for RunMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunMetrics").field("plan", &self.plan.name).finish_non_exhaustive()
    }
}

impl Collector for RunMetrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut families = Families(encoder);
        let counts = self.live.counts();
        self.sources(&mut families, &counts)?;
        self.people(&mut families, &counts)?;
        self.outputs(&mut families, &counts)?;
        self.ticks(&mut families)?;
        process::write(&mut families, seconds(self.started), self.live.data.as_deref())
    }
}

fn seconds(instant: Micros) -> f64 {
    instant as f64 / 1e6
}

impl RunMetrics {
    pub fn new(plan: Arc<Plan>, live: SharedLive, started: Micros) -> Self {
        RunMetrics { plan, live, started }
    }

    fn source(&self, number: usize) -> Labels {
        vec![("source", self.plan.sources[number].name.clone())]
    }

    fn output(&self, number: usize) -> Labels {
        vec![("output", self.plan.outputs[number].name.clone())]
    }

    fn segment(&self, number: usize) -> Labels {
        vec![("segment", self.plan.segments[number].name.clone())]
    }

    fn sources(&self, families: &mut Families<'_>, counts: &Counts) -> Result<(), Error> {
        let by_source = |of: fn(&SourceCounts) -> u64| {
            let sources = counts.sources.iter().enumerate();
            sources
                .map(move |(number, source)| (self.source(number), of(source)))
                .collect::<Vec<_>>()
        };
        families.counter("selfsame_source_rows", "Rows read", by_source(|of| of.rows))?;
        let help = "Rows of ids that had been seen";
        families.counter("selfsame_source_rows_duplicate", help, by_source(|of| of.duplicates))?;
        let help = "Rows that the source's where does not count";
        families.counter("selfsame_source_rows_dropped", help, by_source(|of| of.dropped))?;
        // Each source has all reasons from the start, so that a rate is known before the first row of one.
        let sources = 0..self.plan.sources.len() as u16;
        let reasons = sources.flat_map(|source| REASON_CODES.map(|code| (source, code.to_owned())));
        let rejects = reasons.map(|of| {
            let mut labels = self.source(usize::from(of.0));
            let rejected = counts.rejects.get(&of).copied().unwrap_or_default();
            labels.push(("reason", of.1));
            (labels, rejected)
        });
        let help = "Rows set aside, by the first reason of each";
        families.counter("selfsame_source_rows_rejected", help, rejects)?;
        let newest = self.live.newest_rows().sources;
        let newest: Vec<_> = newest.into_iter().enumerate().collect();
        let known = || newest.iter().filter_map(|(number, time)| Some((*number, (*time)?)));
        let help = "Time of the newest row whose consequences can be read, since the epoch";
        let times = known().map(|(number, time)| (self.source(number), seconds(time)));
        families.gauge("selfsame_source_newest_row_timestamp_seconds", help, times)?;
        let help = "How long ago that was";
        let ages = known().map(|(number, time)| (self.source(number), age(time)));
        families.gauge("selfsame_source_freshness_seconds", help, ages)?;
        let lags = self.live.lags.get().map(Lags::all).unwrap_or_default();
        let lags = lags.into_iter().map(|((topic, partition), messages)| {
            (
                vec![("topic", topic.to_string()), ("partition", partition.to_string())],
                messages as f64,
            )
        });
        families.gauge("selfsame_source_lag_messages", "Messages that are yet to be read", lags)
    }

    fn people(&self, families: &mut Families<'_>, counts: &Counts) -> Result<(), Error> {
        families.gauge("selfsame_people", "People", single(counts.people as f64))?;
        let identifiers = single(counts.identifiers as f64);
        families.gauge("selfsame_identifiers", "Identifiers that people have", identifiers)?;
        let help = "How often links made one of what had been apart";
        families.counter("selfsame_identity_merges", help, single(counts.joined))?;
        let help = "How often a part came off, as links went";
        families.counter("selfsame_identity_splits", help, single(counts.parted))?;
        let sizes = counts.segments.iter().enumerate();
        let sizes = sizes.map(|(number, size)| (self.segment(number), *size as f64));
        families.gauge("selfsame_segment_people", "People in the segment", sizes)?;
        let flow = |of: &[u64]| {
            let of = of.iter().enumerate();
            of.map(|(number, people)| (self.segment(number), *people)).collect::<Vec<_>>()
        };
        let (entered, left) = (flow(&counts.entered), flow(&counts.left));
        families.counter("selfsame_segment_entered", "People who entered the segment", entered)?;
        families.counter("selfsame_segment_left", "People who left the segment", left)?;
        let entries = counts.entries.iter();
        let entries =
            entries.map(|(operator, held)| (vec![("operator", operator.clone())], *held as f64));
        let help = "Entries that an operator or arrangement holds";
        families.gauge("selfsame_operator_entries", help, entries)?;
        let bytes = counts.bytes.iter();
        let bytes =
            bytes.map(|(operator, held)| (vec![("operator", operator.clone())], *held as f64));
        let help = "About how many bytes an operator or arrangement takes";
        families.gauge("selfsame_operator_bytes", help, bytes)?;
        let help = "Expressions that failed for a person, whose results are null";
        families.counter("selfsame_expressions_failed", help, single(counts.failed_expressions))
    }

    fn outputs(&self, families: &mut Families<'_>, counts: &Counts) -> Result<(), Error> {
        let by_output = |of: &[u64]| {
            let of = of.iter().enumerate();
            of.map(|(number, records)| (self.output(number), *records)).collect::<Vec<_>>()
        };
        let help = "Changelog records sent to the output";
        families.counter("selfsame_output_records", help, by_output(&counts.outputs))?;
        let help = "Records that were larger than their topic takes";
        let too_large = by_output(&counts.too_large);
        families.counter("selfsame_output_records_too_large", help, too_large)?;
        let retries = self.live.under_way.iter().enumerate();
        let retries = retries.map(|(number, of)| (self.output(number), of.retries()));
        let help = "Attempts to deliver to a webhook or PostgreSQL that failed and are made again";
        families.counter("selfsame_output_retries", help, retries)?;
        let waiting = self.live.under_way.iter().enumerate();
        let waiting = waiting.map(|(number, of)| (self.output(number), of.records() as f64));
        let help = "Records handed over that the output has not acknowledged";
        families.gauge("selfsame_output_pending_records", help, waiting)?;
        let spilled = self.live.under_way.iter().enumerate();
        let spilled = spilled.map(|(number, of)| (self.output(number), of.spilled() as f64));
        let help = "What waits on the disk for a webhook or PostgreSQL that lags behind";
        families.gauge("selfsame_output_pending_disk_bytes", help, spilled)?;
        let newest = self.live.newest_rows().outputs;
        let newest: Vec<_> = newest.into_iter().enumerate().collect();
        let known = || newest.iter().filter_map(|(number, time)| Some((*number, (*time)?)));
        let help = "Time of the newest row whose consequences the output has, since the epoch";
        let times = known().map(|(number, time)| (self.output(number), seconds(time)));
        families.gauge("selfsame_output_newest_row_timestamp_seconds", help, times)?;
        let help = "How long ago that was";
        let ages = known().map(|(number, time)| (self.output(number), age(time)));
        families.gauge("selfsame_output_freshness_seconds", help, ages)
    }

    fn ticks(&self, families: &mut Families<'_>) -> Result<(), Error> {
        let live = &self.live;
        let help = "From the arrival of a row until all outputs have what follows from it";
        families.histogram("selfsame_latency_seconds", help, &live.latencies.counts())?;
        let target = single(self.plan.target_latency.as_secs_f64());
        families.gauge(
            "selfsame_latency_target_seconds",
            "What latencies are held against",
            target,
        )?;
        let help =
            "From the opening of a tick until it is complete, in the process that opens them";
        families.histogram("selfsame_tick_duration_seconds", help, &live.tick_lengths.counts())?;
        let help = "From the opening of a tick until all its records are handed over to outputs";
        families.histogram("selfsame_tick_handed_seconds", help, &live.tick_handed.counts())?;
        if live.data.is_some() {
            let help = "From the opening of a tick until all its rows are durable";
            families.histogram(
                "selfsame_tick_durable_seconds",
                help,
                &live.tick_durable.counts(),
            )?;
        }
        // A tick is a number of milliseconds.
        let oldest = live.oldest_tick().map_or(0.0, |tick| age(tick as Micros * 1_000));
        let help = "How long the oldest tick has been under way; 0 where none is";
        families.gauge("selfsame_tick_oldest_seconds", help, single(oldest))?;
        let (replayed, history) =
            (live.replayed.load(Ordering::Relaxed), live.history.load(Ordering::Relaxed));
        let is_replaying = single(f64::from(u8::from(live.is_replaying())));
        let help = "Whether stored rows are being read back";
        families.gauge("selfsame_replay_active", help, is_replaying)?;
        if history > 0 {
            let help = "The last stored tick, since the epoch";
            families.gauge(
                "selfsame_replay_end_timestamp_seconds",
                help,
                single(history as f64 / 1e3),
            )?;
            // Before the first there is none.
            let replayed = (replayed > 0).then(|| (Labels::new(), replayed as f64 / 1e3));
            let help = "The stored tick up to which all is read back, since the epoch";
            families.gauge("selfsame_replay_timestamp_seconds", help, replayed)?;
        }
        let durable = live.durable_before().filter(|tick| *tick > 0 && *tick < u64::MAX);
        let durable = durable.map(|tick| (Labels::new(), (tick - 1) as f64 / 1e3));
        let help = "Up to when all ticks are durable on all processes, since the epoch";
        families.gauge("selfsame_store_durable_timestamp_seconds", help, durable)
    }
}

fn age(instant: Micros) -> f64 {
    seconds((wall_clock() - instant).max(0))
}
