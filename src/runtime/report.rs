//! The summary of a run: what was read, who was found, how long it took.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::latency::{LatencySummary, new_histogram};
use super::standstill::{LongWait, WaitsFor, shown};
use super::stop::{RunEnd, StopCause};
use crate::console::{counted, grouped};
use crate::metrics::{Counts, SourceCounts};
use crate::plan::{Plan, Publish};
use crate::time::{rfc3339, spoken};

/// What one worker counted and timed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkerReport {
    pub counts: Counts,
    /// Latencies in microseconds, with numbers of rows.
    pub latencies: Vec<(u64, u64)>,
    /// What took long: of a process's first worker, which looks for all.
    pub waits: Vec<LongWait>,
}

/// What all workers counted and timed.
#[derive(Clone, Debug)]
pub struct Report {
    pub counts: Counts,
    /// By output, how many of its records are not acknowledged: the next run sends what is left.
    pub pending: Vec<u64>,
    /// None, where no record was sent.
    pub latency: Option<LatencySummary>,
    /// What the run was held back by for long.
    pub waits: Vec<LongWait>,
    pub took: Duration,
}

impl Report {
    /// Of what workers reported, with what this process has sent and what is not acknowledged, by output.
    pub fn of(
        plan: &Plan,
        workers: &[WorkerReport],
        (sent, pending): (Vec<u64>, Vec<u64>),
        took: Duration,
    ) -> Self {
        let mut counts = Counts::new(plan.sources.len(), plan.segments.len(), plan.outputs.len());
        let mut histogram = new_histogram();
        for worker in workers {
            counts.add(&worker.counts);
            for (value, rows) in &worker.latencies {
                histogram.saturating_record_n(*value, *rows);
            }
        }
        counts.outputs.iter_mut().zip(sent).for_each(|(sum, sent)| *sum += sent);
        let is_sent = counts.outputs.iter().any(|sent| *sent > 0);
        let latency = LatencySummary::of(&histogram, plan.target_latency).filter(|_| is_sent);
        let waits = LongWait::together(workers.iter().flat_map(|of| &of.waits).copied());
        Report { counts, pending, latency, waits, took }
    }
}

/// For machines: the fields that `--summary` writes.
pub fn summary_json(plan: &Plan, end: RunEnd, report: &Report) -> serde_json::Value {
    let Report { counts, pending, latency, waits, took } = report;
    let pending = plan.outputs.iter().zip(pending);
    let sources = plan.sources.iter().zip(&counts.sources);
    let segments = plan.segments.iter().zip(&counts.segments);
    let outputs = plan.outputs.iter().zip(&counts.outputs);
    serde_json::json!({
        "name": plan.name,
        "ended": match end {
            RunEnd::Reached => "reached",
            RunEnd::Stopped(_) => "stopped",
            RunEnd::Interrupted(_) => "interrupted",
        },
        "signal": match end {
            RunEnd::Reached => None,
            RunEnd::Stopped(cause) | RunEnd::Interrupted(cause) => signal(cause).map(named),
        },
        "sources": sources
            .map(|(source, counts)| (source.name.clone(), counts_json(counts)))
            .collect::<serde_json::Map<_, _>>(),
        "identifiers": counts.identifiers,
        "people": counts.people,
        "merges": counts.merges(),
        "segments": segments
            .map(|(segment, size)| (segment.name.clone(), (*size).into()))
            .collect::<serde_json::Map<_, _>>(),
        "outputs": outputs
            .map(|(output, sent)| (output.name.clone(), (*sent).into()))
            .collect::<serde_json::Map<_, _>>(),
        "pending_records": pending
            .map(|(output, pending)| (output.name.clone(), (*pending).into()))
            .collect::<serde_json::Map<_, _>>(),
        "too_large_records": counts.too_large.iter().sum::<u64>(),
        "failed_expressions": counts.failed_expressions,
        "not_followed": counts.ahead.map(|(source, time)| {
            let source = &plan.sources[usize::from(source)].name;
            serde_json::json!({"source": source, "time": rfc3339(time)})
        }),
        "held_back": waits.iter().map(|wait| held_back_json(plan, wait)).collect::<Vec<_>>(),
        "seconds": took.as_secs_f64(),
        "latency": latency,
    })
}

