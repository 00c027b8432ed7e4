//! What `deploy/` names is there: files, flags, ports, paths and metrics. `tests/watch` tries it with the programs that it
//! is for, where they are to be had.

#[path = "http/mod.rs"]
mod http;
mod program;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use program::{Running, selfsame};
use regex::Regex;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn deployed(name: &str) -> String {
    let path = root().join("deploy").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What a pattern's first group finds.
fn found<'a>(pattern: &str, text: &'a str) -> Vec<&'a str> {
    let pattern = Regex::new(pattern).expect("a pattern");
    pattern.captures_iter(text).map(|found| found.get(1).expect("a group").as_str()).collect()
}

fn one<'a>(pattern: &str, text: &'a str) -> &'a str {
    let found = found(pattern, text);
    assert_eq!(found.len(), 1, "{pattern}: {found:?}");
    found[0]
}

#[test]
fn every_flag_and_variable_is_one_of_the_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let help = selfsame(folder.path(), &["run", "--help"]).well();
    let mut flags = BTreeSet::new();
    let commands = [
        ("kubernetes.yaml", r"(?s)exec selfsame run (.*?)\n\s+env:"),
        ("selfsame.service", r"(?m)^ExecStart=/\S+/selfsame run (.*)$"),
    ];
    for (name, command) in commands {
        let text = deployed(name);
        flags.extend(found(r"(--[a-z-]+)", one(command, &text)).into_iter().map(str::to_owned));
    }
    assert!(deployed("Dockerfile").contains("CMD [\"run\", \"/etc/selfsame/definition.yaml\"]"));
    for name in ["Dockerfile", "compose.yaml", "kubernetes.yaml", "selfsame.service", "README.md"] {
        for variable in found(r"(SELFSAME_[A-Z_]+)", &deployed(name)) {
            assert!(help.contains(&format!("[env: {variable}")), "{name}: {variable}");
        }
    }
    assert!(flags.len() >= 5, "{flags:?}");
    for flag in flags {
        let is_there = help
            .lines()
            .any(|line| line.trim_start().split([' ', ',', '=']).any(|word| word == flag));
        assert!(is_there, "{flag}");
    }
}

#[test]
fn the_definition_is_right_and_listens_where_others_look_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys");
    fs::create_dir(&keys).expect("a folder");
    for key in ["read.txt", "web.txt"] {
        fs::write(keys.join(key), "a-key-of-some-length\n").expect("a key");
    }
    let text = deployed("definition.yaml");
    let own = text.replace("/etc/selfsame/keys", keys.to_str().expect("a path"));
    fs::write(folder.path().join("definition.yaml"), own).expect("a definition");
    selfsame(folder.path(), &["check", "definition.yaml", "--deny-warnings"]).well();

    let port = one(r"listen: 0\.0\.0\.0:(\d+)", &text);
    let compose = deployed("compose.yaml");
    assert!(compose.contains(&format!("127.0.0.1:{port}:{port}")), "{compose}");
    assert!(deployed("prometheus.yml").contains(&format!("\"engine:{port}\"")));
    let broker = one(r#"brokers: "(broker:\d+)""#, &text);
    assert!(compose.contains(&format!("INSIDE://{broker}")));
    let data = one(r"(?m)^data: (\S+)/data$", &text);
    assert!(compose.contains(&format!("engine:{data}")) && deployed("Dockerfile").contains(data));
    // The keys that it reads are where they are mounted, and the comment says how they are made.
    for key in found(r"file:/etc/selfsame/keys/(\S+?)\}?\n", &text) {
        assert!(compose.contains(&format!("> keys/{key}")), "{key}");
    }
}

