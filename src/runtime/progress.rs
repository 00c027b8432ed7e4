//! What a run tells while it lasts: how much has been read, how fast, and how long it may take.
//!
//! A thread of its own reads what the workers count, so that nobody waits for whoever reads the log. On
//! a terminal it draws one line again and again, else it logs one now and then.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::latency::{LatencySummary, SharedLatencies, new_histogram};
use crate::console::{counted, grouped};

use crate::console;

/// How often a line is drawn on a terminal.
const DRAWING: Duration = Duration::from_millis(500);
/// How often it is logged, in the long run; sooner at first: after 1, 2, 4 and 8 seconds.
const LOGGING: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_secs(1);
/// What a terminal surely has room for.
const WIDTH: usize = 79;

/// How progress is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not at all.
    Quiet,
    Logged,
    /// On a terminal.
    Drawn,
}

/// What the workers of a process count.
pub struct Amounts {
    pub rows: AtomicU64,
    /// Bytes read of files.
    pub bytes: AtomicU64,
    /// Since they were last told.
    pub latencies: SharedLatencies,
}

impl Default for Amounts {
    fn default() -> Self {
        let latencies = Arc::new(Mutex::new(new_histogram()));
        Amounts { rows: AtomicU64::new(0), bytes: AtomicU64::new(0), latencies }
    }
}

/// Tells until it is dropped.
pub struct Telling(Option<(Sender<()>, std::thread::JoinHandle<()>)>);

impl Drop for Telling {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.0.take() {
            drop(end);
            // The summary comes below what it drew last.
            let _ = thread.join();
        }
    }
}

/// Begins to tell. `bytes` are those that there are to be read, where there is an end and it is known;
/// `target` is the latency that rows are held against.
pub fn begin(
    progress: Progress,
    name: &str,
    amounts: Arc<Amounts>,
    bytes: Option<u64>,
    target: Duration,
) -> Telling {
    if progress == Progress::Quiet {
        return Telling(None);
    }
    let (end, ended) = bounded(0);
    let started = Instant::now();
    let name = console::shown(name).into_owned();
    let told = ProgressLine {
        name,
        amounts,
        bytes,
        target,
        started,
        rows: 0,
        at: started,
        is_all_told: false,
    };
    let thread =
        std::thread::Builder::new().name("progress".to_owned()).spawn(move || match progress {
            Progress::Quiet => {}
            Progress::Logged => told.log(&ended),
            Progress::Drawn => told.draw(&ended),
        });
    // A run that can't tell how it goes on goes on all the same.
    Telling(thread.ok().map(|thread| (end, thread)))
}

struct ProgressLine {
    name: String,
    amounts: Arc<Amounts>,
    bytes: Option<u64>,
    target: Duration,
    started: Instant,
    /// The rows that were told last, and when.
    rows: u64,
    at: Instant,
    /// Whether it is told that there is nothing more to be read of what there was at first.
    is_all_told: bool,
}

/// So few bytes of files may be left that they are no row, as a last line that is blank.
const NO_ROW: u64 = 64;

impl ProgressLine {
    fn log(mut self, ended: &Receiver<()>) {
        loop {
            let before = self.at - self.started;
            if is_over(ended, before.clamp(SOON, LOGGING)) {
                return;
            }
            let latency = self.latency();
            let seconds = self.started.elapsed().as_secs();
            if let Some(text) = self.text() {
                tracing::info!("{seconds} s: {text}; latency {latency}");
            }
        }
    }

    fn draw(mut self, ended: &Receiver<()>) {
        while !is_over(ended, DRAWING) {
            let latency = self.latency();
            if let Some(text) = self.text() {
                let mut line = format!("{}: {text}", self.name);
                if self.bytes.is_none() {
                    line.push_str(&format!("; latency {latency}"));
                }
                console::draw(&line.chars().take(WIDTH).collect::<String>());
            }
        }
        console::draw("");
    }

    /// The latency of what was acknowledged since this was last called.
    fn latency(&self) -> String {
        let mut shared = self.amounts.latencies.lock().expect("no one panics with it");
        let recent = std::mem::replace(&mut *shared, new_histogram());
        drop(shared);
        match LatencySummary::of(&recent, self.target) {
            Some(latency) => latency.to_string(),
            None => "unknown: nothing acknowledged meanwhile".to_owned(),
        }
    }

