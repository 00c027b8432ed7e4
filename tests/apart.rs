//! What a run writes takes nothing else's place: no source's, no other run's, and no earlier run's before
//! there is something to say. What many names lead to is read once.

mod program;

use std::os::unix::fs::symlink;
use std::path::Path;

use program::{Running, records, selfsame};

/// A definition, with a row in `data/web.ndjson`.
fn place(files: &str, outputs: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir_all(folder.path().join("data/deep")).expect("room on the disk");
    define(folder.path(), files, outputs);
    write(folder.path(), "data/web.ndjson", "{\"user\":\"ada\"}\n");
    folder
}

fn define(folder: &Path, files: &str, outputs: &str) {
    let text = format!(
        "sources:\n  web: {{files: {files}, kind: events, fields: {{user: text}}}}\n\
         identity:\n  user: {{from: {{web: user}}}}\noutputs:\n{outputs}"
    );
    write(folder, "shop.yaml", &text);
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("room on the disk");
}

fn append(folder: &Path, name: &str, text: &str) {
    use std::io::Write;
    let file = std::fs::OpenOptions::new().append(true).open(folder.join(name));
    file.expect("it is there").write_all(text.as_bytes()).expect("room on the disk");
}

/// All that lies in a folder, with what is in it.
fn all(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let paths = glob::glob(&format!("{}/**/*", folder.display())).expect("a pattern");
    let paths = paths.map(|path| path.expect("readable"));
    paths
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap_or_default()))
        .collect()
}

const RUN: [&str; 3] = ["run", "shop.yaml", "--until-end"];
const PROFILES: &str = "  profiles: {files: out/profiles.ndjson}\n";

#[test]
fn an_output_that_is_something_else_of_the_run_is_refused_and_nothing_is_touched() {
    let source = "output profiles would write over a file of source web";
    let definition = "output profiles would write over the definition";
    let same = "output segments and output profiles are one file";
    let read = "which source web would read";
    let to = |path: &str| format!("  profiles: {{files: {path}}}\n");
    let both = |one: &str, other: &str| {
        format!("  profiles: {{files: {one}}}\n  segments: {{files: {other}}}\n")
    };
    let stored = "into the data folder";
    let cases: [(&str, String, &[&str], &str); 18] = [
        ("data/*.ndjson", to("data/web.ndjson"), &[], source),
        ("data/*.ndjson", to("data/../data/./web.ndjson"), &[], source),
        ("data/*.ndjson", to("link.ndjson"), &[], source),
        ("data/*.ndjson", to("hard.ndjson"), &[], source),
        ("data/*.ndjson", to("folder/web.ndjson"), &[], source),
        ("data/*.ndjson", to("shop.yaml"), &[], definition),
        ("data/*.ndjson", to("link.yaml"), &[], definition),
        ("data/*.ndjson", both("out/a", "out/../out/a"), &[], same),
        ("data/*.ndjson", both("old", "old.link"), &[], same),
        ("data/*.ndjson", both("new/a", "new.link"), &[], same),
        ("data/*.ndjson", to("data/out.ndjson"), &[], read),
        ("data/**/*.ndjson", to("data/new/out.ndjson"), &[], read),
        ("data/**/*.ndjson", to("folder/out.ndjson"), &[], read),
        ("'*/*.ndjson'", to("dangling"), &[], read),
        (
            "data/*.ndjson",
            to("out/a"),
            &["--summary", "link.ndjson"],
            "the summary would write over",
        ),
        ("data/*.ndjson", to("out/a"), &["--summary", "out/a"], "the summary and output profiles"),
        ("data/*.ndjson", to("store/out/a"), &["--data", "store"], stored),
        ("data/*.ndjson", to("store"), &["--data", "store"], stored),
    ];
    for (files, outputs, more, said) in cases {
        let folder = place(files, &outputs);
        let path = folder.path();
        write(path, "old", "what was");
        symlink("data/web.ndjson", path.join("link.ndjson")).expect("a link");
        std::fs::hard_link(path.join("data/web.ndjson"), path.join("hard.ndjson")).expect("a link");
        symlink("data", path.join("folder")).expect("a link");
        symlink("shop.yaml", path.join("link.yaml")).expect("a link");
        symlink("old", path.join("old.link")).expect("a link");
        symlink("new/a", path.join("new.link")).expect("a link");
        symlink("data/new.ndjson", path.join("dangling")).expect("a link");
        let before = all(path);
        let complaint = selfsame(path, &[&RUN[..], more].concat()).badly();
        assert!(complaint.contains(said), "{outputs}{complaint}");
        assert_eq!(all(path), before, "{outputs}");
    }
}

