//! Texts however they are written: compressed, as one list, in other encodings, with other marks.

mod program;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use program::outputs::{folded, values};
use program::{Running, records, selfsame};

const CRM: &str = "sources:\n  crm:\n    files: FILES\n    kind: records\n    key: id\n    fields: {id: text, email: text}\n\
                   identity:\n  id: {from: {crm: id}}\n  email: {from: {crm: email}}\n\
                   outputs:\n  profiles: {files: out/profiles.ndjson}\n  rejects: {files: out/rejects.ndjson}\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

/// A folder with a definition, which has more words for its source.
fn folder(files: &str, more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let more = format!("kind: records\n{more}");
    let definition = CRM.replace("FILES", files).replace("kind: records\n", &more);
    std::fs::write(folder.path().join("crm.yaml"), definition).unwrap();
    std::fs::create_dir(folder.path().join("out")).unwrap();
    folder
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// The e-mails of all people, sorted.
fn emails(folder: &Path) -> Vec<String> {
    let mut found: Vec<String> = folded(values(&folder.join("out/profiles.ndjson")))
        .values()
        .map(|profile| profile["identifiers"]["email"][0].as_str().unwrap_or("-").to_owned())
        .collect();
    found.sort();
    found
}

fn rejects(folder: &Path) -> Vec<serde_json::Value> {
    let all = records(&folder.join("out/rejects.ndjson"));
    all.iter().map(|record| serde_json::from_str(record.value.as_ref().unwrap()).unwrap()).collect()
}

fn row(number: usize) -> String {
    format!("{{\"id\":\"{number}\",\"email\":\"{number}@x.org\"}}")
}

#[test]
fn a_folder_of_files_that_are_compressed_in_any_way_or_not_is_one_source() {
    let folder = folder("data/*", "");
    let at = folder.path();
    let lines = |numbers: std::ops::Range<usize>| -> String {
        numbers.map(|number| row(number) + "\n").collect()
    };
    let list = |numbers: std::ops::Range<usize>| {
        format!(
            "[\n  {}\n]\n",
            numbers.map(row).collect::<Vec<_>>().join(",\n  ").replace(':', ":\n ")
        )
    };
    write(at, "data/a.json", lines(0..3));
    write(at, "data/b", [gzip(lines(3..5).as_bytes()), gzip(lines(5..6).as_bytes())].concat());
    write(at, "data/c.json", zstd::encode_all(list(6..9).as_bytes(), 3).unwrap());
    write(at, "data/d.json", list(9..12));
    let wide: Vec<u8> =
        format!("\u{feff}{}", lines(12..13)).encode_utf16().flat_map(u16::to_le_bytes).collect();
    write(at, "data/e.log", lines(13..14).trim_end());
    selfsame(at, &["run", "crm.yaml"]).well();
    assert_eq!(emails(at).len(), 13);
    write(at, "data/wide.txt", wide);
    let told = selfsame(at, &["run", "crm.yaml"]).badly();
    assert!(told.contains("wide.txt: it is UTF-16: say so: `encoding: utf-16`"), "{told}");
}

#[test]
fn a_list_is_read_element_by_element_and_a_bad_one_is_told_by_its_number() {
    let folder = folder("data/*", "");
    let at = folder.path();
    write(at, "data/a.json", format!("[{},\n {{\"id\":\n\"2\",}},\n7,{}]", row(1), row(3)));
    selfsame(at, &["run", "crm.yaml"]).well();
    assert_eq!(emails(at), ["1@x.org", "3@x.org"]);
    let told: Vec<_> = rejects(at)
        .iter()
        .map(|reject| (reject["position"]["line"].clone(), reject["reasons"][0]["code"].clone()))
        .collect();
    assert_eq!(told, [(2.into(), "malformed".into()), (3.into(), "wrong_type".into())]);
}

#[test]
fn a_compressed_file_that_is_cut_off_is_an_error_with_its_place_and_read_when_it_is_whole() {
    let rows: String = (0..40_000).map(|number| row(number * 7919 % 100_003) + "\n").collect();
    let whole = gzip(rows.as_bytes());
    let folder = folder("data/*", "");
    let at = folder.path();
    write(at, "data/a.gz", &whole[..whole.len() / 2]);
    let told = selfsame(at, &["run", "crm.yaml"]).badly();
    let place = format!(
        "a.gz: it is compressed with gzip and cut off: it ends at its byte {}",
        whole.len() / 2
    );
    assert!(told.contains(&place) && told.contains("rows before line"), "{told}");
    for cut in 1..10 {
        write(at, "data/a.gz", &whole[..cut]);
        let told = selfsame(at, &["run", "crm.yaml"]).badly();
        let place = format!("compressed with gzip and cut off: it ends at its byte {cut}");
        assert!(told.contains(&place), "{told}");
    }

    // Once it is whole all of it is there, and once.
    for _ in 0..2 {
        selfsame(at, &["run", "crm.yaml", "--data", "data-folder"]).badly();
    }
    write(at, "data/a.gz", &whole);
    selfsame(at, &["run", "crm.yaml", "--data", "data-folder"]).well();
    assert_eq!(emails(at).len(), 40_000);
    let said = selfsame(at, &["run", "crm.yaml", "--data", "data-folder"]);
    assert!(said.err.contains("its file was read before; nothing new"), "{}", said.err);
}

#[test]
fn standard_input_is_decompressed_and_answered_row_by_row() {
    let definition = CRM.replace("FILES", "\"-\"");
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("crm.yaml"), definition).unwrap();
    std::fs::create_dir(folder.path().join("out")).unwrap();
    let list = format!("[{},{}]", row(1), row(2));
    for bytes in [
        gzip(list.as_bytes()),
        list.clone().into_bytes(),
        lz4(format!("{}\n{}", row(1), row(2)).as_bytes()),
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_selfsame"))
            .args(["run", "crm.yaml"])
            .env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(emails(folder.path()), ["1@x.org", "2@x.org"]);
    }
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut writer = lz4_flex::frame::FrameEncoder::new(Vec::new());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

#[test]
fn a_followed_file_that_is_compressed_counts_once_it_is_whole_and_once() {
    let folder = folder("data/*", "");
    let at = folder.path();
    write(at, "data/a.ndjson", row(0) + "\n");
    let mut run = Running::start(at, &["run", "crm.yaml", "--follow"]);
    run.until("its first row", |_| {
        at.join("out/profiles.ndjson").exists() && emails(at).len() == 1
    });
    let packed = gzip(format!("{}\n{}\n", row(1), row(2)).as_bytes());
    for (name, length) in [("b.gz", packed.len() - 9), ("e.gz", 3)] {
        write(at, &format!("data/{name}"), &packed[..length]);
        let waits = format!("{name}: it is compressed with gzip and cut off");
        run.until("it waits for the rest", |run| run.err().contains(&waits));
    }
    std::fs::remove_file(at.join("data/e.gz")).unwrap();
    assert_eq!(emails(at).len(), 1);
    write(at, "data/b.gz", &packed);
    run.until("its rows", |_| emails(at).len() == 3);
    std::fs::rename(at.join("data/b.gz"), at.join("data/c")).unwrap();
    write(at, "data/d.ndjson", row(4) + "\n");
    run.until("a later row", |_| emails(at).len() == 4);
    run.signal("INT");
    run.end().well();
}

#[test]
fn csv_is_read_by_the_marks_and_in_the_encoding_that_the_source_says() {
    type Case<'a> = (&'a str, Vec<u8>, &'a [&'a str]);
    let latin = |text: &str| encoding_rs::WINDOWS_1252.encode(text).0.into_owned();
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    let cases: [Case; 8] = [
        ("delimiter: tab", b"id\temail\n1\ta@x\n2\t\"b\t@x\"\n".to_vec(), &["a@x", "b\t@x"]),
        (
            "delimiter: \";\"\n    comment: \"#\"",
            b"# made by hand\nid;email\n#1;no@x\n2;b#@x\n".to_vec(),
            &["b#@x"],
        ),
        ("delimiter: pipe\n    columns: [id, email]", b"1|a@x\n2|b@x".to_vec(), &["a@x", "b@x"]),
        ("columns: [email, id]", b"a@x,1\n\"b\n@x\",2\n".to_vec(), &["a@x", "b\n@x"]),
        ("quote: none", b"id,email\n1,\"a@x\n2,b@x\n".to_vec(), &["\"a@x", "b@x"]),
        ("quote: \"'\"", b"id,email\n1,'a,''@x'\n".to_vec(), &["a,'@x"]),
        (
            "encoding: latin1\n    delimiter: \";\"",
            latin("id;email\r\n1;jos\u{e9}@x\r\n2;\u{20ac}@x\r\n"),
            &["jos\u{e9}@x", "\u{20ac}@x"],
        ),
        ("encoding: utf-16be", wide("\u{feff}id,email\n1,\u{1f600}@x\n"), &["\u{1f600}@x"]),
    ];
    for (more, bytes, expected) in cases {
        for packed in [false, true] {
            let folder = folder("data/*", &format!("    format: csv\n    {more}\n"));
            let bytes = if packed { gzip(&bytes) } else { bytes.clone() };
            write(folder.path(), "data/a.csv", bytes);
            selfsame(folder.path(), &["run", "crm.yaml"]).well();
            assert_eq!(emails(folder.path()), expected, "{more}");
            assert_eq!(rejects(folder.path()).len(), 0, "{more}");
        }
    }
}

