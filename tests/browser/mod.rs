//! A headless Chromium as Debian has it, unpacked into the target folder: nothing is installed. Scripts of Node drive it.

// Each test uses its part of this.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// What scripts of tests use.
const PACKAGES: [(&str, &str); 4] = [
    ("puppeteer-core", "24.43.1"),
    ("axe-core", "4.14.1"),
    ("@segment/analytics-next", "1.84.3"),
    ("@rudderstack/analytics-js", "3.34.1"),
];
/// In the way of fonts and libraries Chromium takes what the machine has, and these.
const DEBIAN: [&str; 2] = ["chromium", "fonts-dejavu-core"];

/// What it takes to run a script.
pub struct Browser {
    chromium: PathBuf,
    modules: PathBuf,
}

/// What is had once and kept for the next time.
///
/// # Panics
/// Where this must not be left out: in continuous integration.
pub fn browser() -> Option<Browser> {
    /// One of several tests unpacks, and the others wait.
    static UNPACKING: Mutex<()> = Mutex::new(());
    let _unpacking = UNPACKING.lock().unwrap_or_else(PoisonError::into_inner);
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let browser = Browser { chromium: shared.join("chromium"), modules: shared.join("browser") };
    let chromium = had(&browser.chromium, unpack, |folder| starts(&program(folder), folder));
    let modules = had(&browser.modules, install, |folder| {
        let there = |(name, _): &(&str, &str)| folder.join("node_modules").join(name).exists();
        PACKAGES.iter().all(there)
    });
    match (chromium, modules) {
        (Ok(()), Ok(())) => Some(browser),
        (chromium, modules) => {
            let why = format!("a browser can't be had: Chromium: {chromium:?}; Node: {modules:?}");
            assert!(std::env::var_os("CI").is_none(), "{why}");
            eprintln!("SKIPPED: {why}");
            None
        }
    }
}

/// Makes a folder that works, unless there is one. It is whole or not there: another program may make it, too.
fn had(
    folder: &Path,
    make: impl Fn(&Path) -> Result<(), String>,
    works: impl Fn(&Path) -> bool,
) -> Result<(), String> {
    if works(folder) {
        return Ok(());
    }
    let own = folder.with_extension(std::process::id().to_string());
    let failed = |error: std::io::Error| error.to_string();
    fs::create_dir_all(&own).map_err(failed)?;
    let made = make(&own);
    if made.is_ok() && works(&own) {
        if !works(folder) {
            // One that does not work is of no use to anybody.
            let _ = fs::remove_dir_all(folder);
        }
        let renamed = fs::rename(&own, folder);
        let _ = fs::remove_dir_all(&own);
        return if works(folder) { Ok(()) } else { renamed.map_err(failed) };
    }
    let _ = fs::remove_dir_all(&own);
    made.and(Err("what was had does not work".to_owned()))
}

fn program(folder: &Path) -> PathBuf {
    folder.join("usr/lib/chromium/chromium")
}

/// Where the libraries are that the machine does not have.
fn libraries(folder: &Path) -> String {
    let of = |name: &str| folder.join(name).display().to_string();
    let architecture = format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    [of(&architecture), of(&format!("{architecture}/pulseaudio"))].join(":")
}

fn starts(program: &Path, folder: &Path) -> bool {
    let asked =
        Command::new(program).arg("--version").env("LD_LIBRARY_PATH", libraries(folder)).output();
    asked.is_ok_and(|asked| asked.status.success())
}

fn ran(command: &mut Command) -> Result<String, String> {
    let ended = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = || String::from_utf8_lossy(&ended.stderr).into_owned();
    match ended.status.success() {
        true => Ok(String::from_utf8_lossy(&ended.stdout).into_owned()),
        false => Err(format!("{command:?}: {}", said())),
    }
}

/// Chromium, and what it needs of what the machine does not have.
fn unpack(folder: &Path) -> Result<(), String> {
    let needed = || -> Result<Vec<String>, String> {
        let simulate = ["--simulate", "--no-install-recommends", "install"];
        let told = ran(Command::new("apt-get").args(simulate).args(DEBIAN))?;
        let named = told.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next());
        let mut named: Vec<String> = named.map(str::to_owned).collect();
        // What is installed already has to come along, since it is started from here.
        for package in ["chromium", "chromium-common"] {
            if !named.iter().any(|name| name == package) {
                named.push(package.to_owned());
            }
        }
        Ok(named)
    };
    let download = || {
        let mut command = Command::new("apt-get");
        ran(command.arg("download").args(needed()?).current_dir(folder))
    };
    if download().is_err() {
        // A new machine has no lists of packages. Without the right to fetch them the next try says what is missing.
        let _ = ran(Command::new("apt-get").arg("update"));
        download()?;
    }
    let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
    let packages: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    for package in packages {
        ran(Command::new("dpkg").arg("-x").args([package.as_path(), folder]))?;
        fs::remove_file(&package).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn install(folder: &Path) -> Result<(), String> {
    let npm = ["install", "--no-audit", "--no-fund", "--no-save", "--silent", "--prefix"];
    let named = PACKAGES.iter().map(|(name, version)| format!("{name}@{version}"));
    ran(Command::new("npm").args(npm).arg(folder).args(named)).map(drop)
}

impl Browser {
    /// Runs a script of this test's to its end, in a browser of its own.
    #[track_caller]
    pub fn run(&self, script: &str, environment: &[(&str, &str)]) {
        let mut running = self.command(script, environment);
        let ended = running.output().expect("there is node");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(
            ended.status.success(),
            "{script}: {said}{}",
            String::from_utf8_lossy(&ended.stdout)
        );
    }

    /// A script, still to be started.
    pub fn command(&self, script: &str, environment: &[(&str, &str)]) -> Command {
        let mut command = Command::new("node");
        command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(script))
            .env("CHROMIUM", program(&self.chromium))
            .env("CHROMIUM_LIBRARIES", libraries(&self.chromium))
            // Where fonts are looked for, beside the machine's own.
            .env("CHROMIUM_SHARED", self.chromium.join("usr/share"))
            .env("NODE_PATH", self.modules.join("node_modules"))
            .env("PICTURES", pictures())
            .envs(environment.iter().copied());
        command
    }
}

/// Where pictures are left for people to look at.
pub fn pictures() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures")
}
