//! Python with packages of PyPI, at versions that are known to work, in an environment that the tests make and keep.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What a package is imported as, and what is installed for it.
const PACKAGES: [(&str, &str); 4] = [
    ("confluent_kafka", "confluent-kafka==2.16.1"),
    ("duckdb", "duckdb==2.0.1"),
    ("pandas", "pandas==3.1.1"),
    ("pyarrow", "pyarrow==26.0.1"),
];

/// The interpreter of an environment of this name that has these packages.
///
/// # Panics
/// Where they can't be had and must not be left out: in continuous integration.
pub fn with(name: &str, packages: &[&str]) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let python = folder.join("bin/python");
    let works = || {
        let import = format!("import {}", packages.join(", "));
        let asked = Command::new(&python).args(["-c", &import]).output();
        asked.is_ok_and(|asked| asked.status.success())
    };
    if works() {
        return Some(python);
    }
    let made = Command::new("python3").args(["-m", "venv"]).arg(&folder).status();
    let installed = PACKAGES.iter().filter(|(import, _)| packages.contains(import));
    let installed: Vec<&str> = installed.map(|(_, package)| *package).collect();
    let got = made.and_then(|_| {
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        Command::new(&python).args(pip).args(&installed).status()
    });
    if works() {
        return Some(python);
    }
    let why = format!("no Python with {installed:?} can be had: {got:?}");
    assert!(std::env::var_os("CI").is_none(), "{why}");
    eprintln!("SKIPPED: {why}");
    None
}
