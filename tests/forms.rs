//! Bytes in whatever form, of files and of standard input, against a plain reading of the same bytes: compressed in blocks
//! that end anywhere, of several members, none or half of one; in encodings, with bytes that are none of their characters;
//! as CSV with marks, comments and no header, as JSON by lines and as one list; with rows that are ragged, lack their key or
//! are corrected.
//!
//! What compressors make of texts is tried by tests/texts.rs.

#[path = "forms/blocks.rs"]
mod blocks;
mod program;
#[path = "../src/property.rs"]
mod property;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::process::{Command, Stdio};

use blocks::{packed, unpacked};
use program::{State, records};
use proptest::prelude::*;
use serde_json::Value;

/// An encoding: its name, one of its characters beyond ASCII, and bytes that are none of them where `!` follows.
type Characters = (&'static str, (char, &'static [u8]), &'static [&'static [u8]]);

const ENCODINGS: [Characters; 20] = [
    (
        "utf-8",
        ('é', b"\xc3\xa9"),
        &[b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80"],
    ),
    // With a mark at the beginning.
    ("UTF-8", ('€', b"\xe2\x82\xac"), &[b"\xe2\x82", b"\x80"]),
    ("utf-16", ('€', b"\xac\x20"), &[b"\x00\xd8", b"\xff\xdf"]),
    ("utf-16le", ('😀', b"\x3d\xd8\x00\xde"), &[b"\x00\xdc"]),
    ("utf-16be", ('é', b"\x00\xe9"), &[b"\xd8\x00", b"\xdc\x00"]),
    ("windows-1252", ('€', b"\x80"), &[]),
    ("latin1", ('é', b"\xe9"), &[]),
    ("iso-8859-3", ('ħ', b"\xb1"), &[b"\xa5", b"\xc3"]),
    ("iso-8859-15", ('€', b"\xa4"), &[]),
    ("windows-1251", ('П', b"\xcf"), &[]),
    ("windows-1253", ('α', b"\xe1"), &[b"\xaa", b"\xd2"]),
    ("windows-874", ('ก', b"\xa1"), &[b"\xdb", b"\xff"]),
    ("koi8-r", ('П', b"\xf0"), &[]),
    ("shift_jis", ('テ', b"\x83\x65"), &[b"\x81", b"\xa0", b"\xfd\xff"]),
    ("euc-jp", ('テ', b"\xa5\xc6"), &[b"\xff", b"\xa1"]),
    ("iso-2022-jp", ('テ', b"\x1b$B\x25\x46\x1b(B"), &[b"\x80", b"\xff"]),
    ("gbk", ('你', b"\xc4\xe3"), &[b"\xff", b"\x81"]),
    ("gb18030", ('你', b"\xc4\xe3"), &[b"\xff"]),
    ("big5", ('你', b"\xa7\x41"), &[b"\x80", b"\xff"]),
    ("euc-kr", ('안', b"\xbe\xc8"), &[b"\x80", b"\xff"]),
];

/// Stands in a text for bytes that are no character.
const NONE: char = '\u{1}';

fn mark((name, ..): Characters) -> &'static [u8] {
    match name {
        "UTF-8" => b"\xef\xbb\xbf",
        "utf-16" => b"\xff\xfe",
        _ => b"",
    }
}

/// The two bytes of a character of ASCII, or its only one.
fn ascii((name, ..): Characters, character: char) -> Vec<u8> {
    match name {
        "utf-16" | "utf-16le" => vec![character as u8, 0],
        "utf-16be" => vec![0, character as u8],
        _ => vec![character as u8],
    }
}

fn encoded(of: Characters, bad: &[u8], text: &str) -> Vec<u8> {
    let (_, (beyond, its), _) = of;
    let bytes = text.chars().flat_map(|character| match character {
        NONE => bad.to_vec(),
        _ if character == beyond => its.to_vec(),
        _ => ascii(of, character),
    });
    mark(of).iter().copied().chain(bytes).collect()
}

fn decoded(of: Characters, bytes: &[u8]) -> String {
    let (_, (beyond, its), bad) = of;
    let mut rest = bytes.strip_prefix(mark(of)).unwrap_or(bytes);
    let mut text = String::new();
    while !rest.is_empty() {
        let spoiled = bad.iter().filter(|bad| rest.starts_with(bad)).map(|bad| bad.len()).max();
        let (character, length) = match spoiled {
            _ if rest.starts_with(its) => (beyond, its.len()),
            Some(length) => (NONE, length),
            None => {
                let wide = ascii(of, 'a').len();
                (
                    rest[..wide]
                        .iter()
                        .map(|byte| char::from(*byte))
                        .find(|byte| *byte != '\0')
                        .expect("ASCII"),
                    wide,
                )
            }
        };
        text.push(character);
        rest = &rest[length..];
    }
    text
}

