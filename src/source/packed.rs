//! Compressed bytes, told by how they begin, and decompressed as they are read.
//!
//! What is compressed may be several members, one behind the other, as `cat a.gz b.gz` makes them. However much
//! comes of few bytes, no more is held than a decompressor's own window and blocks, at most some 130 MiB.

use std::io::{self, Read};

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use lz4_flex::frame::FrameDecoder as Lz4Decoder;
use snap::read::FrameDecoder as SnappyDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

use super::ahead::Ahead;
use super::codec::Codec;
use super::member_mark::MemberMark;

/// Log of the largest window of zstd that is held: its own limit.
const ZSTD_WINDOW: u32 = 27;

/// So many first bytes tell.
pub(super) const LOOKED_AT: usize = 10;

/// What is decompressed of some bytes.
pub(super) struct Unpacked {
    member: PackedMember,
    /// How the bytes at hand are compressed, or those before them.
    codec: Codec,
    is_first: bool,
    mark: MemberMark,
    /// Whether the member at hand has no more: what was taken of it is handed over first.
    has_ended: bool,
}

enum PackedMember {
    Between(Ahead),
    Gzip(Box<GzDecoder<Ahead>>),
    Zstd(ZstdDecoder<'static, Ahead>),
    Bzip2(BzDecoder<Ahead>),
    Lz4(Box<Lz4Decoder<Ahead>>),
    Snappy(Box<SnappyDecoder<Ahead>>),
    /// It goes on no further, and why.
    Failed(String),
}

impl Unpacked {
    /// Unpacks bytes that begin as one of the codecs'.
    pub fn new(packed: Ahead) -> Self {
        Unpacked {
            member: PackedMember::Between(packed),
            codec: Codec::Skipped,
            is_first: true,
            mark: MemberMark::default(),
            has_ended: false,
        }
    }

    /// Begins the next member; `false` if there is none.
    fn begin(&mut self, mut packed: Ahead) -> io::Result<bool> {
        // What is written to tapes and blocks is filled up with zeros.
        while !self.is_first && packed.peek(1)? == [0] {
            packed.read_exact(&mut [0])?;
        }
        if !std::mem::take(&mut self.is_first) {
            self.mark = MemberMark::looked_for();
        }
        let head = packed.peek(LOOKED_AT)?;
        if head.is_empty() {
            self.member = PackedMember::Between(packed);
            return Ok(false);
        }
        let Some(codec) = Codec::of(head) else {
            // It begins as another member does, and goes no further.
            return Err(self.cut_off(packed));
        };
        let Some(codec) = codec else {
            let (at, name) = (packed.taken, self.codec.name());
            let why = format!(
                "other bytes follow the end of what is compressed with {name}, from its byte {} on",
                at + 1
            );
            self.member = PackedMember::Failed(why);
            return Ok(true);
        };
        if codec != Codec::Skipped {
            self.codec = codec;
        }
        self.member = match codec {
            Codec::Gzip => PackedMember::Gzip(Box::new(GzDecoder::new(packed))),
            Codec::Zstd => {
                let mut decoder = ZstdDecoder::with_buffer(packed)?.single_frame();
                decoder.window_log_max(ZSTD_WINDOW)?;
                PackedMember::Zstd(decoder)
            }
            Codec::Bzip2 => PackedMember::Bzip2(BzDecoder::new(packed)),
            Codec::Lz4 => PackedMember::Lz4(Box::new(Lz4Decoder::new(packed))),
            Codec::Snappy => PackedMember::Snappy(Box::new(SnappyDecoder::new(packed))),
            Codec::Skipped => {
                let mut frame = Vec::new();
                packed.by_ref().take(8).read_to_end(&mut frame)?;
                let Some(length) = frame.get(4..).and_then(|length| length.try_into().ok()) else {
                    return Err(self.cut_off(packed));
                };
                let length = u32::from_le_bytes(length);
                let passed = io::copy(&mut packed.by_ref().take(length.into()), &mut io::sink())?;
                if passed < u64::from(length) {
                    return Err(self.cut_off(packed));
                }
                PackedMember::Between(packed)
            }
        };
        Ok(true)
    }

    /// Takes all bytes that are left, where they end before a member does.
    fn cut_off(&mut self, mut packed: Ahead) -> io::Error {
        let left = io::copy(&mut packed, &mut io::sink());
        self.member = PackedMember::Between(packed);
        left.err().unwrap_or(io::ErrorKind::UnexpectedEof.into())
    }

