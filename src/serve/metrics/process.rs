//! The process itself, under the names that Prometheus's own clients give, and its disk.

use std::fmt::Error;
use std::fs;
use std::path::Path;

use super::families::{Families, Labels, single};
use crate::place::DiskRoom;

/// The processor's time in one tick of `/proc`: Linux has a hundred a second, whatever the kernel's own clock.
const TICKS: f64 = 100.0;

pub fn write(families: &mut Families<'_>, started: f64, data: Option<&Path>) -> Result<(), Error> {
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    families.gauge("selfsame_build_info", "The program", [(version, 1.0)])?;
    let begun = single(started);
    families.gauge("process_start_time_seconds", "When the run began, since the epoch", begun)?;
    let cpu = cpu_seconds().map(|seconds| (Labels::new(), seconds));
    families.counter("process_cpu_seconds", "Processor time, of all threads", cpu)?;
    let resident = resident_bytes().map(|bytes| (Labels::new(), bytes));
    families.gauge("process_resident_memory_bytes", "Memory in use", resident)?;
    let open = fs::read_dir("/proc/self/fd").ok().map(|all| (Labels::new(), all.count() as f64));
    families.gauge("process_open_fds", "Files and connections that are open", open)?;
    let Some(data) = data else { return Ok(()) };
    let held = single(bytes_below(data) as f64);
    families.gauge("selfsame_store_bytes", "Size of the data folder", held)?;
    if let Some((tick, bytes)) = latest_checkpoint(&data.join("checkpoints")) {
        let help = "The tick of the latest checkpoint, since the epoch";
        let at = single(tick as f64 / 1e3);
        families.gauge("selfsame_store_checkpoint_timestamp_seconds", help, at)?;
        let help = "Size of the latest checkpoint";
        families.gauge("selfsame_store_checkpoint_bytes", help, single(bytes as f64))?;
    }
    if let Some(room) = DiskRoom::of(data) {
        let help = "Room that is left on the disk of the data folder";
        families.gauge("selfsame_store_disk_free_bytes", help, single(room.free as f64))?;
        families.gauge(
            "selfsame_store_disk_bytes",
            "Size of that disk",
            single(room.total as f64),
        )?;
    }
    Ok(())
}

fn cpu_seconds() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, which may have spaces.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS)
}

fn resident_bytes() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? * 1_024.0)
}

/// Files that come and go meanwhile count for nothing.
fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => bytes_below(&entry.path()),
        Ok(kind) if kind.is_file() => entry.metadata().map_or(0, |found| found.len()),
        _ => 0,
    };
    entries.map(size).sum()
}

/// The tick and the size of the latest checkpoint that some process has completed. Each has a folder named by its tick.
fn latest_checkpoint(folder: &Path) -> Option<(u64, u64)> {
    let is_complete = |entry: &fs::DirEntry| {
        let files = fs::read_dir(entry.path()).into_iter().flatten().flatten();
        files.into_iter().any(|file| file.file_name().to_string_lossy().starts_with("complete-"))
    };
    let all = fs::read_dir(folder).ok()?.flatten().filter(is_complete);
    let tick = |entry: &fs::DirEntry| entry.file_name().to_str()?.parse::<u64>().ok();
    let (tick, latest) =
        all.filter_map(|entry| Some((tick(&entry)?, entry))).max_by_key(|of| of.0)?;
    Some((tick, bytes_below(&latest.path())))
}
