//! What a run says of sources that are likely misunderstood, and of dates that its clock does not follow.

mod program;

use program::selfsame;

/// Runs a definition of one source; what it says to people, in words and as the summary.
fn run(source: &str, file: (&str, &[u8])) -> (String, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write =
        |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("room");
    write(file.0, file.1);
    let definition = format!(
        "sources:\n  t:\n    files: {}\n    kind: events\n{source}\nidentity:\n  user: {{from: {{t: user}}}}\noutputs:\n  \
         profiles: {{files: out.ndjson}}\n",
        file.0
    );
    write("t.yaml", definition.as_bytes());
    let run = ["run", "t.yaml", "--until-end", "--clock", "event", "--workers", "2"];
    let ended = selfsame(folder.path(), &run);
    assert!(ended.status.success(), "{}\n{definition}", ended.err);
    (ended.err, ended.out)
}

const FIELDS: &str = "    time: at\n    fields: {user: text, at: timestamp}";

#[track_caller]
fn says(source: &str, file: (&str, &[u8]), what: &str) {
    let (said, _) = run(source, file);
    assert!(said.contains(what), "{what}\n{said}");
    assert_eq!(said.matches("WARN").count(), 1, "{said}");
}

fn row(user: usize, at: &str) -> String {
    format!("{{\"user\":\"u{user}\",\"at\":{at}}}\n")
}

#[test]
fn most_of_the_first_rows_rejected_are_worth_a_word_with_the_remedy() {
    let json = |text: &str, what: &str| says(FIELDS, ("t.ndjson", text.as_bytes()), what);
    let good: String = (0..1_200).map(|user| row(user + 1, "\"2025-07-05T00:00:00Z\"")).collect();
    json(
        "[\"a\",\"2025-07-05T00:00:00Z\"]\n",
        "A row is an object, and this is a list: write an object a line (jq -c '.[]')",
    );
    json(
        &good.replace(['{', ','], "{\n").replace('}', "\n}"),
        "Its objects seem to take several lines: write an object a line (jq -c .)",
    );
    json("user,at\nu1,2025-07-05T00:00:00Z\n", "It seems to be CSV: say `format: csv`");
    json(
        &good.replace("\"at\"", "\"when\""),
        "as missing_time $.at (the row has no time). Say by `path` where $.at stands in a row",
    );
    json(&good.replace("\"user\"", "\"u\""), "Say by `path` where the columns of `identity` stand");
    json(
        &good.replace("2025-07-05T00:00:00Z", "yesterday"),
        "Say in `fields` how at is written, as in at: {type: timestamp, format: '%d.%m.%Y %H:%M'}",
    );
    json(
        &good.replace("2025-07-05T00:00:00Z", "03.11.2025"),
        "Say in `fields` how at is written, as in at: {type: timestamp, format: '%d.%m.%Y'}, and by whose clocks",
    );
    says(
        "    time: at\n    fields: {user: text, at: {type: timestamp, format: '%d.%m.%Y %H:%M'}}",
        ("t.ndjson", good.replace("2025-07-05T00:00:00Z", "03.11.2025").as_bytes()),
        "several formats are tried in turn, as in format: [the one that there is, '%d.%m.%Y']",
    );
    says(
        "    time: at\n    fields: {user: text, at: timestamp, n: integer}",
        ("t.ndjson", b"{\"user\":\"u1\",\"at\":\"2025-07-05T00:00:00Z\",\"n\":\"3\"}\n"),
        "A whole number that is written as a text is read as a decimal: n: \"decimal(18,0)\"",
    );
    says(
        "    format: csv\n    delimiter: \";\"\n    time: at\n    fields: {user: text, at: timestamp, n: \"decimal(12,2)\"}",
        ("t.csv", b"user;at;n\nu1;2025-07-05T00:00:00Z;1.234,56\n"),
        "Declare n as text, and make a number of it beside: derive: {n_number: \"cast(replace(regexp_replace(n, ",
    );
    let csv = format!("{FIELDS}\n    format: csv");
    let log = "user,at,x\n".to_owned() + &"u1,2025-07-05T00:00:00Z,\"GET /\" 200 \"x\"\n".repeat(3);
    says(
        &csv,
        ("t.csv", log.as_bytes()),
        "is doubled). Where quotes are characters as others are, as in logs, say so in the source: `quote: none`",
    );
    says(
        "    format: csv\n    time: at\n    fields: {user: text, at: timestamp, born: {type: date, format: '%Y%m%d'}}",
        ("t.csv", b"user,at,born\nu1,2025-07-05T00:00:00Z,19000230\n"),
        "declare born as text and read it beside: derive: {born_read: \"try_to_date(born, '%Y%m%d')\"}",
    );
    let latin: Vec<u8> = (0..20).flat_map(|_| b"{\"user\":\"zo\xeb\"}\n".to_vec()).collect();
    says(FIELDS, ("t.ndjson", &latin), "Say how it is written, as in `encoding: windows-1252`");
    let csv = format!("{FIELDS}\n    format: csv");
    says(
        &csv,
        ("t.csv", b"user,at,x\nu1;2025-07-05T00:00:00Z;1\nu2;2025-07-05T00:00:00Z;1\n"),
        "Cells are separated by commas, and one that has such a character stands in quotes",
    );
}

