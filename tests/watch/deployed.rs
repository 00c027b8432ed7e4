//! What is in `deploy/`: tried by the programs that it is for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::broker::brokers;
use super::broker::client::{Message, make_topic, produce, unique};
use super::http::{post, try_get};
use super::program::free_ports;
use super::tools::tools;
use super::{DEFINITION, start_of};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

/// A program that is ended with the test.
struct Service(Child);

impl Service {
    fn start(command: &mut Command) -> Self {
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        Service(command.spawn().expect("it starts"))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn port() -> u16 {
    free_ports(1).remove(0)
}

/// Asks until an answer will do.
#[track_caller]
fn until<T>(what: &str, ask: impl Fn() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < Duration::from_secs(120), "never: {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn asked(address: &str, path: &str) -> Option<Value> {
    let (status, text) = try_get(address, path)?;
    serde_json::from_str(&text).ok().filter(|_| status == 200)
}

#[test]
fn alerts_fire_when_they_should_and_else_do_not() {
    let Some(tools) = tools() else { return };
    for arguments in [["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]] {
        let mut promtool = Command::new(tools.join("promtool"));
        let ended = promtool.args(arguments).current_dir(deploy()).output().expect("it starts");
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert!(ended.status.success(), "{said}{}", String::from_utf8_lossy(&ended.stderr));
    }
    let rules = fs::read_to_string(deploy().join("alerts.yaml")).expect("the alerts");
    let tests = fs::read_to_string(deploy().join("alerts.test.yaml")).expect("their tests");
    let names = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    for name in names {
        let number = tests.matches(&format!("alertname: {name}\n")).count();
        let silent = tests.matches(&format!("alertname: {name}, exp_alerts: []")).count();
        assert!(number == 1 && silent > 0, "{name} has its tests");
    }
}

#[test]
fn every_panel_shows_something_under_load_and_an_alert_comes_to_somebody() {
    let Some(tools) = tools() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    // With a topic as well, which has a lag.
    let topic = unique("visits");
    make_topic(&topic, 1, &[]);
    let payload = Some(json!({"userId": "u1"}).to_string().into_bytes());
    produce(&topic, &[Message { partition: 0, key: None, payload, timestamp: None }]);
    let visits = format!(
        "  visits: {{kafka: {{topic: {topic}}}, kind: events, fields: {{userId: text}}}}\n  quiet: {{"
    );
    let definition = DEFINITION.replace("  quiet: {", &visits);
    let definition = definition.replace("quiet: userId}", "quiet: userId, visits: userId}");
    let definition = format!("{definition}kafka: {{brokers: \"{}\"}}\n", brokers());
    let (running, address) = start_of(folder.path(), &definition, &["--data", "data"]);
    let (prometheus_port, alertmanager_port) = (port(), port());
    let (watched, told) =
        (format!("127.0.0.1:{prometheus_port}"), format!("127.0.0.1:{alertmanager_port}"));
    // As soon as it holds: nobody waits for minutes here.
    let rules = fs::read_to_string(deploy().join("alerts.yaml")).expect("the alerts");
    let rules: String = rules
        .lines()
        .filter(|line| !line.trim().starts_with("for: "))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(folder.path().join("alerts.yaml"), rules).expect("room on the disk");
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [alerts.yaml]\n\
         alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{told}']}}]}}]}}\n\
         scrape_configs: [{{job_name: selfsame, static_configs: [{{targets: ['{address}']}}]}}]\n"
    );
    fs::write(folder.path().join("prometheus.yml"), config).expect("room on the disk");
    let mut prometheus = Command::new(tools.join("prometheus"));
    let _prometheus = Service::start(prometheus.current_dir(folder.path()).args([
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=tsdb",
        &format!("--web.listen-address={watched}"),
    ]));
    let is_over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let load = {
        let (address, is_over) = (address.clone(), std::sync::Arc::clone(&is_over));
        std::thread::spawn(move || {
            let mut number = 0;
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                number += 1;
                let batch = json!({"batch": [
                    {"userId": format!("u{}", number % 100), "anonymousId": format!("a{number}"), "event": "Order"},
                    {"userId": "null", "event": "Order"},
                ]});
                let _ = post(&address, "/v1/batch", &[], batch.to_string().as_bytes());
                std::thread::sleep(Duration::from_millis(20));
            }
        })
    };
    let dashboard = fs::read_to_string(deploy().join("grafana/dashboards/selfsame.json"));
    let dashboard: Value = serde_json::from_str(&dashboard.expect("the dashboard")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    assert!(panels.len() > 15);
    for panel in panels {
        for target in panel["targets"].as_array().expect("targets") {
            let query =
                target["expr"].as_str().expect("a query").replace("$__rate_interval", "10s");
            let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
            until(&format!("{}: {query}", panel["title"]), || {
                let answer = asked(&watched, &format!("/api/v1/query?query={encoded}"))?;
                let found = answer["data"]["result"].as_array()?;
                let is_number =
                    |found: &Value| found["value"][1].as_str().is_some_and(|of| of != "NaN");
                found.iter().any(is_number).then_some(())
            });
        }
    }
    is_over.store(true, std::sync::atomic::Ordering::Relaxed);
    load.join().expect("no panic");
    if !templates(&tools) {
        return running.signal("INT");
    }
    fs::copy(deploy().join("alertmanager.yml"), folder.path().join("alertmanager.yml"))
        .expect("room");
    let mut alertmanager = Command::new(tools.join("prometheus-alertmanager"));
    let _alertmanager = Service::start(alertmanager.current_dir(folder.path()).args([
        "--config.file=alertmanager.yml",
        "--storage.path=alerts",
        "--cluster.listen-address=",
        &format!("--web.listen-address={told}"),
    ]));
    running.signal("INT");
    running.end().well();
    until("the alert is told", || {
        let alerts = asked(&told, "/api/v2/alerts")?;
        let mut alerts = alerts.as_array()?.iter();
        alerts.find(|alert| alert["labels"]["alertname"] == "SelfsameDown").map(drop)
    });
}

/// Where Debian's Alertmanager looks for its templates there have to be some.
fn templates(tools: &Path) -> bool {
    let place = Path::new("/usr/share/prometheus/alertmanager");
    if place.join("email.tmpl").exists() {
        return true;
    }
    let unpacked = tools.join("../share/prometheus/alertmanager");
    let copied = fs::create_dir_all(place).and_then(|()| {
        for file in fs::read_dir(unpacked)?.flatten() {
            if file.path().extension().is_some_and(|ending| ending == "tmpl") {
                fs::copy(file.path(), place.join(file.file_name()))?;
            }
        }
        Ok(())
    });
    if let Err(why) = &copied {
        assert!(std::env::var_os("CI").is_none(), "Alertmanager has no templates: {why}");
        eprintln!("SKIPPED: Alertmanager has no templates: {why}");
    }
    copied.is_ok()
}