/// What a run reads beside rows is a secret, or what it can't be started again without.
#[test]
fn nothing_else_that_a_run_reads_is_written_over() {
    let http = "http: {keys: {read: 'file:keys.txt', admin: 'file:admin.txt'}, \
                tls: {certificate: cert.pem, key: key.pem}}\n";
    let properties = [
        ("ssl.ca.location", "authorities"),
        ("ssl.crl.location", "crl.pem"),
        ("ssl.certificate.location", "client.pem"),
        ("ssl.key.location", "client.key"),
        ("ssl.keystore.location", "store.p12"),
        ("sasl.kerberos.keytab", "user.keytab"),
        ("plugin.library.paths", "first.so;second.so"),
    ];
    let to = |path: &str| format!("  profiles: {{files: {path}}}\n");
    let over = |what: &str| format!("would write over a file that the run reads ({what})");
    let mut cases: Vec<(String, Vec<&str>, &str, String)> = Vec::new();
    for (path, what) in [
        ("keys.txt", "http.keys"),
        ("admin.txt", "http.keys"),
        ("cert.pem", "http.tls.certificate"),
        ("key.pem", "http.tls.key"),
        ("link.pem", "http.tls.key"),
    ] {
        cases.push((format!("{}{http}", to(path)), vec![], path, over(what)));
    }
    let rejects = "  rejects: {files: keys.txt}\n";
    cases.push((format!("{PROFILES}{rejects}{http}"), vec![], "keys.txt", over("http.keys")));
    let summary = vec!["--summary", "key.pem"];
    cases.push((format!("{PROFILES}{http}"), summary, "key.pem", over("http.tls.key")));
    for (property, path) in properties {
        let path = path.rsplit(';').next().expect("a path");
        let said = over(&format!("kafka.properties {property}"));
        let kafka = |value: &str| format!("kafka: {{properties: {{{property}: '{value}'}}}}\n");
        if property != "ssl.ca.location" {
            cases.push((format!("{}{}", to(path), kafka(path)), vec![], path, said));
            continue;
        }
        let said = format!(
            "would write into the folder of a file that the run reads (kafka.properties {property})"
        );
        cases.push((
            format!("{}{}", to("authorities/one.pem"), kafka(path)),
            vec![],
            "authorities/one.pem",
            said,
        ));
    }
    for (definition, more, path, said) in cases {
        let folder = place("data/*.ndjson", &definition);
        let at = folder.path();
        std::fs::create_dir(at.join("authorities")).expect("room on the disk");
        for name in ["keys.txt", "admin.txt", "cert.pem", "key.pem"] {
            write(at, name, "a key that nobody knows\n");
        }
        symlink("key.pem", at.join("link.pem")).expect("a link");
        if !at.join(path).exists() {
            write(at, path, "a secret\n");
        }
        let before = all(at);
        let complaint = selfsame(at, &[&RUN[..], &more].concat()).badly();
        assert!(complaint.contains(&said), "{definition}{complaint}");
        assert_eq!(all(at), before, "{definition}");
    }
}

#[test]
fn a_source_that_would_read_what_the_run_stores_is_refused() {
    for files in ["'st*/**'", "'st*/*.json'"] {
        let folder = place("data/*.ndjson", PROFILES);
        define(folder.path(), &format!("[data/*.ndjson, {files}]"), PROFILES);
        let complaint = selfsame(folder.path(), &[&RUN[..], &["--data", "store"]].concat()).badly();
        assert!(complaint.contains("source web would read what the run stores"), "{complaint}");
        assert!(!folder.path().join("out").exists());
    }
}