#[test]
fn an_encoding_that_is_not_read_is_told_with_what_makes_another_of_it() {
    for (name, remedy) in [
        ("cp437", "iconv -f cp437 -t utf-8"),
        ("utf-32", "iconv -f utf-32 -t utf-8"),
        ("utf-7", "(utf-8, utf-16, "),
        ("lattin1", "did you mean 'latin1'?"),
    ] {
        let folder = folder("data/*", &format!("    format: csv\n    encoding: {name}\n"));
        let told = selfsame(folder.path(), &["check", "crm.yaml"]).badly();
        let place = format!("unknown encoding '{name}' in source 'crm': ");
        assert!(told.contains(&place) && told.contains(remedy), "{told}");
    }
}

#[test]
fn what_is_no_character_of_the_encoding_spoils_its_row_alone() {
    let folder = folder("data/*", "    format: csv\n    encoding: shift_jis\n");
    write(folder.path(), "data/a.csv", b"id,email\n1,a@x\n2,\x81\n3,\x83e@x\n");
    selfsame(folder.path(), &["run", "crm.yaml"]).well();
    assert_eq!(emails(folder.path()), ["a@x", "\u{30c6}@x"]);
    let told = rejects(folder.path());
    assert_eq!(
        (told.len(), &told[0]["position"]["line"], &told[0]["reasons"][0]["code"]),
        (1, &3.into(), &"not_utf8".into())
    );
}

