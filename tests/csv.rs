//! CSV: a row that breaks the rules stands alone, and a file that is none is told with what it is.

mod input;
mod program;

use input::{Input, Read, definition};
use program::selfsame;
use selfsame::internals::decode::key_hash;

fn products(bytes: &[u8]) -> Input {
    Input::new(definition::PRODUCTS, &[("products.csv", bytes)])
}

fn read(rows: &str) -> Read {
    products(format!("sku,title,price\n{rows}").as_bytes()).read()
}

/// The keys of the rows that are taken, and the lines of those that are set aside.
#[track_caller]
fn stands_or_falls(rows: &str, taken: &[&str], malformed: &[u64]) {
    let read = read(rows);
    let mut expected: Vec<u128> = taken.iter().map(|key| key_hash(key)).collect();
    let mut keys = read.keys();
    keys.sort_unstable();
    expected.sort_unstable();
    assert_eq!(keys, expected, "{rows}\n{:?}", read.reasons());
    let reasons = read.reasons();
    let lines = reasons.iter().filter_map(|reason| reason.split_once(" malformed "));
    let lines: Vec<u64> = lines.map(|(line, _)| line.parse().expect("a line")).collect();
    assert_eq!(lines, malformed, "{rows}\n{reasons:?}");
}

#[test]
fn text_behind_a_closing_quote_spoils_its_row_alone() {
    stands_or_falls("a,x,1\nb,\"A \"B\" C\",2\nc,x,3\n", &["a", "c"], &[3]);
    stands_or_falls("a,x,1\n\"b\"c,x,2\nd,x,3", &["a", "d"], &[3]);
    // Spaces are text, too; a carriage return before the newline is none.
    stands_or_falls("a,\"x\" ,1\r\nb,\"x\",2\r\nc,x,\"3\"\r\n", &["b", "c"], &[2]);
    // At the end of the file, with and without a newline.
    for end in ["", "\n"] {
        stands_or_falls(&format!("a,x,1\nb,\"x\"y,2{end}"), &["a"], &[3]);
    }
}

#[test]
fn a_quote_that_opens_within_a_row_takes_no_other_with_it() {
    let never = "e,\"never closed,5\n";
    for (rest, taken) in [
        ("f,plain,6\ng,\"x\",7\nh,ok,8\n", &["f", "g", "h"][..]),
        ("f,plain,6\nh,ok,8", &["f", "h"]),
        ("\"f\",plain,6\ng,x,7\n", &["f", "g"]),
        ("f,plain,\"6\"\ng,\"\",7\n", &["f", "g"]),
        ("f,\"\",6\ng,\"\",7\n", &["f", "g"]),
        ("f,\",\",6\ng,x,7\n", &["f", "g"]),
        ("f,\"a \"\"b\"\" c\",6\ng,\"two\nlines\",7\n", &["f", "g"]),
    ] {
        stands_or_falls(&format!("{never}{rest}"), taken, &[2]);
    }
    // Cells over several lines, as many as there are columns, are what they seem to be.
    stands_or_falls("a,\"two\nlines\",1\nb,\"\n\n\",2\n", &["a", "b"], &[]);
}

#[test]
fn nothing_of_a_broken_row_is_lost() {
    let read = read("e,\"never closed,5\nf,\"x\"y,6\ng,z,7\n");
    let raw: Vec<_> =
        read.rejects.iter().map(|reject| String::from_utf8_lossy(&reject.raw)).collect();
    assert_eq!(raw, ["e,\"never closed,5", "f,\"x\"y,6"]);
    assert_eq!(
        read.reasons(),
        [
            "2 malformed : a quote is opened and not closed where a cell ends",
            "3 malformed : text behind the closing quote of cell 2: a quote within a quoted cell is doubled",
        ]
    );
    assert_eq!(read.rows_in, 3);
}

#[test]
fn lines_end_with_or_without_a_carriage_return_each_by_itself() {
    stands_or_falls("a,x,1\r\nb,x,2\nc,x,3\r\nd,x,4", &["a", "b", "c", "d"], &[]);
}

