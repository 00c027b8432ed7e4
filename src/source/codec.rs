//! How bytes are compressed, told by how they begin.

/// How bytes are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Gzip,
    Zstd,
    Bzip2,
    Lz4,
    Snappy,
    /// A frame of zstd or lz4 that holds none of the bytes.
    Skipped,
}

const BEGINNINGS: [(&[u8], Codec); 4] = [
    (b"\x1f\x8b\x08", Codec::Gzip),
    (b"\x28\xb5\x2f\xfd", Codec::Zstd),
    (b"\x04\x22\x4d\x18", Codec::Lz4),
    (b"\xff\x06\0\0sNaPpY", Codec::Snappy),
];

/// Behind `BZh` and a digit: a first block, or the end of no bytes at all.
const BZIP2_BLOCKS: [&[u8]; 2] = [b"1AY&SY", b"\x17\x72\x45\x38\x50\x90"];

/// Characters of a text that may be no more than how bytes begin that are compressed: such as `BZh`.
const SHORT_TEXT: usize = 3;

impl Codec {
    /// The codec of what begins so. `None` if more bytes are needed, `Some(None)` for what is not compressed.
    pub fn of(head: &[u8]) -> Option<Option<Codec>> {
        for (first, codec) in BEGINNINGS {
            if head.starts_with(first) {
                return Some(Some(codec));
            }
            if first.starts_with(head) {
                return None;
            }
        }
        if let [first, rest @ ..] = head
            && first & 0xf0 == 0x50
        {
            let is_skipped = |rest: &[u8]| rest.starts_with(b"\x2a\x4d\x18");
            if is_skipped(rest) || b"\x2a\x4d\x18".starts_with(rest) {
                return is_skipped(rest).then_some(Some(Codec::Skipped));
            }
        }
        if head.len() <= 3 {
            return if b"BZh".starts_with(head) { None } else { Some(None) };
        }
        let is_bzip2 = head.starts_with(b"BZh") && (b'1'..=b'9').contains(&head[3]);
        let block = &head[4..];
        if is_bzip2 && BZIP2_BLOCKS.iter().any(|first| block.starts_with(first)) {
            return Some(Some(Codec::Bzip2));
        }
        let may_be = is_bzip2 && BZIP2_BLOCKS.iter().any(|first| first.starts_with(block));
        if may_be { None } else { Some(None) }
    }

    /// The codec of bytes that end before they tell, and are more than a short text that happens to begin in the same
    /// way.
    pub fn begun(bytes: &[u8]) -> Option<Codec> {
        let is_text = bytes.len() <= SHORT_TEXT && bytes.iter().all(u8::is_ascii_graphic);
        if bytes.is_empty() || is_text || Codec::of(bytes).is_some() {
            return None;
        }
        let begins = |first: &[u8]| first.starts_with(bytes);
        let known = BEGINNINGS.iter().find(|(first, _)| begins(first)).map(|(_, codec)| *codec);
        let other = if bytes.starts_with(b"BZh") { Codec::Bzip2 } else { Codec::Skipped };
        Some(known.unwrap_or(other))
    }

    pub fn name(self) -> &'static str {
        match self {
            Codec::Gzip => "gzip",
            Codec::Zstd => "zstd",
            Codec::Bzip2 => "bzip2",
            Codec::Lz4 => "lz4",
            Codec::Snappy => "snappy",
            Codec::Skipped => "zstd or lz4",
        }
    }
}