/// The text of a row in CSV or JSON, of several kinds.
fn row(
    format: &str,
    delimiter: &str,
    (kind, id): (usize, usize),
    number: usize,
    beyond: char,
) -> String {
    let is_csv = format == "csv";
    match (kind, is_csv) {
        (0, true) => format!("#{id}{delimiter}comment"),
        (0, false) if format == "lines" => String::new(),
        (0, false) => format!("{{\"id\":\n \"{id}\"\r\n}}"),
        (1, true) => format!("{id}"),
        (1, false) => "[7]".to_owned(),
        (2, true) => format!("{id}{delimiter}a{delimiter}b"),
        (2, false) => format!("{{\"id\":{id},}}"),
        (3, true) => format!("{delimiter}nobody@x"),
        (3, false) => "{\"email\":\"nobody@x\"}".to_owned(),
        (4, true) => format!("{id}{delimiter}"),
        (4, false) => format!("{{\"id\":{id},\"email\":null}}"),
        (5, true) => format!("{id}{delimiter}{NONE}!@x"),
        (5, false) => format!("{{\"id\":\"{id}\",\"email\":\"{NONE}!@x\"}}"),
        (_, true) => format!("{id}{delimiter}{beyond}{number}@x"),
        (_, false) => format!("{{\"id\":\"{id}\",\"email\":\"{beyond}{number}@x\"}}"),
    }
}

/// What stands in the end by ids, and what is set aside by lines.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    newest: BTreeMap<String, String>,
    rejected: BTreeSet<(u64, String)>,
}

impl Outcome {
    fn reject(&mut self, line: u64, code: &str) {
        self.rejected.insert((line, code.to_owned()));
    }

    fn of_csv(text: &str, delimiter: &str, mut has_header: bool) -> Self {
        let mut outcome = Outcome::default();
        for (number, line) in (1u64..).zip(text.lines()) {
            let cells: Vec<&str> = line.split(delimiter).collect();
            match cells[..] {
                _ if line.starts_with('#') => {}
                _ if std::mem::take(&mut has_header) => {}
                _ if line.contains(NONE) => outcome.reject(number, "not_utf8"),
                ["", _] => outcome.reject(number, "missing_key"),
                [id, email] => drop(outcome.newest.insert(id.to_owned(), email.to_owned())),
                [_] => outcome.reject(number, "too_few_columns"),
                _ => outcome.reject(number, "too_many_columns"),
            }
        }
        outcome
    }

    fn of_json<'a>(rows: impl Iterator<Item = (u64, &'a str)>) -> Self {
        let mut outcome = Outcome::default();
        for (number, row) in rows {
            let word = |value: &Value| match value {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            match serde_json::from_str::<Value>(row) {
                _ if row.contains(NONE) => outcome.reject(number, "not_utf8"),
                Err(_) => outcome.reject(number, "malformed"),
                Ok(Value::Object(row)) => match row.get("id").map(word) {
                    None => outcome.reject(number, "missing_key"),
                    Some(id) => {
                        drop(
                            outcome
                                .newest
                                .insert(id, row.get("email").map(word).unwrap_or_default()),
                        );
                    }
                },
                Ok(_) => outcome.reject(number, "wrong_type"),
            }
        }
        outcome
    }
}