#[test]
fn an_output_of_one_run_is_a_source_of_another() {
    let folder = place("data/*.ndjson", "  profiles: {files: out/rows.ndjson}\n");
    selfsame(folder.path(), &RUN).well();
    let second = std::fs::read_to_string(folder.path().join("shop.yaml")).expect("it is there");
    let second = second
        .replace("data/*.ndjson", "out/rows.ndjson")
        .replace("out/rows.ndjson}", "out/second}");
    write(folder.path(), "second.yaml", &second);
    selfsame(folder.path(), &["run", "second.yaml", "--until-end"]).well();
    // And what is no file holds nothing that could be spoiled.
    define(folder.path(), "data/*.ndjson", "  profiles: {files: /dev/null}\n");
    selfsame(folder.path(), &RUN).well();
}

#[test]
fn a_run_that_cannot_start_leaves_what_an_earlier_one_left() {
    let folder = place("data/*.ndjson", PROFILES);
    let path = folder.path();
    selfsame(path, &RUN).well();
    let before = std::fs::read(path.join("out/profiles.ndjson")).expect("it is there");
    assert!(!before.is_empty());
    // No such file; no such peer; no broker.
    define(path, "[data/*.ndjson, nowhere/*]", PROFILES);
    selfsame(path, &RUN).badly();
    define(path, "data/*.ndjson", PROFILES);
    write(path, "hosts", &program::free_addresses(2).join("\n"));
    let run = [&RUN[..], &["--hosts", "hosts", "--process", "0"]].concat();
    let mut alone = Running::start(path, &run);
    alone.until("it waits", |running| running.err().contains("waiting for process 1"));
    alone.signal("INT");
    alone.end();
    let nobody = &program::free_addresses(1)[0];
    let kafka = format!("  identities: {{kafka: {{topic: t}}}}\nkafka: {{brokers: '{nobody}'}}\n");
    define(path, "data/*.ndjson", &format!("{PROFILES}{kafka}"));
    let complaint = selfsame(path, &RUN).badly();
    assert!(complaint.contains("no broker answers"), "{complaint}");
    assert_eq!(std::fs::read(path.join("out/profiles.ndjson")).expect("it is there"), before);
}

#[test]
fn what_an_earlier_run_left_goes_with_the_first_record_or_at_the_end() {
    let outputs = format!("{PROFILES}  rejects: {{files: out/rejects.ndjson}}\n");
    let folder = place("data/*.ndjson", &outputs);
    let path = folder.path();
    append(path, "data/web.ndjson", "no JSON\n");
    selfsame(path, &RUN).well();
    let [profiles, rejects] =
        ["profiles", "rejects"].map(|of| path.join(format!("out/{of}.ndjson")));
    assert_eq!([&profiles, &rejects].map(|of| records(of).len()), [1, 1]);

    write(path, "data/web.ndjson", "");
    let mut running = Running::start(path, &["run", "shop.yaml", "--follow"]);
    running.until("it runs", |running| running.err().contains("shop runs with"));
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!([&profiles, &rejects].map(|of| records(of).len()), [1, 1], "nothing was said");
    append(path, "data/web.ndjson", "{\"user\":\"bob\"}\n");
    running.until("it is said", |_| {
        records(&profiles)
            .iter()
            .any(|record| record.value.as_ref().is_some_and(|of| of.contains("bob")))
    });
    assert_eq!([&profiles, &rejects].map(|of| records(of).len()), [1, 0], "all of it is new");
    running.signal("TERM");
    running.end().well();

    write(path, "data/web.ndjson", "");
    selfsame(path, &RUN).well();
    assert_eq!([&profiles, &rejects].map(|of| records(of).len()), [0, 0], "there is nobody");
}

