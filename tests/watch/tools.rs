//! Prometheus and Alertmanager as Debian has them, unpacked into the target folder: nothing is installed.

// Each test uses its part of this.
#![allow(dead_code)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// The folder of their programs, `usr/bin`.
///
/// # Panics
/// Where this must not be left out: in continuous integration.
pub fn tools() -> Option<PathBuf> {
    /// One of several tests unpacks, and the others wait.
    static UNPACKING: Mutex<()> = Mutex::new(());
    let _unpacking = UNPACKING.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("prometheus");
    let programs = ["promtool", "prometheus", "prometheus-alertmanager"];
    let works = || programs.iter().all(|name| folder.join("usr/bin").join(name).exists());
    if !works() {
        let got = unpack(&folder);
        if !works() {
            let why = format!("Prometheus can't be had: {got:?}");
            assert!(std::env::var_os("CI").is_none(), "{why}");
            eprintln!("SKIPPED: {why}");
            return None;
        }
    }
    Some(folder.join("usr/bin"))
}

/// Has Prometheus's own checks look at metrics as they are told: names, units, help and types.
#[track_caller]
pub fn nothing_is_wrong_with(metrics: &str) {
    let Some(tools) = tools() else { return };
    let mut promtool = Command::new(tools.join("promtool"));
    let promtool = promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = promtool.stdout(Stdio::piped()).spawn().expect("it starts");
    promtool.stdin.take().expect("piped").write_all(metrics.as_bytes()).expect("it reads");
    let ended = promtool.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    let said = said + &String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && said.is_empty(), "{said}\n{metrics}");
}

fn unpack(folder: &Path) -> std::io::Result<()> {
    // Another program may do it at the same time.
    let own = folder.with_extension(std::process::id().to_string());
    fs::create_dir_all(&own)?;
    for package in ["prometheus", "prometheus-alertmanager"] {
        let download =
            || Command::new("apt-get").args(["download", package]).current_dir(&own).status();
        if !download()?.success() {
            Command::new("apt-get").arg("update").status()?;
            download()?;
        }
    }
    for entry in fs::read_dir(&own)?.flatten() {
        if entry.path().extension().is_some_and(|ending| ending == "deb") {
            Command::new("dpkg").arg("-x").args([&entry.path(), &own]).status()?;
        }
    }
    match fs::rename(&own, folder) {
        Err(_) if folder.exists() => fs::remove_dir_all(&own),
        renamed => renamed,
    }
}
