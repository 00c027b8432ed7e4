//! Standard input and standard output: the program in a pipe, as shells make them.

mod program;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use program::{State, free_addresses, records};

const DEFINITION: &str = "
sources:
  web: {files: \"-\", kind: events, fields: {email: text, device: text, amount: integer}}
identity:
  email: {from: {web: email}}
  device: {from: {web: device}}
attributes:
  spent: {from: web, select: sum(amount)}
outputs:
  profiles: {files: \"-\"}
  rejects: {files: out/rejects.ndjson}
";

const ROWS: &str = r#"{"email":"a@x.org","device":"d1","amount":1}
{"email":"b@x.org","device":"d2","amount":2}
{"email":"b@x.org","device":"d1","amount":"none"}
{"email":"a@x.org","device":"d3","amount":4}
"#;

fn folder(definition: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(folder.path(), "lite.yaml", definition);
    write(folder.path(), "rows.ndjson", ROWS);
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("room on the disk");
}

/// What a shell makes of a line, in which `selfsame` is the program.
fn shell(folder: &Path, line: &str) -> Output {
    let line = format!("set -o pipefail; selfsame() {{ '{}' \"$@\"; }}; {line}", program());
    let mut bash = Command::new("timeout");
    bash.args(["-k", "1", "120", "bash", "-c", &line]).current_dir(folder);
    bash.env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"));
    bash.output().expect("bash starts")
}

fn program() -> &'static str {
    env!("CARGO_BIN_EXE_selfsame")
}

/// What was written, by a command that ended well.
#[track_caller]
fn well(output: Output) -> String {
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}\n{err}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

#[track_caller]
fn fails(output: Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(output.stdout, b"");
    String::from_utf8(output.stderr).expect("text")
}

/// The profiles in the end, less when they were said.
fn profiles(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(folder.path(), "all.ndjson", text);
    let state = State::of(records(&folder.path().join("all.ndjson")));
    let said =
        |value: String| value.split_once(",\"at\":").expect("each has its instant").0.to_owned();
    state.values.into_values().map(said).collect()
}

#[test]
fn rows_come_by_standard_input_and_records_alone_leave_by_standard_output() {
    let folder = folder(DEFINITION);
    let from_file = DEFINITION.replace("web: {files: \"-\"", "web: {files: rows.ndjson");
    write(folder.path(), "file.yaml", &from_file);
    let expected = profiles(&well(shell(folder.path(), "selfsame run file.yaml")));
    assert_eq!(expected.len(), 2, "{expected:?}");
    for line in [
        "selfsame run lite.yaml < rows.ndjson",
        "cat rows.ndjson | selfsame run lite.yaml | cat",
        "(head -2 rows.ndjson; sleep 1; tail -2 rows.ndjson) | selfsame run lite.yaml --follow",
        "cat rows.ndjson | selfsame run lite.yaml --until-end --workers 3",
        "cat rows.ndjson | selfsame run lite.yaml > kept.ndjson; cat kept.ndjson",
    ] {
        let output = shell(folder.path(), line);
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(err.contains("standard output"), "the summary is told elsewhere: {err}");
        assert_eq!(profiles(&well(output)), expected, "{line}");
        let rejects = records(&folder.path().join("out/rejects.ndjson"));
        let value = rejects[0].value.as_deref().unwrap_or_default();
        assert!(value.contains(r#""position":{"file":"-","line":3}"#), "{value}");
    }
    // Nothing is nobody.
    assert_eq!(well(shell(folder.path(), "selfsame run lite.yaml < /dev/null")), "");
    // What the shell appends to is not emptied.
    write(folder.path(), "log", "before\n");
    well(shell(folder.path(), "selfsame run lite.yaml < rows.ndjson >> log"));
    let log = std::fs::read_to_string(folder.path().join("log")).expect("it was written");
    assert_eq!(profiles(log.strip_prefix("before\n").expect("it stays")), expected);
}

#[test]
fn what_the_shell_appends_to_has_one_header() {
    let csv =
        DEFINITION.replace("profiles: {files: \"-\"}", "profiles: {files: \"-\", format: csv}");
    let header = |text: &str| text.lines().filter(|line| line.starts_with("person,")).count();
    for options in ["", " --data kept"] {
        let folder = folder(&csv);
        let text =
            || std::fs::read_to_string(folder.path().join("all.csv")).expect("it was written");
        let append = |rows: &str| {
            well(shell(
                folder.path(),
                &format!("selfsame run lite.yaml{options} < {rows} >> all.csv"),
            ))
        };
        append("rows.ndjson");
        let (first, lines) = (text(), text().lines().count());
        assert!(first.starts_with("person,"), "{first}");
        assert!(lines >= 3, "{first}");
        append("/dev/null");
        assert_eq!(text(), first, "nothing is said of no rows");
        write(folder.path(), "more.ndjson", "{\"email\":\"c@x.org\",\"amount\":3}\n");
        append("more.ndjson");
        let both = text();
        assert_eq!((header(&both), both.lines().count()), (1, lines + 1), "{both}");
        // A file that is written anew, and a pipe, begin with theirs.
        let anew = "selfsame run lite.yaml < rows.ndjson > all.csv; \
                    selfsame run lite.yaml < rows.ndjson | cat > piped.csv";
        well(shell(folder.path(), anew));
        assert_eq!(header(&text()), 1);
        let piped =
            std::fs::read_to_string(folder.path().join("piped.csv")).expect("it was written");
        assert_eq!(header(&piped), 1, "{piped}");
    }
}

#[test]
fn csv_has_its_header_in_the_stream() {
    let csv = DEFINITION.replace("{files: \"-\", kind", "{files: /dev/stdin, format: csv, kind");
    let folder = folder(&csv);
    let line = "printf 'device,amount,email\\nd1,1,\"a\n@x.org\"\\nd1,2,b@x.org\\nd2,x,c' |\
                selfsame run lite.yaml";
    let found = profiles(&well(shell(folder.path(), line)));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains(r#""email":["a\n@x.org","b@x.org"]"#), "{found:?}");
    assert!(found[0].contains(r#""spent":3"#), "{found:?}");
    let rejects = records(&folder.path().join("out/rejects.ndjson"));
    let value = rejects[0].value.as_deref().unwrap_or_default();
    assert!(value.contains(r#""position":{"file":"-","line":5}"#), "{value}");
    let wrong = fails(shell(folder.path(), "echo 'device;amount;email' | selfsame run lite.yaml"));
    assert!(wrong.contains("source web: -: its columns are separated by semicolons"), "{wrong}");
    let wrong = fails(shell(folder.path(), "printf 'device\n' | xz | selfsame run lite.yaml"));
    assert!(wrong.contains("source web: -: it is compressed with xz"), "{wrong}");
}

#[test]
fn a_row_is_answered_as_it_comes_and_a_run_that_waits_can_be_stopped() {
    let folder = folder(DEFINITION);
    let mut child = Command::new(program())
        .args(["run", "lite.yaml"])
        .env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut input = child.stdin.take().expect("piped");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    for row in ROWS.lines().filter(|row| !row.contains("none")) {
        writeln!(input, "{row}").expect("it reads");
        let answer = lines.next().expect("it answers").expect("text");
        assert!(answer.contains(row.split('"').nth(3).expect("an address")), "{answer}");
    }
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupt.expect("there is kill").success());
    let start = Instant::now();
    while child.try_wait().expect("it is our child").is_none() {
        assert!(start.elapsed() < Duration::from_secs(60), "it does not stop");
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(input);
}

#[test]
fn a_reader_that_leaves_ends_the_run_and_one_that_waits_holds_it_back() {
    let folder = folder(DEFINITION);
    let endless =
        r#"awk 'BEGIN { while (1) { n++; print "{\"email\":\"" n "@x.org\",\"amount\":1}" } }'"#;
    for flags in ["", "--workers 2", "--until-end"] {
        let line = format!(
            "{endless} | selfsame run lite.yaml {flags} | head -1; echo ${{PIPESTATUS[1]}}"
        );
        let output = shell(folder.path(), &line);
        let out = String::from_utf8_lossy(&output.stdout);
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(
            out.starts_with("{\"output\":\"profiles\"") && out.ends_with("}\n141\n"),
            "{out}\n{err}"
        );
        assert!(!err.contains("panick") && !err.contains("error"), "{err}");
        assert!(!err.contains("  output  "), "no summary: {err}");
    }
    // What is read comes to a stand while the reader waits, and goes on with it, when the step that waited is written.
    // The count is moved into its place whole, so that nobody reads it while it is written. Long rows, so that few are held.
    let counting = endless
        .replace("BEGIN {", "BEGIN { pad = sprintf(\"%0400d\", 0);")
        .replace(r#"\"" n "#, r#"\"" pad n "#)
        .replace(
            "n++;",
            "n++; if (n % 1000 == 0) { print n > \"next\"; close(\"next\"); system(\"mv next count\") };",
        );
    assert!(counting.contains("pad n"), "{counting}");
    let waiting = "read -r first; for i in $(seq 30); do cp count then; sleep 2; \
                   cmp -s count then && break; done; cat then; cat count; \
                   for i in $(seq 20); do head -50000 > /dev/null; \
                   cmp -s count then || break; done; cat count";
    let output =
        shell(folder.path(), &format!("{counting} | selfsame run lite.yaml | ({waiting})"));
    let out = String::from_utf8_lossy(&output.stdout);
    let counts: Vec<u64> = out.lines().map(|line| line.parse().expect("a number")).collect();
    let [then, later, last] = counts[..] else { panic!("{counts:?}") };
    assert!(then == later && later < last, "{counts:?}");
}

#[test]
fn of_several_processes_the_first_one_reads_and_writes() {
    let folder = folder(DEFINITION);
    let hosts = free_addresses(2).join("\n");
    write(folder.path(), "hosts", &hosts);
    let line = "selfsame run lite.yaml --hosts hosts --process 1 < /dev/null > other & \
                selfsame run lite.yaml --hosts hosts < rows.ndjson; first=$?; \
                wait $! && test ! -s other && exit $first";
    let found = profiles(&well(shell(folder.path(), line)));
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = folder(DEFINITION);
    // It would read what it writes.
    let wrong = fails(shell(folder.path(), "selfsame run lite.yaml < rows.ndjson >> rows.ndjson"));
    assert!(wrong.contains("output profiles would write over a file of source web"), "{wrong}");
    let wrong = fails(shell(folder.path(), "selfsame why a@x.org --spec lite.yaml < rows.ndjson"));
    assert!(wrong.contains("source web is standard input, which is gone"), "{wrong}");
    std::fs::create_dir(folder.path().join("kept")).expect("room on the disk");
    well(shell(folder.path(), "selfsame run lite.yaml < rows.ndjson > kept/profiles.ndjson"));
    for command in ["get a@x.org", "tail profiles"] {
        let wrong = fails(shell(folder.path(), &format!("selfsame {command} --spec lite.yaml")));
        assert!(
            wrong.contains("output profiles can't be read back: it went to standard"),
            "{wrong}"
        );
    }
    assert!(well(shell(folder.path(), "selfsame get a@x.org --out kept")).contains("spent"));
}

/// What Python's reader of CSV makes of a file: a list of objects.
fn by_python(folder: &Path, name: &str) -> Vec<serde_json::Map<String, serde_json::Value>> {
    let script = "import csv, json, sys; \
                  print(json.dumps(list(csv.DictReader(open(sys.argv[1], newline='', encoding='utf-8')))))";
    let python = Command::new("python3").args(["-c", script, name]).current_dir(folder).output();
    serde_json::from_str(&well(python.expect("there is Python"))).expect("JSON")
}

const CSV: &str = "
sources:
  web: {files: rows.ndjson, kind: records, key: id, fields: {id: text, email: text, device: text, note: text, at: text}}
identity:
  email: {from: {web: email}}
  device: {from: {web: device}}
attributes:
  email: {from: web, select: last(email)}
  note: {from: web, select: last(note)}
  notes: {from: web, select: array_agg(distinct note)}
  at: {from: web, select: last(at)}
  count: {from: web, select: count(*)}
segments:
  many: count > 1
outputs:
  json: {publish: profiles, files: out/profiles.ndjson}
  profiles: {files: out/profiles.csv, format: csv}
  segments: {files: out/segments.csv, format: csv}
  identities: {files: out/identities.csv, format: csv}
  rejects: {files: out/rejects.csv, format: csv}
";

#[test]
fn csv_says_what_json_says() {
    let folder = folder(CSV);
    let note = "a \"quoted\", word\r\nand\nlines é";
    let row = |id: &str, email: &str, device: &str, note: serde_json::Value| {
        serde_json::json!({"id": id, "email": email, "device": device, "note": note}).to_string()
    };
    let rows = [
        row("1", "a@x.org", "d,1", note.into()),
        row("2", "b@x.org", "d2", "".into()),
        row("3", "c@x.org", "d3", serde_json::Value::Null),
        "{\"id\":4,".to_owned(),
        // Two who were two are one from here on.
        format!("{}\n", row("5", "a@x.org", "d2", "x".into())),
    ];
    write(folder.path(), "rows.ndjson", "");
    let mut run = program::Running::start(folder.path(), &["run", "lite.yaml", "--follow"]);
    for row in &rows {
        let path = folder.path().join("rows.ndjson");
        let mut file = std::fs::OpenOptions::new().append(true).open(path).expect("it is there");
        writeln!(file, "{row}").expect("room on the disk");
        std::thread::sleep(Duration::from_millis(700));
    }
    let merged = |run: &program::Running| {
        let _ = run;
        let text = std::fs::read_to_string(folder.path().join("out/profiles.csv"));
        text.is_ok_and(|text| text.contains(",true,p_"))
    };
    run.until("two are one", merged);
    run.signal("INT");
    run.end().well();

    // The records of a key have an order, those of a tick have none.
    let mut found = by_python(folder.path(), "out/profiles.csv");
    found.sort_by_key(|row| row["person"].to_string());
    let mut expected = records(&folder.path().join("out/profiles.ndjson"));
    expected.sort_by_key(|record| record.key.clone());
    assert_eq!(found.len(), expected.len());
    for (row, record) in found.iter().zip(&expected) {
        assert_eq!(row["person"], record.key.as_str());
        assert_eq!(row["deleted"], if record.value.is_none() { "true" } else { "false" });
        assert_eq!(row["merged_into"], record.merged_into.as_deref().unwrap_or_default());
        let Some(value) = &record.value else { continue };
        let value: serde_json::Value = serde_json::from_str(value).expect("JSON");
        let written = |value: &serde_json::Value| match value {
            serde_json::Value::Null => String::new(),
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        for (column, path) in [
            ("identifiers.email", "/identifiers/email"),
            ("device", "/identifiers/device"),
            ("attributes.email", "/attributes/email"),
            ("attributes.at", "/attributes/at"),
            ("note", "/attributes/note"),
            ("notes", "/attributes/notes"),
            ("count", "/attributes/count"),
            ("segments", "/segments"),
            ("at", "/at"),
        ] {
            let value = value.pointer(path).expect("it is said");
            assert_eq!(row[column], written(value), "{column}");
        }
    }
    let notes: Vec<&str> = found.iter().filter_map(|row| row["note"].as_str()).collect();
    assert!(notes.contains(&note), "{notes:?}");
    let text = std::fs::read_to_string(folder.path().join("out/profiles.csv")).expect("written");
    assert!(text.starts_with(
        "person,identifiers.email,device,attributes.email,note,notes,attributes.at,count,segments,at,deleted,merged_into\n"
    ));
    assert_eq!(text.matches("merged_into").count(), 1, "one header");
    // An empty text is not a null.
    assert!(text.contains(",\"\",") && text.contains(",,"), "{text}");

    let segments = by_python(folder.path(), "out/segments.csv");
    assert_eq!(segments[0]["segment"], "many");
    assert_eq!(segments[0]["change"], "entered");
    let identities = by_python(folder.path(), "out/identities.csv");
    let device = identities.iter().find(|row| row["value"] == "d,1").expect("it is known");
    assert_eq!((&device["type"], &device["deleted"]), (&"device".into(), &"false".into()));
    let rejects = by_python(folder.path(), "out/rejects.csv");
    assert_eq!(rejects[0]["raw"], "{\"id\":4,");

    // CSV is read back as JSON is.
    let only = |name: &str, keep: &str| {
        let lines = CSV.lines().filter(|line| !line.contains("files: out/") || line.contains(keep));
        write(folder.path(), name, &(lines.collect::<Vec<_>>().join("\n") + "\n"));
    };
    only("csv.yaml", "format: csv");
    only("json.yaml", "profiles.ndjson");
    let asked = |command: &str, spec: &str| {
        well(shell(folder.path(), &format!("selfsame {command} --spec {spec}")))
    };
    for id in ["a@x.org", "c@x.org", "d2"] {
        let command = format!("get {id}");
        assert_eq!(asked(&command, "csv.yaml"), asked(&command, "json.yaml"), "{id}");
    }
    let values = |spec: &str, output: &str| {
        let said = asked(&format!("tail {output} -n 1000"), spec);
        let said =
            said.lines().map(|line| line.split_once(",\"key\":").expect("a key").1.to_owned());
        let mut said: Vec<String> = said.collect();
        said.sort();
        said
    };
    let from_json = values("json.yaml", "json");
    assert!(!from_json.is_empty());
    assert_eq!(values("csv.yaml", "profiles"), from_json);
}

#[test]
fn csv_leaves_by_standard_output_with_one_header() {
    let definition =
        DEFINITION.replace("profiles: {files: \"-\"}", "profiles: {files: \"-\", format: csv}");
    let folder = folder(&definition);
    let header = "person,email,device,spent,segments,at,deleted,merged_into\n";
    let text = well(shell(folder.path(), "cat rows.ndjson | selfsame run lite.yaml --workers 2"));
    assert!(text.starts_with(header) && text.lines().count() == 3, "{text}");
    // Where there is nobody there is the header alone.
    assert_eq!(well(shell(folder.path(), "selfsame run lite.yaml < /dev/null")), header);
}

#[test]
fn who_leaves_a_named_pipe_ends_the_run_as_who_leaves_standard_output_does() {
    let definition = format!("{DEFINITION}  also: {{publish: identities, files: named}}\n");
    let folder = folder(&definition);
    let endless =
        r#"awk 'BEGIN { while (1) { n++; print "{\"email\":\"" n "@x.org\",\"amount\":1}" } }'"#;
    let line = format!(
        "mkfifo named; (head -1 named > first 2>&1 &); \
         {endless} | selfsame run lite.yaml > profiles; echo ${{PIPESTATUS[1]}}; cat first"
    );
    let output = shell(folder.path(), &line);
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(out.starts_with("141\n{\"output\":\"also\""), "{out}\n{err}");
    assert!(err.contains("who read 'named' has left"), "{err}");
    assert!(!err.contains("trying again"), "{err}");
}

#[test]
fn a_pipe_that_nobody_reads_is_waited_for_until_the_run_is_to_stop() {
    let definition = DEFINITION.replace("profiles: {files: \"-\"}", "profiles: {files: named}");
    let folder = folder(&definition);
    let made = std::process::Command::new("mkfifo").arg(folder.path().join("named")).status();
    assert!(made.expect("there is mkfifo").success());
    let definition = std::fs::read_to_string(folder.path().join("lite.yaml")).expect("it is there");
    write(folder.path(), "lite.yaml", &definition.replace("files: \"-\"", "files: rows.ndjson"));
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let arguments = ["run", "lite.yaml", "--until-end"];
        let mut run = program::Running::start(folder.path(), &arguments);
        run.until("it waits", |run| run.err().contains("waiting for who reads 'named'"));
        run.signal(signal);
        let ended = run.end();
        assert_eq!(ended.status.code(), Some(code), "{ended:?}");
    }
    // One that comes later reads all.
    let line = "selfsame run lite.yaml --until-end & sleep 1; cat named > all; wait; wc -l < all";
    let output = shell(folder.path(), line);
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.trim_end().ends_with('2'), "{out} {}", String::from_utf8_lossy(&output.stderr));
}
