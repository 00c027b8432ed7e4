//! Files of bytes in whatever form, against a plain reading of the same bytes: compressed in blocks that end anywhere, in
//! encodings, with marks, comments and no header, with rows that are ragged, lack their key or are corrected.
//!
//! Blocks are stored ones, which a few lines of code can read and write; what compressors make of texts is tried by
//! tests/texts.rs.

mod program;

use std::collections::{BTreeMap, BTreeSet};

use program::{State, records, selfsame};
use proptest::prelude::*;
use serde_json::Value;

const CRC_OF_GZIP: u32 = 0xedb8_8320;
const CRC_OF_SNAPPY: u32 = 0x82f6_3b78;

fn crc(polynomial: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ polynomial } else { crc >> 1 }
        })
    })
}

/// Bytes in stored blocks of a form.
fn packed(form: &str, blocks: &[&[u8]]) -> Vec<u8> {
    let whole: Vec<u8> = blocks.concat();
    let mut to = Vec::new();
    match form {
        "gzip" => {
            to.extend(b"\x1f\x8b\x08\0\0\0\0\0\0\xff");
            for block in blocks.iter().chain([&&b""[..]]) {
                let length = block.len() as u16;
                to.push(u8::from(block.is_empty()));
                to.extend(length.to_le_bytes());
                to.extend((!length).to_le_bytes());
                to.extend(*block);
            }
            to.extend(crc(CRC_OF_GZIP, &whole).to_le_bytes());
            to.extend((whole.len() as u32).to_le_bytes());
        }
        "zstd" => {
            to.extend(b"\x28\xb5\x2f\xfd\0\x50");
            for block in blocks.iter().chain([&&b""[..]]) {
                let header = (block.len() as u32) << 3 | u32::from(block.is_empty());
                to.extend(&header.to_le_bytes()[..3]);
                to.extend(*block);
            }
        }
        "lz4" => {
            to.extend(b"\x04\x22\x4d\x18\x60\x40\x82");
            for block in blocks {
                to.extend((block.len() as u32 | 1 << 31).to_le_bytes());
                to.extend(*block);
            }
            to.extend([0; 4]);
        }
        "snappy" => {
            to.extend(b"\xff\x06\0\0sNaPpY");
            for block in blocks {
                let sum = crc(CRC_OF_SNAPPY, block).rotate_right(15).wrapping_add(0xa282_ead8);
                to.push(1);
                to.extend(&(block.len() as u32 + 4).to_le_bytes()[..3]);
                to.extend(sum.to_le_bytes());
                to.extend(*block);
            }
        }
        _ => to = whole,
    }
    to
}

/// What is in stored blocks, one form after the other.
fn unpacked(mut bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let number =
        |bytes: &[u8]| bytes.iter().rev().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
    while !bytes.is_empty() {
        if let Some(rest) = bytes.strip_prefix(b"\x1f\x8b\x08\0\0\0\0\0\0\xff") {
            bytes = rest;
            loop {
                let (is_last, length) = (bytes[0] == 1, number(&bytes[1..3]));
                text.extend(&bytes[5..5 + length]);
                bytes = &bytes[5 + length..];
                if is_last {
                    break;
                }
            }
            bytes = &bytes[8..];
        } else if let Some(rest) = bytes.strip_prefix(b"\x28\xb5\x2f\xfd\0\x50") {
            bytes = rest;
            loop {
                let header = number(&bytes[..3]);
                text.extend(&bytes[3..3 + (header >> 3)]);
                bytes = &bytes[3 + (header >> 3)..];
                if header & 1 == 1 {
                    break;
                }
            }
        } else if let Some(rest) = bytes.strip_prefix(b"\x04\x22\x4d\x18\x60\x40\x82") {
            bytes = rest;
            loop {
                let length = number(&bytes[..4]) & 0x7fff_ffff;
                text.extend(&bytes[4..4 + length]);
                bytes = &bytes[4 + length..];
                if length == 0 {
                    break;
                }
            }
        } else if let Some(rest) = bytes.strip_prefix(b"\xff\x06\0\0sNaPpY") {
            bytes = rest;
            while bytes.first() == Some(&1) {
                let length = number(&bytes[1..4]);
                text.extend(&bytes[8..4 + length]);
                bytes = &bytes[4 + length..];
            }
        } else {
            text.extend(bytes);
            break;
        }
    }
    text
}

fn encoded(encoding: &str, text: &str) -> Vec<u8> {
    match encoding {
        "utf-16" => {
            [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
        }
        "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        "windows-1252" => text.chars().map(|of| if of == '€' { 0x80 } else { of as u8 }).collect(),
        _ => text.as_bytes().to_vec(),
    }
}

fn decoded(encoding: &str, bytes: &[u8]) -> String {
    let wide = |number: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks(2).map(|pair| number([pair[0], pair[1]])).collect();
        String::from_utf16(&units).expect("characters").trim_start_matches('\u{feff}').to_owned()
    };
    match encoding {
        "utf-16" => wide(u16::from_le_bytes),
        "utf-16be" => wide(u16::from_be_bytes),
        "windows-1252" => {
            bytes.iter().map(|of| if *of == 0x80 { '€' } else { char::from(*of) }).collect()
        }
        _ => String::from_utf8(bytes.to_vec()).expect("characters"),
    }
}