#[test]
fn a_header_that_cannot_be_right_is_told_with_what_would_be() {
    for (text, told) in [
        (
            "sku;title;price\na;x;1,50\n",
            "its columns are separated by semicolons: say so in the source, `delimiter: \";\"`",
        ),
        (
            "\"sku\";\"title\";\"price\"\na;x;1\n",
            "its columns are separated by semicolons: say so in the source, `delimiter: \";\"`",
        ),
        (
            "sku\ttitle\tprice, net\n",
            "its columns are separated by tabs: say so in the source, `delimiter: tab`",
        ),
        (
            "\u{feff}sep=;\r\nsku;title;price\r\na;x;1\r\n",
            "its first line, sep=;, is one for spreadsheet programs: leave it out, and say what separates \
             cells, as in `delimiter: \";\"`",
        ),
        ("sku,title,price,sku\n", "two columns are named sku"),
        (
            "4711,Hat,12.50\n4712,Coat,80.00\n",
            "its first line names none of the source's columns: it is 4711,Hat,12.50. Where the file \
             has no header, name its columns in the source: `columns: [sku, title, price]`",
        ),
        (
            "Report\nMade,2025-11-03\n\nsku,title,price\na,x,1\n",
            "its first line, Report, names no column, which line 4 does: delete the 3 lines above it, as by tail -n +4 '<folder>/products.csv'",
        ),
        ("\nsku,title,price\n", "the first line is blank: it should name the columns"),
        (
            " sku , title , price \n",
            "there is white space around the name of its column ' sku ': write the header without, or say so in the \
             source, as in sku: {type: text, path: ' sku '}",
        ),
        ("sku,titles,price\n", "no column title; did you mean titles?"),
        (
            "sku,x1,,price\n",
            "no column title; it has sku, x1, '', price. Where a file may lack it, the field needs a `default`",
        ),
        ("sku, title,price\n", "no column title; did you mean ' title'?"),
        (
            "sku,title,price\ra,x,1\rb,y,2\r",
            "its lines seem to end with a carriage return alone: they end with a newline, or a \
             carriage return and a newline",
        ),
        (
            "sku,title,price\u{2028}a,x,1\u{2028}",
            "its lines seem to end with the character U+2028: they end with a newline, or a carriage \
             return and a newline",
        ),
        (
            "sku,title,price\u{85}a,x,1\n",
            "its lines seem to end with the character U+0085: they end with a newline, or a carriage \
             return and a newline",
        ),
        (
            "sku,\"title\"s,price\n",
            "the header is not readable: text behind the closing quote of \
             cell 2: a quote within a quoted cell is doubled",
        ),
        ("sku,\"title,price\na,x,1\n", "a quote in the header is opened and never closed"),
    ] {
        let told = format!("source products: <folder>/products.csv: {told}");
        assert_eq!(products(text.as_bytes()).fails(), told, "{text:?}");
    }
    let read = products("sku,\"title\",price,\"a note\nof two lines\"\na,x,1,\n".as_bytes()).read();
    assert_eq!(read.keys(), [key_hash("a")]);
}

#[test]
fn a_column_without_a_name_is_a_pair_of_quotes() {
    // As R writes a table, with the numbers of its rows.
    let rows = "\"\",\"id\",\"city\"\n\"1\",\"u1\",\"Bern\"\n\"x\",\"u2\",\"Bonn\"\n";
    for path in ["\"\"", "''", ""] {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).expect("room");
        };
        write("t.csv", rows);
        let path = serde_json::to_string(path).expect("a text");
        write(
            "t.yaml",
            &format!(
                "sources:\n  t: {{files: t.csv, format: csv, kind: records, key: id, fields: {{id: text, row: {{type: \
                 integer, path: {path}}}}}}}\nidentity: {{user: {{from: {{t: id}}}}}}\nattributes: {{row: {{from: t, select: \
                 max(row)}}}}\noutputs: {{profiles: {{files: out.ndjson}}, rejects: {{files: bad.ndjson}}}}\n"
            ),
        );
        selfsame(folder.path(), &["run", "t.yaml"]).well();
        let read =
            |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("an output");
        assert!(read("out.ndjson").contains("\"row\":1"), "{path}: {}", read("out.ndjson"));
        assert!(read("bad.ndjson").contains("\"path\":\"''\""), "{path}: {}", read("bad.ndjson"));
        write("t.csv", "id,city\nu1,Bern\n");
        let said = selfsame(folder.path(), &["run", "t.yaml"]).badly();
        assert!(said.contains("no column ''; it has id, city."), "{path}: {said}");
    }
}

#[test]
fn bytes_that_are_no_text_are_told_as_what_they_are() {
    let wide: Vec<u8> =
        "sku,title,price\r\na,x,1\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, told) in [
        (&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], "it is compressed with gzip and cut off"),
        (b"\x28\xb5\x2f\xfd\x24\0", "it is compressed with zstd and cut off"),
        (b"PK\x03\x04\x14\0", "it is a ZIP archive, or a workbook of Excel"),
        (b"PAR1\x15\x04\x15\x20", "it is a Parquet file: say so: `format: parquet`"),
        (&[b"\xff\xfe", &wide[..]].concat(), "it is UTF-16"),
        (&wide, "it is UTF-16"),
    ] {
        let said = products(bytes).fails();
        assert!(
            said.starts_with(&format!("source products: <folder>/products.csv: {told}")),
            "{said}"
        );
        let events = Input::new(definition::EVENTS, &[("events.ndjson", bytes)]).fails();
        assert!(events.contains(told), "{events}");
    }
    let events =
        Input::new(definition::EVENTS, &[("events.ndjson", b"{\"id\":1}\r{\"id\":2}\r")]).fails();
    assert!(events.contains("its lines seem to end with a carriage return alone"), "{events}");
}