#[test]
fn every_file_that_is_mounted_or_copied_is_there() {
    let compose = deployed("compose.yaml");
    let mounted = found(r"(\./[\w./-]+):/", &compose);
    assert!(mounted.len() >= 5, "{mounted:?}");
    for path in mounted {
        let is_made = path == "./keys" && compose.contains("mkdir -p keys");
        assert!(is_made || root().join("deploy").join(path).exists(), "{path}");
    }
    let dockerfile = one(r"dockerfile: ([\w/]+)", &compose);
    assert!(root().join(dockerfile).exists());
    let version = one(r"FROM rust:(\d+\.\d+)", &deployed("Dockerfile")).to_owned();
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    assert_eq!(one(r#"rust-version = "([\d.]+)""#, &manifest), version);
    for (name, path) in [("prometheus.yml", "alerts.yaml"), ("README.md", "alerts.test.yaml")] {
        assert!(deployed(name).contains(path) && root().join("deploy").join(path).exists());
    }
    let provisioning = root().join("deploy/grafana/provisioning");
    let texts =
        files(&provisioning).into_iter().map(|path| fs::read_to_string(path).expect("text"));
    let texts: String = texts.collect();
    assert!(
        texts.contains("/var/lib/grafana/dashboards") && texts.contains("http://prometheus:9090")
    );
}

#[test]
fn what_is_copied_into_the_image_is_neither_built_nor_kept_nor_secret_here() {
    assert!(deployed("Dockerfile").contains("COPY . .\n"));
    let text = |name: &str| fs::read_to_string(root().join(name)).expect("text");
    let ignored = text(".dockerignore");
    let ignored: BTreeSet<&str> = ignored.lines().filter(|line| !line.starts_with('#')).collect();
    for path in [".git", "target", "deploy/keys", "data", "kept"] {
        assert!(ignored.contains(path), "{path}: {ignored:?}");
    }
    let of_git = text(".gitignore");
    for path in of_git.lines().map(|line| line.trim_start_matches('/')) {
        let is_ignored = ignored.contains(path) || ignored.contains(&*format!("**/{path}"));
        assert!(is_ignored, "{path}: {ignored:?}");
    }
    // What is built is there, and so is what it is built of.
    for path in ["Cargo.toml", "Cargo.lock", "src", "examples", "tests", "*", "**"] {
        assert!(!ignored.contains(path), "{path}");
    }
    // Keys are made where the compose file looks for them.
    assert!(deployed("compose.yaml").contains("mkdir -p keys"));
    assert!(of_git.lines().any(|line| line == "/deploy/keys"), "{of_git}");
}

#[test]
fn whatever_is_installed_by_cargo_has_the_versions_that_were_tested() {
    let mut named = Vec::new();
    for name in ["README.md", "docs", "deploy", "fuzz/README.md", "bench/README.md", ".ci"] {
        let path = root().join(name);
        let paths = if path.is_dir() { files(&path) } else { vec![path] };
        for path in paths {
            let text = fs::read_to_string(&path).expect("text");
            let installs = text.lines().filter(|line| line.contains("cargo install"));
            named.extend(installs.map(|line| format!("{}: {line}", path.display())));
        }
    }
    assert!(named.len() >= 4, "{named:?}");
    for line in named {
        assert!(line.contains("--locked"), "{line}");
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path());
    let (folders, mut found): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    found.extend(folders.iter().flat_map(|folder| files(folder)));
    found
}

#[test]
fn the_parts_of_the_cluster_fit_together() {
    let text = deployed("kubernetes.yaml");
    let hosts = found(r"(selfsame-\d+\.selfsame:\d+)\n", &text);
    assert_eq!(one(r"replicas: (\d+)", &text).parse(), Ok(hosts.len()));
    let workers = one(r"name: workers, containerPort: (\d+)", &text);
    assert!(
        hosts
            .iter()
            .enumerate()
            .all(|(number, host)| { *host == format!("selfsame-{number}.selfsame:{workers}") })
    );
    assert!(text.contains(&format!("name: workers, port: {workers}")));
    let http = one(r"name: http, containerPort: (\d+)", &text);
    assert_eq!(one(r"--http 0\.0\.0\.0:(\d+)", &text), http);
    // Whoever waits for one process to be ready before another one starts, or is replaced, waits for ever.
    assert_eq!(one(r"(?m)^  podManagementPolicy: (\w+)$", &text), "Parallel");
    assert_eq!(one(r"(?m)^  updateStrategy: \{type: (\w+)\}$", &text), "OnDelete");
    // What all have to see is no pod's own; `tests/s3` starts them as they are started there.
    assert!(one(r"--data (\S+)", &text).starts_with("s3://"), "{text}");
    for secret in found(r"(?:secretName|secretRef: \{name): ([\w-]+)", &text) {
        assert!(text.contains(&format!("kubectl create secret generic {secret} ")), "{secret}");
    }
    let paths = [r"--hosts (/[a-z-/]+)", r"XDG_CACHE_HOME, value: (/[a-z-/]+)"];
    for named in paths.map(|path| one(path, &text)) {
        let is_mounted =
            found(r"mountPath: (/[a-z-/]+)", &text).iter().any(|of| named.starts_with(of));
        assert!(is_mounted, "{named}");
    }
    let volumes: BTreeSet<&str> =
        found(r"- \{name: (\w+), (?:configMap|secret)", &text).into_iter().collect();
    for mounted in found(r"- \{name: (\w+), mountPath", &text) {
        let is_claimed = text.contains(&format!("metadata: {{name: {mounted}}}"));
        assert!(volumes.contains(mounted) || is_claimed, "{mounted}");
    }
}

#[test]
fn every_path_that_is_asked_is_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let definition = "
sources: {rows: {http: {}, kind: events, fields: {email: text}}}
identity: {email: {from: {rows: email}}}
outputs: {profiles: {files: out}}
";
    fs::write(folder.path().join("a.yaml"), definition).expect("a definition");
    let mut running = Running::start(folder.path(), &["run", "a.yaml", "--http", "127.0.0.1:0"]);
    let address = http::address(&mut running);
    let texts = ["kubernetes.yaml", "README.md"].map(deployed).concat();
    let mut paths: BTreeSet<&str> = found(r"path: (/[a-z/]+)", &texts).into_iter().collect();
    // Where Prometheus looks unless it is told otherwise.
    paths.insert("/metrics");
    assert!(paths.len() >= 3, "{paths:?}");
    for path in paths {
        assert_eq!(http::get(&address, path).0, 200, "{path}");
    }
    assert!(http::get(&address, "/metrics").1.contains("# TYPE selfsame_people gauge"));
}

#[test]
fn every_metric_is_one_that_is_told() {
    let sources = files(&root().join("src/serve/metrics"));
    let told: String = sources.iter().map(|path| fs::read_to_string(path).expect("text")).collect();
    let told: BTreeSet<&str> =
        found(r#""((?:selfsame|process)_[a-z_]+)""#, &told).into_iter().collect();
    let mut named = BTreeSet::new();
    let dashboards = files(&root().join("deploy/grafana/dashboards"));
    let mut texts: Vec<String> =
        dashboards.iter().map(|path| fs::read_to_string(path).expect("text")).collect();
    texts.extend(["alerts.yaml", "alerts.test.yaml", "README.md"].map(deployed));
    texts.push(fs::read_to_string(root().join("src/cli/top/view.rs")).expect("text"));
    for text in &texts {
        named.extend(found(r"\b((?:selfsame|process)_[a-z_]+[a-z])\b", text));
    }
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        let family =
            ["_total", "_bucket", "_sum", "_count"].iter().find_map(|of| name.strip_suffix(of));
        assert!(told.contains(name) || family.is_some_and(|of| told.contains(of)), "{name}");
    }
}
