//! What is drawn: rates, latency, lag, freshness, and the flows of segments.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::widgets::{Block, Paragraph};
use selfsame::internals::console;
use selfsame::internals::time::{Micros, rfc3339};

use super::samples::{Samples, total};
use super::watched::WatchedEngine;

/// A titled part, with its lines.
type TitledLines = (&'static str, Vec<String>);

/// As text, part below part.
pub fn text(before: &Samples, now: &Samples) -> String {
    let part = |(title, lines): TitledLines| format!("{title}\n  {}\n", lines.join("\n  "));
    parts(before, now).into_iter().map(part).collect()
}

pub fn draw(frame: &mut Frame<'_>, watched: &WatchedEngine) {
    let mut parts = parts(&watched.before, &watched.now);
    if let Some((since, why)) = &watched.away {
        let (day, time) = parted(*since);
        let said =
            format!("away since {time} UTC ({day}), and asked again: {}", console::shown(why));
        parts.insert(0, ("what is below was so before", vec![said]));
    }
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
        let rejected = now
            .all("selfsame_source_rows_rejected_total")
            .filter(|(labels, _)| labels.split(' ').next() == source.split(' ').next())
            .map(|(_, rejected)| rejected);
        let rejected = total(rejected);
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

/// The day of an instant, and its time of day to the second.
fn parted(instant: Micros) -> (String, String) {
    let text = rfc3339(instant);
    let (day, time) = text.split_once('T').expect("a day and a time");
    (day.to_owned(), time.chars().take(8).collect())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    /// What an engine says, with so many rows read and messages to read.
    fn said(rows: u64, lag: u64, at: Instant) -> Samples {
        let text = format!(
            "# TYPE selfsame_people gauge
selfsame_people 7
selfsame_identifiers 9
selfsame_source_rows_total{{source=\"web\"}} {rows}
selfsame_source_rows_rejected_total{{source=\"web\",reason=\"malformed\"}} 3
selfsame_source_freshness_seconds{{source=\"web\"}} 0.25
selfsame_source_lag_messages{{topic=\"visits\",partition=\"0\"}} {lag}
selfsame_source_lag_messages{{topic=\"visits\",partition=\"1\"}} 0
selfsame_output_records_total{{output=\"profiles\"}} 20
selfsame_output_pending_records{{output=\"profiles\"}} 2
selfsame_output_freshness_seconds{{output=\"profiles\"}} 90
selfsame_segment_people{{segment=\"big\"}} 4
selfsame_segment_entered_total{{segment=\"big\"}} 5
selfsame_latency_target_seconds 0.2
"
        );
        Samples::read(&text, at)
    }

    /// What is drawn, line by line, without what frames it and with a space between words.
    fn drawn(watched: &WatchedEngine) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(110, 24)).expect("a terminal");
        terminal.draw(|frame| draw(frame, watched)).expect("it is drawn");
        let buffer = terminal.backend().buffer();
        let line = |row: &[ratatui::buffer::Cell]| -> String {
            let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
            let words: Vec<&str> = line.trim_matches('│').split_whitespace().collect();
            words.join(" ")
        };
        buffer.content.chunks(usize::from(buffer.area.width)).map(line).collect()
    }

    #[track_caller]
    fn has(lines: &[String], wanted: &str) {
        assert!(lines.iter().any(|line| line == wanted), "{wanted}: {lines:#?}");
    }

    #[test]
    fn rates_lag_freshness_and_flows_are_drawn() {
        let start = Instant::now();
        let mut watched = WatchedEngine::new(said(100, 40, start));
        watched.hear(Ok(said(150, 1_234, start + Duration::from_secs(2))), 0);
        let lines = drawn(&watched);
        has(&lines, "25 rows/s, 7 people, 9 identifiers, 0 merges/s, 0 splits/s");
        has(&lines, "web 25/s 150 rows 3 rejected fresh 250 ms");
        has(&lines, "visits 0 1234 messages to read");
        assert!(!lines.iter().any(|line| line.starts_with("visits 1")), "all is read: {lines:#?}");
        has(&lines, "profiles 0/s 20 records 2 waiting fresh 90.0 s");
        has(&lines, "big 4 people +0/s -0/s");
        for title in ["engine (q ends)", "sources", "outputs", "segments"] {
            assert!(lines.iter().any(|line| line.contains(title)), "{title}: {lines:#?}");
        }
        // Without a terminal the same is printed.
        let printed = text(&watched.before, &watched.now);
        for wanted in [" 1234 messages to read\n", "fresh 250 ms\n"] {
            assert!(printed.contains(wanted), "{wanted}: {printed}");
        }
    }

    #[test]
    fn an_engine_that_is_started_again_is_watched_on() {
        let start = Instant::now();
        let mut watched = WatchedEngine::new(said(100, 0, start));
        let noon = 1_784_894_400_000_000;
        for late in [0, 9] {
            watched.hear(Err("http://shop does not answer".to_owned()), noon + late * 1_000_000);
            let lines = drawn(&watched);
            has(
                &lines,
                "away since 12:00:00 UTC (2026-07-24), and asked again: http://shop does not answer",
            );
            has(&lines, "0 rows/s, 7 people, 9 identifiers, 0 merges/s, 0 splits/s");
        }
        // It counts anew, and rates are those of what it counts now.
        watched.hear(Ok(said(10, 0, start + Duration::from_secs(20))), noon + 20_000_000);
        let lines = drawn(&watched);
        assert!(!lines.iter().any(|line| line.contains("away")), "{lines:#?}");
        has(&lines, "0 rows/s, 7 people, 9 identifiers, 0 merges/s, 0 splits/s");
        watched.hear(Ok(said(16, 0, start + Duration::from_secs(21))), noon + 21_000_000);
        has(&drawn(&watched), "6 rows/s, 7 people, 9 identifiers, 0 merges/s, 0 splits/s");
    }
}