const FORMS: [&str; 6] = ["plain", "gzip", "zstd", "lz4", "snappy", "bzip2"];
/// What has its end written in it, so that more may follow.
const ENDED: [&str; 3] = ["gzip", "zstd", "lz4"];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..property::cases(64) })]

    #[test]
    fn bytes_in_any_form_are_read_as_they_are_read_plainly(
        form in prop::sample::select(&FORMS[..]), others in prop::collection::vec(prop::sample::select(&ENDED[..]), 0..3),
        encoding in prop::sample::select(&ENCODINGS[..]), bad in any::<prop::sample::Index>(),
        format in prop::sample::select(vec!["csv", "lines", "list"]), is_piped: bool,
        delimiter in prop::sample::select(vec![",", ";", "\t", "|"]), has_header: bool, end in prop::sample::select(vec!["\n", "\r\n"]),
        lines in prop::collection::vec((0usize..14, 0usize..6), 0..80),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20), torn in prop::option::weighted(0.3, any::<prop::sample::Index>()),
    ) {
        let (name, (beyond, _), bad_bytes) = encoding;
        let has_header = has_header && format == "csv";
        let may_be_bad = !bad_bytes.is_empty();
        // A list is one by its first element, which is an object.
        let first = (format == "list").then_some(&(4, 9));
        let rows = first.into_iter().chain(lines.iter().filter(|(kind, _)| *kind != 5 || may_be_bad)).enumerate();
        let rows: Vec<String> = rows.map(|(number, of)| row(format, delimiter, *of, number, beyond)).collect();
        let text = match format {
            "list" => format!("[{}]{end}", rows.join(&format!(",{end} "))),
            _ => rows.iter().map(|row| format!("{row}{end}")).collect(),
        };
        let header = if has_header { format!("# made by hand{end}id{delimiter}email{end}") } else { String::new() };
        let bad: &[u8] = if may_be_bad { bad_bytes[bad.index(bad_bytes.len())] } else { b"" };
        let raw = encoded(encoding, bad, &format!("{header}{text}"));

        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(raw.len() + 1)).chain([0, raw.len()]).collect();
        places.sort_unstable();
        places.dedup();
        let blocks: Vec<&[u8]> = places.windows(2).map(|cut| &raw[cut[0]..cut[1]]).collect();
        // What is compressed in other ways before it; some of it is nothing at all.
        let others = if FORMS[1..5].contains(&form) { others } else { Vec::new() };
        let members = others.iter().chain([&form]).enumerate();
        let bytes: Vec<u8> = members.flat_map(|(number, form)| {
            let of = blocks.iter().enumerate().filter(|(block, _)| block * (others.len() + 1) / blocks.len() == number);
            packed(form, &of.map(|(_, block)| *block).collect::<Vec<_>>())
        }).collect();
        // By fewer bytes nobody could tell what it is.
        let torn = torn.filter(|_| form != "plain" && bytes.len() > 10).map(|torn| 10 + torn.index(bytes.len() - 10));
        let bytes = &bytes[..torn.unwrap_or(bytes.len())];

        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let marks = match (delimiter, format) {
            (_, "lines" | "list") => String::new(),
            ("\t", _) => "    delimiter: tab\n    comment: \"#\"\n".to_owned(),
            (other, _) => format!("    delimiter: \"{other}\"\n    comment: \"#\"\n"),
        };
        let columns = if has_header || format != "csv" { "" } else { "    columns: [id, email]\n" };
        let files = if is_piped { "\"-\"" } else { "data.txt" };
        std::fs::write(at("crm.yaml"), format!(
            "sources:\n  crm:\n    files: {files}\n    format: {}\n    kind: records\n    key: id\n    encoding: {name}\n\
             {marks}{columns}    fields: {{id: text, email: text}}\n\
             identity:\n  id: {{from: {{crm: id}}, placeholders: keep}}\nattributes:\n  email: {{from: crm, select: last(email)}}\n\
             outputs:\n  profiles: {{files: out/profiles.ndjson}}\n  rejects: {{files: out/rejects.ndjson}}\n",
            if format == "csv" { "csv" } else { "json" },
        )).expect("room");
        std::fs::write(at("data.txt"), bytes).expect("room");

        // The plain reading: of the bytes that lie there. Blocks of bzip2 are not plain.
        let lay = std::fs::read(at("data.txt")).expect("bytes");
        let whole = match form {
            "bzip2" if torn.is_some() => Err(Vec::new()),
            "bzip2" => Ok(raw.clone()),
            _ => unpacked(&lay),
        };
        let run = Command::new(env!("CARGO_BIN_EXE_selfsame"))
            .args(["run", "crm.yaml"])
            .env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .current_dir(folder.path())
            .stdin(if is_piped { Stdio::from(File::open(at("data.txt")).expect("bytes")) } else { Stdio::null() })
            .output()
            .expect("the program starts");
        let said = String::from_utf8_lossy(&run.stderr);
        let Ok(whole) = whole else {
            prop_assert!(!run.status.success(), "{}", said);
            prop_assert!(said.contains("cut off") && said.contains(&format!("byte {}", lay.len())), "{}", said);
            return Ok(());
        };
        let text = decoded(encoding, &whole);
        let expected = match format {
            "csv" => Outcome::of_csv(&text, delimiter, has_header),
            "lines" => Outcome::of_json((1..).zip(text.lines()).filter(|(_, line)| !line.is_empty())),
            _ => Outcome::of_json((1..).zip(rows.iter().map(String::as_str))),
        };
        // What is torn between two members, or two frames of snappy, is a text that ends anywhere.
        if whole.len() < raw.len() {
            return Ok(());
        }

        prop_assert!(run.status.success(), "{}", said);
        let json = |text: &String| serde_json::from_str::<Value>(text).expect("JSON");
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut found = Outcome::default();
        for profile in State::of(records(&at("out/profiles.ndjson"))).values.values().map(json) {
            found.newest.insert(word(&profile["identifiers"]["id"][0]), word(&profile["attributes"]["email"]));
        }
        for reject in State::of(records(&at("out/rejects.ndjson"))).rejects.iter().map(json) {
            let line = reject["position"]["line"].as_u64().expect("a line");
            found.reject(line, &word(&reject["reasons"][0]["code"]));
        }
        prop_assert_eq!(found, expected);
    }
}