#[test]
fn a_file_is_written_by_one_run_until_that_ends_however_it_does() {
    let folder = place("data/*.ndjson", PROFILES);
    let path = folder.path();
    let mut running = Running::start(path, &["run", "shop.yaml", "--follow"]);
    let profiles = path.join("out/profiles.ndjson");
    running.until("it is sent", |_| profiles.exists() && records(&profiles).len() == 1);
    let complaint = selfsame(path, &RUN).badly();
    let said = "output file 'out/profiles.ndjson' is being written by another run";
    assert!(complaint.contains(said), "{complaint}");
    assert_eq!(records(&profiles).len(), 1);
    // Nor is a summary written to it.
    define(path, "data/*.ndjson", "  profiles: {files: elsewhere/profiles.ndjson}\n");
    let to = [&RUN[..], &["--summary", "out/profiles.ndjson"]].concat();
    let complaint = selfsame(path, &to).badly();
    assert!(complaint.contains("another run writes an output to it"), "{complaint}");
    assert!(!path.join("elsewhere/profiles.ndjson").exists());
    assert_eq!(records(&profiles).len(), 1);
    define(path, "data/*.ndjson", PROFILES);
    running.signal("KILL");
    drop(running);
    selfsame(path, &RUN).well();
}

#[test]
fn a_file_that_many_names_lead_to_is_read_once() {
    let folder = place("data/**/*.ndjson", PROFILES);
    let path = folder.path();
    symlink("web.ndjson", path.join("data/again.ndjson")).expect("a link");
    std::fs::hard_link(path.join("data/web.ndjson"), path.join("data/deep/hard.ndjson"))
        .expect("a link");
    symlink("..", path.join("data/deep/round")).expect("a link");
    symlink("deep", path.join("data/other")).expect("a link");
    let ended = selfsame(path, &RUN);
    let said =
        "source web: 'data/web.ndjson' is 'data/again.ndjson' by another name: it is read once";
    assert!(ended.err.contains(said), "{ended:?}");
    let summary = ended.well();
    assert!(summary.starts_with("shop: 1 row"), "{summary}");
}

#[test]
fn what_is_no_file_is_told_from_what_is_not_there() {
    let folder = place("data/deep", PROFILES);
    let path = folder.path();
    let says = |files: &str, said: &str| {
        define(path, files, PROFILES);
        let complaint = selfsame(path, &RUN).badly();
        assert!(complaint.contains(said), "{complaint}");
    };
    says("data/deep", "no file matches data/deep: 'data/deep' is a folder: name the files in it");
    let made = std::process::Command::new("mkfifo").arg(path.join("pipe")).status();
    assert!(made.expect("there is mkfifo").success());
    says("pipe", "no file matches pipe: 'pipe' is a pipe");
    symlink("nothing", path.join("lost")).expect("a link");
    says("lost", "no file matches lost: 'lost' is a link that leads nowhere");
    says("nothing", "no file matches nothing\n");
    std::fs::write(path.join("orders.ndjson"), "").expect("a file");
    says("order.ndjson", "no file matches order.ndjson; did you mean orders.ndjson?\n");
}

/// A pattern is waited for by who follows it, a name is not: it may be misspelt.
#[test]
fn what_is_followed_may_come_later() {
    let folder = place("data/deep/later/*.ndjson", PROFILES);
    let path = folder.path();
    let said = "source web: no file matches data/deep/later/*.ndjson";
    assert!(selfsame(path, &RUN).badly().contains(said));
    let mut running = Running::start(path, &["run", "shop.yaml", "--follow"]);
    let waits = format!("{said}; the run waits for one to come");
    running.until("it is told", |running| running.err().contains(&waits));
    std::fs::create_dir(path.join("data/deep/later")).expect("a folder");
    write(path, "data/deep/later/a.ndjson", "{\"user\":\"ben\"}\n");
    let profiles = path.join("out/profiles.ndjson");
    running.until("it is sent", |_| profiles.exists() && records(&profiles).len() == 1);
    running.signal("INT");
    running.end().well();
    define(path, "data/nothing.ndjson", PROFILES);
    let complaint = selfsame(path, &["run", "shop.yaml", "--follow"]).badly();
    assert!(complaint.contains("no file matches data/nothing.ndjson\n"), "{complaint}");
}