const FORMS: [&str; 5] = ["plain", "gzip", "zstd", "lz4", "snappy"];
const ENCODINGS: [&str; 4] = ["utf-8", "utf-16", "utf-16be", "windows-1252"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_in_any_form_is_read_as_it_is_read_plainly(
        form in prop::sample::select(&FORMS[..]), encoding in prop::sample::select(&ENCODINGS[..]),
        delimiter in prop::sample::select(vec![",", ";", "\t", "|"]), has_header: bool, end in prop::sample::select(vec!["\n", "\r\n"]),
        lines in prop::collection::vec((0usize..12, 0usize..6), 1..120),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20), parts in 1usize..3,
    ) {
        let mut text = if has_header { format!("# made by hand{end}id{delimiter}email{end}") } else { String::new() };
        for (number, (kind, id)) in lines.iter().enumerate() {
            let line = match kind {
                0 => format!("#{id}{delimiter}comment"),
                1 => format!("{id}"),
                2 => format!("{id}{delimiter}a{delimiter}b"),
                3 => format!("{delimiter}nobody@x"),
                4 => format!("{id}{delimiter}"),
                _ => format!("{id}{delimiter}é€{number}@x"),
            };
            text += &format!("{line}{end}");
        }
        let raw = encoded(encoding, &text);
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(raw.len())).chain([0, raw.len()]).collect();
        places.sort_unstable();
        places.dedup();
        let blocks: Vec<&[u8]> = places.windows(2).map(|cut| &raw[cut[0]..cut[1]]).collect();
        // Of snappy one stream, since what follows it is another one's beginning, of which there is only one.
        let at = if form == "snappy" { blocks.len() } else { blocks.len() / parts };
        let members = [&blocks[..at], &blocks[at..]];
        let bytes: Vec<u8> = members.iter().filter(|of| !of.is_empty()).flat_map(|of| packed(form, of)).collect();

        let folder = tempfile::tempdir().expect("a folder");
        let marks = if delimiter == "\t" { "tab".to_owned() } else { format!("\"{delimiter}\"") };
        let columns = if has_header { "" } else { "    columns: [id, email]\n" };
        std::fs::write(folder.path().join("crm.yaml"), format!(
            "sources:\n  crm:\n    files: data.csv\n    format: csv\n    kind: records\n    key: id\n    encoding: {encoding}\n    \
             delimiter: {marks}\n    comment: \"#\"\n{columns}    fields: {{id: text, email: text}}\n\
             identity:\n  id: {{from: {{crm: id}}, placeholders: keep}}\n  email: {{from: {{crm: email}}}}\n\
             outputs:\n  profiles: {{files: out/profiles.ndjson}}\n  rejects: {{files: out/rejects.ndjson}}\n"
        )).expect("room");
        std::fs::write(folder.path().join("data.csv"), &bytes).expect("room");

        // The plain reading: of the bytes that lie there.
        let lay = std::fs::read(folder.path().join("data.csv")).expect("bytes");
        let text = decoded(encoding, &unpacked(&lay));
        let (mut newest, mut rejected, mut header) = (BTreeMap::new(), BTreeSet::new(), has_header);
        for (number, line) in (1u64..).zip(text.lines()) {
            let cells: Vec<&str> = line.split(delimiter).collect();
            match cells[..] {
                _ if line.starts_with('#') => {}
                _ if std::mem::take(&mut header) => {}
                ["", _] => drop(rejected.insert((number, "missing_key".to_owned()))),
                [id, email] => drop(newest.insert(id.to_owned(), email.to_owned())),
                [_] => drop(rejected.insert((number, "too_few_columns".to_owned()))),
                _ => drop(rejected.insert((number, "too_many_columns".to_owned()))),
            }
        }

        let said = selfsame(folder.path(), &["run", "crm.yaml"]);
        prop_assert!(said.status.success(), "{}", said.err);
        let json = |text: &String| serde_json::from_str::<Value>(text).expect("JSON");
        let state = State::of(records(&folder.path().join("out/profiles.ndjson")));
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let found: BTreeMap<String, String> = state.values.values().map(json).map(|profile| {
            let of = |kind: &str| word(&profile["identifiers"][kind][0]);
            (of("id"), of("email"))
        }).collect();
        prop_assert_eq!(found, newest);
        let rejects = State::of(records(&folder.path().join("out/rejects.ndjson")));
        let told: BTreeSet<(u64, String)> = rejects.rejects.iter().map(json).map(|reject| {
            (reject["position"]["line"].as_u64().expect("a line"), word(&reject["reasons"][0]["code"]))
        }).collect();
        prop_assert_eq!(told, rejected);
    }
}
