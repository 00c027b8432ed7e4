//! What is drawn: rates, latency, lag, freshness, and the flows of segments.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::widgets::{Block, Paragraph};
use selfsame::internals::console;

use super::samples::Samples;

/// A titled part, with its lines.
type TitledLines = (&'static str, Vec<String>);

/// As text, part below part.
pub fn text(before: &Samples, now: &Samples) -> String {
    let part = |(title, lines): TitledLines| format!("{title}\n  {}\n", lines.join("\n  "));
    parts(before, now).into_iter().map(part).collect()
}

pub fn draw(frame: &mut Frame<'_>, before: &Samples, now: &Samples) {
    let parts = parts(before, now);
    let rows = parts.iter().map(|(_, lines)| Constraint::Length(lines.len() as u16 + 2));
    let places = Layout::vertical(rows).split(frame.area());
    for ((title, lines), place) in parts.into_iter().zip(places.iter()) {
        let shown = Paragraph::new(lines.join("\n")).block(Block::bordered().title(title));
        frame.render_widget(shown, *place);
    }
}

fn parts(before: &Samples, now: &Samples) -> Vec<TitledLines> {
    vec![
        ("engine (q ends)", engine(before, now)),
        ("sources", sources(before, now)),
        ("outputs", outputs(before, now)),
        ("segments", segments(before, now)),
    ]
}

fn engine(before: &Samples, now: &Samples) -> Vec<String> {
    let at = |share| match now.quantile(before, "selfsame_latency_seconds", share) {
        Some(seconds) if seconds.is_finite() => time(seconds),
        Some(_) => "longer".to_owned(),
        None => "-".to_owned(),
    };
    let replaying =
        if now.sum("selfsame_replay_active") > 0.0 { "; stored rows are read back" } else { "" };
    vec![
        format!(
            "{} rows/s, {} people, {} identifiers, {} merges/s, {} splits/s",
            number(now.total_rate(before, "selfsame_source_rows_total")),
            number(now.sum("selfsame_people")),
            number(now.sum("selfsame_identifiers")),
            number(now.total_rate(before, "selfsame_identity_merges_total")),
            number(now.total_rate(before, "selfsame_identity_splits_total")),
        ),
        format!(
            "latency at most p50 {}, p99 {}, p99.9 {} (target {}); oldest tick {}{replaying}",
            at(0.5),
            at(0.99),
            at(0.999),
            time(now.sum("selfsame_latency_target_seconds")),
            time(now.sum("selfsame_tick_oldest_seconds")),
        ),
    ]
}

fn sources(before: &Samples, now: &Samples) -> Vec<String> {
    let name = "selfsame_source_rows_total";
    let line = |(source, rows): (&str, f64)| {
        let rejected: f64 = now
            .all("selfsame_source_rows_rejected_total")
            .filter(|(labels, _)| labels.split(' ').next() == source.split(' ').next())
            .map(|(_, rejected)| rejected)
            .sum();
        format!(
            "{:<20} {:>10}/s {:>14} rows {:>10} rejected   fresh {}",
            console::shown(source),
            number(now.rate(before, name, source)),
            number(rows),
            number(rejected),
            age(now, "selfsame_source_freshness_seconds", source),
        )
    };
    let mut lines: Vec<String> = now.all(name).map(line).collect();
    let lags = now.all("selfsame_source_lag_messages").filter(|(_, lag)| *lag > 0.0);
    lines.extend(lags.map(|(partition, lag)| {
        format!("{:<20} {:>10} messages to read", console::shown(partition), number(lag))
    }));
    lines
}

fn outputs(before: &Samples, now: &Samples) -> Vec<String> {
    let name = "selfsame_output_records_total";
    let line = |(output, records): (&str, f64)| {
        format!(
            "{:<20} {:>10}/s {:>14} records {:>7} waiting    fresh {}",
            console::shown(output),
            number(now.rate(before, name, output)),
            number(records),
            number(now.get("selfsame_output_pending_records", output)),
            age(now, "selfsame_output_freshness_seconds", output),
        )
    };
    now.all(name).map(line).collect()
}

fn segments(before: &Samples, now: &Samples) -> Vec<String> {
    let line = |(segment, people): (&str, f64)| {
        format!(
            "{:<20} {:>14} people   +{}/s  -{}/s",
            console::shown(segment),
            number(people),
            number(now.rate(before, "selfsame_segment_entered_total", segment)),
            number(now.rate(before, "selfsame_segment_left_total", segment)),
        )
    };
    now.all("selfsame_segment_people").map(line).collect()
}

fn age(now: &Samples, name: &str, labels: &str) -> String {
    let found = now.all(name).find(|(of, _)| *of == labels);
    found.map_or_else(|| "-".to_owned(), |(_, seconds)| time(seconds))
}

fn number(number: f64) -> String {
    match number {
        number if number >= 1e7 => format!("{:.1} M", number / 1e6),
        number if number >= 1e4 => format!("{:.1} k", number / 1e3),
        number if number.fract() == 0.0 || number >= 100.0 => format!("{number:.0}"),
        number => format!("{number:.1}"),
    }
}

fn time(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        seconds if seconds < 120.0 => format!("{seconds:.1} s"),
        seconds if seconds < 7_200.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.0} h", seconds / 3_600.0),
    }
}