#[test]
fn the_remedy_is_one_of_what_the_source_says_of_itself() {
    let fields = FIELDS;
    let json = |file: &str, what: &str| says(fields, ("t.ndjson", file.as_bytes()), what);
    json("\u{1e}{\"user\":\"a\",\"at\":1}\n", "It is a sequence of JSON texts");
    let source = |more: &str| format!("    format: csv\n{more}{fields}");
    let wide: Vec<u8> =
        "user,at\na\u{ffff},1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let at = wide.windows(2).position(|of| of == [0xff, 0xff]).expect("it is there");
    // Half a character.
    let broken = [&wide[..at], &[0, 0xd8], &wide[at + 2..]].concat();
    let said = "(no character of UTF-16LE at byte 2, in UTF-8). It is read as UTF-16LE: say by `encoding` how it is written";
    says(&source("    encoding: utf-16le\n"), ("t.csv", &broken), said);
    let said = "(no character of Shift_JIS at byte 2, in UTF-8). It is read as Shift_JIS: say by `encoding`";
    says(&source("    encoding: shift_jis\n"), ("t.csv", b"user,at\na\xff,1\n"), said);
    let said = "(3 cells, `columns` names 2)";
    says(&source("    columns: [user, at]\n"), ("t.csv", b"a,1,2\n"), said);
}

#[test]
fn few_rejects_are_not_worth_one() {
    let good: String = (0..30).map(|user| row(user + 1, "\"2025-07-05T00:00:00Z\"")).collect();
    let (said, _) = run(FIELDS, ("t.ndjson", format!("{good}nonsense\n{{}}\n").as_bytes()));
    assert!(!said.contains("WARN"), "{said}");
}

#[test]
fn seconds_in_a_timestamp_are_told_and_derived() {
    let seconds: String =
        (0..1_500).map(|user| row(user + 1, &(1_751_673_600 + user).to_string())).collect();
    says(
        FIELDS,
        ("t.ndjson", seconds.as_bytes()),
        "source t: 1500 of the first 1500 values of at are in January 1970: a number in a timestamp is \
         milliseconds since the epoch, and these seem to be seconds.",
    );
    let derived = "    time: happened\n    fields: {user: text, at: integer}\n    derive: {happened: to_timestamp_seconds(at)}";
    let (said, _) = run(derived, ("t.ndjson", seconds.as_bytes()));
    assert!(!said.contains("WARN"), "{said}");
    let millis: String =
        (0..50).map(|user| row(user + 1, &(1_751_673_600_000i64).to_string())).collect();
    let (said, _) = run(FIELDS, ("t.ndjson", millis.as_bytes()));
    assert!(!said.contains("WARN"), "{said}");
}

#[test]
fn days_of_january_1970_that_are_written_so_are_no_seconds() {
    for (at, row) in [
        ("{type: timestamp, format: '%d.%m.%Y'}", "{\"user\":\"a\",\"at\":\"02.01.1970\"}\n"),
        ("{type: timestamp, format: epoch_s}", "{\"user\":\"a\",\"at\":86400}\n"),
        ("timestamp", "{\"user\":\"a\",\"at\":\"1970-01-02T00:00:00Z\"}\n"),
    ] {
        let source = format!("    time: at\n    fields: {{user: text, at: {at}}}");
        let (said, _) = run(&source, ("t.ndjson", row.as_bytes()));
        assert!(!said.contains("January 1970"), "{at}: {said}");
    }
}

#[test]
fn a_date_that_the_clock_does_not_follow_is_named() {
    let rows = ["\"2021-07-05T00:00:00Z\"", "\"2021-07-05T01:00:00Z\"", "\"2024-01-01T00:00:00Z\""];
    let rows: String = rows.iter().enumerate().map(|(user, at)| row(user + 1, at)).collect();
    let (_, summary) = run(FIELDS, ("t.ndjson", rows.as_bytes()));
    let told = "now() does not follow 2024-01-01T00:00:00.000Z, the latest time of t: it is dated more \
                than 1 day (max_ahead)";
    assert!(summary.contains(told), "{summary}");
    let more = rows + &row(9, "\"2024-01-01T02:00:00Z\"");
    let (_, summary) = run(FIELDS, ("t.ndjson", more.as_bytes()));
    assert!(!summary.contains("does not follow"), "{summary}");
}