    /// What reading fails with, from now on.
    fn fail(&mut self, why: &io::Error) -> io::Error {
        let at = self.member.packed().map_or(0, |packed| packed.taken);
        let name = self.codec.name();
        let said = why.to_string();
        let told = match why.kind() {
            io::ErrorKind::UnexpectedEof => cut_off(self.codec, at),
            // What zstd says of it.
            _ if said.contains("too much memory") => format!(
                "it is compressed with {name} by a window of more than {} MiB: compress it without --ultra and --long",
                (1u64 << ZSTD_WINDOW) >> 20
            ),
            _ => format!(
                "it is compressed with {name} and damaged before its byte {}: {said}",
                at + 1
            ),
        };
        self.member = PackedMember::Failed(told.clone());
        io::Error::new(io::ErrorKind::InvalidData, told)
    }
}

/// What is said of compressed bytes that end before they should.
pub(super) fn cut_off(codec: Codec, at: u64) -> String {
    let name = codec.name();
    format!(
        "it is compressed with {name} and cut off: it ends at its byte {at}, and more should follow"
    )
}

impl PackedMember {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            PackedMember::Between(_) | PackedMember::Failed(_) => Ok(0),
            PackedMember::Gzip(decoder) => decoder.read(into),
            PackedMember::Zstd(decoder) => decoder.read(into),
            PackedMember::Bzip2(decoder) => decoder.read(into),
            PackedMember::Lz4(decoder) => decoder.read(into),
            PackedMember::Snappy(decoder) => decoder.read(into),
        }
    }

    fn packed(&self) -> Option<&Ahead> {
        match self {
            PackedMember::Between(packed) => Some(packed),
            PackedMember::Gzip(decoder) => Some(decoder.get_ref()),
            PackedMember::Zstd(decoder) => Some(decoder.get_ref()),
            PackedMember::Bzip2(decoder) => Some(decoder.get_ref()),
            PackedMember::Lz4(decoder) => Some(decoder.get_ref()),
            PackedMember::Snappy(decoder) => Some(decoder.get_ref()),
            PackedMember::Failed(_) => None,
        }
    }

    fn into_packed(self) -> Option<Ahead> {
        match self {
            PackedMember::Between(packed) => Some(packed),
            PackedMember::Gzip(decoder) => Some(decoder.into_inner()),
            PackedMember::Zstd(decoder) => Some(decoder.finish()),
            PackedMember::Bzip2(decoder) => Some(decoder.into_inner()),
            PackedMember::Lz4(decoder) => Some(decoder.into_inner()),
            PackedMember::Snappy(decoder) => Some(decoder.into_inner()),
            PackedMember::Failed(_) => None,
        }
    }
}

