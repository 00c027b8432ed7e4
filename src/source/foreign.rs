//! Files that are no text, told by how they begin: each of their lines would be a row that is no UTF-8.

use std::path::Path;

/// What to do with what is compressed though it was decompressed, or came as a message.
const ONCE: &str = "decompress it before: a file is decompressed once, and a message not at all";

const AGAIN: &str = "decompress it first, or compress it with zstd or gzip";
const UNPACK: &str = "unpack it, and name the files in it";

/// What bytes begin with, what they are, and what makes text of them.
const KINDS: [(&[u8], &str, &str); 26] = [
    // What is compressed is decompressed before it is looked at here.
    (b"\x1f\x8b\x08", "compressed with gzip", ONCE),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", ONCE),
    (b"BZh91AY&SY", "compressed with bzip2", ONCE),
    (
        b"\xfd7zXZ\0",
        "compressed with xz",
        "decompress it first (unxz FILE), or compress it with zstd or gzip",
    ),
    (b"\x04\x22\x4d\x18", "compressed with lz4", ONCE),
    (b"\xff\x06\0\0sNaPpY", "compressed with snappy", ONCE),
    (b"\x02\x21\x4c\x18", "compressed with lz4 in its old format", AGAIN),
    (b"\x82SNAPPY\0", "compressed with snappy as Java writes it", AGAIN),
    (b"\x1f\x9d", "compressed with compress", AGAIN),
    (b"\x78\x01", "compressed with zlib", AGAIN),
    (b"\x78\x9c", "compressed with zlib", AGAIN),
    (b"\x78\xda", "compressed with zlib", AGAIN),
    (b"\x89LZO\0\r\n\x1a\n", "compressed with lzop", AGAIN),
    (b"\x5d\0\0", "compressed with lzma", AGAIN),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (
        b"PK\x03\x04",
        "a ZIP archive, or a workbook of Excel",
        "unpack it, or save it as CSV in UTF-8",
    ),
    (b"\xd0\xcf\x11\xe0", "a workbook of Excel", "save it as CSV in UTF-8"),
    (b"PAR1\x15", "a Parquet file", "say so: `format: parquet`"),
    (b"Obj\x01", "an Avro file", "write it as JSON, CSV or Parquet"),
    (b"ARROW1\0\0", "an Arrow or Feather file", "write it as Parquet"),
    (b"%PDF-", "a PDF document", "write its table as CSV in UTF-8"),
    (b"SQLite format 3\0", "a database of SQLite", "write its table as JSON, CSV or Parquet"),
    (b"\xff\xfe\0\0", "UTF-32", "write it in UTF-8, as by iconv -f utf-32 -t utf-8"),
    (b"\xff\xfe", "UTF-16", "say so: `encoding: utf-16`"),
    (b"\xfe\xff", "UTF-16", "say so: `encoding: utf-16`"),
];

/// How many of a file's first bytes are looked at.
pub(super) const LOOKED_AT: usize = 1 << 10;

/// Why a file that begins with these bytes is no text, if that is certain, and what to do.
pub fn told(head: &[u8]) -> Option<String> {
    // So many bytes into its header a tar archive says what it is.
    if head.get(257..262) == Some(b"ustar") {
        return Some("it is a tar archive: unpack it, and name the files in it".to_owned());
    }
    match KINDS.iter().find(|(first, ..)| head.starts_with(first)) {
        Some((_, is, remedy)) => Some(format!("it is {is}: {remedy}")),
        None => wide(head).map(|of| format!("it is UTF-16: say so: `encoding: {of}`")),
    }
}

/// Whether a text of UTF-16 begins with a mark of byte order.
pub(super) fn is_marked(head: &[u8]) -> bool {
    head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff")
}

/// The same of a file by its name, where its first bytes are no text: what brotli compresses begins in any way.
pub(super) fn told_by_name(path: &Path, head: &[u8]) -> Option<String> {
    let is_named = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("br"));
    let is_text = |head| match std::str::from_utf8(head) {
        Ok(text) => !text.contains('\0'),
        // Its last character may go on.
        Err(error) => error.error_len().is_none(),
    };
    (is_named && !is_text(head)).then(|| format!("it seems to be compressed with brotli: {AGAIN}"))
}