fn held_back_json(plan: &Plan, wait: &LongWait) -> serde_json::Value {
    let (by, output) = match wait.waits_for {
        WaitsFor::DataFolder => ("data_folder", None),
        WaitsFor::Output(number) => ("output", Some(&plan.outputs[usize::from(number)].name)),
    };
    serde_json::json!({
        "by": by,
        "output": output,
        "times": wait.times,
        "seconds": wait.took.as_secs_f64(),
    })
}

fn counts_json(counts: &SourceCounts) -> serde_json::Value {
    let SourceCounts { rows, rejected, duplicates, dropped } = *counts;
    serde_json::json!({
        "rows": rows,
        "accepted": counts.accepted(),
        "rejected": rejected,
        "duplicates": duplicates,
        "dropped": dropped,
    })
}

/// For people.
pub fn summary_text(plan: &Plan, end: RunEnd, report: &Report) -> String {
    let Report { counts, pending, latency, waits, took } = report;
    let mut text = String::new();
    let rows: u64 = counts.sources.iter().map(|source| source.rows).sum();
    let seconds = took.as_secs_f64();
    let rate = rows as f64 / seconds.max(1e-3);
    let digits = if seconds < 1.0 { 2 } else { 1 };
    let mut line = |line: std::fmt::Arguments<'_>| {
        text.write_fmt(line).expect("to a string");
        text.push('\n');
    };
    if let RunEnd::Interrupted(cause) = end {
        line(format_args!(
            "{}: interrupted by {}, before all that there is was read\n",
            plan.name,
            signal(cause).map_or("the program around it".to_owned(), named)
        ));
    }
    line(format_args!(
        "{}: {} in {seconds:.digits$} s ({} a second)",
        plan.name,
        counted(rows, "row", "rows"),
        grouped(rate as i64)
    ));
    line(format_args!(""));
    line(format_args!(
        "  {:<20}{:>12}{:>12}{:>12}{:>12}{:>12}",
        "source", "rows", "accepted", "rejected", "duplicate", "dropped"
    ));
    for (source, counts) in plan.sources.iter().zip(&counts.sources) {
        let SourceCounts { rows, rejected, duplicates, dropped } = *counts;
        let columns = [rows, counts.accepted(), rejected, duplicates, dropped];
        let columns = columns.map(|count| format!("{:>12}", grouped(count))).concat();
        line(format_args!("  {:<20}{columns}", source.name));
    }
    line(format_args!(""));
    for (name, count) in [
        ("identifiers", counts.identifiers),
        ("people", counts.people),
        ("merges", counts.merges()),
    ] {
        line(format_args!("  {name:<20}{:>12}", grouped(count)));
    }
    if !plan.segments.is_empty() {
        line(format_args!(""));
        line(format_args!("  {:<20}{:>12}{:>12}", "segment", "people", "share"));
        for (segment, size) in plan.segments.iter().zip(&counts.segments) {
            let share = *size as f64 / counts.people.max(1) as f64 * 100.0;
            line(format_args!("  {:<20}{:>12}{share:>10.1} %", segment.name, grouped(*size)));
        }
    }
    line(format_args!(""));
    line(format_args!("  {:<20}{:>12}  {}", "output", "records", "to"));
    for (output, sent) in plan.outputs.iter().zip(&counts.outputs) {
        line(format_args!("  {:<20}{:>12}  {}", output.name, grouped(*sent), output.target));
    }
    for (output, pending) in plan.outputs.iter().zip(pending).filter(|(_, of)| **of > 0) {
        line(format_args!(""));
        line(format_args!(
            "  {} has yet to take {}: the next run sends what is left",
            output.name,
            counted(*pending, "record", "records")
        ));
    }
    for wait in waits {
        line(format_args!(""));
        line(format_args!(
            "  held back by {} for {:.0} s in all, {}",
            shown(plan, wait.waits_for),
            wait.took.as_secs_f64(),
            counted(wait.times, "time", "times")
        ));
    }
    let rejected: u64 = counts.sources.iter().map(|source| source.rejected).sum();
    let are_told = plan.outputs.iter().any(|output| output.publish == Publish::Rejects);
    if rejected > 0 && !are_told {
        line(format_args!(""));
        line(format_args!(
            "  no output says why rows were rejected: add one, as in outputs: {{rejects: {{files: \
             out/rejects.ndjson}}}}"
        ));
    }
    let too_large = counts.too_large.iter().sum::<u64>();
    if too_large > 0 {
        line(format_args!(""));
        line(format_args!(
            "  {} larger than its topic takes: a tombstone stands in its place, and a reject names it",
            counted(too_large, "record was", "records were each"),
        ));
    }
    if counts.failed_expressions > 0 {
        line(format_args!(""));
        line(format_args!(
            "  {} null because {} expression failed{} (--log selfsame=debug says why)",
            counted(counts.failed_expressions, "value is", "values are"),
            if counts.failed_expressions == 1 { "its" } else { "their" },
            failed(&counts.failed)
        ));
    }
    if let Some((source, time)) = counts.ahead {
        let of = &plan.sources[usize::from(source)];
        line(format_args!(""));
        line(format_args!(
            "  now() does not follow {}, the latest time of {}: it is dated more than {} (max_ahead)",
            rfc3339(time),
            of.name,
            spoken(of.max_ahead)
        ));
        line(format_args!("  past every other row, and one date alone moves no clock"));
    }
    line(format_args!(""));
    let Some(latency) = latency else {
        let is_sent = counts.outputs.iter().any(|sent| *sent > 0);
        let why = match (rows, is_sent) {
            (0, _) => "no row was read",
            (_, false) => "no record was sent to any output",
            (_, true) => "the records came of rows that were stored before",
        };
        line(format_args!("  no latency: {why}"));
        return text;
    };
    line(format_args!("  latency, arrival to acknowledged output (ms)"));
    line(format_args!("  {:>10}{:>10}{:>10}{:>10}{:>10}", "p50", "p90", "p99", "p99.9", "max"));
    line(format_args!(
        "  {:>10.1}{:>10.1}{:>10.1}{:>10.1}{:>10.1}",
        latency.p50, latency.p90, latency.p99, latency.p999, latency.max
    ));
    line(format_args!(
        "  {:.2} % of {} within {:.0} ms",
        latency.within_target * 100.0,
        counted(latency.count, "row", "rows"),
        latency.target_ms
    ));
    if latency.within_target < 0.99 && end == RunEnd::Reached {
        line(format_args!(
            "  (rows that are there before a run are read as fast as it goes, and wait for each other)"
        ));
    }
    text
}

/// The attributes and segments of which expressions failed, as far as they are known.
fn failed(names: &BTreeSet<String>) -> String {
    match names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => String::new(),
        [last] => format!(", that of {last}"),
        [ref named @ .., last] => format!(", those of {} and {last}", named.join(", ")),
    }
}

/// The signal that stopped a run, as a shell tells it.
fn signal(cause: StopCause) -> Option<i32> {
    match cause {
        StopCause::Program | StopCause::Replaced => None,
        StopCause::Signal(signal) => Some(signal),
        StopCause::Left => Some(signal_hook::consts::SIGPIPE),
    }
}

/// A signal by its name.
fn named(signal: i32) -> String {
    signal_hook::low_level::signal_name(signal)
        .map_or_else(|| format!("signal {signal}"), str::to_owned)
}