impl Read for Unpacked {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(given) = self.mark.give(into) {
                return Ok(given);
            }
            if let PackedMember::Failed(why) = &self.member {
                return Err(io::Error::new(io::ErrorKind::InvalidData, why.clone()));
            }
            let mut first = [0];
            let place = if self.mark.is_looked_for() { &mut first[..] } else { &mut *into };
            // Who is asked again at its end takes what follows for its own.
            let is_over = std::mem::take(&mut self.has_ended);
            let read = if is_over { Ok(0) } else { self.member.read(place) };
            match read {
                Ok(read) if self.mark.is_looked_for() => {
                    self.mark.take(&first[..read]);
                    self.has_ended = read == 0;
                    continue;
                }
                Ok(0) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
                Err(error) => return Err(self.fail(&error)),
                read => return read,
            }
            // The end of snappy's frames is that of the bytes; the others say where theirs is.
            let is_within =
                !matches!(self.member, PackedMember::Between(_) | PackedMember::Snappy(_));
            if is_within && self.member.packed().is_some_and(|packed| packed.ended) {
                return Err(self.fail(&io::ErrorKind::UnexpectedEof.into()));
            }
            let member = std::mem::replace(&mut self.member, PackedMember::Failed(String::new()));
            let packed = member.into_packed().expect("it has not failed");
            let taken = packed.taken;
            match self.begin(packed) {
                Ok(true) => {}
                Ok(false) => return Ok(0),
                Err(error) => {
                    let told =
                        self.fail(&error).to_string().replace("byte 0", &format!("byte {taken}"));
                    self.member = PackedMember::Failed(told.clone());
                    return Err(io::Error::new(io::ErrorKind::InvalidData, told));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    const CODECS: [Codec; 5] = [Codec::Gzip, Codec::Zstd, Codec::Bzip2, Codec::Lz4, Codec::Snappy];

    fn pack(codec: Codec, bytes: &[u8]) -> Vec<u8> {
        match codec {
            Codec::Gzip => {
                let mut writer =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                writer.write_all(bytes).unwrap();
                writer.finish().unwrap()
            }
            Codec::Zstd => zstd::encode_all(bytes, 1).unwrap(),
            Codec::Bzip2 => {
                let mut writer =
                    bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                writer.write_all(bytes).unwrap();
                writer.finish().unwrap()
            }
            Codec::Lz4 => {
                let mut writer = lz4_flex::frame::FrameEncoder::new(Vec::new());
                writer.write_all(bytes).unwrap();
                writer.finish().unwrap()
            }
            Codec::Snappy => {
                let mut writer = snap::write::FrameEncoder::new(Vec::new());
                writer.write_all(bytes).unwrap();
                writer.into_inner().unwrap()
            }
            Codec::Skipped => {
                let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
                [&b"\x50\x2a\x4d\x18"[..], &length, bytes].concat()
            }
        }
    }

    fn unpack(packed: &[u8]) -> Result<Vec<u8>, (Vec<u8>, String)> {
        let (mut unpacked, mut bytes) =
            (Unpacked::new(Ahead::new(io::Cursor::new(packed.to_vec()))), Vec::new());
        match unpacked.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => {
                assert_eq!(unpacked.read(&mut [0]).unwrap_err().to_string(), error.to_string());
                Err((bytes, error.to_string()))
            }
        }
    }

    #[test]
    fn what_is_cut_off_or_followed_by_other_bytes_is_told_with_its_place() {
        let text = b"{\"id\":1}\n".repeat(20_000);
        for codec in CODECS {
            let packed = pack(codec, &text);
            assert_eq!(Codec::of(&packed), Some(Some(codec)));
            for cut in [packed.len() / 2, packed.len() - 1] {
                let (before, why) = unpack(&packed[..cut]).unwrap_err();
                assert!(text.starts_with(&before) && before.len() <= text.len(), "{codec:?}");
                let told = format!(
                    "compressed with {} and cut off: it ends at its byte {cut}",
                    codec.name()
                );
                assert!(why.contains(&told), "{why}");
            }
            let padded = [&packed[..], &[0; 700]].concat();
            for next in CODECS.into_iter().chain([Codec::Skipped]).map(|next| pack(next, b"abc")) {
                let begun = 1.max(next.len() / 3);
                let (_, why) = unpack(&[&packed[..], &next[..begun]].concat()).unwrap_err();
                let told = format!("and cut off: it ends at its byte {}", packed.len() + begun);
                assert!(codec == Codec::Snappy || why.contains(&told), "{told}: {why}");
            }
            if codec != Codec::Snappy {
                assert_eq!(unpack(&padded).unwrap(), text);
                let (_, why) = unpack(&[&packed[..], b"more"].concat()).unwrap_err();
                assert!(why.contains(&format!("from its byte {} on", packed.len() + 1)), "{why}");
            }
        }
    }

    #[test]
    fn much_of_few_bytes_is_read_piece_by_piece() {
        for codec in CODECS {
            let zeros = vec![0; 32 << 20];
            let packed = pack(codec, &zeros);
            let mut unpacked = Unpacked::new(Ahead::new(io::Cursor::new(packed)));
            assert_eq!(io::copy(&mut unpacked, &mut io::sink()).unwrap(), 32 << 20);
        }
    }

    #[test]
    fn what_is_cut_off_before_it_tells_how_it_is_compressed_is_no_text() {
        for codec in CODECS.into_iter().chain([Codec::Skipped]) {
            for text in [&b""[..], b"{\"id\":1}\n"] {
                let packed = pack(codec, text);
                // Snappy makes nothing of nothing.
                if packed.is_empty() {
                    continue;
                }
                let told = (1..=packed.len())
                    .find(|cut| Codec::of(&packed[..*cut]).is_some())
                    .expect("it tells");
                for cut in 1..told {
                    let begun = Codec::begun(&packed[..cut]);
                    let is_text =
                        cut <= 3 && packed[..cut].is_ascii() && packed[0].is_ascii_graphic();
                    assert_eq!(begun.is_some(), !is_text, "{codec:?} cut off at {cut}");
                    assert!(begun.is_none_or(|begun| begun == codec), "{codec:?} is {begun:?}");
                }
                assert_eq!(Codec::begun(&packed), None);
            }
        }
    }

    #[test]
    fn no_text_begins_as_what_is_compressed() {
        for text in ["", "(", "B", "BZ", "BZh", "BZh9", "P*M", "Preis;"] {
            assert!(!matches!(Codec::of(text.as_bytes()), Some(Some(_))), "{text}");
            let is_long = text == "BZh9";
            assert_eq!(Codec::begun(text.as_bytes()).is_some(), is_long, "{text}");
        }
        for text in ["{", "[1", "(a", "BZh9,b", "Prices", "id"] {
            assert_eq!(Codec::of(text.as_bytes()), Some(None), "{text}");
        }
    }

    proptest! {
        #[test]
        fn members_of_any_kind_are_one_text_and_any_beginning_of_them_a_beginning_of_it(
            parts in prop::collection::vec((0usize..6, "[a-c\n]{0,40}", 1usize..400), 1..5), cut in 0usize..100,
            flipped in any::<prop::sample::Index>(),
        ) {
            let (mut packed, mut text) = (Vec::new(), Vec::new());
            for (number, (codec, part, times)) in parts.iter().enumerate() {
                // Frames of snappy end with the bytes.
                let codec = match (*codec, number + 1 < parts.len()) {
                    (5, _) => Codec::Skipped,
                    (4, true) => Codec::Gzip,
                    (codec, _) => CODECS[codec],
                };
                let part = part.repeat(*times).into_bytes();
                packed.extend(pack(codec, &part));
                if codec != Codec::Skipped {
                    text.extend(part);
                }
            }
            prop_assert_eq!(unpack(&packed).unwrap(), &text[..]);
            let cut = &packed[..packed.len() * cut / 100];
            let (Ok(before) | Err((before, _))) = unpack(cut);
            prop_assert!(text.starts_with(&before));
            // Whatever a damaged byte makes of it, it ends.
            if !packed.is_empty() {
                let flipped = flipped.index(packed.len());
                packed[flipped] ^= 0x5a;
            }
            let _ = unpack(&packed);
        }
    }
}
