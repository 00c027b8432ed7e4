//! Python with packages of PyPI, at versions that are known to work, in an environment that the tests make and keep.

// Not every test asks for all of it.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

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
    let named = PACKAGES.iter().filter(|(import, _)| packages.contains(import));
    let named: Vec<&str> = named.map(|(_, package)| *package).collect();
    let import = packages.join(", ");
    Some(programs(name, &named, |bin| imports(bin, &import))?.join("python"))
}

/// Whether the interpreter in a folder has what is imported.
pub fn imports(bin: &Path, import: &str) -> bool {
    let asked = Command::new(bin.join("python")).args(["-c", &format!("import {import}")]).output();
    asked.is_ok_and(|asked| asked.status.success())
}

/// The folder of the programs of an environment of this name, with packages as `pip` names them; it is kept for the next
/// time, and made where what is in it does not work.
///
/// # Panics
/// Where they can't be had and must not be left out: in continuous integration.
pub fn programs(name: &str, packages: &[&str], works: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    /// One of several tests makes it, and the others wait.
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let bin = folder.join("bin");
    if works(&bin) {
        return Some(bin);
    }
    let made = Command::new("python3").args(["-m", "venv"]).arg(&folder).status();
    let got = made.and_then(|_| {
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        Command::new(bin.join("python")).args(pip).args(packages).status()
    });
    if works(&bin) {
        return Some(bin);
    }
    let why = format!("no Python with {packages:?} can be had: {got:?}");
    assert!(std::env::var_os("CI").is_none(), "{why}");
    eprintln!("SKIPPED: {why}");
    None
}
