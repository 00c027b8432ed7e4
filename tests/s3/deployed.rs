//! The cluster of `deploy/kubernetes.yaml`: its command is what starts processes here.

use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::json;

use crate::http;
use crate::program::{Running, free_addresses};
use crate::servers::{Objects, Server};

const DEFINITION: &str = "
sources: {web: {http: {}, kind: events, id: id, fields: {id: text, email: text}}}
identity: {email: {from: {web: email}}}
outputs: {profiles: {files: out/profiles.ndjson}}
";

fn manifest() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/kubernetes.yaml");
    fs::read_to_string(path).expect("the manifest")
}

fn one<'a>(pattern: &str, text: &'a str) -> &'a str {
    let pattern = Regex::new(pattern).expect("a pattern");
    pattern.captures(text).and_then(|found| found.get(1)).expect("it is there").as_str()
}

/// Starts all processes: what a pod has at fixed places and ports lies in a folder here, and at ports that are free.
fn started(folder: &Path, server: &Server) -> Vec<Running> {
    let text = manifest();
    let processes: usize = one(r"replicas: (\d+)", &text).parse().expect("a number");
    let etc = folder.join("etc/selfsame");
    let hosts = folder.join("etc/selfsame-hosts");
    [&etc, &hosts].iter().for_each(|path| fs::create_dir_all(path).expect("a folder"));
    fs::write(etc.join("definition.yaml"), DEFINITION).expect("a definition");
    fs::write(hosts.join("hosts"), free_addresses(processes).join("\n")).expect("hosts");
    let command = one(r"(?s)- (exec selfsame run .*?)\n\s+env:", &text);
    let command = command.split_whitespace().collect::<Vec<_>>().join(" ");
    let command = command.replace(" /etc/", &format!(" {}/etc/", folder.display()));
    let command = command.replace("0.0.0.0:8080", "127.0.0.1:0");
    let bin = Path::new(env!("CARGO_BIN_EXE_selfsame")).parent().expect("a folder");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let start = |process: usize| {
        // What the secret and the manifest say, and no more; and a lease that is soon over.
        let given = server.environment(&folder.join(format!("disk-{process}")));
        let is_told = |name: &str| {
            text.contains(&format!("{name}=")) || text.contains(&format!("{{name: {name},"))
        };
        let given = given.iter().filter(|(name, _)| is_told(name) || *name == "SELFSAME_LEASE_MS");
        let mut environment: Vec<(&str, &str)> =
            given.map(|(name, value)| (*name, value.as_str())).collect();
        assert!(environment.len() >= 5, "{environment:?}");
        let host = format!("selfsame-{process}");
        environment.extend([("HOSTNAME", host.as_str()), ("PATH", path.as_str())]);
        Running::start_of("/bin/sh", folder, &["-c", &command], &environment)
    };
    (0..processes).map(start).collect()
}

#[test]
fn the_processes_of_the_cluster_start_and_go_on_with_other_disks() {
    let Some(server) = Server::versitygw() else { return };
    let bucket = manifest();
    let bucket = one(r"--data s3://([^/\s]+)/", &bucket).to_owned();
    let objects = Objects::of(&server, &bucket);
    let folder = tempfile::tempdir().expect("a folder");
    for round in ["1", "2"] {
        let mut all = started(folder.path(), &server);
        let addresses: Vec<String> = all.iter_mut().map(http::address).collect();
        for (running, address) in all.iter_mut().zip(&addresses) {
            let is_ready = |_: &Running| {
                http::try_get(address, "/health/ready").is_some_and(|(status, _)| status == 200)
            };
            running.until("it is ready", is_ready);
        }
        let row = json!({"id": round, "email": format!("{round}@example.com")}).to_string();
        let (status, said) = http::post(&addresses[0], "/v1/sources/web", &[], row.as_bytes());
        assert_eq!(status, 200, "{said}");
        // Also whoever was told before all disks were lost.
        for email in ["1@example.com", &format!("{round}@example.com")] {
            let path = format!("/v1/profiles/email:{email}");
            let is_known = |_: &Running| http::get(&addresses[0], &path).0 == 200;
            all[0].until("it is known", is_known);
        }
        all.iter().for_each(|running| running.signal("TERM"));
        all.into_iter().for_each(|running| drop(running.end().well()));
        (0..addresses.len()).for_each(|disk| {
            fs::remove_dir_all(folder.path().join(format!("disk-{disk}"))).expect("a disk")
        });
    }
    assert!(objects.keys().iter().any(|key| key.ends_with("manifest-2.json")), "each has its part");
}