/// Which UTF-16 a text is in, without a mark, too: every other byte of plain text is zero.
pub fn wide(head: &[u8]) -> Option<&'static str> {
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|b| **b == 0).count();
    let half = head.len() / 2;
    let (even, odd) = (zeros(0), zeros(1));
    let is_wide = half >= 4 && even.max(odd) > half * 3 / 4 && even.min(odd) < half / 4;
    match head {
        [0xff, 0xfe, 0, 0, ..] => None,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("utf-16"),
        _ => is_wide.then_some(if even > odd { "utf-16be" } else { "utf-16le" }),
    }
}

/// Characters that end lines elsewhere.
const LINE_ENDS: [(char, &str); 5] = [
    ('\r', "a carriage return alone"),
    ('\u{85}', "the character U+0085"),
    ('\u{2028}', "the character U+2028"),
    ('\u{2029}', "the character U+2029"),
    ('\u{c}', "a form feed"),
];

/// Why the lines of a text end in another way than lines do here, where `begins` says that a line begins
/// behind such a character.
pub(super) fn line_ends(line: &str, begins: impl Fn(&str) -> bool) -> Option<String> {
    let ends = |end: char| line.match_indices(end).any(|(at, of)| begins(&line[at + of.len()..]));
    let (_, said) = LINE_ENDS.iter().find(|(end, _)| ends(*end))?;
    Some(format!(
        "its lines seem to end with {said}: they end with a newline, or a carriage return and a newline"
    ))
}

/// The same of a file of JSON that begins so: its first line has another object behind the first.
pub(super) fn line_ends_of_json(head: &[u8]) -> Option<String> {
    let first = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    let (object, behind) = first.split_at(first.find('}').map_or(first.len(), |end| end + 1));
    let is_object = object.trim_start().starts_with('{');
    line_ends(behind, |behind| is_object && behind.trim_start().starts_with('{'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_told_by_how_it_begins() {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let told_of = |bytes: &[u8]| told(bytes).unwrap_or_default();
        assert_eq!(
            told_of(b"\xfd7zXZ\0"),
            "it is compressed with xz: decompress it first (unxz FILE), or compress it with zstd or gzip"
        );
        for (bytes, with) in [
            (&b"\x78\x9c\xab\x56"[..], "zlib"),
            (b"\x78\x01\xab\x56", "zlib"),
            (b"\x89LZO\0\r\n\x1a\n\x10", "lzop"),
            (b"\x5d\0\0\x80\0", "lzma"),
        ] {
            assert_eq!(told_of(bytes), format!("it is compressed with {with}: {AGAIN}"));
        }
        let by_name = |name: &str, bytes: &[u8]| told_by_name(Path::new(name), bytes);
        let brotli = b"\x8b\x03\x80{\"id\":1}\n\x03";
        assert!(by_name("a.ndjson.br", brotli).is_some_and(|why| why.contains("brotli")));
        assert_eq!(by_name("a.ndjson", brotli), None);
        assert_eq!(by_name("a.br", "{\"id\":\"é\"}\n".as_bytes()), None);
        assert_eq!(told_of(&wide("{\"id\":1}")), "it is UTF-16: say so: `encoding: utf-16le`");
        let other_way: Vec<u8> = "id,note\n1".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(told_of(&other_way), "it is UTF-16: say so: `encoding: utf-16be`");
        assert!(
            told_of(b"\xff\xfe\0\0i\0\0\0d\0\0\0").starts_with("it is UTF-32: write it in UTF-8")
        );
        assert!(told_of(&[b"\xff\xfe", &wide("id,note")[..]].concat()).starts_with("it is UTF-16"));
        assert_eq!(
            line_ends_of_json(b"{\"id\":1}\r{\"id\":2}\r").unwrap_or_default(),
            "its lines seem to end with a carriage return alone: they end with a newline, or a \
             carriage return and a newline"
        );
        assert!(line_ends_of_json("{\"id\":1}\u{2028}{\"id\":2}".as_bytes()).is_some());
        for text in ["{\"id\":1}\r\n{\"id\":2}\r\n", "{\"id\":\"\u{85}{\"}", "a\r{"] {
            assert_eq!(line_ends_of_json(text.as_bytes()), None, "{text:?}");
        }
        for text in ["", "a", "{\"id\":1}\n", "id,note\n", "PAR,1\n", "\0\0\0\0\0\0\0\0", "zoë\n"]
        {
            assert_eq!(told(text.as_bytes()), None, "{text:?}");
        }
    }
}
