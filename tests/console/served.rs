//! The console of runs that are served otherwise: over TLS, after a restart from a checkpoint, and by several processes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Stdio;

use super::browser::browser;
use super::certificate::certificate;
use super::http::{address, get, post};
use super::program::{Running, free_addresses, free_ports};
use super::{RETAIL, STORED, host, retail, shop, start, until};

#[test]
fn over_tls_it_is_the_same_page_also_when_the_certificate_is_renewed() {
    let Some(browser) = browser() else { return };
    let folder = shop(
        "http: {tls: {certificate: server.pem, key: server.key}, keys: {read: reading-key-of-shop, admin: deciding-key-of-shop}}\n",
    );
    for name in ["server", "next"] {
        certificate(folder.path(), name);
    }
    let (mut running, address) = start(folder.path(), &STORED, "127.0.0.1:0");
    let host = format!("https://{address}");
    let mut script = browser.command("console/tls.cjs", &[("HOST", &host)]);
    let mut script = script.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("node");
    let mut lines = BufReader::new(script.stdout.take().expect("piped")).lines();
    let mut next = || lines.next().and_then(Result::ok).unwrap_or_default();
    let mut steps = vec![next()];
    if steps[0] == "seen" {
        for name in ["pem", "key"] {
            let of = |of: &str| folder.path().join(format!("{of}.{name}"));
            fs::rename(of("next"), of("server")).expect("it is replaced");
        }
        running.until("it is taken", |run| run.err().contains("served with is now the changed"));
        steps.push(next());
    }
    let ended = script.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{steps:?} {said} {}", running.err());
    assert_eq!(steps, ["seen", "renewed"]);
}

#[test]
fn a_run_that_begins_with_a_checkpoint_shows_all_that_there_was() {
    let Some(browser) = browser() else { return };
    let folder = retail();
    let run = [&RETAIL[..], &["--http", "127.0.0.1:0"]].concat();
    let often = [("SELFSAME_CHECKPOINT_ROWS", "100")];
    let started = || {
        let mut running = Running::start_with(folder.path(), &run, &often);
        let address = address(&mut running);
        until(&address, "/v1/status", "\"people\":254");
        (running, address)
    };
    let (first, _) = started();
    first.signal("INT");
    first.end().well();
    let (again, address) = started();
    assert!(again.err().contains("checkpoint"), "it begins with one: {}", again.err());
    until(&address, "/v1/status", "\"identifiers\":631");
    browser.run("console/restarted.cjs", &[("HOST", &host(&address))]);
}

#[test]
fn of_several_processes_the_first_ones_page_shows_everybody_and_the_others_lead_there() {
    let Some(browser) = browser() else { return };
    let folder = shop("");
    // Where the first process answers can be told of ports that are said.
    let listen = two_in_a_row();
    fs::write(folder.path().join("hosts"), free_addresses(2).join("\n")).expect("a file");
    let processes = ["0", "1"].map(|number| {
        let which = ["--hosts", "hosts", "--process", number, "--http", &listen];
        Running::start(folder.path(), &[&STORED[..], &which].concat())
    });
    let [(_one, first), (_other, second)] = processes.map(|mut running| {
        let address = address(&mut running);
        (running, address)
    });
    assert_eq!(first, listen);
    let rows: Vec<String> = (0..50)
        .map(|number| {
            format!("{{\"id\":\"{number}\",\"email\":\"{number}@example.com\",\"device\":\"d{number}\"}}\n")
        })
        .collect();
    let (status, said) = post(&first, "/v1/sources/shop", &[], rows.concat().as_bytes());
    assert_eq!(status, 200, "{said}");
    until(&first, "/v1/status", "\"people\":50");
    // Some of them are the other process's.
    let of_second = get(&second, "/metrics").1;
    let people = of_second.lines().find(|line| line.starts_with("selfsame_people "));
    assert!(people.is_some_and(|line| line != "selfsame_people 0"), "{people:?}");
    browser.run("console/processes.cjs", &[("HOST", &host(&first)), ("OTHER", &host(&second))]);
}

/// The first of two ports that nobody has.
fn two_in_a_row() -> String {
    let found = (0..100).find_map(|_| {
        let first = free_ports(1).remove(0);
        let next = TcpListener::bind(("127.0.0.1", first + 1));
        next.is_ok().then(|| format!("127.0.0.1:{first}"))
    });
    found.expect("two ports")
}