    /// Nothing, where nothing has been read since it was last told.
    fn text(&mut self) -> Option<String> {
        let rows = self.amounts.rows.load(Ordering::Relaxed);
        let (fresh, interval) = (rows - self.rows, self.at.elapsed());
        (self.rows, self.at) = (rows, Instant::now());
        if fresh == 0 {
            let bytes_read = self.amounts.bytes.load(Ordering::Relaxed);
            let all = self.bytes.filter(|all| rows > 0 && bytes_read + NO_ROW >= *all)?;
            let is_told = std::mem::replace(&mut self.is_all_told, true);
            let all = bytes(all);
            return (!is_told)
                .then(|| format!("{}, all of {all} is read", counted(rows, "row", "rows")));
        }
        let rate = fresh as f64 / interval.as_secs_f64().max(1e-3);
        let mut text =
            format!("{}, {} a second", counted(rows, "row", "rows"), grouped(rate as i64));
        if let Some(all) = self.bytes.filter(|all| *all > 0) {
            let read = self.amounts.bytes.load(Ordering::Relaxed).min(all);
            let share = read as f64 / all as f64;
            text.push_str(&format!(", {:.0} % of {} read", (share * 100.0).floor(), bytes(all)));
            let so_far = self.started.elapsed().as_secs_f64();
            if read > 0 && read < all {
                let left = so_far / share - so_far;
                text.push_str(&format!(", about {} left", time(left)));
            }
        }
        Some(text)
    }
}

/// Waits; whether there is nothing more to tell.
fn is_over(ended: &Receiver<()>, wait: Duration) -> bool {
    ended.recv_timeout(wait) != Err(RecvTimeoutError::Timeout)
}

fn bytes(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["bytes", "kB", "MB", "GB"] {
        if size < 999.5 {
            let digits = usize::from(unit != "bytes" && size < 9.95);
            return format!("{size:.digits$} {unit}");
        }
        size /= 1_000.0;
    }
    format!("{size:.1} TB")
}

fn time(seconds: f64) -> String {
    let seconds = seconds.ceil() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_short() {
        let sizes = [0, 999, 1_000, 9_949, 10_400, 999_499, 1_234_567_890, 12_300_000_000_000];
        let sizes = sizes.map(bytes);
        let expected =
            ["0 bytes", "999 bytes", "1.0 kB", "9.9 kB", "10 kB", "999 kB", "1.2 GB", "12.3 TB"];
        assert_eq!(sizes, expected);
        let times = [0.2, 59.0, 61.0, 3_599.0, 3_725.0].map(time);
        assert_eq!(times, ["1 s", "59 s", "1 min 1 s", "59 min 59 s", "1 h 2 min"]);
    }

    #[test]
    fn what_is_read_is_told_with_its_share_and_the_time_left() {
        let amounts = Arc::new(Amounts::default());
        let started = Instant::now() - Duration::from_secs(10);
        let mut told = ProgressLine {
            name: "shop".to_owned(),
            amounts: Arc::clone(&amounts),
            bytes: Some(4_000_000),
            target: Duration::from_millis(200),
            started,
            rows: 0,
            at: started,
            is_all_told: false,
        };
        assert_eq!(told.text(), None, "nothing is read");
        told.at = started;
        amounts.rows.store(20_000, Ordering::Relaxed);
        amounts.bytes.store(1_000_000, Ordering::Relaxed);
        let text = told.text().expect("something is read");
        assert!(
            text.starts_with("20,000 rows, ") && text.contains(", 25 % of 4.0 MB read, about 3")
        );
        assert!(told.latency().contains("nothing acknowledged"));
        assert_eq!(told.text(), None, "nothing more is read");
        amounts.rows.store(80_000, Ordering::Relaxed);
        amounts.bytes.store(4_000_000, Ordering::Relaxed);
        let text = told.text().expect("something is read");
        assert!(text.ends_with(", 100 % of 4.0 MB read"), "{text}");
        assert_eq!(told.text().as_deref(), Some("80,000 rows, all of 4.0 MB is read"));
        assert_eq!(told.text(), None, "it is said once");
        told.bytes = None;
        amounts.rows.store(80_001, Ordering::Relaxed);
        assert!(told.text().is_some_and(|text| text.ends_with(" a second")));
    }
}