#[test]
fn a_mark_of_byte_order_at_the_beginning_of_a_further_member_is_no_text() {
    let folder = folder("data/*", "");
    let at = folder.path();
    let member = |number| format!("\u{feff}{}\n", row(number));
    let short = [gzip(b""), gzip(b"{"), gzip("\"id\":\"3\",".as_bytes())].concat();
    write(at, "data/a", [gzip(member(0).as_bytes()), gzip(member(1).as_bytes()), short].concat());
    write(
        at,
        "data/b",
        [lz4(member(4).as_bytes()), lz4(format!("{}\n", row(5)).as_bytes())].concat(),
    );
    let cut = "\u{feff}".as_bytes();
    write(at, "data/c", [gzip(row(6).as_bytes()), gzip(b"\n"), gzip(&cut[..2])].concat());
    selfsame(at, &["run", "crm.yaml"]).well();
    assert_eq!(emails(at), ["0@x.org", "1@x.org", "4@x.org", "5@x.org", "6@x.org"]);
    let codes: Vec<_> = rejects(at).iter().map(|told| told["reasons"][0]["code"].clone()).collect();
    assert_eq!(codes, ["malformed", "not_utf8"]);
}

#[test]
fn utf_16_without_a_mark_is_told_by_the_way_round_that_it_is() {
    for (said, encode) in [
        ("utf-16be", u16::to_be_bytes as fn(u16) -> [u8; 2]),
        ("utf-16le", u16::to_le_bytes as fn(u16) -> [u8; 2]),
    ] {
        let text: Vec<u8> = format!("{}\n", row(1)).encode_utf16().flat_map(encode).collect();
        let other = if said == "utf-16be" { "utf-16" } else { "utf-16be" };
        for declared in ["", other] {
            let more = match declared {
                "" => String::new(),
                of => format!("    encoding: {of}\n"),
            };
            let folder = folder("data/*", &more);
            write(folder.path(), "data/a", &text);
            let told = selfsame(folder.path(), &["run", "crm.yaml"]).badly();
            assert!(told.contains(&format!("`encoding: {said}`")), "{declared}: {told}");
        }
    }
}
